"""Our events as an answer in Responses: streamed with everything that clients count on, and whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos import errors
from kruxos.dialects.base import Ending
from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.openai_responses.state import sealed, unsealed
from kruxos.dialects.sse import EventStream
from kruxos.events import (
    Event,
    FinishReason,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
)
from kruxos.messages import ProviderState

STOP = Ending("stop", None, "m-1", Usage(6, 20, 4, 9, 5))


def encoder(extra: dict[str, Any] | None = None, *, stream: bool = True) -> Any:
    return OPENAI_RESPONSES.encoder(stream=stream, model="asked-for", call_id="c1", created=7, extra=extra or {})


def streamed(events: list[Event], ending: Ending = STOP, extra: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    writer = encoder(extra)
    body = b"".join([*(writer.feed(event) for event in events), writer.finish(ending)])
    told = list(EventStream().feed(body))
    values = [json.loads(each.data) for each in told]
    assert [each.name for each in told] == [value["type"] for value in values]
    assert [value["sequence_number"] for value in values] == list(range(len(values)))
    return values


def items(events: list[Event], extra: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The items of a stream's last event, which are those of its own events and of the whole answer too."""
    values = streamed(events, extra=extra)
    done = {value["output_index"]: value["item"] for value in values if value["type"] == "response.output_item.done"}
    output: list[dict[str, Any]] = values[-1]["response"]["output"]
    assert [done[place] for place in sorted(done)] == output
    writer = encoder(extra, stream=False)
    assert b"".join(writer.feed(event) for event in events) == b""
    assert json.loads(writer.finish(STOP))["output"] == output
    return output


def test_a_stream_of_text() -> None:
    values = streamed([Start("p", "m-1"), TextDelta(0, "Hel"), TextDelta(0, "lo")])
    assert [value["type"].removeprefix("response.") for value in values] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    first, last = values[0]["response"], values[-1]["response"]
    assert (first["id"], first["status"], first["model"], first["created_at"]) == ("resp_c1", "in_progress", "m-1", 7)
    assert (last["status"], last["incomplete_details"]) == ("completed", None)
    assert last["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 39,
    }
    assert last["output"][0]["content"] == [{"type": "output_text", "text": "Hello", "annotations": []}]


def test_what_names_an_item_is_the_same_in_all_of_its_events() -> None:
    values = streamed([TextDelta(0, "a"), ToolCallBegin(1, "c", "f"), ToolCallDelta(1, "{}"), ToolCallEnd(1)])
    for place in (0, 1):
        named = {value.get("item_id") or value["item"]["id"] for value in values if value.get("output_index") == place}
        assert len(named) == 1


def test_calls_grow_side_by_side_in_places_of_their_own() -> None:
    events: list[Event] = [
        ToolCallBegin(0, "a", "f"), ToolCallBegin(1, "b", "g"), ToolCallDelta(1, "{}"), ToolCallDelta(0, '{"x":1}'),
        ToolCallEnd(1), ToolCallEnd(0),
    ]  # fmt: skip
    assert [(item["call_id"], item["name"], item["arguments"]) for item in items(events)] == [
        ("a", "f", '{"x":1}'), ("b", "g", "{}"),
    ]  # fmt: skip


def test_a_call_without_arguments_has_an_empty_object() -> None:
    (item,) = items([ToolCallBegin(0, "a", "f")])
    assert (item["arguments"], item["status"]) == ("{}", "completed")


def test_thinking_is_reasoning_with_a_summary() -> None:
    reasoning, message = items([ThinkingDelta(0, "Hm"), ThinkingDelta(0, "m."), TextDelta(1, "so")])
    assert (reasoning["type"], reasoning["summary"]) == ("reasoning", [{"type": "summary_text", "text": "Hmm."}])
    assert "encrypted_content" not in reasoning
    assert message["type"] == "message"


def test_reasoning_that_came_as_an_item_goes_out_as_it_was() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_9",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": "g",
    }
    state = State(0, "openai", "m", "reasoning_item", json.dumps(item).encode())
    assert items([ThinkingDelta(0, "Hm."), state]) == [item]
    assert items([state]) == [item]


