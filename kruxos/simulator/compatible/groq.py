"""Groq: knows its own fields only, limits by the day, and says when a model failed to call a tool.

Sources: Groq's SDK 1.7.0; console.groq.com docs: errors, rate limits, flex processing; recorded answers.
"""

from __future__ import annotations

import math
from dataclasses import replace

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import Exceeded, take_together
from kruxos.simulator.marks import no_mark
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.headers import go_duration, headers
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import ANYTHING, FLAG, OBJECT, TEXT, Complaint, Number, Record
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, PARTS, messages, words

INVALID = "invalid_request_error"
_SDK = "Groq's SDK 1.7.0: completion_create_params"
_OTHER_EFFORTS = ("default",)
_UNSUPPORTED = ("logprobs", "logit_bias", "top_logprobs")
CHAT = Record(
    COMMON
    | {
        "messages": messages(PARTS, is_closed=True, reasoning=TEXT),
        "max_completion_tokens": Number(1, name="integer"),
        "seed": Number(name="integer"),
        "reasoning_format": words("parsed", "raw", "hidden"),
        "include_reasoning": FLAG,
        "service_tier": words("on_demand", "auto", "flex", "performance"),
        "stream_options": OBJECT,
        "user": TEXT,
        "disable_tool_validation": FLAG,
        "metadata": ANYTHING,
        "store": ANYTHING,
        "documents": ANYTHING,
        "citation_options": ANYTHING,
        "search_settings": ANYTHING,
        "compound_custom": ANYTHING,
        **dict.fromkeys(_UNSUPPORTED, ANYTHING),
    },
    ("model", "messages"),
    is_closed=True,
)


