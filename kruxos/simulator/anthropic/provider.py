"""Anthropic as a row: all that is its own beside the dialect."""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.anthropic import ANTHROPIC as DIALECT
from kruxos.dialects.anthropic.usage import raw_usage
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.events import Usage
from kruxos.simulator.limits import take_apart
from kruxos.simulator.planning import OMITTED, SHOWN
from kruxos.simulator.provider import Provider, Question, Rule, shape_rules

from . import door, errors
from .field_rules import FIELD_RULES, MAX_TOKENS_RULES, WINDOW_RULES
from .headers import headers
from .shapes import COUNT_TOKENS, MESSAGES
from .thinking_rules import THINKING_RULES, thinks
from .turn_rules import TURN_RULES

_SDK = "Anthropic SDK 2.12: request types"
_DATA = b"data: "

RULES: tuple[Rule, ...] = (
    *shape_rules(MESSAGES, errors.say, _SDK),
    door.MODEL,
    *MAX_TOKENS_RULES,
    *TURN_RULES,
    *FIELD_RULES,
    *THINKING_RULES,
)
COUNTING_RULES: tuple[Rule, ...] = (
    *shape_rules(COUNT_TOKENS, errors.say, _SDK),
    door.MODEL,
    *TURN_RULES,
    *(rule for rule in FIELD_RULES if not rule.name.startswith("sampling")),
)


def _thinking(question: Question) -> str | None:
    """Newer models leave the text of their thinking out unless asked (Anthropic docs: extended thinking)."""
    if not thinks(question):
        return None
    told: dict[str, Any] = question.body.get("thinking") or {}
    is_newer = question.sold.row.sampling == "none"
    display = told.get("display") or ("omitted" if is_newer else "summarized")
    return OMITTED if display == "omitted" else SHOWN


def _usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
    return Usage(input_tokens, 0, 0, output_tokens, reasoning_tokens)


def _with_usage(data: bytes, usage: Usage) -> bytes:
    """The first event tells the input tokens already (Anthropic docs: streaming)."""
    line, end, rest = data.partition(b"\n\n")
    name, _, text = line.partition(_DATA)
    event = cast("dict[str, Any]", parse_json(text))
    event["message"]["usage"] = raw_usage(usage) | {"output_tokens": 1}
    event["message"]["usage"].pop("output_tokens_details", None)
    return name + _DATA + body_bytes(event) + end + rest


ANTHROPIC = Provider(
    name="anthropic",
    dialect=DIALECT,
    key=door.key,
    body_bytes_max=door.BODY_BYTES_MAX,
    door=door.DOOR,
    rules=RULES,
    window=WINDOW_RULES,
    failures=errors.FAILURES,
    error=errors.error,
    headers=headers,
    request_id=lambda name: f"req_011C{name[:20]}",
    answer_id=lambda request_id: f"msg_{request_id.removeprefix('req_')}",
    call_id=lambda name: f"toolu_01{name[:22]}",
    take=take_apart,
    limited=errors.limited,
    not_readable=errors.invalid,
    no_route=errors.no_route,
    thinking=_thinking,
    usage=_usage,
    first=_with_usage,
    encoding={"ping": True},
)
