"""A call from its frames to its reply or error."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import errors, wire
from kruxos.client import call as call_module
from kruxos.client.call import Call, token_count
from kruxos.events import (
    Event,
    Notice,
    Reply,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
    UsageUpdate,
    encode_events,
)
from kruxos.messages import Text, Thinking, ToolCall

RUN: list[Event] = [
    Start("claude", "model-1"),
    ThinkingDelta(0, "hm"),
    TextDelta(1, "a"),
    TextDelta(1, "b"),
    ToolCallBegin(2, "t1", "search"),
    ToolCallDelta(2, '{"q":'),
    ToolCallDelta(2, "1}"),
    ToolCallEnd(2),
]
PARTS = [Thinking("hm"), Text("ab"), ToolCall("t1", "search", arguments_json='{"q":1}')]


def event(*run: Event) -> wire.Event:
    return wire.Event(id=1, body=encode_events(run))


def end(*run: Event, **header: Any) -> wire.End:
    return wire.End(id=1, body=encode_events(run), **header)


def drain(call: Call) -> list[Event]:
    seen: list[Event] = []
    while (each := call.next_event()) is not None:
        seen.append(each)
    return seen


def test_events_come_out_one_by_one_however_they_were_merged() -> None:
    call = Call(1)
    call.take(event(*RUN[:3]))
    call.take(event(*RUN[3:4]))
    assert (drain(call), call.over) == (RUN[:4], False)
    call.take(end(*RUN[4:]))
    assert call.over
    assert drain(call) == RUN[4:]


@given(st.lists(st.integers(0, len(RUN)), max_size=6).map(sorted))
def test_any_cut_gives_the_same_events_and_the_same_reply(cuts: list[int]) -> None:
    call = Call(1)
    for first, last in zip([0, *cuts], [*cuts, len(RUN)], strict=True):
        call.take(event(*RUN[first:last]))
    call.take(end(finish_reason="tool_call"))
    assert drain(call) == RUN
    assert call.reply().parts == PARTS


def test_the_reply_has_what_the_end_says() -> None:
    call = Call(1)
    call.take(
        end(
            *RUN,
            provider="deepseek",
            model="model-2",
            finish_reason="tool_call",
            raw_finish_reason="tool_use",
            usage={"uncached_input_tokens": 3, "output_tokens": 4},
            raw_usage={"in": 3},
            cost={"amount": "0.1", "currency": "USD"},
            notices=[{"code": "fallback", "message": "moved"}],
            upstream_request_id="r",
            call_id="c",
            attempts=[{"provider": "claude", "model": None, "outcome": "rate_limited"}],
            overhead_us=9,
        )
    )
    reply = call.reply()
    assert (reply.text, reply.thinking, [tool.name for tool in reply.tool_calls]) == ("ab", "hm", ["search"])
    assert (reply.provider, reply.model) == ("deepseek", "model-2")
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_call", "tool_use")
    assert reply.usage == Usage(uncached_input_tokens=3, output_tokens=4)
    assert (reply.raw_usage, reply.cost) == ({"in": 3}, {"amount": "0.1", "currency": "USD"})
    assert reply.notices == [Notice("fallback", "moved")]
    assert (reply.call_id, reply.upstream_request_id, reply.overhead_us) == ("c", "r", 9)
    assert [attempt.outcome for attempt in reply.attempts] == ["rate_limited"]


def test_what_the_end_leaves_out_comes_from_the_events() -> None:
    call = Call(1)
    call.take(end(*RUN, UsageUpdate(Usage(output_tokens=5)), finish_reason="stop"))
    reply = call.reply()
    assert (reply.provider, reply.model, reply.usage) == ("claude", "model-1", Usage(output_tokens=5))
    assert (reply.raw_usage, reply.cost) == (None, None)


def test_a_notice_told_twice_is_told_once() -> None:
    call = Call(1)
    notice = Notice("clamped", "effort high instead of max", {"from": "max"})
    wire_notice = {"code": "clamped", "message": "effort high instead of max", "data": {"from": "max"}}
    call.take(end(notice, notices=[wire_notice, {"code": "other", "message": "x"}]))
    assert call.reply().notices == [notice, Notice("other", "x")]


def test_asking_for_the_reply_too_early_costs_no_event() -> None:
    call = Call(1)
    call.take(event(*RUN))
    with pytest.raises(RuntimeError, match="has not ended"):
        call.reply()
    assert drain(call) == RUN


def test_an_error_comes_after_the_events_and_brings_the_part_that_had_come() -> None:
    call = Call(1)
    call.take(event(*RUN[:3]))
    wired = errors.StreamInterruptedError(
        "cut", provider="claude", retry_at=5.0, request_id="r", call_id="c", attempts=[]
    ).to_wire()
    call.take(
        wire.Error(id=1, error=wired, body=encode_events(RUN[3:4]), usage={"output_tokens": 2}, cost={"amount": "1"})
    )
    assert [call.next_event() for _ in range(4)] == RUN[:4]
    with pytest.raises(errors.StreamInterruptedError, match="cut") as caught:
        call.next_event()
    reply = caught.value.reply
    assert reply is not None
    assert (reply.parts, reply.finish_reason) == ([Thinking("hm"), Text("ab")], "error")
    assert (reply.usage, reply.cost) == (Usage(output_tokens=2), {"amount": "1"})
    assert (reply.provider, reply.model) == ("claude", "model-1")
    assert (reply.call_id, reply.upstream_request_id, caught.value.retry_at) == ("c", "r", 5.0)
    with pytest.raises(errors.StreamInterruptedError):
        call.reply()


def test_an_error_without_an_answer_brings_no_reply() -> None:
    call = Call(1)
    call.take(wire.Error(id=1, error=errors.RateLimitedError("later").to_wire()))
    with pytest.raises(errors.RateLimitedError) as caught:
        call.reply()
    assert caught.value.reply is None


def test_a_failure_on_this_side_leaves_the_events_readable() -> None:
    call = Call(1)
    call.take(event(TextDelta(0, "half")))
    call.fail(errors.ConnectionLostError("gone", billed_maybe=True))
    assert call.next_event() == TextDelta(0, "half")
    with pytest.raises(errors.ConnectionLostError) as caught:
        call.next_event()
    assert caught.value.billed_maybe
    assert caught.value.reply is not None
    assert caught.value.reply.text == "half"


def test_nothing_counts_after_the_end() -> None:
    call = Call(1)
    call.take(end(TextDelta(0, "whole"), finish_reason="stop"))
    call.fail(errors.ConnectionLostError("too late"))
    call.take(event(TextDelta(0, "too late")))
    call.take(wire.Error(id=1, error=errors.InternalError("too late").to_wire()))
    assert call.reply().text == "whole"


@pytest.mark.parametrize("body", [b"\xc1", b"\x01", msgpack.packb({"type": "text"}), msgpack.packb(["text", 0, "x"])])
def test_events_that_cannot_be_read_are_a_fault_of_the_gateway(body: bytes) -> None:
    call = Call(1)
    call.take(event(TextDelta(0, "fine")))
    call.take(wire.End(id=1, body=body))
    assert call.next_event() == TextDelta(0, "fine")
    with pytest.raises(errors.InternalError, match="cannot be read") as caught:
        call.next_event()
    assert caught.value.reply is not None
    assert caught.value.reply.text == "fine"


def test_events_left_unread_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "UNREAD_BYTES_MAX", 1000)
    call = Call(1)
    call.take(event(TextDelta(0, "x" * 600)))
    assert (len(drain(call)), call.over) == (1, False)
    call.take(event(TextDelta(0, "y" * 600)))
    assert (call.ready, call.over) == (True, False)
    call.take(event(TextDelta(0, "z" * 600)))
    assert call.over
    with pytest.raises(errors.SlowConsumerError):
        drain(call)


def test_a_count_is_the_input_tokens_of_its_usage() -> None:
    assert token_count(Reply(usage=Usage(uncached_input_tokens=5, cache_read_tokens=2))) == 7
    with pytest.raises(errors.InternalError):
        token_count(Reply())
