"""What OpenAI refuses in a Chat Completions request, beside a wrong shape (OpenAI API reference: chat)."""

from __future__ import annotations

from typing import Any, cast

from kruxos.simulator.models import Gone, Sold
from kruxos.simulator.provider import Question, Refusal, Rule, shape_rules

from .errors import INVALID, invalid, say, unsupported_parameter, unsupported_value
from .shapes import CHAT
from .strict import not_strict

_SDK = "OpenAI SDK 3.54: request types; error texts as reported by its users"
_EFFORTS = "pydantic/pydantic-ai: profiles/openai.py, verified live"
_SAMPLING = ("temperature", "top_p")
_DEFAULT = 1
_TOOL_FIELDS = ("tool_choice", "parallel_tool_calls")


def model_missing(question: Question) -> Refusal | None:
    """A model that is not sold, or not any more; also where the Responses API is asked."""
    name = question.name
    if name is None or isinstance(question.model, Sold):
        return None
    if isinstance(question.model, Gone):
        where = "https://platform.openai.com/docs/deprecations"
        message = f"The model `{name}` has been deprecated, learn more here: {where}"
    else:
        message = f"The model `{name}` does not exist or you do not have access to it."
    return Refusal(404, INVALID, message, "model_not_found")


def _effort(question: Question) -> str | None:
    """What the model will do: as told, or by default."""
    ways = question.sold.row.thinking
    return question.body.get("reasoning_effort") or (ways.default if ways else None)


def reasons(question: Question) -> bool:
    """Whether the model reasons in this answer."""
    return question.sold.reasons and _effort(question) != "none"


def _effort_unsupported(question: Question) -> Refusal | None:
    wanted, ways = question.body.get("reasoning_effort"), question.sold.row.thinking
    if wanted is None or ways is None or wanted in ways.efforts:
        return None
    if not ways.efforts:
        return unsupported_parameter("reasoning_effort")
    *words, last = (f"'{effort}'" for effort in ways.efforts)
    known = f"{', '.join(words)}, and {last}" if words else last
    return unsupported_value("reasoning_effort", str(wanted)[:64], f"Supported values are: {known}.")


def _sampling_while_reasoning(question: Question) -> Refusal | None:
    if not reasons(question):
        return None
    given = next((name for name in _SAMPLING if question.body.get(name) not in (None, _DEFAULT)), None)
    return unsupported_parameter(given) if given else None


def _max_tokens_old(question: Question) -> Refusal | None:
    if question.body.get("max_tokens") is None or not question.sold.reasons:
        return None
    return unsupported_parameter("max_tokens", "Use 'max_completion_tokens' instead.")


def _both_limits(question: Question) -> Refusal | None:
    body = question.body
    if body.get("max_tokens") is None or body.get("max_completion_tokens") is None:
        return None
    words = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    return invalid(words, "invalid_parameter_combination", "max_tokens")


def _limit_over(question: Question) -> Refusal | None:
    ceiling = question.sold.row.max_output
    for name in ("max_completion_tokens", "max_tokens"):
        wanted = question.body.get(name)
        if wanted is not None and ceiling is not None and wanted > ceiling:
            words = f"This model supports at most {ceiling} completion tokens, whereas you provided {wanted}."
            return invalid(f"{name} is too large: {wanted}. {words}", "invalid_value", name)
    return None


def _refused_parameter(question: Question) -> Refusal | None:
    given = next((name for name in question.sold.row.refuses if question.body.get(name) is not None), None)
    return unsupported_parameter(given) if given else None


def _system_refused(question: Question) -> Refusal | None:
    if "no_system" not in question.sold.traits:
        return None
    for at, message in enumerate(question.body["messages"]):
        if message["role"] in ("system", "developer"):
            return unsupported_value(f"messages[{at}].role", message["role"])
    return None


def _content_missing(question: Question) -> Refusal | None:
    for at, message in enumerate(question.body["messages"]):
        has_other = message.get("tool_calls") or message.get("refusal") or message.get("function_call")
        if (
            message["role"] == "assistant"
            and message.get("content") is None
            and not (has_other or message.get("audio"))
        ):
            message_text = "Invalid value for 'content': expected a string, got null."
            return invalid(message_text, None, f"messages.[{at}].content")
    return None


def _tool_pairs(question: Question) -> Refusal | None:
    """Results follow their calls at once, all of them, and nothing else stands between."""
    open_ids: dict[str, None] = {}
    has_calls = False
    for at, message in enumerate(question.body["messages"]):
        if message["role"] == "tool":
            if not has_calls:
                words = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                return invalid(f"Invalid parameter: {words}", None, f"messages.[{at}].role")
            if message["tool_call_id"] not in open_ids:
                words = f"'tool_call_id' of '{message['tool_call_id']}' not found in 'tool_calls' of previous message."
                return invalid(f"Invalid parameter: {words}", None, f"messages.[{at}].tool_call_id")
            del open_ids[message["tool_call_id"]]
            continue
        if open_ids:
            return _unanswered(open_ids, at)
        calls = message.get("tool_calls") or () if message["role"] == "assistant" else ()
        has_calls, open_ids = bool(calls), dict.fromkeys(call["id"] for call in calls)
    return _unanswered(open_ids, len(question.body["messages"]) - 1) if open_ids else None


