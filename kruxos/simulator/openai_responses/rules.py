"""What OpenAI refuses in a Responses request, beside a wrong shape (OpenAI API reference: responses)."""

from __future__ import annotations

from typing import Any, cast

from kruxos.simulator.openai_chat.errors import INVALID, invalid, say, unsupported_parameter, unsupported_value
from kruxos.simulator.openai_chat.rules import model_missing
from kruxos.simulator.openai_chat.strict import not_strict
from kruxos.simulator.provider import Question, Refusal, Rule, shape_rules
from kruxos.simulator.shapes import inner

from .item_rules import ITEM_RULES, items
from .shapes import ENCRYPTED, METADATA_MAX, RESPONSES

_SDK = "OpenAI SDK 3.54: request types; error texts as reported by its users"
_REFERENCE = "OpenAI API reference: responses"
_EFFORTS = "pydantic/pydantic-ai: profiles/openai.py, verified live"
_SAMPLING = ("temperature", "top_p")


def _wish(question: Question) -> dict[str, Any]:
    return question.body.get("reasoning") or {}


def _effort(question: Question) -> str | None:
    ways = question.sold.row.thinking
    return _wish(question).get("effort") or (ways.default if ways else None)


def reasons(question: Question) -> bool:
    """Whether the model reasons in this answer."""
    return question.sold.reasons and _effort(question) != "none"


def wants_summary(question: Question) -> bool:
    """Whether the reasoning is to be told in words."""
    return bool(_wish(question).get("summary") or _wish(question).get("generate_summary"))


def _model_unnamed(question: Question) -> Refusal | None:
    """A prompt that is kept at OpenAI names its model itself; here none is kept."""
    if question.name is not None:
        return None
    if question.body.get("prompt") is None:
        return invalid("Missing required parameter: 'model'.", "missing_required_parameter", "model")
    name = question.body["prompt"].get("id")
    return Refusal(404, INVALID, f"Prompt with id '{name}' not found.", None, "prompt.id")


def _input_missing(question: Question) -> Refusal | None:
    body = question.body
    if body.get("input") is not None or body.get("prompt") is not None or body.get("previous_response_id") is not None:
        if body.get("input") not in ("", []) or body.get("instructions"):
            return None
        return invalid("Input must not be empty.", "missing_required_parameter", "input")
    return invalid("Missing required parameter: 'input'.", "missing_required_parameter", "input")


def _effort_unsupported(question: Question) -> Refusal | None:
    wanted, ways = _wish(question).get("effort"), question.sold.row.thinking
    if wanted is None or ways is None or wanted in ways.efforts:
        return None
    if not ways.efforts:
        return unsupported_parameter("reasoning.effort")
    *words, last = (f"'{effort}'" for effort in ways.efforts)
    known = f"{', '.join(words)}, and {last}" if words else last
    return unsupported_value("reasoning.effort", str(wanted)[:64], f"Supported values are: {known}.")


def _cannot_reason(question: Question) -> bool:
    return question.sold.row.thinking is not None and not question.sold.reasons


def _summary_unsupported(question: Question) -> Refusal | None:
    return unsupported_parameter("reasoning.summary") if wants_summary(question) and _cannot_reason(question) else None


def _encrypted_unsupported(question: Question) -> Refusal | None:
    if ENCRYPTED not in (question.body.get("include") or ()) or not _cannot_reason(question):
        return None
    return invalid("Encrypted content is not supported with this model.", None, "include")


def _sampling_while_reasoning(question: Question) -> Refusal | None:
    if not reasons(question):
        return None
    given = next((name for name in _SAMPLING if question.body.get(name) is not None), None)
    return unsupported_parameter(given) if given else None


def _limit_over(question: Question) -> Refusal | None:
    ceiling, wanted = question.sold.row.max_output, question.body.get("max_output_tokens")
    if wanted is None or ceiling is None or wanted <= ceiling:
        return None
    wish = f"Expected a value <= {ceiling}, but got {wanted} instead."
    message = f"Invalid 'max_output_tokens': integer above maximum value. {wish}"
    return invalid(message, "integer_above_max_value", "max_output_tokens")


