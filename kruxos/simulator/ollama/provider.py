"""Ollama as a row: a server of one's own, without keys and limits."""

from __future__ import annotations

from collections.abc import Mapping

from kruxos.dialects.ollama import OLLAMA as DIALECT
from kruxos.events import Usage
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import Meters, take_nothing
from kruxos.simulator.marks import no_mark
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule
from kruxos.simulator.steps import Headers

from . import errors
from .models import thinks
from .rules import RULES, WINDOW_RULES

BODY_BYTES_MAX = 256 * 1024 * 1024
_SECOND_NS = 1_000_000_000
_TOKEN_NS = 10_000_000
_LOADED_NS = 50_000_000
"""What a model that is loaded already takes to be found."""


def _key(_headers: Mapping[str, str]) -> str | None:
    """Nobody is asked who he is."""
    return None


def _body_too_large(question: Question) -> Refusal | None:
    return errors.FAILURES["413"] if question.body_bytes > BODY_BYTES_MAX else None


DOOR: tuple[Rule, ...] = (Rule("body_too_large", "the simulator's own bound", _body_too_large),)


def _headers(_request_id: str, _meters: Meters | None, _now: float) -> Headers:
    return ()


def _thinking(question: Question) -> str | None:
    """Models that can think do so unless told not to (Ollama docs: thinking)."""
    ways = question.sold.row.thinking
    can_think = ways is not None and thinks(question.sold)
    return SHOWN if can_think and question.body.get("think") is not False else None


def _usage(input_tokens: int, output_tokens: int, _reasoning_tokens: int | None) -> Usage:
    return Usage(input_tokens, None, None, output_tokens, None)


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Durations in nanoseconds, beside the counts (Ollama docs: API)."""
    return [_with_durations(value, outgoing) if value.get("done") else value for value in values]


def _with_durations(value: Wire, outgoing: Outgoing) -> Wire:
    load = int(outgoing.load_s * _SECOND_NS) or _LOADED_NS
    read, written = value.get("prompt_eval_count", 0) * _TOKEN_NS // 10, value.get("eval_count", 0) * _TOKEN_NS
    durations = {"load_duration": load, "prompt_eval_duration": read, "eval_duration": written}
    return value | {"total_duration": load + read + written} | durations


OLLAMA = Provider(
    name="ollama",
    dialect=DIALECT,
    key=_key,
    body_bytes_max=BODY_BYTES_MAX,
    door=DOOR,
    rules=RULES,
    window=WINDOW_RULES,
    failures=errors.FAILURES,
    error=errors.error,
    headers=_headers,
    request_id=lambda name: name[:16],
    answer_id=lambda request_id: request_id,
    call_id=lambda name: f"call_{name[:8]}",
    take=take_nothing,
    limited=errors.limited,
    not_readable=errors.invalid,
    no_route=errors.no_route,
    thinking=_thinking,
    usage=_usage,
    mark=lambda _question: no_mark,
    dress=_dress,
)
