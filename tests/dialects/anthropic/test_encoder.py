"""An answer as Anthropic writes it: the grammar of its stream, and the whole message."""

from __future__ import annotations

import json
from typing import Any

from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.dialects.base import Encoder, Ending
from kruxos.errors import ProviderOverloadedError
from kruxos.events import (
    Event,
    Notice,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
)

USAGE = Usage(12, 2048, 30, 5, 2, 10)


def encoder(*, stream: bool = True, **extra: Any) -> Encoder:
    return ANTHROPIC.encoder(stream=stream, model="m", call_id="c1", created=0, extra=extra)


def stream_of(*events: Event, ending: Ending | None = None, **extra: Any) -> list[dict[str, Any]]:
    into = encoder(**extra)
    body = b"".join(into.feed(event) for event in events) + into.finish(ending or Ending("stop", None, "m", USAGE))
    blocks = [block.split(b"\n") for block in body.split(b"\n\n") if block]
    values = [json.loads(data.removeprefix(b"data: ")) for _, data in blocks]
    assert [name for name, _ in blocks] == [b"event: " + value["type"].encode() for value in values]
    return values


def types(values: list[dict[str, Any]]) -> list[str]:
    return [value["type"] for value in values]


def test_the_grammar_of_a_stream() -> None:
    values = stream_of(Start("p", "claude"), TextDelta(0, "Hel"), TextDelta(0, "lo"))
    assert types(values) == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert values[0]["message"] == {
        "id": "msg_c1", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
    }  # fmt: skip
    assert values[1] == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert values[2] == {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}}
    assert values[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 12, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 2048,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2},
        },
    }  # fmt: skip


def test_an_answer_without_a_start_begins_all_the_same_and_a_ping_comes_when_asked_for() -> None:
    assert types(stream_of(TextDelta(0, "x"), ping=True))[:2] == ["message_start", "ping"]
    assert types(stream_of()) == ["message_start", "message_delta", "message_stop"]


def test_blocks_follow_each_other() -> None:
    values = stream_of(
        ThinkingDelta(0, "hm"), State(0, "anthropic", "m", "signature", b"Eq"), TextDelta(1, "a"),
        ToolCallBegin(2, "t", "f"), ToolCallDelta(2, '{"a":1}'), ToolCallEnd(2), TextDelta(3, "b"),
    )  # fmt: skip
    starts = [value["content_block"]["type"] for value in values if value["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use", "text"]
    open_blocks: list[int] = []
    for value in values:
        match value["type"]:
            case "content_block_start":
                assert open_blocks == []
                open_blocks.append(value["index"])
            case "content_block_delta":
                assert open_blocks == [value["index"]]
            case "content_block_stop":
                assert open_blocks.pop() == value["index"]
            case _:
                assert open_blocks == []


def test_calls_whose_pieces_come_mixed_leave_one_after_the_other() -> None:
    values = stream_of(
        ToolCallBegin(0, "a", "f"), ToolCallBegin(1, "b", "g"), ToolCallDelta(0, '{"x"'), ToolCallDelta(1, "{"),
        ToolCallDelta(0, ":1}"), ToolCallDelta(1, "}"), ToolCallEnd(0), ToolCallEnd(1),
    )  # fmt: skip
    pieces = [
        (value["index"], value["delta"]["partial_json"]) for value in values if value["type"] == "content_block_delta"
    ]
    assert pieces == [(0, '{"x"'), (0, ":1}"), (1, "{"), (1, "}")]


def test_calls_that_never_end_are_closed_with_the_answer() -> None:
    values = stream_of(ToolCallBegin(0, "a", "f"), ToolCallBegin(1, "b", "g"), ToolCallDelta(1, "{}"))
    assert types(values).count("content_block_stop") == 2


def test_notices_and_states_of_others_have_no_bytes() -> None:
    into = encoder()
    into.feed(TextDelta(0, "x"))
    assert into.feed(Notice("code", "message")) == b""
    assert into.feed(State(0, "deepseek", "m", "reasoning_content", b"")) == b""


def test_the_whole_message() -> None:
    into = encoder(stream=False)
    events: list[Event] = [
        Start("p", "claude"), ThinkingDelta(0, "h"), ThinkingDelta(0, "m"), State(0, "a", "m", "signature", b"Eq"),
        TextDelta(1, "Hi"), State(1, "a", "m", "citations", b'[{"url":"u"}]'),
        State(2, "a", "m", "block", b'{"type":"server_tool_use","name":"n"}'),
        ToolCallBegin(3, "t", "f"), ToolCallDelta(3, '{"a"'), ToolCallDelta(3, ":1}"), ToolCallEnd(3),
    ]  # fmt: skip
    assert [into.feed(event) for event in events] == [b""] * len(events)
    assert into.content_type == "application/json"
    value = json.loads(into.finish(Ending("tool_call", "tool_use", "m", USAGE)))
    assert (value["model"], value["stop_reason"], value["usage"]["output_tokens"]) == ("claude", "tool_use", 5)
    assert value["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "Eq"},
        {"type": "text", "text": "Hi", "citations": [{"url": "u"}]},
        {"type": "server_tool_use", "name": "n"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]


def test_reasons_of_other_protocols_become_anthropics() -> None:
    for reason, raw, written in [
        ("stop", "stop", "end_turn"), ("length", "length", "max_tokens"), ("tool_call", "tool_calls", "tool_use"),
        ("content_filter", "sensitive", "refusal"), ("stop", "pause_turn", "pause_turn"), ("stop", None, "end_turn"),
    ]:  # fmt: skip
        value = stream_of(ending=Ending(reason, raw, "m"))[-2]  # type: ignore[arg-type]  # words from a table
        assert value["delta"]["stop_reason"] == written


def test_a_stream_that_breaks_off_ends_in_an_error_event() -> None:
    body = encoder().fail(ProviderOverloadedError("busy"))
    assert body.startswith(b"event: error\ndata: ")
    assert json.loads(body.split(b"data: ")[1])["error"] == {"type": "overloaded_error", "message": "busy"}
    assert json.loads(encoder(stream=False).fail(ProviderOverloadedError("busy")))["type"] == "error"
