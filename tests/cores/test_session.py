"""One agent's session: what its frames mean."""

from __future__ import annotations

from kruxos import wire
from kruxos.cores.session import CALLS_MAX, Answer, CancelCall, End, OpenCall, Session
from kruxos.errors import BadRequestError


def opened(number: int, body: bytes = b"q") -> wire.Open:
    return wire.Open(id=number, body=body)


def refused(commands: list[object]) -> str:
    (answer,) = commands
    assert isinstance(answer, Answer)
    assert isinstance(answer.frame, wire.Error)
    return str(answer.frame.error["code"])


def test_an_open_frame_starts_a_call() -> None:
    session = Session("a")
    assert session.frame(opened(1)) == [OpenCall(opened(1))]
    assert session.open_calls == 1


def test_the_same_open_again_is_the_same_call() -> None:
    session = Session("a")
    session.frame(opened(1))
    assert session.frame(opened(1)) == []


def test_another_call_under_a_number_in_use_is_refused() -> None:
    session = Session("a")
    session.frame(opened(1))
    assert refused([*session.frame(opened(1, b"other"))]) == "bad_request"


def test_a_number_is_free_again_once_its_call_is_over() -> None:
    session = Session("a")
    session.frame(opened(1))
    session.call_over(1)
    assert session.frame(opened(1, b"other")) == [OpenCall(opened(1, b"other"))]


def test_number_zero_and_unknown_operations_are_refused() -> None:
    session = Session("a")
    assert refused([*session.frame(opened(0))]) == "bad_request"
    assert refused([*session.frame(wire.Open(id=1, op="format_disk"))]) == "bad_request"


def test_too_many_calls_are_refused_one_by_one() -> None:
    session = Session("a")
    for number in range(1, CALLS_MAX + 1):
        assert session.frame(opened(number)) == [OpenCall(opened(number))]
    assert refused([*session.frame(opened(CALLS_MAX + 1))]) == "overloaded"


def test_cancel_is_for_a_call_that_is_open() -> None:
    session = Session("a")
    session.frame(opened(1))
    assert session.frame(wire.Cancel(id=1)) == [CancelCall(1)]
    assert session.frame(wire.Cancel(id=2)) == []


def test_a_ping_is_answered_with_its_own_words() -> None:
    assert Session("a").frame(wire.Ping(id=7, body=b"x")) == [Answer(wire.Pong(id=7, body=b"x"))]


def test_when_the_agent_is_gone_its_calls_are_cancelled() -> None:
    session = Session("a")
    session.frame(opened(1))
    session.frame(opened(2))
    assert session.gone() == [CancelCall(1), CancelCall(2), End()]
    assert session.frame(opened(3)) == []


def test_frames_that_only_others_send_end_the_session() -> None:
    session = Session("a")
    session.frame(opened(1))
    first, *rest, last = session.frame(wire.Configure(provider="x"))
    assert (first, rest) == (CancelCall(1), [End()])
    assert isinstance(last, End)
    assert isinstance(last.error, BadRequestError)