def _too_much_metadata(question: Question) -> Refusal | None:
    count = len(question.body.get("metadata") or {})
    if count <= METADATA_MAX:
        return None
    wish = f"Expected an object with at most {METADATA_MAX} properties, but got an object with {count} instead."
    return invalid(f"Invalid 'metadata': too many properties. {wish}", "object_above_max_properties", "metadata")


def _chosen_tool_missing(question: Question) -> Refusal | None:
    choice = question.body.get("tool_choice")
    tools: list[dict[str, Any]] = question.body.get("tools") or []
    if not isinstance(choice, dict):
        return None
    chosen = cast("dict[str, Any]", choice)
    if chosen["type"] != "function" or chosen["name"] in [tool.get("name") for tool in tools]:
        return None
    return invalid("Tool choice 'function' not found in 'tools' parameter.", None, "tool_choice")


def _json_unspoken(question: Question) -> Refusal | None:
    wanted = inner(inner(question.body, "text"), "format")
    if wanted.get("type") != "json_object" or any("json" in text.lower() for text in _texts(question)):
        return None
    words = "must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
    return invalid(f"Response input messages {words}", None, "input")


def _texts(question: Question) -> list[str]:
    """All texts of messages; instructions are not among them."""
    given = question.body.get("input")
    contents = [given] if isinstance(given, str) else [item.get("content") or "" for item in items(question)]
    parts = [part for each in contents if isinstance(each, list) for part in cast("list[dict[str, Any]]", each)]
    return [each for each in contents if isinstance(each, str)] + [part.get("text", "") for part in parts]


def _schema_not_strict(question: Question) -> Refusal | None:
    wanted = inner(inner(question.body, "text"), "format")
    if wanted.get("strict") and (fault := not_strict(wanted.get("schema") or {})):
        message = f"Invalid schema for response_format '{wanted['name']}': {fault}"
        return invalid(message, "invalid_json_schema", "text.format.schema")
    for at, tool in enumerate(question.body.get("tools") or ()):
        if tool.get("strict") and (fault := not_strict(tool.get("parameters") or {})):
            message = f"Invalid schema for function '{tool['name']}': {fault}"
            return invalid(message, "invalid_function_parameters", f"tools[{at}].parameters")
    return None


def _stream_options_alone(question: Question) -> Refusal | None:
    if question.body.get("stream_options") is None or question.body.get("stream"):
        return None
    words = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return invalid(words, None, "stream_options")


def _context_exceeded(question: Question) -> Refusal | None:
    row = question.sold.row
    limit = row.max_input or row.context
    if limit is None or question.input_tokens <= limit or question.body.get("truncation") == "auto":
        return None
    words = "Your input exceeds the context window of this model. Please adjust your input and try again."
    return invalid(words, "context_length_exceeded", "input")


RULES: tuple[Rule, ...] = (
    *shape_rules(RESPONSES, say, _SDK),
    Rule("model_unnamed", _REFERENCE, _model_unnamed),
    Rule("model_not_found", "OpenAI docs: error codes, deprecations; BerriAI/litellm#39457", model_missing),
    Rule("input_missing", _REFERENCE, _input_missing),
    Rule("effort_unsupported", _EFFORTS, _effort_unsupported),
    Rule("summary_unsupported", _EFFORTS, _summary_unsupported),
    Rule("encrypted_unsupported", "pydantic/pydantic-ai#2865", _encrypted_unsupported),
    Rule("sampling_while_reasoning", _EFFORTS, _sampling_while_reasoning),
    Rule("limit_over", "OpenAI docs: models", _limit_over),
    Rule("metadata_over", _REFERENCE, _too_much_metadata),
    *ITEM_RULES,
    Rule("tool_choice_missing", _REFERENCE, _chosen_tool_missing),
    Rule("stream_options_alone", _REFERENCE, _stream_options_alone),
    Rule("json_unspoken", _REFERENCE, _json_unspoken),
    Rule("schema_not_strict", "recorded answers; OpenAI docs: structured outputs", _schema_not_strict),
)
WINDOW_RULES: tuple[Rule, ...] = (Rule("context_length_exceeded", "OpenAI docs: error codes", _context_exceeded),)
