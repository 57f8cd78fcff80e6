"""The session's core, by script: what goes out, what comes in, and what becomes of the calls."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import errors, framing, wire
from kruxos.client import sp
from kruxos.client.answers import read_answer
from kruxos.client.call import Call
from kruxos.client.session import (
    DEADLINE_GRACE_S,
    QUIET_S,
    RECONNECT_S,
    Retrying,
    Session,
    hello_question,
    read_welcome,
)
from kruxos.events import TextDelta, encode_events

GREETING = sp.greeting(sp.Protocol.PAIR0)


def sent(data: bytes) -> list[wire.Frame]:
    """The frames in bytes that a session gave to be sent."""
    decoder = sp.Decoder(sp.Protocol.PAIR0, message_bytes_max=wire.MESSAGE_BYTES_MAX)
    return [frame for message in decoder.feed(GREETING + data) for frame in framing.decode_message(message)]


def message(*frames: wire.Frame) -> bytes:
    return sp.frame(framing.encode_message(frames))


def begun(count: int = 1, **opening: Any) -> tuple[Session, list[Call]]:
    """A session that has been greeted, with calls that are on their way."""
    session = Session()
    assert session.receive(GREETING, 0.0).calls == []
    calls = [session.open(wire.Open(**opening), 0.0)[0] for _ in range(count)]
    for call in calls:
        call.dispatched = True
    return session, calls


def text(number: int, words: str) -> wire.Event:
    return wire.Event(id=number, body=encode_events([TextDelta(0, words)]))


def test_hello_names_the_agent_its_token_and_the_versions() -> None:
    (hello,) = framing.decode_message(hello_question("code-bot", "secret"))
    assert isinstance(hello, wire.Hello)
    assert (hello.agent, hello.token, hello.version) == ("code-bot", "secret", wire.VERSION)
    assert hello.package


def test_a_welcome_tells_the_session() -> None:
    assert read_welcome(framing.encode(wire.Welcome(session="ipc:///x"))).session == "ipc:///x"


def test_a_refusal_at_the_door_is_its_error() -> None:
    refusal = wire.Error(error=errors.UnauthorizedError("who are you").to_wire())
    with pytest.raises(errors.UnauthorizedError, match="who are you"):
        read_welcome(framing.encode(refusal))


def test_a_gateway_of_another_protocol_version_asks_for_an_upgrade() -> None:
    with pytest.raises(errors.UpgradeRequiredError, match="version 2 "):
        read_welcome(framing.encode(wire.Welcome(version=2, session="ipc:///x")))


@pytest.mark.parametrize("answer", [b"", b"\xc1", framing.encode(wire.Ping()), framing.encode(wire.Welcome())])
def test_nonsense_at_the_door_is_no_gateway(answer: bytes) -> None:
    with pytest.raises(errors.GatewayUnreachableError):
        read_welcome(answer)


def test_an_answer_of_unknown_kinds_only_is_no_gateway() -> None:
    with pytest.raises(errors.GatewayUnreachableError):
        read_answer(b"\x94\xa3new\x00\x80\xc4\x00")


def test_calls_are_numbered_from_one() -> None:
    session = Session()
    outgoing = [session.open(wire.Open(body=b"%d" % number), 0.0) for number in range(3)]
    assert [call.id for call, _ in outgoing] == [1, 2, 3]
    assert [frame.id for _, data in outgoing for frame in sent(data)] == [1, 2, 3]
    assert [frame.body for _, data in outgoing for frame in sent(data)] == [b"0", b"1", b"2"]
    assert session.in_flight == 3


def test_frames_find_their_call_however_they_are_mixed() -> None:
    session, (one, two) = begun(2)
    news = session.receive(message(text(2, "b"), text(1, "a"), text(2, "c"), wire.End(id=2)), 1.0)
    assert news.calls == [two, one, two, two]
    assert two.reply().text == "bc"
    assert (one.over, one.next_event(), session.in_flight) == (False, TextDelta(0, "a"), 1)


@given(st.lists(st.integers(0, 400), max_size=8).map(sorted))
def test_bytes_may_be_cut_anywhere(cuts: list[int]) -> None:
    session = Session()
    call, _ = session.open(wire.Open(), 0.0)
    stream = GREETING + message(text(1, "a" * 100)) + message(text(1, "b"), wire.End(id=1)) + message(wire.Ping(id=3))
    places = [0, *(min(cut, len(stream)) for cut in cuts), len(stream)]
    outgoing = b""
    for start, end in pairwise(places):
        news = session.receive(stream[start:end], 1.0)
        assert news.lost is None
        outgoing += news.outgoing
    assert call.reply().text == "a" * 100 + "b"
    assert sent(outgoing) == [wire.Pong(id=3)]


def test_leaving_a_call_cancels_it_and_what_still_comes_is_passed_over() -> None:
    session, (call,) = begun()
    assert sent(session.leave(call)) == [wire.Cancel(id=1)]
    assert session.leave(call) == b""
    assert session.receive(message(text(1, "late"), wire.End(id=1)), 1.0).calls == []
    with pytest.raises(errors.CancelledError):
        call.reply()


def test_leaving_a_call_that_is_over_sends_nothing() -> None:
    session, (call,) = begun()
    session.receive(message(wire.End(id=1)), 1.0)
    assert session.leave(call) == b""


def test_a_call_that_holds_too_much_unread_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kruxos.client.call.UNREAD_BYTES_MAX", 50)
    session, (call,) = begun()
    news = session.receive(message(text(1, "x" * 100)), 1.0)
    assert (news.calls, sent(news.outgoing)) == ([call], [wire.Cancel(id=1)])
    assert session.in_flight == 0


def test_a_ping_is_answered_with_its_body() -> None:
    session, _ = begun(0)
    assert sent(session.receive(message(wire.Ping(id=9, body=b"?")), 1.0).outgoing) == [wire.Pong(id=9, body=b"?")]


def test_a_lost_connection_fails_every_call_and_says_which_may_have_cost_money() -> None:
    session, (one, two) = begun(2)
    two.dispatched = False
    session.receive(message(text(1, "half")), 1.0)
    assert session.lose("the cable broke") == [one, two]
    for call, billed in ((one, True), (two, False)):
        with pytest.raises(errors.ConnectionLostError, match="the cable broke") as caught:
            call.reply()
        assert caught.value.billed_maybe is billed
    assert session.in_flight == 0
    assert session.lose("again") == []


def test_a_call_on_a_lost_connection_fails_at_once_and_unsent() -> None:
    session, _ = begun()
    session.lose("gone")
    call, data = session.open(wire.Open(), 1.0)
    assert (call.over, data, session.in_flight) == (True, b"", 0)
    with pytest.raises(errors.ConnectionLostError, match="gone") as caught:
        call.reply()
    assert not caught.value.billed_maybe


def test_a_call_that_is_over_survives_the_connection() -> None:
    session, (call,) = begun()
    session.receive(message(text(1, "whole"), wire.End(id=1)), 1.0)
    session.lose("gone")
    assert call.reply().text == "whole"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message(wire.Bye(reason="restarting")), "restarting"),
        (message(wire.Bye()), "no reason"),
        (message(wire.Error(error=errors.TooLargeError("much").to_wire())), "much"),
        (sp.frame(b"\xc1"), "cannot be read"),
        (b"\x07" * 9, "framing"),
        (b"\x01" + b"\x7f" * 8, "cap"),
    ],
)
def test_the_connection_ends(data: bytes, reason: str) -> None:
    session, _ = begun()
    news = session.receive(data, 1.0)
    assert news.lost is not None
    assert reason in news.lost


def test_what_came_before_the_end_of_the_connection_still_counts() -> None:
    session, (call,) = begun()
    news = session.receive(message(text(1, "whole"), wire.End(id=1), wire.Bye(reason="restarting")), 1.0)
    assert (news.calls, news.lost is not None) == ([call, call], True)
    assert call.reply().text == "whole"


def test_unknown_kinds_and_frames_for_others_are_passed_over() -> None:
    session, (call,) = begun()
    unknown = sp.frame(b"\x94\xa3new\x01\x80\xc4\x00")
    news = session.receive(unknown + message(wire.Beat(), wire.End(id=77), wire.Welcome()), 1.0)
    assert (news.calls, news.outgoing, news.lost, call.over) == ([], b"", None, False)


def test_a_silent_gateway_is_asked_and_then_given_up() -> None:
    session, _ = begun()
    assert session.tick(QUIET_S - 1).outgoing == b""
    assert sent(session.tick(QUIET_S).outgoing) == [wire.Ping()]
    assert session.tick(QUIET_S * 2 - 1) == session.tick(QUIET_S * 2 - 0.5)
    assert "no sign of life for 40 s" in (session.tick(QUIET_S * 2).lost or "")


def test_any_byte_is_a_sign_of_life() -> None:
    session, _ = begun()
    session.tick(QUIET_S)
    session.receive(message(wire.Pong())[:5], QUIET_S + 1)
    assert session.tick(QUIET_S * 2).lost is None
    assert sent(session.tick(QUIET_S * 2 + 1).outgoing) == [wire.Ping()]


def test_silence_without_a_call_means_nothing() -> None:
    session, _ = begun(0)
    assert session.tick(1e6).outgoing == b""
    session.open(wire.Open(), 1e6)
    assert session.tick(1e6 + 1).outgoing == b""


def test_a_call_is_given_up_some_time_after_its_deadline() -> None:
    session = Session()
    call, data = session.open(wire.Open(deadline_s=3.0), 100.0)
    assert call.give_up_at == 103.0 + DEADLINE_GRACE_S
    (frame,) = sent(data)
    assert isinstance(frame, wire.Open)
    assert frame.deadline_s == 3.0


def test_connecting_is_tried_again_with_growing_pauses_for_a_while() -> None:
    retrying = Retrying(now=0.0, was_connected=True, deadline_at=None)
    gone = errors.GatewayUnreachableError("gone")
    pauses = [retrying.pause_s(gone, now=0.0, jitter=1.0) for _ in range(8)]
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert retrying.pause_s(gone, now=0.0, jitter=0.0) == 0.0
    with pytest.raises(errors.GatewayUnreachableError):
        retrying.pause_s(gone, now=RECONNECT_S, jitter=0.5)


def test_a_gateway_that_was_never_there_fails_at_once() -> None:
    gone = errors.GatewayUnreachableError("gone")
    with pytest.raises(errors.GatewayUnreachableError):
        Retrying(now=5.0, was_connected=False, deadline_at=None).pause_s(gone, now=5.0, jitter=0.0)


def test_connecting_is_not_tried_past_the_deadline() -> None:
    retrying = Retrying(now=0.0, was_connected=True, deadline_at=1.0)
    with pytest.raises(errors.DrainingError):
        retrying.pause_s(errors.DrainingError("stopping"), now=0.97, jitter=1.0)


def test_a_refusal_is_final() -> None:
    retrying = Retrying(now=0.0, was_connected=True, deadline_at=None)
    with pytest.raises(errors.UnauthorizedError):
        retrying.pause_s(errors.UnauthorizedError("no"), now=0.0, jitter=0.0)
