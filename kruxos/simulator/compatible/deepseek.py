"""DeepSeek: thinks unless told not to, and wants its thoughts back beside calls (DeepSeek docs; recorded answers)."""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.text import body_bytes
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import take_nothing
from kruxos.simulator.marks import no_mark
from kruxos.simulator.openai_chat.errors import no_route
from kruxos.simulator.openai_chat.provider import key
from kruxos.simulator.planning import SHOWN
from kruxos.simulator.provider import Provider, Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import OBJECT, TEXT, Complaint, Record, Shape
from kruxos.simulator.steps import Headers

from . import common
from .shapes import COMMON, IMAGE_PART, TEXT_PART, messages, words

INVALID = "invalid_request_error"
_DOCS = "DeepSeek docs: thinking mode"
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max", "ultra", "none")
_PARTS: dict[str, Shape] = {"text": TEXT_PART, "image_url": IMAGE_PART}
CHAT = Record(
    COMMON
    | {
        "messages": messages(_PARTS, reasoning_content=TEXT),
        "thinking": Record({"type": words("enabled", "disabled", "adaptive")}),
        "reasoning_effort": words(*_EFFORTS),
        "stream_options": OBJECT,
    },
    ("model", "messages"),
)


def invalid(message: str, status: int = 400, kind: str = INVALID) -> Refusal:
    """The code says nothing: it is the same for all."""
    return Refusal(status, kind, message, INVALID)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape, as the server's JSON reader tells it."""
    path = common.path_of(complaint)
    place, _, name = path.rpartition(".")
    where = f"{place or path}: " if place or complaint.what != "missing" else ""
    match complaint.what:
        case "missing":
            words_ = f"missing field `{name}`"
        case "tag" | "choice":
            known = " or ".join(f"`{word}`" for word in complaint.wanted)
            where = f"{path.partition('.')[0]}: "
            words_ = f"unknown variant `{str(complaint.value)[:64]}`, expected {known}"
        case "type":
            words_ = f"invalid type, expected {complaint.wanted}"
        case _:
            return invalid(f"Invalid {path} value, the valid bound of {path} is {complaint.wanted}")
    whole = f"Failed to deserialize the JSON body into the target type: {where}{words_}"
    return invalid(f"{whole} at line 1 column 1")


def _wrong_key(key: str) -> Refusal:
    shown = f"Your api key: ****{key[-4:]} is invalid" if key else "auth header format should be Bearer sk-..."
    return invalid(f"Authentication Fails, {shown}", 401, "authentication_error")


def _unknown_model(name: str) -> Refusal:
    known = "deepseek-v4-pro or deepseek-flash"
    return invalid(f"The supported API model names are {known}, but you passed {name}.")


def thinks(question: Question) -> bool:
    """Whether the model thinks in this answer."""
    told: dict[str, Any] = question.body.get("thinking") or {}
    wish, ways = told.get("type"), question.sold.row.thinking
    if wish == "disabled" or question.body.get("reasoning_effort") == "none":
        return False
    return wish is not None or (ways is not None and ways.default != "none")


def _forced_tool(question: Question) -> Refusal | None:
    if thinks(question) and common.is_forced(question.body.get("tool_choice")):
        return invalid("Thinking mode does not support this tool_choice")
    return None


def _reasoning_dropped(question: Question) -> Refusal | None:
    if not thinks(question):
        return None
    if all(each.get("reasoning_content") is not None for _, each in common.said(question, "assistant")
           if each.get("tool_calls")):  # fmt: skip
        return None
    return invalid("The `reasoning_content` in the thinking mode must be passed back to the API.")


def _image_refused(question: Question) -> Refusal | None:
    """Only the smaller model sees."""
    if "no_images" not in question.sold.traits:
        return None
    for at, message in enumerate(question.body["messages"]):
        content = message.get("content")
        parts = cast("list[Wire]", content) if isinstance(content, list) else []
        if any(part["type"] == "image_url" for part in parts):
            return say(Complaint(("messages", at, "content", 0, "type"), "tag", ("text",), "image_url"))
    return None


def _schema_unavailable(question: Question) -> Refusal | None:
    if common.wants_json(question) == "json_schema":
        return invalid("This response_format type is unavailable now")
    return None