def test_full_reasoning_text_is_told_once() -> None:
    item = {"type": "reasoning", "id": "rs_9", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    (told,) = items([ThinkingDelta(0, "Hm."), State(0, "grok", "m", "reasoning_item", json.dumps(item).encode())])
    assert told == {"type": "reasoning", "id": "rs_9", "summary": [{"type": "summary_text", "text": "Hm."}]}


@pytest.mark.parametrize(
    "events",
    [
        [ThinkingDelta(0, "Hm."), State(0, "anthropic", "m", "signature", b"Eq\xff")],
        [State(0, "deepseek", "m", "reasoning_content", b""), ThinkingDelta(0, "Hm.")],
        [State(0, "anthropic", "m", "redacted_thinking", b"xyz")],
    ],
)
def test_state_of_others_travels_sealed_in_reasoning(events: list[Event]) -> None:
    (item,) = items(events)
    state = next(event for event in events if isinstance(event, State))
    assert unsealed(item["encrypted_content"]) == ProviderState(state.origin, state.model, state.kind, state.data)


@pytest.mark.parametrize("word", ["gAAAA", "", "kruxos-state-1.", "kruxos-state-1.%%.x", "kruxos-state-1.e30=.AA=="])
def test_what_is_no_sealed_state_is_none(word: str) -> None:
    assert unsealed(word) is None


def test_a_sealed_state_is_read_as_it_was() -> None:
    state = ProviderState("generic@h:1", "a.b/c", "signature", bytes(range(256)))
    assert unsealed(sealed(state)) == state


def test_a_call_of_a_free_form_tool_goes_out_in_its_form() -> None:
    events: list[Event] = [ToolCallBegin(0, "c", "apply_patch"), ToolCallDelta(0, "*** Begin"), ToolCallEnd(0)]
    (item,) = items(events, {"tools[0]": {"type": "custom", "name": "apply_patch"}})
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "c", "*** Begin")


def test_odd_values_beside_a_request_are_passed_over() -> None:
    extra = {"tools[0]": {"type": ["custom"]}, "x": [1], "y": {"type": "custom"}, "z": None}
    (item,) = items([ToolCallBegin(0, "c", "f")], extra)
    assert item["type"] == "function_call"


def test_a_call_of_the_computer_goes_out_as_it_came() -> None:
    item = {"type": "computer_call", "id": "cu_1", "call_id": "c", "action": {"type": "click"}}
    events: list[Event] = [
        ToolCallBegin(0, "c", "computer_call"), ToolCallDelta(0, '{"type":"click"}'),
        State(0, "openai", "m", "item", json.dumps(item).encode()), ToolCallEnd(0),
    ]  # fmt: skip
    assert items(events, {"tools[0]": {"type": "computer_use_preview"}}) == [item]


def test_annotations_and_phases_go_out_with_their_text() -> None:
    beside = {"phase": "commentary", "annotations": [{"type": "url_citation"}]}
    (item,) = items([TextDelta(0, "a"), State(0, "openai", "m", "message_item", json.dumps(beside).encode())])
    assert (item["phase"], item["content"][0]["annotations"]) == ("commentary", [{"type": "url_citation"}])


def test_a_refusal_is_a_message_of_its_own() -> None:
    ending = Ending("content_filter", None, "m", refusal="I won't.")
    values = streamed([TextDelta(0, "a")], ending)
    assert [value["delta"] for value in values if value["type"] == "response.refusal.delta"] == ["I won't."]
    assert values[-1]["type"] == "response.completed"
    assert values[-1]["response"]["output"][1]["content"] == [{"type": "refusal", "refusal": "I won't."}]


@pytest.mark.parametrize(
    ("reason", "detail", "told"),
    [
        ("length", None, "max_output_tokens"),
        ("length", "max_tokens", "max_tokens"),
        ("content_filter", None, "content_filter"),
    ],
)
def test_an_answer_that_is_cut_is_incomplete(reason: FinishReason, detail: str | None, told: str) -> None:
    last = streamed([TextDelta(0, "a")], Ending(reason, "max_tokens", "m", stop_detail=detail))[-1]
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
    assert last["response"]["incomplete_details"] == {"reason": told}
    assert last["response"]["usage"] is None


def test_a_stream_that_breaks_off_says_so_in_both_ways_that_clients_read() -> None:
    writer = encoder()
    body = writer.feed(TextDelta(0, "x")) + writer.fail(errors.ProviderOverloadedError("busy"))
    values = [json.loads(each.data) for each in EventStream().feed(body)]
    assert [value["type"] for value in values[-2:]] == ["error", "response.failed"]
    assert values[-2]["error"]["code"] == values[-1]["response"]["error"]["code"] == "server_is_overloaded"
    assert values[-1]["response"]["status"] == "failed"


def test_an_answer_that_is_collected_fails_as_one_body() -> None:
    assert json.loads(encoder(stream=False).fail(errors.InternalError("oops")))["error"]["message"] == "oops"


def test_an_error_from_the_start_is_openais() -> None:
    status, headers, body = OPENAI_RESPONSES.encode_error(errors.ModelNotFoundError("no"))
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body)["error"]["code"] == "model_not_found"
