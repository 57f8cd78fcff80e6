"""Answers of Ollama, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.base import Decoder
from kruxos.events import (
    Event,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
    UsageUpdate,
)
from kruxos.messages import Text, ToolCall
from tests.dialects.support import decoder, parts_of, run, sent, target

AIM = target("ollama", "qwen3:8b")
DONE: dict[str, Any] = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 9,
    "prompt_eval_count": 26,
    "eval_count": 282,
}


def line(content: str = "", **fields: Any) -> dict[str, Any]:
    own: dict[str, Any] = {name: fields.pop(name) for name in ("thinking", "tool_calls") if name in fields}
    message = {"role": "assistant", "content": content, **own}
    return {"model": "qwen3:8b", "created_at": "2026-08-07T06:08:46Z", "message": message, "done": False} | fields


def ndjson(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def read(*lines: dict[str, Any], **tool_names: str) -> tuple[Decoder, list[Event]]:
    reading = decoder(AIM, sent(None, **tool_names), "application/x-ndjson")
    return reading, run(reading, ndjson(*lines))


def test_lines_go_out_as_they_come_and_the_last_one_ends_the_answer() -> None:
    reading = decoder(AIM, content_type="application/x-ndjson")
    assert reading.feed(ndjson(line("Hel"))) == [Start("my-provider", "qwen3:8b"), TextDelta(0, "Hel")]
    assert reading.feed(ndjson(line("lo")) + ndjson(line(**DONE))[:9]) == [TextDelta(0, "lo")]
    usage = Usage(uncached_input_tokens=26, output_tokens=282)
    assert reading.feed(ndjson(line(**DONE))[9:]) == [UsageUpdate(usage)]
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("stop", "stop")
    assert reading.raw_usage == {"total_duration": 9, "prompt_eval_count": 26, "eval_count": 282}
    assert reading.finish() == []


def test_a_stream_without_its_last_line_is_interrupted() -> None:
    reading, _ = read(line("Hel"), line("lo"))
    assert reading.ending is None
    assert reading.error is not None
    assert reading.error.code == "interrupted"


def test_thinking_is_marked_as_its_own_and_comes_before_text() -> None:
    _, events = read(line(thinking="hm"), line("yes", thinking="."), line(**DONE))
    assert events[1:5] == [
        State(0, "ollama", "qwen3:8b", "thinking", b""),
        ThinkingDelta(0, "hm"),
        ThinkingDelta(0, "."),
        TextDelta(1, "yes"),
    ]


def test_tool_calls_come_whole_and_their_end_is_told_as_stop() -> None:
    calls = [{"id": "call_1", "function": {"index": 0, "name": "x_y", "arguments": {"a": 1}}}]
    reading, events = read(line(tool_calls=calls), line(**DONE), x_y="x.y")
    assert events[1:4] == [ToolCallBegin(0, "call_1", "x.y"), ToolCallDelta(0, '{"a":1}'), ToolCallEnd(0)]
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("tool_call", "stop")


def test_tool_calls_without_ids_get_ids_that_differ() -> None:
    calls = [{"function": {"name": "f", "arguments": {}}}, {"function": {"name": "f", "arguments": {}}}]
    _, events = read(line(tool_calls=calls), line(**DONE))
    ids = [part.id for part in parts_of(events) if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(ids)


@pytest.mark.parametrize(
    ("raw", "reason"), [("stop", "stop"), ("length", "length"), ("load", "stop"), ("unload", "stop"), ("new", "stop")]
)
def test_every_reason_has_its_word(raw: str, reason: str) -> None:
    reading, _ = read(line("x"), line(done=True, done_reason=raw))
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == (reason, raw)
    assert reading.usage is None


def test_a_whole_answer_is_a_stream_of_one_line() -> None:
    reading = decoder(AIM, content_type="application/json")
    events = run(reading, json.dumps(line("hello", **DONE), indent=1).encode())
    assert parts_of(events) == [Text("hello")]
    assert reading.ending is not None


def test_generate_has_its_text_in_another_place() -> None:
    _, events = read({"model": "m", "response": "hel", "done": False}, {"model": "m", "response": "lo", **DONE})
    assert parts_of(events) == [Text("hello")]


def test_an_error_in_a_line_ends_the_stream() -> None:
    reading, events = read(line("a"), {"error": "an error was encountered while running the model"}, line(**DONE))
    assert parts_of(events) == [Text("a")]
    assert reading.ending is None
    assert reading.error is not None
    assert reading.error.code == "provider_error"
    assert reading.error.detail.excerpt == "an error was encountered while running the model"
    assert reading.error.detail.billed_maybe


def test_a_line_that_is_no_json_is_a_fault_of_the_protocol() -> None:
    reading = decoder(AIM, content_type="application/x-ndjson")
    run(reading, b'{"model": oops}\n')
    assert reading.error is not None
    assert reading.error.code == "provider_protocol"
