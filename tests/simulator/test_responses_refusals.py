"""What OpenAI refuses of a Responses request is refused: every rule of the table has one, in OpenAI's words."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.simulator.openai_responses.provider import OPENAI_RESPONSES_ROW
from tests.simulator.support import Refused, responses, send, world

PATH = "/v1/responses"
USER = {"role": "user", "content": "hi"}
LONG = {"role": "user", "content": "a " * 129_000}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "1"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = {"type": "json_schema", "name": "out", "strict": True, "schema": OPEN}
ENCRYPTED = "reasoning.encrypted_content"
BARE = {"type": "reasoning", "id": "rs_1", "summary": []}
FOREIGN = BARE | {"encrypted_content": "gAAAAABsomebodyelse"}

REFUSED = [
    Refused("key_missing", "You didn't provide an API key", responses(), 401, drop=("authorization",)),
    Refused("key_wrong", "Incorrect API key", responses(), 401, "invalid_api_key",
        headers={"authorization": "Bearer bad-key"}),
    Refused("body_too_large", "too large", b" " * (64 * 1024 * 1024 + 1), 413),
    Refused("body_not_json", "not a JSON object", b"["),
    Refused("model_unnamed", "parameter: 'model'", {"input": "hi"}, 400, "missing_required_parameter", "model"),
    Refused("model_unnamed", "'pmpt_1' not found", {"prompt": {"id": "pmpt_1"}}, 404, None, "prompt.id"),
    Refused("field_required", "'input[1].output'", responses(CALL, {"type": "function_call_output", "call_id": "c1"}),
        400, "missing_required_parameter", "input[1].output"),
    Refused("field_required", "'input[0].summary'", responses({"type": "reasoning", "id": "rs_1"}),
        400, "missing_required_parameter", "input[0].summary"),
    Refused("field_required", "'tools[0].name'", responses(tools=[{"type": "function", "function": {"name": "f"}}]),
        400, "missing_required_parameter", "tools[0].name"),
    Refused("field_unknown", "Unknown parameter: 'stop'.", responses(stop=["a"]), 400, "unknown_parameter", "stop"),
    Refused("field_unknown", "'messages'", responses(messages=[USER]), 400, "unknown_parameter", "messages"),
    Refused("field_unknown", "'input[0].name'", responses(USER | {"name": "x"}), 400, "unknown_parameter",
        "input[0].name"),
    Refused("type_wrong", "Invalid type for 'store'", responses(store="no"), 400, "invalid_type", "store"),
    Refused("value_not_allowed", "Supported values are: 'in_memory' and '24h'"[:30],
        responses(prompt_cache_retention="in-memory"), 400, "invalid_value", "prompt_cache_retention"),
    Refused("value_not_allowed", "'input_text'",
        responses({"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}), 400, "invalid_value",
        "input[0].content[0].type"),
    Refused("pattern_mismatch", "does not match pattern", responses(tools=[FUNCTION | {"name": "a b"}]),
        400, "invalid_value", "tools[0].name"),
    Refused("out_of_range", "Expected a value >= 16", responses(max_output_tokens=15), 400,
        "integer_below_min_value", "max_output_tokens"),
    Refused("model_not_found", "does not exist", responses(model="gpt-none"), 404, "model_not_found"),
    Refused("model_not_found", "has been deprecated", responses(model="gpt-3.5-turbo-0613"), 404, "model_not_found"),
    Refused("input_missing", "'input'", {"model": "gpt-5.4"}, 400, "missing_required_parameter", "input"),
    Refused("effort_unsupported", "'reasoning.effort' does not support 'minimal'",
        responses(reasoning={"effort": "minimal"}), 400, "unsupported_value", "reasoning.effort"),
    Refused("effort_unsupported", "'reasoning.effort' is not supported",
        responses(model="gpt-4o", reasoning={"effort": "low"}), 400, "unsupported_parameter", "reasoning.effort"),
    Refused("summary_unsupported", "'reasoning.summary'", responses(model="gpt-4o", reasoning={"summary": "auto"}),
        400, "unsupported_parameter", "reasoning.summary"),
    Refused("encrypted_unsupported", "Encrypted content is not supported",
        responses(model="gpt-4o", include=[ENCRYPTED]), 400, None, "include"),
    Refused("sampling_while_reasoning", "'temperature'", responses(temperature=0.5, reasoning={"effort": "low"}),
        400, "unsupported_parameter", "temperature"),
    Refused("sampling_while_reasoning", "'top_p'", responses(model="o3", top_p=0.5), 400, "unsupported_parameter",
        "top_p"),
    Refused("limit_over", "Expected a value <= 128000", responses(max_output_tokens=128_001), 400,
        "integer_above_max_value", "max_output_tokens"),
    Refused("metadata_over", "at most 16", responses(metadata={str(at): "a" for at in range(17)}), 400,
        "object_above_max_properties", "metadata"),
    Refused("item_not_kept", "Item with id 'rs_1' not found.", responses(USER, BARE, CALL, OUTPUT, store=False),
        404, None, "input"),
    Refused("item_not_kept", "Item with id 'msg_1' not found.", responses({"type": "item_reference", "id": "msg_1"}),
        404, None, "input"),
    Refused("previous_response_not_kept", "'resp_1' not found", responses(previous_response_id="resp_1"), 400,
        "previous_response_not_found", "previous_response_id"),
    Refused("reasoning_altered", "gAAA...else could not be verified", responses(USER, FOREIGN, CALL, OUTPUT), 400,
        "invalid_encrypted_content"),
    Refused("call_unpaired", "No tool output found for function call c1.", responses(USER, CALL), 400, None, "input"),
    Refused("call_unpaired", "No tool call found", responses(USER, OUTPUT), 400, None, "input"),
    Refused("tool_choice_missing", "not found in 'tools'",
        responses(tools=[FUNCTION], tool_choice={"type": "function", "name": "g"}), 400, None, "tool_choice"),
    Refused("stream_options_alone", "only allowed when 'stream'",
        responses(stream_options={"include_obfuscation": False}), 400, None, "stream_options"),
    Refused("json_unspoken", "must contain the word 'json'", responses(text={"format": {"type": "json_object"}}),
        400, None, "input"),
    Refused("schema_not_strict", "'additionalProperties' is required", responses(text={"format": FORMAT}), 400,
        "invalid_json_schema", "text.format.schema"),
    Refused("schema_not_strict", "'f'", responses(tools=[FUNCTION | {"strict": True, "parameters": OPEN}]), 400,
        "invalid_function_parameters", "tools[0].parameters"),
    Refused("context_length_exceeded", "exceeds the context window", responses(LONG, model="gpt-4o"), 400,
        "context_length_exceeded", "input"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.rule)
def test_it_is_refused_in_openais_words(case: Refused) -> None:
    refused = send(world(), PATH, case.body, headers=case.headers, drop=case.drop)
    assert refused.rule == case.rule, refused.body[:500]
    error = refused.json["error"]
    assert (refused.status, error["type"]) == (case.status, "invalid_request_error")
    assert case.says in error["message"]
    assert (error["code"], error["param"]) == (case.code, case.param)


def test_every_rule_of_the_table_has_a_case_and_a_source() -> None:
    row = OPENAI_RESPONSES_ROW
    table = (*row.door, *row.rules, *row.window)
    assert {rule.name for rule in table} - {case.rule for case in REFUSED} == {"reasoning_alone"}
    assert all(rule.source for rule in table)


def loop(**fields: Any) -> tuple[Any, dict[str, Any]]:
    """The first answer of a tool loop, with its reasoning, and the request for it."""
    asked = responses(
        USER | {"content": "hi [[simulate tool]]"},
        tools=[FUNCTION],
        reasoning={"effort": "low"},
        include=[ENCRYPTED],
        store=False,
        **fields,
    )
    into = world()
    return send(into, PATH, asked), asked


def test_reasoning_that_comes_back_unaltered_before_its_call_is_accepted() -> None:
    first, asked = loop()
    reasoning, call = first.json["output"]
    assert (reasoning["type"], call["type"]) == ("reasoning", "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
    again = asked | {"input": [*asked["input"], reasoning, call, result]}
    assert send(world(), PATH, again).status == 200
    without_ids = [{name: value for name, value in item.items() if name != "id"} for item in again["input"]]
    assert send(world(), PATH, again | {"input": without_ids}).status == 200
    altered = reasoning | {"encrypted_content": "A" + reasoning["encrypted_content"][1:]}
    refused = send(world(), PATH, again | {"input": [*asked["input"], altered, call, result]})
    assert refused.json["error"]["code"] == "invalid_encrypted_content"


def test_reasoning_without_what_followed_it_is_refused() -> None:
    first, asked = loop()
    reasoning, call = first.json["output"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}
    refused = send(world(), PATH, asked | {"input": [*asked["input"], call, result, reasoning, USER]})
    assert refused.rule == "reasoning_alone"
    assert "of type 'reasoning' was provided without its required following item." in refused.json["error"]["message"]


def test_a_stream_has_numbered_events_reasoning_items_and_the_whole_answer_at_its_end() -> None:
    streamed, _ = loop(stream=True)
    whole, _ = loop()
    events = streamed.events
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    told = [(item["type"], item.get("encrypted_content")) for item in events[-1]["response"]["output"]]
    assert told == [(item["type"], item.get("encrypted_content")) for item in whole.json["output"]]
    assert events[-1]["response"]["usage"] == whole.json["usage"]
    assert whole.json["usage"]["output_tokens_details"]["reasoning_tokens"] > 0


def test_a_summary_is_given_where_one_is_wanted() -> None:
    asked = responses(reasoning={"effort": "low", "summary": "auto"})
    reasoning, message = send(world(), PATH, asked).json["output"]
    assert reasoning["summary"][0]["text"]
    assert "encrypted_content" not in reasoning
    assert message["content"][0]["type"] == "output_text"


ACCEPTED: dict[str, Any] = {
    "a text": responses(),
    "temperature without reasoning": responses(temperature=0.5, top_p=0.5),
    "temperature where effort is none": responses(model="gpt-5.5", reasoning={"effort": "none"}, temperature=0.5),
    "outputs in any order": responses(
        USER, CALL, CALL | {"call_id": "c2"}, OUTPUT | {"call_id": "c2"}, OUTPUT, tools=[FUNCTION]
    ),
    "a tool choice": responses(tools=[FUNCTION], tool_choice={"type": "function", "name": "f"}),
    "JSON that was spoken of": responses(USER | {"content": "as JSON"}, text={"format": {"type": "json_object"}}),
    "a schema that is not strict": responses(text={"format": FORMAT | {"strict": False}}),
    "null for what is not there": responses(temperature=None, reasoning=None, store=None),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    answer = send(world(), PATH, ACCEPTED[name])
    assert answer.status == 200, answer.json
    assert answer.headers["x-ratelimit-remaining-requests"]
