"""An agent that asks for no more of a call for now: what comes of it waits, and nothing else does."""

from __future__ import annotations

from kruxos import framing, wire
from kruxos.cores import session as words
from kruxos.cores.outbox import CALL_BYTES_MAX, Outbox


def taken(outbox: Outbox) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while outbox:
        message, _ = outbox.take()
        found += [(frame.kind, frame.id) for frame in framing.decode_message(message)]
    return found


def test_a_held_call_waits_and_others_go_on() -> None:
    outbox = Outbox()
    outbox.put_events(1, b"a")
    outbox.hold(1)
    outbox.put_events(1, b"b")
    outbox.put_events(2, b"c")
    assert taken(outbox) == [("event", 2)]
    outbox.put_last(1, wire.End(id=1))
    assert taken(outbox) == []
    outbox.release(1)
    assert taken(outbox) == [("event", 1), ("end", 1)]


def test_a_held_call_that_grows_over_its_bound_says_so() -> None:
    outbox = Outbox()
    outbox.hold(1)
    assert not outbox.put_events(1, b"x")
    assert outbox.put_events(1, b"x" * CALL_BYTES_MAX)
    outbox.release(1)
    resumed: list[int] = []
    while outbox:
        resumed += outbox.take()[1]
    assert resumed == [1]


def test_holding_and_releasing_twice_changes_nothing() -> None:
    outbox = Outbox()
    outbox.release(1)
    outbox.put_events(1, b"a")
    outbox.hold(1)
    outbox.hold(1)
    outbox.release(1)
    outbox.release(1)
    assert taken(outbox) == [("event", 1)]


def test_an_agent_holds_and_releases_its_own_calls() -> None:
    session = words.Session("code-bot")
    session.frame(wire.Open(id=7, body=b"x"))
    assert session.frame(wire.Pause(id=7)) == [words.HoldCall(7)]
    assert session.frame(wire.Pause(id=8)) == []
    assert session.frame(wire.Resume(id=7)) == [words.ReleaseCall(7)]
    assert session.state == "open"