def refuse(message: str, status: int = 400, kind: str = INVALID, code: str | None = None) -> Refusal:
    """A refusal in the usual envelope."""
    return Refusal(status, kind, message, code)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape."""
    path = common.path_of(complaint)
    match complaint.what:
        case "unknown":
            return refuse(f"property '{path}' is unsupported")
        case "missing":
            return refuse(f"'{path}' : property is missing")
        case "low" | "high":
            side = "at least" if complaint.what == "low" else "at most"
            return refuse(f"'{path}' : number must be {side} {complaint.wanted:g}")
        case "choice" | "tag":
            known = ", ".join(f"`{word}`" for word in complaint.wanted)
            return refuse(f"'{path}' : value must be one of {known}")
        case _:
            return refuse(f"'{path}' : value must be a {complaint.wanted}")


def _wrong_key(_key: str) -> Refusal:
    return refuse("Invalid API Key", 401, code="invalid_api_key")


def _unknown_model(name: str) -> Refusal:
    message = f"The model `{name}` does not exist or you do not have access to it."
    return refuse(message, 404, code="model_not_found")


def _unsupported(question: Question) -> Refusal | None:
    given = next((name for name in _UNSUPPORTED if question.body.get(name)), None)
    return refuse(f"property '{given}' is unsupported") if given else None


def _several(question: Question) -> Refusal | None:
    return refuse("'n' : number must be at most 1") if (question.body.get("n") or 1) != 1 else None


def _tools_unsupported(question: Question) -> Refusal | None:
    if not question.body.get("tools") or "no_tools" not in question.sold.traits:
        return None
    return refuse("`tool calling` is not supported with this model")


def _effort_unsupported(question: Question) -> Refusal | None:
    wanted, ways = question.body.get("reasoning_effort"), question.sold.row.thinking
    if wanted is None or ways is None or wanted in ways.efforts:
        return None
    if not ways.efforts:
        return refuse("`reasoning_effort` is not supported with this model")
    if wanted in _OTHER_EFFORTS and "none" in ways.efforts:
        return None
    *others, last = (f"`{effort}`" for effort in ways.efforts)
    return refuse(f"`reasoning_effort` must be one of {', '.join(others)}, or {last}")


def _both_formats(question: Question) -> Refusal | None:
    if question.body.get("reasoning_format") is None or question.body.get("include_reasoning") is None:
        return None
    return refuse("`reasoning_format` and `include_reasoning` can't be set together")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _SDK),
    common.unknown_model("recorded answers", _unknown_model),
    Rule("field_unsupported", "Groq docs: OpenAI compatibility", _unsupported),
    Rule("several_answers", "Groq docs: OpenAI compatibility", _several),
    Rule("tools_unsupported", "recorded answers", _tools_unsupported),
    Rule("effort_unsupported", _SDK, _effort_unsupported),
    Rule("reasoning_formats_both", _SDK, _both_formats),
)
_OVER_CAPACITY = refuse("The service is over capacity. Please try again later.", 503, "internal_server_error")
_PER_DAY = "on tokens per day (TPD): Limit 200000, Used 200000, Requested 100. Please try again in 9m52.272s."
FAILURES: dict[str, Refusal] = {
    "400": refuse("The request was not valid."),
    "401": _wrong_key(""),
    "403": refuse("Forbidden", 403),
    "404": refuse("The model does not exist or you do not have access to it.", 404, code="model_not_found"),
    "413": refuse("Request Entity Too Large", 413, code="request_too_large"),
    "429": refuse("Rate limit reached on requests per minute (RPM).", 429, "requests", "rate_limit_exceeded"),
    "498": refuse("Flex tier capacity exceeded. Please try later.", 498, "capacity_exceeded", "capacity_exceeded"),
    "500": refuse("Internal Server Error", 500, "internal_server_error"),
    "503": _OVER_CAPACITY,
    "529": _OVER_CAPACITY,
    "quota": refuse(f"Rate limit reached for model {_PER_DAY}", 429, "tokens", "rate_limit_exceeded"),
    "tool-failed": replace(
        refuse("Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
               code="tool_use_failed"),
        details={"failed_generation": '{"name": "get_weather", "arguments": {"city": "Paris"'},
    ),
    "other": refuse("The request failed.", 500, "internal_server_error"),
}  # fmt: skip


def limited(exceeded: Exceeded, model: str) -> Refusal:
    """A limit was broken; a request larger than the limit is a 413, for which no wait helps."""
    is_requests = exceeded.name == "requests"
    what = "requests per day (RPD)" if is_requests else "tokens per minute (TPM)"
    kind = "requests" if is_requests else "tokens"
    figures = f"Limit {exceeded.limit}, Used {exceeded.used}, Requested {exceeded.requested}"
    if exceeded.requested > exceeded.limit:
        figures = f"Limit {exceeded.limit}, Requested {exceeded.requested}"
        words_ = "please reduce your message size and try again."
        return refuse(f"Request too large for model `{model}` on {what}: {figures}, {words_}", 413, kind,
                      "rate_limit_exceeded")  # fmt: skip
    wait = f"Please try again in {go_duration(exceeded.wait_s)}."
    message = f"Rate limit reached for model `{model}` on {what}: {figures}. {wait}"
    refusal = refuse(message, 429, kind, "rate_limit_exceeded")
    return replace(refusal, retry_after_s=float(max(1, math.ceil(exceeded.wait_s))))


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """The usual envelope, without what is not there."""
    words_ = {"message": refusal.message, "type": refusal.type} | ({"code": refusal.code} if refusal.code else {})
    told: Headers = (("content-type", "application/json"),)
    if refusal.retry_after_s is not None:
        told = (*told, ("retry-after", f"{refusal.retry_after_s:g}"))
    return told, body_bytes({"error": {**words_, **refusal.details}})


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    return question.sold.reasons and question.body.get("reasoning_effort") != "none"


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Thinking is ``reasoning``; ids in the first chunk, counts in the last one, asked for or not."""
    values = common.usage_at_end(values)
    for at, value in enumerate(values):
        said = common.said_in(value)
        if common.REASONING in said:
            said["reasoning"] = said.pop(common.REASONING)
        own: Wire = {"id": outgoing.request_id}
        counts = value.get("usage")
        if counts:
            counts |= {"queue_time": 0.02, "prompt_time": 0.01, "completion_time": 0.1, "total_time": 0.11}
        if not outgoing.is_stream:
            value["x_groq"] = own
        elif common.choice_of(value).get("finish_reason"):
            value["x_groq"] = own | {"usage": counts}
        elif outgoing.count + at == 0:
            value["x_groq"] = own | {"seed": 1}
    return values


def _fail(_outgoing: Outgoing) -> bytes:
    """An event with the error as its name (recorded streams)."""
    words_ = {"message": "The service is over capacity.", "type": "internal_server_error", "status_code": 503}
    return b"event: error\ndata: %s\n\n" % body_bytes({"error": words_})


GROQ = Provider(
    name="groq",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door("recorded answers", _wrong_key, _wrong_key, FAILURES["413"]),
    rules=RULES,
    window=common.window("Groq docs: errors", lambda _count, _limit: refuse(
        "Please reduce the length of the messages or completion.", code="context_length_exceeded"
    )),
    failures=FAILURES,
    no_route=no_route,
    call_id=common.call_id,
    answer_id=common.answer_id,
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=lambda request_id, meters, now: tuple(
        each for each in headers(request_id, meters, now) if not each[0].startswith("openai-")
    ),
    request_id=lambda name: f"req_01{name[:24]}",
    take=take_together,
    limited=limited,
    not_readable=refuse,
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: no_mark,
    dress=_dress,
    fail=_fail,
    plain=common.without_effort,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)  # fmt: skip
