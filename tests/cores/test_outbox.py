"""What waits for an agent: in order, merged, bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos import framing, wire
from kruxos.cores.outbox import CALL_BYTES_MAX, Outbox


def taken(outbox: Outbox) -> list[wire.Frame]:
    frames: list[wire.Frame] = []
    while outbox:
        message, _ = outbox.take()
        assert len(message) <= wire.MESSAGE_BYTES_MAX
        frames += framing.decode_message(message)
    return frames


def test_runs_of_one_call_that_wait_leave_as_one_frame() -> None:
    outbox = Outbox()
    outbox.put_events(1, b"a")
    outbox.put_events(1, b"b")
    outbox.put_last(1, wire.End(id=1))
    assert taken(outbox) == [wire.Event(id=1, body=b"ab"), wire.End(id=1)]


def test_all_that_waits_leaves_in_one_message() -> None:
    outbox = Outbox()
    outbox.put(wire.Pong(id=9))
    outbox.put_events(1, b"a")
    outbox.put_events(2, b"b")
    message, _ = outbox.take()
    assert framing.decode_message(message) == [
        wire.Pong(id=9),
        wire.Event(id=1, body=b"a"),
        wire.Event(id=2, body=b"b"),
    ]
    assert not outbox


def test_a_call_over_its_bound_is_paused_once_and_resumed_once_there_is_room() -> None:
    outbox = Outbox()
    piece = bytes(256 * 1024)
    paused = [outbox.put_events(1, piece) for _ in range(CALL_BYTES_MAX // len(piece) + 3)]
    assert paused.count(True) == 1
    resumed: list[int] = []
    while outbox:
        _, calls = outbox.take()
        resumed += calls
    assert resumed == [1]
    assert outbox.queued_bytes == 0


def test_a_large_answer_travels_alone() -> None:
    outbox = Outbox()
    outbox.put_events(1, b"small")
    outbox.put_last(2, wire.End(id=2, body=bytes(wire.REQUEST_BYTES_MAX)))
    first, _ = outbox.take()
    assert framing.decode_message(first) == [wire.Event(id=1, body=b"small")]
    assert len(taken(outbox)) == 1


def test_dropped_events_are_gone_and_the_last_frame_stays() -> None:
    outbox = Outbox()
    outbox.put_events(1, b"a")
    outbox.drop_events(1)
    outbox.put_last(1, wire.Error(id=1))
    assert taken(outbox) == [wire.Error(id=1)]
    assert outbox.queued_bytes == 0


ACTIONS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["event", "last", "take"]), st.binary(min_size=1, max_size=5)),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(ACTIONS)
def test_each_calls_bytes_arrive_whole_and_in_order(actions: list[tuple[int, str, bytes]]) -> None:
    outbox, sent, came = Outbox(), dict.fromkeys(range(1, 5), b""), dict.fromkeys(range(1, 5), b"")
    over: set[int] = set()
    ends: list[int] = []
    frames: list[wire.Frame] = []
    for number, action, body in actions:
        if action == "take":
            frames += framing.decode_message(outbox.take()[0]) if outbox else []
        elif number not in over and action == "event":
            outbox.put_events(number, body)
            sent[number] += body
        elif number not in over:
            outbox.put_last(number, wire.End(id=number))
            over.add(number)
    for frame in [*frames, *taken(outbox)]:
        if isinstance(frame, wire.Event):
            assert frame.id not in ends
            came[frame.id] += frame.body
        else:
            ends.append(frame.id)
    assert came == sent
    assert sorted(ends) == sorted(over)
    assert outbox.queued_bytes == 0
