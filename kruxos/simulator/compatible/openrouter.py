"""OpenRouter: sells others' models; errors within 200, comments, its own names beside the usual ones.

Sources: OpenRouter's SDK 1.3.84 and docs; OpenRouterTeam/ai-sdk-provider; recorded answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes, json_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import take_together
from kruxos.simulator.marks import Thought
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import ANYTHING, FLAG, OBJECT, TEXT, Complaint, Items, Number, Record
from kruxos.simulator.signing import Signer
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, PARTS, messages, words

_DOCS = "OpenRouter docs: errors"
_SDK = "OpenRouter's SDK 1.3.84: chatrequest"
UPSTREAM = "Simulated Upstream"
DETAILS = "reasoning_details"
_COMMENT = b": OPENROUTER PROCESSING\n\n"
_COST_PER_TOKEN = 0.000002
CHAT = Record(
    COMMON
    | {
        "messages": messages(PARTS, reasoning=TEXT, reasoning_details=Items(OBJECT)),
        "max_completion_tokens": Number(1, name="integer"),
        "reasoning": Record(
            {"effort": words("max", "xhigh", "high", "medium", "low", "minimal", "none"),
             "max_tokens": Number(0, name="integer"), "exclude": FLAG, "enabled": FLAG, "summary": ANYTHING},
        ),
        "provider": OBJECT,
        "models": Items(TEXT),
        "plugins": Items(OBJECT),
        "stream_options": OBJECT,
    },
    ("messages",),
)  # fmt: skip


def refuse(message: str, status: int = 400, **metadata: Any) -> Refusal:
    """A refusal; its code is the status. ``metadata`` says whose it is."""
    return Refusal(status, "", message, details=metadata)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape."""
    return refuse(f"Invalid input: {common.path_of(complaint) or 'body'}: {complaint.what}")


def _missing_key(_key: str) -> Refusal:
    return refuse("No cookie auth credentials found", 401)


def _wrong_key(_key: str) -> Refusal:
    return refuse("User not found.", 401)


def _unknown_model(name: str) -> Refusal:
    return refuse(f"{name} is not a valid model ID")


def _wish(question: Question) -> dict[str, Any]:
    return question.body.get("reasoning") or {}


def _effort_and_budget(question: Question) -> Refusal | None:
    if _wish(question).get("effort") is None or _wish(question).get("max_tokens") is None:
        return None
    return refuse('Only one of "reasoning.effort" and "reasoning.max_tokens" can be specified')


def _efforts_differ(question: Question) -> Refusal | None:
    short, full = question.body.get("reasoning_effort"), _wish(question).get("effort")
    if short is None or full is None or short == full:
        return None
    return refuse('"reasoning_effort" and "reasoning.effort" differ')


def _always_thinks(question: Question) -> Refusal | None:
    ways, wish = question.sold.row.thinking, _wish(question)
    wanted = wish.get("effort") or question.body.get("reasoning_effort")
    if ways is None or not ways.efforts or "none" in ways.efforts or ways.default == "none":
        return None
    if wish.get("enabled") is not False and wanted != "none":
        return None
    return refuse("Reasoning is mandatory for this endpoint and cannot be disabled.")


def _system_refused(question: Question) -> Refusal | None:
    if "no_system" not in question.sold.traits or not common.said(question, "system"):
        return None
    words_ = (
        f"Developer instruction is not enabled for models/{str(question.name).rpartition('/')[2].partition(':')[0]}"
    )
    raw = body_bytes({"error": {"code": 400, "message": words_, "status": "INVALID_ARGUMENT"}}).decode()
    return refuse("Provider returned error", raw=raw, provider_name="Google AI Studio")


