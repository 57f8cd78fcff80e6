"""Mistral: reads strictly, has ids of nine characters, and puts thinking among the parts of the content.

Sources: Mistral's SDK 3.7.0 and docs; recorded answers; nearai/ironclaw#1241; pydantic/pydantic-ai: models/mistral.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import Meters, take_together
from kruxos.simulator.marks import no_mark
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import ANYTHING, FLAG, WHOLE, Complaint, Number, Record, Shape
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, IMAGE_PART, TEXT_PART, messages, words

_SDK = "Mistral's SDK 3.7.0: chatcompletionrequest"
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_MESSAGE_ORDER = "invalid_request_message_order"
_TEMPERATURE_MAX = 1.5
_PARTS: dict[str, Shape] = {
    "text": TEXT_PART,
    "image_url": IMAGE_PART,
    "document_url": Record({"document_url": ANYTHING}, ("document_url",)),
    "thinking": Record({"thinking": ANYTHING}, ("thinking",)),
    "input_audio": ANYTHING,
    "file": ANYTHING,
    "reference": ANYTHING,
}
_NOT_LOOKED_INTO = ("metadata", "prediction", "prompt_mode", "prompt_cache_key", "service_tier", "guardrails")
CHAT = Record(
    COMMON
    | {
        "messages": messages(_PARTS, is_closed=True),
        "temperature": Number(0, _TEMPERATURE_MAX),
        "random_seed": WHOLE,
        "safe_prompt": FLAG,
        "min_tokens": WHOLE,
        "top_k": WHOLE,
        "repetition_penalty": Number(),
        "logprobs": FLAG,
        "top_logprobs": WHOLE,
        "reasoning_effort": words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        **dict.fromkeys(_NOT_LOOKED_INTO, ANYTHING),
    },
    ("model", "messages"),
    is_closed=True,
)


def refuse(message: Any, kind: str, code: str | None, status: int = 400) -> Refusal:
    """A refusal; its message may be an object."""
    return Refusal(status, kind, "", code, details={"message": message})


_PYDANTIC = {
    "unknown": ("extra_forbidden", "Extra inputs are not permitted"),
    "missing": ("missing", "Field required"),
    "choice": ("enum", "Input should be one of the allowed values"),
    "tag": ("union_tag_invalid", "Input tag found using the discriminator does not match any of the expected tags"),
    "low": ("greater_than_equal", "Input should be greater than or equal to the least value"),
    "high": ("less_than_equal", "Input should be less than or equal to the greatest value"),
}


def say(complaint: Complaint) -> Refusal:
    """A wrong shape, as pydantic tells it."""
    kind, message = _PYDANTIC.get(complaint.what, (f"{complaint.shape or complaint.wanted}_type", "Input is not valid"))
    detail = {"type": kind, "loc": ["body", *map(_plain_step, complaint.path)], "msg": message}
    return refuse({"detail": [detail | {"input": complaint.value}]}, "invalid_request_error", None, 422)


def _plain_step(step: str | int) -> str | int:
    return step if isinstance(step, int) else str(step)


def _wrong_key(_key: str) -> Refusal:
    return Refusal(401, "", "Invalid API Key", details={"detail": "Invalid API Key"})


def _missing_key(_key: str) -> Refusal:
    return Refusal(401, "", "Unauthorized", details={"detail": "Unauthorized"})


def _bad_id(question: Question) -> Refusal | None:
    for message in question.body["messages"]:
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        ids += [message["tool_call_id"]] if message.get("tool_call_id") is not None else []
        wrong = next((each for each in ids if not _ID.fullmatch(each)), None)
        if wrong is not None:
            text = f"Tool call id was {wrong[:128]} but must be a-z, A-Z, 0-9, with a length of 9."
            return refuse(text, "invalid_function_call", "3280")
    return None


def _order_wrong(question: Question) -> Refusal | None:
    before = ""
    for message in question.body["messages"]:
        role = message["role"]
        if (before == "tool" and role == "user") or (role == "tool" and before not in ("assistant", "tool")):
            words_ = f"after role '{before}'" if before else "as first role"
            return refuse(f"Unexpected role '{role}' {words_}", _MESSAGE_ORDER, "3230")
        before = role
    return None


def _assistant_empty(question: Question) -> Refusal | None:
    if all(each.get("content") or each.get("tool_calls") for _, each in common.said(question, "assistant")):
        return None
    words_ = "Assistant message must have either content or tool_calls, but not none."
    return refuse(words_, "invalid_request_assistant_message", "3240")


def _choice_without_tools(question: Question) -> Refusal | None:
    if question.body.get("tools") or question.body.get("tool_choice") in (None, "none", "auto"):
        return None
    return refuse("tool_choice needs tools", "invalid_request_invalid_args", "3051")


def _logprobs(question: Question) -> Refusal | None:
    if not question.body.get("logprobs"):
        return None
    return refuse("Logprobs are not enabled for this model", "invalid_request_invalid_args", "3051")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _SDK),
    common.unknown_model("recorded answers", lambda name: refuse(f"Invalid model: {name}", "invalid_model", "1500")),
    Rule("assistant_empty", "Mistral docs; pydantic/pydantic-ai: models/mistral.py", _assistant_empty),
    Rule("order_wrong", "pydantic/pydantic-ai: models/mistral.py", _order_wrong),
    Rule("tool_id_bad", "nearai/ironclaw#1241", _bad_id),
    Rule("tool_choice_alone", "Mistral docs: function calling", _choice_without_tools),
    Rule("logprobs_refused", "recorded answers", _logprobs),
)
_LARGE = refuse("The request is too large.", "invalid_request_error", None, 413)
FAILURES: dict[str, Refusal] = {
    "400": refuse("The request was not valid.", "invalid_request_error", None),
    "401": _wrong_key(""),
    "402": refuse("Payment required.", "payment_required", None, 402),
    "403": refuse("Forbidden", "forbidden", None, 403),
    "404": refuse("Not found", "not_found", None, 404),
    "413": _LARGE,
    "429": refuse("Rate limit exceeded", "rate_limited", "1300", 429),
    "500": refuse("Internal server error", "internal_server_error", None, 500),
    "503": refuse("Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded", "3505", 429),
    "529": refuse("Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded", "3505", 429),
    "quota": refuse("You have reached your monthly usage limit.", "quota_exceeded", None, 429),
    "other": refuse("The request failed.", "internal_server_error", None, 500),
}


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """Without an envelope; of a wrong key there is a detail only."""
    headers: Headers = (("content-type", "application/json"),)
    if refusal.retry_after_s is not None:
        headers = (*headers, ("retry-after", f"{refusal.retry_after_s:g}"))
    if "detail" in refusal.details:
        return headers, body_bytes({"detail": refusal.details["detail"]})
    body = {
        "object": "error", "message": refusal.details.get("message", refusal.message), "type": refusal.type,
        "param": None,
        "code": refusal.code, "raw_status_code": refusal.status,
    }  # fmt: skip
    return headers, body_bytes(body)


def _headers(request_id: str, meters: Meters | None, _now: float) -> Headers:
    name = (("mistral-correlation-id", request_id),)
    if meters is None:
        return name
    rows = (("req", meters.requests), ("tokens", meters.tokens))
    limits = [(f"x-ratelimit-limit-{kind}-minute", str(bucket.per_minute)) for kind, bucket in rows]
    return (*name, *limits, *((f"x-ratelimit-remaining-{kind}-minute", str(b.remaining)) for kind, b in rows))


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    ways, wanted = question.sold.row.thinking, question.body.get("reasoning_effort")
    return ways is not None and bool(ways.efforts) and (wanted or ways.default) != "none"


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Thinking is a part of the content; calls are whole, in the last chunk; counts are few."""
    values = common.usage_at_end(common.hold_calls(values, outgoing))
    for value in values:
        said, choice = common.said_in(value), common.choice_of(value)
        choice.pop("logprobs", None)
        thought = said.pop(common.REASONING, None)
        if thought:
            part: Wire = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
            text = said.get("content")
            said["content"] = [part, {"type": "text", "text": text}] if text else [part]
        value.get("usage", {}).pop("completion_tokens_details", None)
        if outgoing.is_ending and choice.get("finish_reason"):
            calls = common.take_calls(outgoing)
            if calls:
                said["tool_calls"] = [{"id": call["id"], "function": call["function"]} for call in calls]
    return values


