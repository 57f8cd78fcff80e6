"""An answer as OpenAI writes it: the chunks of its stream, and the whole completion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.base import Encoder, Ending
from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.errors import RateLimitedError
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

USAGE = Usage(12, 2048, None, 5, 2)
WITH_USAGE: Any = {"stream_options": {"include_usage": True}}


def encoder(*, stream: bool = True, **extra: Any) -> Encoder:
    return OPENAI_CHAT.encoder(stream=stream, model="m", call_id="c1", created=7, extra=extra)


def stream_of(*events: Event, ending: Ending | None = None, **extra: Any) -> list[dict[str, Any]]:
    into = encoder(**extra)
    body = b"".join(into.feed(event) for event in events) + into.finish(ending or Ending("stop", "stop", "m", USAGE))
    assert body.endswith(b"\n\ndata: [DONE]\n\n")
    return [json.loads(line.removeprefix(b"data: ")) for line in body.split(b"\n\n")[:-2]]


def deltas(chunks: list[dict[str, Any]]) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks]


def test_the_chunks_of_a_stream() -> None:
    chunks = stream_of(Start("p", "gpt"), TextDelta(0, "Hel"), TextDelta(0, "lo"))
    assert deltas(chunks) == [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    for chunk in chunks:
        assert (chunk["id"], chunk["object"], chunk["created"], chunk["model"]) == (
            "chatcmpl-c1", "chat.completion.chunk", 7, "gpt",
        )  # fmt: skip
        assert "usage" not in chunk


def test_usage_comes_only_when_asked_for_in_a_chunk_without_choices() -> None:
    chunks = stream_of(TextDelta(0, "x"), **WITH_USAGE)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 2060, "completion_tokens": 5, "total_tokens": 2065,
        "prompt_tokens_details": {"cached_tokens": 2048}, "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, "yes"])
def test_options_that_do_not_ask_for_usage_get_none(options: Any) -> None:
    assert all("usage" not in chunk for chunk in stream_of(TextDelta(0, "x"), stream_options=options))


def test_calls_are_counted_up_and_name_themselves_once() -> None:
    chunks = stream_of(
        TextDelta(0, "x"),
        ToolCallBegin(1, "a", "f"),
        ToolCallBegin(2, "b", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(2, "{}"),
        ToolCallDelta(1, "}"),
        ToolCallEnd(1),
        ToolCallEnd(2),
        ending=Ending("tool_call", "tool_use", "m"),
    )
    calls = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert calls[0] == {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert [(call["index"], call["function"]["arguments"]) for call in calls[2:]] == [(0, "{"), (1, "{}"), (0, "}")]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_thinking_goes_out_under_the_name_that_most_clients_read() -> None:
    chunks = stream_of(ThinkingDelta(0, "hm"), Notice("c", "m"), State(0, "anthropic", "m", "signature", b"Eq"))
    assert deltas(chunks) == [{"role": "assistant", "content": "", "reasoning_content": "hm"}, {}]


def test_the_whole_completion() -> None:
    into = encoder(stream=False)
    events: list[Event] = [
        Start("p", "gpt"), ThinkingDelta(0, "h"), ThinkingDelta(0, "m"), TextDelta(1, "H"), TextDelta(1, "i"),
        ToolCallBegin(2, "a", "f"), ToolCallEnd(2), State(3, "openrouter", "m", "reasoning_details", b'[{"x":1}]'),
    ]  # fmt: skip
    assert [into.feed(event) for event in events] == [b""] * len(events)
    value = json.loads(into.finish(Ending("tool_call", "tool_calls", "m", USAGE)))
    assert (value["object"], value["model"], value["usage"]["total_tokens"]) == ("chat.completion", "gpt", 2065)
    assert value["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant", "content": "Hi", "refusal": None, "reasoning_content": "hm",
                "reasoning_details": [{"x": 1}],
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ]  # fmt: skip


def test_a_refusal_has_its_field() -> None:
    ending = Ending("content_filter", "stop", "m", refusal="No.")
    assert {"role": "assistant", "content": "", "refusal": "No."} in deltas(stream_of(ending=ending))
    value = json.loads(encoder(stream=False).finish(ending))
    assert value["choices"][0]["message"]["refusal"] == "No."


def test_reasons_of_other_protocols_become_openais() -> None:
    for reason, raw, written in [
        ("stop", "end_turn", "stop"), ("length", "max_tokens", "length"), ("tool_call", "tool_use", "tool_calls"),
        ("content_filter", "refusal", "content_filter"), ("tool_call", "stop", "tool_calls"), ("stop", None, "stop"),
    ]:  # fmt: skip
        chunks = stream_of(ending=Ending(reason, raw, "m"))  # type: ignore[arg-type]  # words from a table
        assert chunks[-1]["choices"][0]["finish_reason"] == written


def test_a_stream_that_breaks_off_ends_in_an_error() -> None:
    body = encoder().fail(RateLimitedError("slow"))
    assert json.loads(body.removeprefix(b"data: "))["error"]["code"] == "rate_limit_exceeded"
    assert json.loads(encoder(stream=False).fail(RateLimitedError("slow")))["error"]["message"] == "slow"
