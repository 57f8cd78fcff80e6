"""What Gemini refuses in a conversation (Gemini docs: generateContent, function calling, thought signatures)."""

from __future__ import annotations

import base64
import binascii
from typing import Any, cast

from kruxos.simulator.provider import Question, Refusal, Rule
from kruxos.simulator.shapes import inner

from .errors import invalid, refuse

SIGNED = "thought signature"
"""What every signature stands for: what is in it nobody outside can read."""
FILLER = "skip_thought_signature_validator"
_FILLERS = (FILLER, base64.b64encode(FILLER.encode()).decode())
_DOCS = "Gemini docs: function calling; its users' reports"
_SIGNATURES = "https://ai.google.dev/gemini-api/docs/thought-signatures"
_ORDER = "Please ensure that function"

Wire = dict[str, Any]


def contents(question: Question) -> list[Wire]:
    """The contents of the conversation."""
    return question.body.get("contents") or []


def _parts(content: Wire, name: str) -> list[Wire]:
    return [part for part in content.get("parts") or () if part.get(name) is not None]


def _no_contents(question: Question) -> Refusal | None:
    return None if contents(question) else refuse("contents", "contents is not specified")


def _no_parts(question: Question) -> Refusal | None:
    for at, content in enumerate(contents(question)):
        if not content.get("parts"):
            return refuse(f"contents[{at}].parts", "contents.parts must not be empty.")
    return None


def _role_unknown(question: Question) -> Refusal | None:
    known = (None, "user", "model", "function")
    if all(content.get("role") in known for content in contents(question)):
        return None
    return invalid("Please use a valid role: user, model.")


def _empty_part(question: Question) -> Refusal | None:
    """A part holds one thing, and be it a signature; a mark is none."""
    for at, content in enumerate(contents(question)):
        for place, part in enumerate(content["parts"]):
            if not set(part) - {"thought", "videoMetadata", "partMetadata", "mediaResolution"}:
                words = "required oneof field 'data' must have one initialized field"
                return refuse(f"contents[{at}].parts[{place}].data", words)
    return None


def _bad_data(question: Question) -> Refusal | None:
    for at, content in enumerate(contents(question)):
        for place, part in enumerate(content["parts"]):
            data = inner(part, "inlineData").get("data")
            if data is not None and not _is_base64(data):
                where = f"contents[{at}].parts[{place}].inline_data.data"
                return invalid(f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed")
    return None


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(_plain_base64(text), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _plain_base64(text: str) -> str:
    """Both alphabets are read; Google's own client writes that for addresses (google.protobuf JSON mapping)."""
    return text.replace("-", "+").replace("_", "/")


def _call_misplaced(question: Question) -> Refusal | None:
    """Calls come after what a user says, or after results."""
    before: Wire | None = None
    for content in contents(question):
        is_model = content.get("role") == "model"
        if is_model and _parts(content, "functionCall") and (before is None or before.get("role") == "model"):
            words = "call turn comes immediately after a user turn or after a function response turn."
            return invalid(f"{_ORDER} {words}")
        before = content
    return None


def _result_misplaced(question: Question) -> Refusal | None:
    before: Wire = {}
    for content in contents(question):
        if _parts(content, "functionResponse") and not _parts(before, "functionCall"):
            return invalid(f"{_ORDER} response turn comes immediately after a function call turn.")
        before = content
    return None


def _results_miscounted(question: Question) -> Refusal | None:
    given = contents(question)
    for content, after in zip(given, [*given[1:], {}], strict=True):
        calls, results = _parts(content, "functionCall"), _parts(after, "functionResponse")
        if calls and len(calls) != len(results):
            words = "the number of function response parts is equal to the number of function call parts of the"
            return invalid(f"Please ensure that {words} function call turn.")
    return None


def _reference(question: Question) -> Refusal | None:
    """A reference within an answer is looked up, and nothing is there."""
    for at, content in enumerate(contents(question)):
        for place, part in enumerate(content["parts"]):
            response = inner(part, "functionResponse").get("response")
            if response is not None and _has_reference(response):
                where = f"contents[{at}].parts[{place}].function_response.response"
                return refuse(where, "a $ref in it names no part of the response")
    return None


def _has_reference(value: Any) -> bool:
    if isinstance(value, dict):
        fields = cast("Wire", value)
        return "$ref" in fields or any(map(_has_reference, fields.values()))
    return isinstance(value, list) and any(map(_has_reference, cast("list[Any]", value)))


def _unsigned(question: Question) -> Refusal | None:
    """In the turn that the conversation stands in, the first call of every step has its signature."""
    if not _demands_signatures(question):
        return None
    given = contents(question)
    begin = max((at for at, each in enumerate(given) if _is_spoken(each)), default=0)
    for at, content in enumerate(given[begin:], begin + 1):
        calls = _parts(content, "functionCall")
        if calls and not calls[0].get("thoughtSignature"):
            name = calls[0]["functionCall"]["name"]
            return invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                f"data, function call `default_api:{name}` , position {at}. Please refer to {_SIGNATURES} for more "
                "details."
            )
    return None


def _demands_signatures(question: Question) -> bool:
    ways = question.sold.row.thinking
    return ways is not None and "level" in ways.forms


def _is_spoken(content: Wire) -> bool:
    """Whether a user says something, which begins a turn."""
    return content.get("role") != "model" and len(_parts(content, "functionResponse")) < len(content["parts"])


def _corrupted(question: Question) -> Refusal | None:
    if question.signer is None:
        return None
    for content in contents(question):
        for part in content["parts"]:
            word = part.get("thoughtSignature")
            if word and word not in _FILLERS and not question.signer.verifies(SIGNED, _plain_base64(word)):
                return invalid("Corrupted thought signature.")
    return None


TURN_RULES: tuple[Rule, ...] = (
    Rule("contents_missing", "Gemini API reference: generateContent", _no_contents),
    Rule("parts_missing", "Gemini API reference: generateContent", _no_parts),
    Rule("role_unknown", "Gemini API reference: Content", _role_unknown),
    Rule("part_empty", "Google API definitions: content.proto", _empty_part),
    Rule("data_not_base64", "Google API definitions: content.proto", _bad_data),
    Rule("call_misplaced", _DOCS, _call_misplaced),
    Rule("result_misplaced", _DOCS, _result_misplaced),
    Rule("results_miscounted", _DOCS, _results_miscounted),
    Rule("response_reference", "pydantic/pydantic-ai: models/google.py", _reference),
    Rule("signature_missing", "askimo-ai/askimo#543; ADORSYS-GIS/ai-helm#75", _unsigned),
    Rule("signature_corrupted", "google-gemini/gemini-cli#13467", _corrupted),
)
