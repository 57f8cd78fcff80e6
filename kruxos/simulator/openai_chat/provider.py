"""OpenAI's Chat Completions as a row: all that is its own beside the dialect."""

from __future__ import annotations

from collections.abc import Mapping

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.events import Usage
from kruxos.simulator.limits import take_together
from kruxos.simulator.planning import HIDDEN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule

from . import errors
from .headers import headers
from .rules import RULES, WINDOW_RULES, reasons

BODY_BYTES_MAX = 64 * 1024 * 1024
_BEARER = "bearer "


def key(headers: Mapping[str, str]) -> str | None:
    """The key in the Authorization header."""
    given = headers.get("authorization", "")
    return given[len(_BEARER) :].strip() or None if given.lower().startswith(_BEARER) else None


def _key_missing(question: Question) -> Refusal | None:
    words = (
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY)."
    )
    return None if question.key else Refusal(401, errors.INVALID, words)


def _key_wrong(question: Question) -> Refusal | None:
    return errors.wrong_key(question.key or "") if question.is_bad_key else None


def _body_too_large(question: Question) -> Refusal | None:
    return errors.FAILURES["413"] if question.body_bytes > BODY_BYTES_MAX else None


DOOR: tuple[Rule, ...] = (
    Rule("key_missing", "OpenAI docs: error codes", _key_missing),
    Rule("key_wrong", "recorded answers", _key_wrong),
    Rule("body_too_large", "the simulator's own bound", _body_too_large),
)


def _thinking(question: Question) -> str | None:
    """Chat Completions never shows reasoning; its tokens are counted."""
    return HIDDEN if reasons(question) else None


def _usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
    return Usage(input_tokens, 0, None, output_tokens, reasoning_tokens or 0)


OPENAI = Provider(
    name="openai",
    dialect=OPENAI_CHAT,
    key=key,
    body_bytes_max=BODY_BYTES_MAX,
    door=DOOR,
    rules=RULES,
    window=WINDOW_RULES,
    failures=errors.FAILURES,
    error=errors.error,
    headers=headers,
    request_id=lambda name: f"req_{name[:32]}",
    answer_id=lambda request_id: f"chatcmpl-{request_id.removeprefix('req_')[:29]}",
    call_id=lambda name: f"call_{name[:24]}",
    take=take_together,
    limited=errors.limited,
    not_readable=errors.invalid,
    no_route=errors.no_route,
    thinking=_thinking,
    usage=_usage,
    sells_dated=True,
    tells_limits_always=True,
)