def _unanswered(open_ids: dict[str, None], at: int) -> Refusal:
    return invalid(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(open_ids)}",
        None, f"messages.[{at}].role",
    )  # fmt: skip


def _without_tools(question: Question) -> Refusal | None:
    if question.body.get("tools"):
        return None
    given = next((name for name in _TOOL_FIELDS if question.body.get(name) is not None), None)
    if given is None or (given == "tool_choice" and question.body[given] == "none"):
        return None
    words = f"'{given}' is only allowed when 'tools' are specified."
    return invalid(f"Invalid value for '{given}': {words}", None, given)


def _chosen_tool_missing(question: Question) -> Refusal | None:
    choice = question.body.get("tool_choice")
    if not isinstance(choice, dict) or cast("dict[str, Any]", choice)["type"] != "function":
        return None
    name = cast("dict[str, Any]", choice)["function"]["name"]
    if name in [tool["function"]["name"] for tool in question.body["tools"] if tool["type"] == "function"]:
        return None
    words = f"Tool choice 'function' not found in 'tools' parameter: '{name}'."
    return invalid(f"Invalid value for 'tool_choice': {words}", None, "tool_choice")


def _stream_options_alone(question: Question) -> Refusal | None:
    if question.body.get("stream_options") is None or question.body.get("stream"):
        return None
    words = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return invalid(words, None, "stream_options")


def _json_unspoken(question: Question) -> Refusal | None:
    wanted: dict[str, Any] = question.body.get("response_format") or {}
    if wanted.get("type") != "json_object" or any("json" in text.lower() for text in _texts(question.body)):
        return None
    words = "must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return invalid(f"'messages' {words}", None, "messages")


def _texts(body: dict[str, Any]) -> list[str]:
    contents = [message.get("content") or "" for message in body["messages"]]
    parts = [
        part for content in contents if isinstance(content, list) for part in cast("list[dict[str, Any]]", content)
    ]
    return [content for content in contents if isinstance(content, str)] + [part.get("text", "") for part in parts]


def _schema_not_strict(question: Question) -> Refusal | None:
    wanted: dict[str, Any] = question.body.get("response_format") or {}
    format_: dict[str, Any] = wanted.get("json_schema") or {}
    if format_.get("strict") and (fault := not_strict(format_.get("schema") or {})):
        message = f"Invalid schema for response_format '{format_['name']}': {fault}"
        return invalid(message, "invalid_json_schema", "response_format")
    for at, tool in enumerate(question.body.get("tools") or ()):
        function: dict[str, Any] = tool.get("function") or {}
        if function.get("strict") and (fault := not_strict(function.get("parameters") or {})):
            message = f"Invalid schema for function '{function['name']}': {fault}"
            return invalid(message, "invalid_function_parameters", f"tools[{at}].function.parameters")
    return None


def _context_exceeded(question: Question) -> Refusal | None:
    row = question.sold.row
    limit = row.max_input or row.context
    if limit is None or question.input_tokens <= limit:
        return None
    came = f"However, your messages resulted in {question.input_tokens} tokens."
    message = f"This model's maximum context length is {limit} tokens. {came} Please reduce the length of the messages."
    return invalid(message, "context_length_exceeded", "messages")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _SDK),
    Rule("model_not_found", "recorded answers; OpenAI docs: error codes, deprecations", model_missing),
    Rule("system_refused", "recorded answers", _system_refused),
    Rule("max_tokens_old", "OpenAI API reference: chat, max_tokens", _max_tokens_old),
    Rule("limits_both", "OpenAI API reference: chat, max_tokens", _both_limits),
    Rule("limit_over", "OpenAI docs: models", _limit_over),
    Rule("effort_unsupported", _EFFORTS, _effort_unsupported),
    Rule("sampling_while_reasoning", _EFFORTS, _sampling_while_reasoning),
    Rule("parameter_refused", "recorded answers", _refused_parameter),
    Rule("content_missing", "OpenAI API reference: chat, messages", _content_missing),
    Rule("tool_pairs_broken", "OpenAI docs: function calling", _tool_pairs),
    Rule("fields_without_tools", "openai/swarm#30", _without_tools),
    Rule("tool_choice_missing", "OpenAI API reference: chat, tool_choice", _chosen_tool_missing),
    Rule("stream_options_alone", "OpenAI API reference: chat, stream_options", _stream_options_alone),
    Rule("json_unspoken", "OpenAI API reference: chat, response_format", _json_unspoken),
    Rule("schema_not_strict", "recorded answers; OpenAI docs: structured outputs", _schema_not_strict),
)
WINDOW_RULES: tuple[Rule, ...] = (Rule("context_length_exceeded", "OpenAI docs: error codes", _context_exceeded),)
