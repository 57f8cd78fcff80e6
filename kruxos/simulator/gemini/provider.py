"""Gemini as a row: all that is its own beside the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from kruxos.dialects.gemini import GEMINI as DIALECT
from kruxos.events import Usage
from kruxos.simulator.call import PATH_HEADER
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import Meters, take_input
from kruxos.simulator.marks import ANSWER, Thought
from kruxos.simulator.planning import HIDDEN, SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule
from kruxos.simulator.signing import Signer
from kruxos.simulator.steps import Headers

from . import errors
from .names import tidy
from .rules import RULES, WINDOW_RULES, thinking_config, thinks
from .turn_rules import SIGNED

BODY_BYTES_MAX = 20 * 1024 * 1024
_KEY = "x-goog-api-key"


def key(headers: Mapping[str, str]) -> str | None:
    """The key in its header, or in the address."""
    query = parse_qs(urlsplit(headers.get(PATH_HEADER, "")).query)
    return headers.get(_KEY, "").strip() or next(iter(query.get("key", ())), None)


def _key_missing(question: Question) -> Refusal | None:
    return None if question.key else errors.KEY_MISSING


def _key_wrong(question: Question) -> Refusal | None:
    return errors.KEY_INVALID if question.is_bad_key else None


def _body_too_large(question: Question) -> Refusal | None:
    return errors.FAILURES["413"] if question.body_bytes > BODY_BYTES_MAX else None


DOOR: tuple[Rule, ...] = (
    Rule("key_missing", "Gemini docs: API errors", _key_missing),
    Rule("key_wrong", "google/timesketch#3703", _key_wrong),
    Rule("body_too_large", "Gemini docs: inline data up to 20 MB", _body_too_large),
)


def _headers(_request_id: str, _meters: Meters | None, _now: float) -> Headers:
    """Nothing about limits: what there is to say stands in errors (Gemini docs: rate limits)."""
    return (("server", "scaffolding on HTTPServer2"), ("x-content-type-options", "nosniff"))


def _thinking(question: Question) -> str | None:
    if not thinks(question):
        return None
    return SHOWN if thinking_config(question).get("includeThoughts") else HIDDEN


def _signature(signer: Signer, thought: Thought) -> tuple[str, bytes]:
    return "thought_signature", signer.sign(SIGNED, thought.number)


def _usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
    return Usage(input_tokens, None, None, output_tokens, reasoning_tokens)


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Every value of a stream has counts, which grow (recorded streams)."""
    known = {"promptTokenCount": outgoing.input_tokens, "totalTokenCount": outgoing.input_tokens}
    return [{"usageMetadata": known} | value if "candidates" in value else value for value in values]


GEMINI = Provider(
    name="gemini",
    dialect=DIALECT,
    key=key,
    body_bytes_max=BODY_BYTES_MAX,
    door=DOOR,
    rules=RULES,
    window=WINDOW_RULES,
    failures=errors.FAILURES,
    error=errors.error,
    headers=_headers,
    request_id=lambda name: name[:22],
    answer_id=lambda request_id: request_id,
    call_id=lambda name: name[:8],
    take=take_input,
    limited=errors.limited,
    not_readable=errors.invalid,
    no_route=errors.no_route,
    thinking=_thinking,
    usage=_usage,
    mark=lambda _question: _signature,
    marks=ANSWER,
    dress=_dress,
    tidy=tidy,
)
