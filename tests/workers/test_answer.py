"""What of an answer leaves when."""

from __future__ import annotations

from typing import Any

from kruxos import events, wire
from kruxos.catalog import Shelf
from kruxos.dialects.base import Ending
from kruxos.errors import KruxosError, RateLimitedError
from kruxos.events import Notice, Start, State, TextDelta, Usage, UsageUpdate
from kruxos_workers.answer import Answer


def answer(*, stream: bool = True) -> Answer:
    return Answer(7, provider="p", shelf=Shelf("anthropic"), model="claude-sonnet-4-6", stream=stream)


def bodies(frames: list[wire.Frame]) -> list[list[events.Event]]:
    return [list(events.decode_events(frame.body)) for frame in frames]


START, TOLD = Start("p", "m"), Notice("effort_clamped", "low it is")


def test_the_preamble_waits_for_content() -> None:
    out = answer()
    assert out.take([TOLD]) == []
    assert out.take([START]) == []
    assert not out.committed
    assert bodies(out.take([TextDelta(0, "a")])) == [[START, TOLD, TextDelta(0, "a")]]
    assert out.committed


def test_after_that_each_read_leaves_as_one_frame() -> None:
    out = answer()
    out.take([START, TextDelta(0, "a")])
    assert bodies(out.take([TextDelta(0, "b"), TextDelta(0, "c")])) == [[TextDelta(0, "b"), TextDelta(0, "c")]]
    assert out.take([]) == []


def test_an_answer_without_content_leaves_whole_with_its_end() -> None:
    out = answer()
    out.take([START])
    end = out.end(Ending("stop", "end_turn", "m"), request_id="r", upstream_us=5, now=0.0)
    assert bodies([end]) == [[START]]
    assert (end.id, end.finish_reason, end.upstream_request_id, end.upstream_us) == (7, "stop", "r", 5)


def test_an_answer_that_is_not_streamed_leaves_whole_with_its_end() -> None:
    out = answer(stream=False)
    assert out.take([START, TextDelta(0, "a")]) == []
    end = out.end(Ending("stop", "end_turn", "m"), request_id=None, upstream_us=0, now=0.0)
    assert bodies([end]) == [[START, TextDelta(0, "a")]]


def test_what_is_over_the_frame_size_is_split_between_events() -> None:
    out = answer()
    half = "x" * (wire.EVENT_BYTES_AIM // 2 + 1)
    frames = out.take([START, *(TextDelta(0, half) for _ in range(3))])
    assert len(frames) == 3
    assert sum(len(each) for each in bodies(frames)) == 4


def test_an_end_is_priced_by_the_model_that_the_answer_names() -> None:
    out = answer()
    usage = Usage(uncached_input_tokens=1_000_000, output_tokens=0)
    priced = out.end(Ending("stop", None, "claude-opus-4-6", usage), request_id=None, upstream_us=0, now=0.0)
    assert priced.cost["total"] == "5"
    unknown = out.end(Ending("stop", None, "no-such-model", usage), request_id=None, upstream_us=0, now=0.0)
    assert unknown.cost == {}


def test_a_failure_carries_what_was_used_until_then() -> None:
    class Decoding:
        def __init__(self) -> None:
            self.ending: Ending | None = None
            self.error: KruxosError | None = None
            self.usage: Usage | None = Usage(uncached_input_tokens=10)
            self.raw_usage: dict[str, Any] = {"input_tokens": 10}

        def feed(self, data: bytes) -> list[events.Event]:
            return []

        def finish(self) -> list[events.Event]:
            return []

    frame = answer().fail(RateLimitedError("no"), "refused", Decoding())
    assert (frame.failure, frame.usage, frame.raw_usage) == (
        "refused", {"uncached_input_tokens": 10}, {"input_tokens": 10})  # fmt: skip
    assert frame.error["provider"] == "p"


def test_state_counts_as_content_and_usage_does_not() -> None:
    out = answer()
    assert out.take([UsageUpdate(Usage())]) == []
    assert len(out.take([State(0, "anthropic", "m", "signature", b"x")])) == 1
