"""Grok by xAI: an error is a text, reasoning is counted apart (xAI docs; recorded answers)."""

from __future__ import annotations

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import take_together
from kruxos.simulator.marks import no_mark
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import OBJECT, TEXT, Complaint, Items, Number, Record, inner
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, PARTS, TOOL, messages

_ARGUMENT = "Client specified an invalid argument"
_PERMISSION = "The caller does not have permission to execute the specified operation"
_NAMES = {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty", "stop": "stop"}
_TICKS_PER_TOKEN = 12_500
CHAT = Record(
    COMMON
    | {
        "messages": messages(PARTS, reasoning_content=TEXT),
        "max_completion_tokens": Number(1, name="integer"),
        "tools": Items(TOOL, count_min=1),
        "stream_options": OBJECT,
    },
    ("model", "messages"),
)


def refuse(message: str, status: int = 400, code: str = _ARGUMENT) -> Refusal:
    """A refusal: its code is a sentence, its error a text."""
    return Refusal(status, "", message, code)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape."""
    path = common.path_of(complaint)
    match complaint.what:
        case "missing":
            return refuse(f"Failed to deserialize the JSON body into the target type: missing field `{path}`", 422)
        case "short":
            return refuse(f"{path} must not be empty")
        case "low" | "high":
            return refuse(f"{path} is out of range: {complaint.value}")
        case _:
            return refuse(f"Failed to deserialize the JSON body into the target type: {path}: invalid value", 422)


def _wrong_key(_key: str) -> Refusal:
    return refuse("Incorrect API key provided. You can obtain an API key from https://console.x.ai.", 400,
                  "invalid-argument")  # fmt: skip


def _unknown_model(name: str) -> Refusal:
    words = f"The model {name} does not exist or your team does not have access to it."
    return refuse(words, 404, "Some requested entity was not found")


def _effort_refused(question: Question) -> Refusal | None:
    wanted, ways = question.body.get("reasoning_effort"), question.sold.row.thinking
    if wanted is None or ways is None or wanted in ways.efforts:
        return None
    if not ways.efforts:
        return refuse(f"Model {question.name} does not support parameter reasoningEffort.")
    return refuse(f"Model {question.name} does not support reasoning effort {wanted!r:.66}.")


def _sampling_refused(question: Question) -> Refusal | None:
    if not question.sold.reasons:
        return None
    given = next((name for name in _NAMES if question.body.get(name) not in (None, 0, [])), None)
    return refuse(f"Model {question.name} does not support parameter {_NAMES[given]}.") if given else None


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, "xAI docs: chat; reports of its users"),
    common.unknown_model("xAI docs: errors", _unknown_model),
    Rule("effort_refused", "recorded answers; pydantic/pydantic-ai: profiles/grok.py", _effort_refused),
    Rule("sampling_refused", "xAI docs: reasoning; litellm: xai/chat/transformation.py", _sampling_refused),
)
FAILURES: dict[str, Refusal] = {
    "400": refuse("Argument not supported"),
    "401": refuse("no auth context", 401, "Unauthenticated"),
    "403": refuse("Your team does not have credits left.", 403, _PERMISSION),
    "404": _unknown_model("grok-none"),
    "413": refuse("The request is too large.", 413),
    "429": refuse("Too many requests for this team and model.", 429, "Some resource has been exhausted"),
    "500": refuse("Internal error", 500, "Internal error"),
    "503": refuse("The service is at capacity.", 503, "The service is currently unavailable"),
    "529": refuse("The service is at capacity.", 503, "The service is currently unavailable"),
    "quota": refuse("Your team has used all available credits or reached its monthly spending limit.", 429,
                    "Some resource has been exhausted"),
    "other": refuse("The request failed.", 500, "Internal error"),
}  # fmt: skip


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """A code and a text, side by side."""
    return (("content-type", "application/json"),), body_bytes({"code": refusal.code, "error": refusal.message})


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    ways = question.sold.row.thinking
    return question.sold.reasons and (question.body.get("reasoning_effort") or (ways and ways.default)) != "none"


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Reasoning is not among the completion's tokens; the price is told; a call is one delta before the last chunk."""
    values = common.hold_calls(values, outgoing)
    for value in values:
        common.choice_of(value).pop("logprobs", None)
        counts = value.get("usage")
        if counts:
            reasoning = inner(counts, "completion_tokens_details").get("reasoning_tokens", 0)
            counts["completion_tokens"] -= reasoning
            counts["cost_in_usd_ticks"] = counts["total_tokens"] * _TICKS_PER_TOKEN
        elif "usage" in value:
            del value["usage"]
    calls = common.take_calls(outgoing) if outgoing.is_ending else []
    if calls:
        values.insert(0, values[0] | {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": calls}}]})
    return values


GROK = Provider(
    name="grok",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door("recorded answers", _wrong_key, _wrong_key, FAILURES["413"]),
    rules=RULES,
    window=common.window("xAI docs: models", lambda count, limit: refuse(
        f"This model's maximum prompt length is {limit} but the request contains {count} tokens."
    )),
    failures=FAILURES,
    no_route=no_route,
    call_id=common.call_id,
    answer_id=common.answer_id,
    request_id=lambda name: f"req_{name[:32]}",
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=common.no_headers,
    take=take_together,
    limited=lambda _exceeded, _model: FAILURES["429"],
    not_readable=refuse,
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: no_mark,
    dress=_dress,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)  # fmt: skip
