"""The Codex backend as a row: it takes a request that is signed with a login, and speaks Responses, streams only.

``signed_in`` is the seam: it puts the login's check before any handler of this backend. What is refused, and in which
words, is what users of the backend report (openai/codex#26173, kortix-ai/suna#5124, BerriAI/litellm#21209,
earendil-works/pi#4172); words that nobody has reported are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.text import body_bytes
from kruxos.events import Usage
from kruxos.simulator.call import Call, Refused
from kruxos.simulator.limits import Exceeded, Meters, take_together
from kruxos.simulator.models import Sold
from kruxos.simulator.openai_chat.errors import no_route, say
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.openai_responses.item_rules import ITEM_RULES, items
from kruxos.simulator.openai_responses.provider import mark, thinking
from kruxos.simulator.openai_responses.rules import WINDOW_RULES
from kruxos.simulator.openai_responses.shapes import RESPONSES
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.steps import Headers, Response
from kruxos.simulator.world import World

from .accounts import ACCOUNT_ID

BODY_BYTES_MAX = 64 * 1024 * 1024
WINDOW_MINUTES = 300
_WINDOW_S = 3600.0
_DETAIL = "detail"
_REPORTED = "answers that users of the backend report"
_REFUSED_FIELDS = (
    "max_output_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "metadata",
    "top_logprobs", "truncation", "user", "safety_identifier", "context_management", "previous_response_id",
)  # fmt: skip


def check_login(world: World, headers: Mapping[str, str], now: float) -> Refusal | None:
    """What the backend says to a request that is not signed in, or for another account; None: it is signed in."""
    access = key(headers)
    if not access:
        return Refusal(401, _DETAIL, "Unauthorized")
    if not world.accounts.accepts(access, now):
        return Refusal(401, _DETAIL, "Could not parse your authentication token. Please try signing in again.")
    if headers.get("chatgpt-account-id") != ACCOUNT_ID:
        return Refusal(401, _DETAIL, "The account does not belong to this login.")
    return None


def signed_in(handle: Callable[[Call], Response]) -> Callable[[Call], Response]:
    """A handler of this backend, behind the login's check."""

    def checked(call: Call) -> Response:
        refusal = check_login(call.world, call.asked.headers, call.now)
        if refusal is not None:
            raise Refused(refusal, "login")
        return handle(call)

    return checked


def _detail(message: str) -> Refusal:
    return Refusal(400, _DETAIL, message)


def _model_unknown(question: Question) -> Refusal | None:
    if isinstance(question.model, Sold):
        return None
    name = str(question.body.get("model"))[:64]
    return _detail(f"The '{name}' model is not supported when using Codex with a ChatGPT account.")


def _stores(question: Question) -> Refusal | None:
    return None if question.body.get("store") is False else _detail("Store must be set to false")


def _is_whole(question: Question) -> Refusal | None:
    return None if question.body.get("stream") is True else _detail("Stream must be set to true")


def _without_instructions(question: Question) -> Refusal | None:
    return None if question.body.get("instructions") else _detail("Instructions are required")


def _input_no_list(question: Question) -> Refusal | None:
    return None if isinstance(question.body.get("input"), list) else _detail("Input must be a list")


def _field_refused(question: Question) -> Refusal | None:
    given = next((name for name in _REFUSED_FIELDS if question.body.get(name) is not None), None)
    return _detail(f"Unsupported parameter: {given}") if given else None


def _system_role(question: Question) -> Refusal | None:
    if any(item.get("role") == "system" for item in items(question)):
        return _detail("System messages are not allowed")
    return None


RULES: tuple[Rule, ...] = (
    Rule("stores", _REPORTED, _stores),
    Rule("not_streamed", _REPORTED, _is_whole),
    Rule("without_instructions", _REPORTED, _without_instructions),
    Rule("input_no_list", _REPORTED, _input_no_list),
    Rule("field_refused", _REPORTED, _field_refused),
    Rule("model_unknown", _REPORTED, _model_unknown),
    *shape_rules(RESPONSES, say, "openai/codex: codex-api, request type"),
    Rule("system_role", "reports of its users, not confirmed", _system_role),
    *ITEM_RULES,
)


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """Most refusals are a bare ``detail``; limits and overload have OpenAI's form."""
    headers = (("content-type", "application/json"),)
    if refusal.type == _DETAIL:
        return headers, body_bytes({_DETAIL: refusal.message})
    words = {"type": refusal.type, "code": refusal.code, "message": refusal.message, **refusal.details}
    if refusal.retry_after_s is not None:
        words["resets_in_seconds"] = int(refusal.retry_after_s)
    return headers, body_bytes({"error": {name: value for name, value in words.items() if value is not None}})


def _headers(request_id: str, meters: Meters | None, now: float) -> Headers:
    """How much of the subscription's window is used, on every answer (openai/codex: codex-api/src/rate_limits.rs)."""
    if meters is None:
        return (("x-request-id", request_id),)
    bucket = meters.requests
    used = 100.0 * (1.0 - max(0.0, bucket.left) / bucket.per_minute)
    return (
        ("x-request-id", request_id),
        ("x-codex-plan-type", "plus"),
        ("x-codex-active-limit", "codex"),
        ("x-codex-primary-used-percent", f"{used:g}"),
        ("x-codex-primary-window-minutes", str(WINDOW_MINUTES)),
        ("x-codex-primary-reset-at", str(int(now + bucket.reset_s))),
    )


def _usage_limit(seconds: float) -> Refusal:
    words = "The usage limit has been reached"
    return Refusal(429, "usage_limit_reached", words, details={"plan_type": "plus"}, retry_after_s=seconds)


def _limited(exceeded: Exceeded, _model: str) -> Refusal:
    return _usage_limit(max(1.0, exceeded.wait_s))


def _usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
    return Usage(input_tokens, 0, None, output_tokens, reasoning_tokens or 0)


_OVERLOAD = Refusal(503, "server_error", "Our servers are currently overloaded.", "server_is_overloaded")
FAILURES: dict[str, Refusal] = {
    "400": _detail("The request was not valid."),
    "401": Refusal(401, _DETAIL, "Unauthorized"),
    "403": Refusal(403, _DETAIL, "Forbidden"),
    "404": Refusal(404, _DETAIL, "Not Found"),
    "413": Refusal(413, _DETAIL, "Payload Too Large"),
    "429": Refusal(429, "rate_limit_exceeded", "Too many requests", "rate_limit_exceeded"),
    "500": Refusal(500, "server_error", "The server had an error."),
    "503": _OVERLOAD,
    "529": _OVERLOAD,
    "quota": _usage_limit(_WINDOW_S),
    "other": Refusal(500, "server_error", "The request failed."),
}

CODEX = Provider(
    name="openai-codex",
    dialect=OPENAI_RESPONSES,
    key=key,
    body_bytes_max=BODY_BYTES_MAX,
    door=(),
    rules=RULES,
    window=WINDOW_RULES,
    failures=FAILURES,
    error=error,
    headers=_headers,
    request_id=lambda name: f"req_{name[:32]}",
    answer_id=lambda request_id: f"resp_{request_id.removeprefix('req_')[:32]}",
    call_id=lambda name: f"call_{name[:24]}",
    take=take_together,
    limited=_limited,
    not_readable=_detail,
    no_route=no_route,
    thinking=thinking,
    mark=mark,
    usage=_usage,
    catalogue="openai",
    sells_dated=True,
    tells_limits_always=True,
)