def _json_unspoken(question: Question) -> Refusal | None:
    if common.wants_json(question) != "json_object" or common.speaks_of_json(question):
        return None
    return invalid("Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.")


def _limit_over(question: Question) -> Refusal | None:
    most, wanted = question.sold.row.max_output, question.body.get("max_tokens")
    if most is None or wanted is None or wanted <= most:
        return None
    return invalid(f"Invalid max_tokens value, the valid range of max_tokens is [1, {most}]")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, "recorded answers"),
    common.unknown_model("recorded answers", _unknown_model),
    Rule("thinking_with_forced_tool", "recorded answers", _forced_tool),
    Rule("reasoning_dropped", f"{_DOCS}; anomalyco/opencode#24122", _reasoning_dropped),
    Rule("image_refused", "DeepSeek docs: models; recorded answers", _image_refused),
    Rule("json_schema_unavailable", "pydantic/pydantic-ai: providers/deepseek.py", _schema_unavailable),
    Rule("json_unspoken", "DeepSeek docs: JSON output", _json_unspoken),
    Rule("limit_over", "DeepSeek docs: pricing", _limit_over),
)
FAILURES: dict[str, Refusal] = {
    "400": invalid("Content Exists Risk"),
    "401": _wrong_key("some-key"),
    "402": invalid("Insufficient Balance", 402, "unknown_error"),
    "413": invalid("The request is too large.", 413),
    "422": invalid("Invalid parameters.", 422),
    "429": invalid("Too many concurrent requests.", 429, "rate_limit_error"),
    "500": invalid("The server had an error.", 500, "server_error"),
    "503": invalid("The server is overloaded.", 503, "service_unavailable_error"),
    "529": invalid("The server is overloaded.", 503, "service_unavailable_error"),
    "quota": invalid("Insufficient Balance", 402, "unknown_error"),
    "other": invalid("The request failed.", 500, "server_error"),
}


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """OpenAI's form; its code is the same for all."""
    words_ = {"message": refusal.message, "type": refusal.type, "param": None, "code": refusal.code}
    return (("content-type", "application/json"),), body_bytes({"error": words_})


def _dress(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """Counts in the last chunk, null in the others; what the cache had is told."""
    values = common.usage_at_end(values)
    for value in values:
        counts = value.get("usage")
        if counts:
            prompt = counts["prompt_tokens"]
            details: Wire = counts.get("prompt_tokens_details") or {}
            read: int = details.get("cached_tokens") or 0
            counts |= {"prompt_cache_hit_tokens": read, "prompt_cache_miss_tokens": prompt - read}
        elif outgoing.is_stream:
            value["usage"] = None
    return values


def _opening(outgoing: Outgoing) -> bytes:
    """While a request waits, something is sent now and then (DeepSeek docs: rate limit)."""
    if not outgoing.load_s:
        return b""
    return b": keep-alive\n\n" * 2 if outgoing.is_stream else b"\n\n"


DEEPSEEK = Provider(
    name="deepseek",
    body_bytes_max=common.BODY_BYTES_MAX,
    door=common.door("recorded answers", _wrong_key, _wrong_key, FAILURES["413"]),
    rules=RULES,
    window=common.window("DeepSeek docs: error codes", lambda count, limit: invalid(
        f"This model's maximum context length is {limit} tokens. However, you requested {count} tokens."
    )),
    failures=FAILURES,
    no_route=no_route,
    call_id=common.call_id,
    answer_id=common.answer_id,
    key=key,
    dialect=OPENAI_CHAT,
    error=error,
    headers=lambda request_id, _meters, _now: (("x-ds-trace-id", request_id),),
    request_id=lambda name: name[:32],
    take=take_nothing,
    limited=lambda _exceeded, _model: FAILURES["429"],
    not_readable=invalid,
    thinking=lambda question: SHOWN if thinks(question) else None,
    usage=common.usage,
    mark=lambda _question: no_mark,
    dress=_dress,
    opening=_opening,
    plain=common.without_effort,
    encoding=common.ALWAYS_USAGE,
    tells_limits_always=True,
)  # fmt: skip
