"""What OpenAI refuses is refused: every rule of the table has a request that it refuses, in OpenAI's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kruxos.simulator.openai_chat.provider import OPENAI
from tests.simulator.support import GPT, Answer, chat, send, world

PATH = "/v1/chat/completions"
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USER = {"role": "user", "content": "hi"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
IN_PAIRS = "must be a response to a preceeding message with 'tool_calls'"
UNANSWERED = "The following tool_call_ids did not have response messages: "


def talk(*said: Any, **fields: Any) -> dict[str, Any]:
    return chat(**fields) | {"messages": list(said)}


def function(**changes: Any) -> dict[str, Any]:
    return {"type": "function", "function": FUNCTION | changes}


def schema(**changes: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "out", "strict": True, **changes}}


@dataclass(frozen=True)
class With:
    """A request with headers or settings of its own."""

    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


# By rule: a piece of what it says, the code, the parameter, and a request that it refuses.
REFUSED: dict[str, list[tuple[str, str | None, str | None, Any]]] = {
    "key_missing": [("You didn't provide an API key", None, None, With(chat(), drop=("authorization",)))],
    "key_wrong": [
        (
            "Incorrect API key provided: bad-********-key",
            "invalid_api_key",
            None,
            With(chat(), {"authorization": "Bearer bad-and-long-key"}),
        ),
        ("Incorrect API key provided", "invalid_api_key", None, With(chat(), settings={"key": "the-only"})),
    ],
    "body_too_large": [("too large", None, None, b" " * (64 * 1024 * 1024 + 1))],
    "body_not_json": [("not a JSON object", None, None, b"{")],
    "field_required": [
        ("Missing required parameter: 'messages'.", "missing_required_parameter", "messages", {"model": GPT}),
        (
            "Missing required parameter: 'messages[0].content'.",
            "missing_required_parameter",
            "messages[0].content",
            talk({"role": "user"}),
        ),
        (
            "'messages[1].tool_call_id'",
            "missing_required_parameter",
            "messages[1].tool_call_id",
            talk(USER, {"role": "tool", "content": "x"}),
        ),
    ],
    "field_unknown": [
        (
            "Unknown parameter: 'max_output_tokens'.",
            "unknown_parameter",
            "max_output_tokens",
            chat(max_output_tokens=1),
        ),
        (
            "Unknown parameter: 'tools[0].function.input'.",
            "unknown_parameter",
            "tools[0].function.input",
            chat(tools=[function(input={})]),
        ),
    ],
    "type_wrong": [
        (
            "Invalid type for 'messages': expected an array, but got a string instead.",
            "invalid_type",
            "messages",
            chat() | {"messages": "hi"},
        ),
        ("expected an integer, but got a string", "invalid_type", "seed", chat(seed="1")),
    ],
    "value_not_allowed": [
        (
            "Invalid value: 'robot'. Supported values are: 'system'",
            "invalid_value",
            "messages[0].role",
            talk({"role": "robot", "content": "hi"}),
        ),
        ("Invalid value: 'any'", "invalid_value", "tool_choice", chat(tools=[TOOL], tool_choice="any")),
    ],
    "pattern_mismatch": [
        (
            "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            "invalid_value",
            "tools[0].function.name",
            chat(tools=[function(name="a.b")]),
        ),
    ],
    "out_of_range": [
        ("Invalid 'messages': empty array.", "empty_array", "messages", talk()),
        ("Invalid 'tools': empty array.", "empty_array", "tools", chat(tools=[])),
        (
            "array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
            "array_above_max_length",
            "tools",
            chat(tools=[function(name=f"f{at}") for at in range(129)]),
        ),
        ("maximum length 4", "array_above_max_length", "stop", chat(model="gpt-4o", stop=list("abcde"))),
        (
            "string too long. Expected a string with maximum length 64",
            "string_above_max_length",
            "tools[0].function.name",
            chat(tools=[function(name="a" * 65)]),
        ),
        (
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
            "decimal_above_max_value",
            "temperature",
            chat(temperature=3),
        ),
        (
            "integer below minimum value",
            "integer_below_min_value",
            "max_completion_tokens",
            chat(max_completion_tokens=0),
        ),
    ],
    "model_not_found": [
        (
            "The model `gpt-9` does not exist or you do not have access to it.",
            "model_not_found",
            None,
            chat(model="gpt-9"),
        ),
        ("has been deprecated, learn more here", "model_not_found", None, chat(model="gpt-3.5-turbo-0613")),
    ],
    "max_tokens_old": [
        (
            "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
            "max_tokens",
            chat(model="o3", max_tokens=10),
        ),
    ],
    "limits_both": [
        (
            "at the same time is not supported",
            "invalid_parameter_combination",
            "max_tokens",
            chat(model="gpt-4o", max_tokens=1, max_completion_tokens=1),
        ),
    ],
    "limit_over": [
        (
            "This model supports at most 16384 completion tokens, whereas you provided 20000.",
            "invalid_value",
            "max_completion_tokens",
            chat(model="gpt-4o", max_completion_tokens=20_000),
        ),
    ],
    "effort_unsupported": [
        (
            "'minimal' with this model. Supported values are: 'none', 'low', 'medium', 'high', and 'xhigh'.",
            "unsupported_value",
            "reasoning_effort",
            chat(reasoning_effort="minimal"),
        ),
        (
            "not supported with this model",
            "unsupported_parameter",
            "reasoning_effort",
            chat(model="gpt-4o", reasoning_effort="low"),
        ),
    ],
    "sampling_while_reasoning": [
        (
            "Unsupported parameter: 'temperature'",
            "unsupported_parameter",
            "temperature",
            chat(model="o3", temperature=0.5),
        ),
        ("'top_p'", "unsupported_parameter", "top_p", chat(reasoning_effort="low", top_p=0.5)),
    ],
    "parameter_refused": [
        (
            "Unsupported parameter: 'stop' is not supported with this model.",
            "unsupported_parameter",
            "stop",
            chat(stop="END"),
        ),
    ],
    "content_missing": [
        (
            "expected a string, got null",
            None,
            "messages.[1].content",
            talk(USER, {"role": "assistant", "content": None}, USER),
        ),
    ],
    "tool_pairs_broken": [
        (IN_PAIRS, None, "messages.[1].role", talk(USER, RESULT)),
        (IN_PAIRS, None, "messages.[2].role", talk(USER, {"role": "assistant", "content": "x"}, RESULT)),
        (f"{UNANSWERED}c1", None, "messages.[2].role", talk(USER, CALLING, USER)),
        (f"{UNANSWERED}c1", None, "messages.[1].role", talk(USER, CALLING)),
        (
            f"{UNANSWERED}c2",
            None,
            "messages.[3].role",
            talk(USER, CALLING | {"tool_calls": [CALL, CALL | {"id": "c2"}]}, RESULT, USER),
        ),
        (
            "not found in 'tool_calls' of previous message",
            None,
            "messages.[2].tool_call_id",
            talk(USER, CALLING, RESULT | {"tool_call_id": "c9"}),
        ),
        (
            "not found in 'tool_calls' of previous message",
            None,
            "messages.[3].tool_call_id",
            talk(USER, CALLING, RESULT, RESULT),
        ),
    ],
    "fields_without_tools": [
        (
            "'parallel_tool_calls' is only allowed when 'tools' are specified.",
            None,
            "parallel_tool_calls",
            chat(parallel_tool_calls=True),
        ),
        ("'tool_choice' is only allowed when 'tools' are specified.", None, "tool_choice", chat(tool_choice="auto")),
    ],
    "tool_choice_missing": [
        (
            "not found in 'tools' parameter",
            None,
            "tool_choice",
            chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}),
        ),
    ],
    "stream_options_alone": [
        ("only allowed when 'stream' is enabled", None, "stream_options", chat(stream_options={"include_usage": True})),
    ],
    "json_unspoken": [
        (
            "'messages' must contain the word 'json' in some form",
            None,
            "messages",
            chat(response_format={"type": "json_object"}),
        ),
    ],
    "schema_not_strict": [
        (
            "Invalid schema for response_format 'out': In context=(), 'additionalProperties' is required to be",
            "invalid_json_schema",
            "response_format",
            chat(response_format=schema(schema={"type": "object", "properties": {}})),
        ),
        ("Missing 'a'.", "invalid_json_schema", "response_format", chat(response_format=schema(schema=OPEN))),
        (
            "Invalid schema for function 'f': In context=('properties', 'a'), 'additionalProperties'",
            "invalid_function_parameters",
            "tools[0].function.parameters",
            chat(
                tools=[
                    function(
                        strict=True, parameters=OPEN | {"required": ["a"], "properties": {"a": {"type": "object"}}}
                    )
                ]
            ),
        ),
    ],
    "system_refused": [],
    "context_length_exceeded": [
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in",
            "context_length_exceeded",
            "messages",
            chat("word " * 130_000, model="gpt-4o"),
        ),
    ],
    "directive": [("is no fault", None, None, chat("[[simulate flood]]"))],
}
STATUSES = {"key_missing": 401, "key_wrong": 401, "body_too_large": 413, "model_not_found": 404}
CASES = [(rule, *row) for rule, rows in REFUSED.items() for row in rows]
BEFORE_RETIREMENT = 1_750_000_000.0


def answer(body: Any) -> Answer:
    case = body if isinstance(body, With) else With(body)
    return send(world(**case.settings), PATH, case.body, drop=case.drop, headers=case.headers)


@pytest.mark.parametrize(
    ("rule", "says", "code", "param", "body"), CASES, ids=[f"{row[0]}-{at}" for at, row in enumerate(CASES)]
)
def test_it_is_refused_in_openais_words(rule: str, says: str, code: str | None, param: str | None, body: Any) -> None:
    refused = answer(body)
    assert refused.rule == rule, refused.body[:500]
    error = refused.json["error"]
    assert (refused.status, error["type"]) == (STATUSES.get(rule, 400), "invalid_request_error")
    assert says in error["message"]
    assert (error["code"], error["param"]) == (code, param)
    assert refused.headers["x-request-id"].startswith("req_")


def test_a_system_message_is_refused_by_models_that_had_none() -> None:
    body = talk({"role": "system", "content": "x"}, USER, model="o1-mini")
    refused = send(world(), PATH, body, now=BEFORE_RETIREMENT)
    assert refused.rule == "system_refused"
    assert (refused.json["error"]["param"], refused.json["error"]["code"]) == ("messages[0].role", "unsupported_value")


def test_every_rule_of_the_table_has_a_case_and_a_source() -> None:
    table = (*OPENAI.door, *OPENAI.rules, *OPENAI.window)
    assert {rule.name for rule in table} <= set(REFUSED)
    assert all(rule.source for rule in table)


ACCEPTED: dict[str, Any] = {
    "results in any order": talk(
        USER, CALLING | {"tool_calls": [CALL, CALL | {"id": "c2"}]}, RESULT | {"tool_call_id": "c2"}, RESULT
    ),
    "temperature without reasoning": chat(temperature=0.5, top_p=0.5),
    "temperature where effort is none": chat(model="gpt-5.5", reasoning_effort="none", temperature=0.5),
    "the default temperature while reasoning": chat(model="o3", temperature=1),
    "max_tokens on a model that does not reason": chat(model="gpt-4o", max_tokens=10),
    "a dated form": chat(model="gpt-4.1-2025-04-14"),
    "JSON that was spoken of": chat("as JSON", response_format={"type": "json_object"}),
    "a schema that is not strict": chat(response_format=schema(strict=False, schema={"type": "object"})),
    "a call id of 64 characters": talk(
        USER, CALLING | {"tool_calls": [CALL | {"id": "a" * 64}]}, RESULT | {"tool_call_id": "a" * 64}
    ),
    "tool_choice none without tools": chat(tool_choice="none"),
    "developer for system": talk({"role": "developer", "content": "x"}, USER),
    "null for what is not there": chat(temperature=None, stop=None),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    answer = send(world(), PATH, ACCEPTED[name])
    assert answer.status == 200, answer.json
