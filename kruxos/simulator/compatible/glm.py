"""GLM by Z.ai: errors with numbers, empty accounts as 429 (Z.ai docs; recorded answers)."""

from __future__ import annotations

from typing import Any

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import take_together
from kruxos.simulator.marks import no_mark
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import FLAG, OBJECT, TEXT, Complaint, Number, Record
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, PARTS, messages, words

_DOCS = "Z.ai docs: error codes"
CHAT = Record(
    COMMON
    | {
        "messages": messages(PARTS, reasoning_content=TEXT),
        "thinking": Record({"type": words("enabled", "disabled"), "clear_thinking": FLAG}),
        "temperature": Number(0, 1),
        "top_p": Number(0, 1),
        "do_sample": FLAG,
        "tool_stream": FLAG,
        "stream_options": OBJECT,
    },
    ("model", "messages"),
)


def refuse(code: str, message: str, status: int = 400) -> Refusal:
    """A refusal with the provider's own number."""
    return Refusal(status, "", message, code)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape by its number."""
    path = common.path_of(complaint)
    if complaint.what == "missing":
        return refuse("1213", f"The {path} parameter was not received")
    if complaint.what in ("low", "high"):
        return refuse("1210", f"Invalid API parameter, please check the documentation. {path} is out of range")
    return refuse("1214", f"The {path} parameter is invalid, please check the documentation")


def _wrong_key(_key: str) -> Refusal:
    return refuse("1000", "Authentication Failed", 401)


def _missing_key(_key: str) -> Refusal:
    return refuse("1001", "Authentication parameter not received in Header, unable to authenticate", 401)


def _unknown_model(name: str) -> Refusal:
    return refuse("1211", f"Unknown Model, please check the model code: {name}")


def _thinking_type(question: Question) -> str:
    told: dict[str, Any] = question.body.get("thinking") or {}
    return str(told.get("type") or "enabled")


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    ways = question.sold.row.thinking
    return ways is not None and bool(ways.efforts) and _thinking_type(question) == "enabled"


def _always_thinks(question: Question) -> Refusal | None:
    ways = question.sold.row.thinking
    if ways is None or not ways.efforts or "none" in ways.efforts:
        return None
    if _thinking_type(question) == "enabled" and question.body.get("reasoning_effort") in (None, *ways.efforts):
        return None
    *others, last = ways.efforts
    return refuse("1210", f"Thinking can't be turned off, please use {', '.join(others)}, or {last}")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _DOCS),
    common.unknown_model(_DOCS, _unknown_model),
    Rule("thinking_always", "pydantic/pydantic-ai: profiles/zai.py", _always_thinks),
)
_BALANCE = "Insufficient balance or no resource package. Please recharge."
FAILURES: dict[str, Refusal] = {
    "400": refuse("1210", "Invalid API parameter, please check the documentation."),
    "401": _wrong_key(""),
    "403": refuse("1220", "You do not have permission to access this API", 403),
    "404": refuse("1211", "Unknown Model, please check the model code."),
    "413": refuse("1210", "The request is too large.", 413),
    "429": refuse("1302", "High concurrency usage of this API, please reduce concurrency", 429),
    "500": refuse("1234", "Network error, please contact customer service", 500),
    "503": refuse("1305", "The service is overloaded, please try again later", 429),
    "529": refuse("1305", "The service is overloaded, please try again later", 429),
    "quota": refuse("1113", _BALANCE, 429),
    "other": refuse("1234", "The request failed.", 500),
}


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """A number and a message."""
    words_ = {"code": refusal.code, "message": refusal.message}
    return (("content-type", "application/json; charset=UTF-8"),), body_bytes({"error": words_})


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Calls come whole; the role stands in every delta, the counts in the last one."""
    values = common.usage_at_end(common.hold_calls(values, outgoing))
    for value in values:
        choice = common.choice_of(value)
        choice.pop("logprobs", None)
        if "delta" in choice:
            choice["delta"] = {"role": "assistant", **choice["delta"]}
    calls = common.take_calls(outgoing) if outgoing.is_ending else []
    if calls:
        whole = values[-1] | {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}
        whole.pop("usage", None)
        values.insert(0, whole)
    return values


GLM = Provider(
    name="glm",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door(_DOCS, _missing_key, _wrong_key, FAILURES["413"]),
    rules=RULES,
    window=common.window(_DOCS, lambda _count, _limit: refuse("1261", "Prompt exceeds max length")),
    failures=FAILURES,
    no_route=no_route,
    call_id=common.call_id,
    answer_id=common.answer_id,
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=lambda request_id, _meters, _now: (("x-log-id", request_id),),
    request_id=lambda name: f"20261122{name[:24]}",
    take=take_together,
    limited=lambda _exceeded, _model: FAILURES["429"],
    not_readable=lambda message: refuse("1210", message),
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: no_mark,
    dress=_dress,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)