def _details_altered(question: Question) -> Refusal | None:
    """What is signed must be as it was; the upstream says so."""
    if question.signer is None:
        return None
    for at, message in common.said(question, "assistant"):
        for detail in cast("list[Wire]", message.get(DETAILS) or []):
            word, text = detail.get("signature"), detail.get("text", "")
            if word and not question.signer.verifies(text, word):
                raw = f"messages.{at}.content.0: Invalid `signature` in `thinking` block"
                return refuse("Provider returned error", raw=raw, provider_name=UPSTREAM)
    return None


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _SDK),
    common.unknown_model(_DOCS, _unknown_model),
    Rule("effort_and_budget", "OpenRouter's SDK; pydantic/pydantic-ai: models/openrouter.py", _effort_and_budget),
    Rule("efforts_differ", "pydantic/pydantic-ai: models/openrouter.py", _efforts_differ),
    Rule("reasoning_mandatory", "OpenRouter's SDK: modelreasoning", _always_thinks),
    Rule("system_refused", "recorded answers", _system_refused),
    Rule("details_altered", "OpenRouter docs: reasoning tokens", _details_altered),
)
_BUSY = "The model is temporarily rate-limited upstream. Please retry shortly, or add your own key."
_DAILY = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
_CREDITS = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
FAILURES: dict[str, Refusal] = {
    "400": refuse("Provider returned error", provider_name=UPSTREAM, raw="ERROR"),
    "401": _wrong_key(""),
    "402": refuse(_CREDITS, 402),
    "403": refuse("Key limit exceeded", 403),
    "404": refuse("No endpoints found that support the requested parameters.", 404),
    "413": refuse("The request is too large.", 413),
    "429": refuse("Provider returned error", 429, provider_name=UPSTREAM, raw=_BUSY),
    "500": refuse("Internal Server Error", 500),
    "502": refuse("Provider returned error", 502, provider_name=UPSTREAM, raw="Bad Gateway"),
    "503": refuse("No instances available", 503),
    "529": refuse("Provider returned error", 529, provider_name=UPSTREAM, raw="Overloaded"),
    "quota": refuse(_DAILY, 429, headers={"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}),
    "other": refuse("Internal Server Error", 500),
}


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """The status is the code."""
    told: Headers = (("content-type", "application/json"),)
    if refusal.retry_after_s is not None:
        told = (*told, ("retry-after", f"{refusal.retry_after_s:g}"))
    words_: Wire = {"message": refusal.message, "code": refusal.status}
    words_ |= {"metadata": dict(refusal.details)} if refusal.details else {}
    return told, body_bytes({"error": words_} | ({"user_id": "user_simulated"} if refusal.status != 401 else {}))


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    ways, wish = question.sold.row.thinking, _wish(question)
    if ways is None or not (ways.efforts or ways.forms) or wish.get("enabled") is False:
        return False
    wanted = wish.get("effort") or question.body.get("reasoning_effort") or ("high" if wish else ways.default)
    return bool(wanted != "none")


def _mark(signer: Signer, thought: Thought) -> tuple[str, bytes]:
    word = signer.sign(thought.text, thought.number).decode()
    return DETAILS, json_bytes([_detail("") | {"signature": word}])


def _detail(text: str) -> Wire:
    return {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0}


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Names of its own beside the usual ones; the counts come with a choice, behind the one with the reason."""
    for value in values:
        value |= {"provider": UPSTREAM}
        if not value.get("choices"):
            value["choices"] = [{"index": 0, "delta": {}, "finish_reason": None}]
        said, choice = common.said_in(value), common.choice_of(value)
        choice["native_finish_reason"] = choice.get("finish_reason")
        thought = said.pop(common.REASONING, None)
        if thought is not None:
            said["reasoning"] = thought
            details = cast("list[Wire]", said.get(DETAILS) or [_detail("")])
            said[DETAILS] = [details[0] | {"text": thought}, *details[1:]]
        if outgoing.is_stream:
            choice["delta"] = {"role": "assistant", "content": "", **said}
        counts = value.get("usage")
        if counts:
            counts |= {"cost": counts["total_tokens"] * _COST_PER_TOKEN, "is_byok": False}
        elif "usage" in value:
            del value["usage"]
    return values


def _opening(outgoing: Outgoing) -> bytes:
    return _COMMENT * 2 if outgoing.is_stream else b"\n         \n\n         \n"


def _fail(outgoing: Outgoing) -> bytes:
    """An error beside a choice that has ended by it, and the end mark all the same."""
    words_ = {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": UPSTREAM}}
    if not outgoing.is_stream:
        return body_bytes({"error": words_, "user_id": "user_simulated"})
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    value = {"id": "gen-simulated", "object": "chat.completion.chunk", "provider": UPSTREAM, "error": words_}
    return b"data: %s\n\ndata: [DONE]\n\n" % body_bytes(value | {"choices": [choice]})


OPENROUTER = Provider(
    name="openrouter",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door("recorded answers", _missing_key, _wrong_key, FAILURES["413"]),
    rules=RULES,
    window=common.window(_DOCS, lambda count, limit: refuse(
        f"This endpoint's maximum context length is {limit} tokens. However, you requested about {count} tokens."
    )),
    failures=FAILURES,
    no_route=no_route,
    call_id=common.call_id,
    answer_id=common.answer_id,
    request_id=lambda name: f"req_{name[:32]}",
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=lambda request_id, _meters, _now: (("x-generation-id", f"gen-{request_id.removeprefix('req_')}"),),
    take=take_together,
    limited=lambda exceeded, _model: replace(FAILURES["429"], retry_after_s=float(max(1, int(exceeded.wait_s)))),
    not_readable=refuse,
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: _mark,
    dress=_dress,
    opening=_opening,
    fail=_fail,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)  # fmt: skip