def _plain(body: Wire) -> Wire:
    """Thinking, documents and short forms of images are not Chat Completions' own."""
    tools = [{"type": "function"} | tool for tool in body.get("tools") or ()]
    return body | {"messages": [_plain_message(message) for message in body["messages"]], "tools": tools}


def _plain_message(message: Wire) -> Wire:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts = [_plain_part(part) for part in cast("list[Wire]", content) if part["type"] != "thinking"]
    return message | {"content": parts}


def _plain_part(part: Wire) -> Wire:
    if part["type"] == "image_url" and isinstance(part["image_url"], str):
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    known = part["type"] in ("text", "image_url")
    return part if known else {"type": "text", "text": f"({part['type']})"}


MISTRAL = Provider(
    name="mistral",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door("recorded answers", _missing_key, _wrong_key, _LARGE),
    rules=RULES,
    window=common.window("pydantic/pydantic-ai: models/mistral.py", lambda count, limit: refuse(
        f"Prompt contains {count} tokens, too large for model with {limit} maximum context length",
        "invalid_request_invalid_args", "3051",
    )),
    failures=FAILURES,
    no_route=no_route,
    request_id=lambda name: f"req_{name[:32]}",
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=_headers,
    answer_id=lambda request_id: request_id.removeprefix("req_"),
    call_id=lambda name: name[:9],
    take=take_together,
    limited=lambda exceeded, _model: replace(FAILURES["429"], retry_after_s=float(max(1, int(exceeded.wait_s)))),
    not_readable=lambda message: refuse(message, "invalid_request_error", None, 422),
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: no_mark,
    dress=_dress,
    plain=_plain,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)  # fmt: skip
