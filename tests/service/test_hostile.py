"""Whoever breaks the protocol gets a typed error or a closed connection, and nobody else notices."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgpack
import pytest

from kruxos import framing, wire
from kruxos.client import sp
from kruxos.paths import agent_socket, control_socket
from tests.service.raw import RawSession, at_door, dial, error_code
from tests.service.running import Installation, until

pytestmark = pytest.mark.real

HI = msgpack.packb({"messages": [{"role": "user", "content": "hi"}]})
OPEN = framing.encode(wire.Open(id=1, body=HI, provider="claude"))
DEEP = b"\x91" * 5000 + b"\x90"
BAD_MESSAGES = {
    "nothing": b"",
    "no msgpack": b"\xc1\xc1\xc1",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "a number": msgpack.packb(7),
    "too short an array": msgpack.packb(["open", 1, {}]),
    "cut off": OPEN[:-3],
    "a negative id": msgpack.packb(["open", -1, {}, b""]),
    "a boolean id": msgpack.packb(["open", True, {}, b""]),
    "a body of text": msgpack.packb(["open", 1, {}, "text"]),
    "a header that is no map": msgpack.packb(["open", 1, [1], b""]),
    "a header of wrong types": msgpack.packb(["open", 1, {"model": 7}, b""]),
    "a deadline that is no number": msgpack.packb(["open", 1, {"deadline_s": "soon"}, b""]),
    "keys that are no text": msgpack.packb(["open", 1, {1: 2}, b""]),
    "very deep": msgpack.packb(["open", 1])[:1] + DEEP,
    "an extension": b"\x94\xa4open\x01\x80\xd4\x05x",
    "a huge announced array": b"\xdd\xff\xff\xff\xff",
    "a huge announced string": b"\xdb\xff\xff\xff\xff",
    "an event": framing.encode(wire.Event(id=1, body=b"x")),
    "a configure": framing.encode(wire.Configure(provider="claude")),
}


@pytest.fixture(scope="module", autouse=True)
def undialled(shared_installation: Installation) -> str:
    """The address of a session that is asked for before all other tests here, and left alone."""
    answer = at_door(shared_installation.kruxos.root, framing.encode(wire.Hello(package="raw")))
    assert answer is not None
    (welcome,) = framing.decode_message(answer)
    assert isinstance(welcome, wire.Welcome)
    address = welcome.session.removeprefix("ipc://")
    assert Path(address).exists()
    return address


@pytest.fixture(autouse=True)
def _alive(gateway: Installation) -> Iterator[None]:
    """After each of these the same supervisor answers, and its workers are the same."""
    pids = gateway.workers()
    yield
    answer = at_door(gateway.kruxos.root, framing.encode(wire.Ping(id=3, body=b"x")))
    assert answer is not None
    assert framing.decode_message(answer) == [wire.Pong(id=3, body=b"x")]
    assert gateway.gateway.running
    assert gateway.workers() == pids
    assert "Traceback" not in gateway.gateway.log
    assert "fault in" not in gateway.gateway.log


@pytest.mark.parametrize("name", BAD_MESSAGES)
def test_what_is_no_question_is_refused_at_the_door(gateway: Installation, name: str) -> None:
    assert error_code(at_door(gateway.kruxos.root, BAD_MESSAGES[name])) == "bad_request"


def test_a_message_without_a_frame_is_passed_over_in_a_session(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root)
    session.send_message(b"")
    session.send(wire.Ping(id=5))
    assert session.next_frame() == wire.Pong(id=5)
    session.close()


@pytest.mark.parametrize("name", sorted(BAD_MESSAGES.keys() - {"nothing"}))
def test_what_is_no_frame_of_an_agent_ends_its_session_with_a_reason(gateway: Installation, name: str) -> None:
    session = RawSession(gateway.kruxos.root)
    session.send_message(BAD_MESSAGES[name])
    assert session.codes_to_end() == ["bad_request"]
    session.close()


def test_one_that_is_told_why_and_stays_is_hung_up_on(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root, hangs_up=False)
    for _ in range(50):
        session.send_message(b"\xc1")
    assert session.codes_to_end() == ["bad_request"], "it is told once, and what comes behind is not read"
    session.close()
    until(lambda: gateway.status()["sessions"] <= 1, "the end of the session")


def test_two_frames_at_the_door_are_refused(gateway: Installation) -> None:
    assert error_code(at_door(gateway.kruxos.root, OPEN + OPEN)) == "bad_request"


def test_a_hello_of_another_version_is_told_to_upgrade(gateway: Installation) -> None:
    assert error_code(at_door(gateway.kruxos.root, framing.encode(wire.Hello(version=99)))) == "upgrade_required"


def test_unknown_kinds_and_header_keys_are_passed_over(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root)
    later = ["open", 2, {"provider": "claude", "invented_later": [1, {"a": 2}]}, HI, "appended later"]
    session.send_message(msgpack.packb(["invented", 1, {}, b""]) + msgpack.packb(later))
    assert isinstance(session.last_frame(2), wire.End)
    session.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", DEEP, msgpack.packb([]), msgpack.packb({"messages": 7}), HI[:-1], HI + b"\x01"],
    ids=["empty", "no msgpack", "very deep", "a list", "wrong types", "cut off", "more than one value"],
)
def test_a_request_that_cannot_be_read_is_the_callers_fault(gateway: Installation, body: bytes) -> None:
    session = RawSession(gateway.kruxos.root)
    session.send(wire.Open(id=1, body=body, provider="claude"), wire.Open(id=2, body=HI, provider="claude"))
    frames = {frame.id: frame for frame in (session.next_frame(), session.next_frame()) if frame is not None}
    refused = frames[1]
    assert isinstance(refused, wire.Error)
    assert (refused.error["code"], refused.error["retryable"]) == ("bad_request", False)
    assert isinstance(frames[2], wire.End), "the session goes on"
    session.close()


def test_calls_that_cannot_be_opened_are_refused_and_the_session_goes_on(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root, hangs_up=False)
    for number, frame, code in (
        (0, wire.Open(id=0, body=HI), "bad_request"),
        (1, wire.Open(id=1, op="rule the world", body=HI), "bad_request"),
        (2, wire.Open(id=2, body=HI, key=""), "bad_request"),
        (3, wire.Open(id=3, body=HI, key="k" * 256), "bad_request"),
    ):
        session.send(frame)
        answer = session.last_frame(number)
        assert isinstance(answer, wire.Error)
        assert answer.error["code"] == code
    session.send(wire.Cancel(id=77), wire.Open(id=9, body=HI, provider="claude"))
    assert isinstance(session.last_frame(9), wire.End)
    session.close()


def test_a_number_in_use_is_not_used_again(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root)
    hanging = msgpack.packb({"messages": [{"role": "user", "content": "hi [[simulate silence where=headers]]"}]})
    session.send(wire.Open(id=1, body=hanging, provider="claude"), wire.Open(id=1, body=HI, provider="claude"))
    answer = session.last_frame(1)
    assert isinstance(answer, wire.Error)
    assert answer.error["field"] == "id"
    session.send(wire.Cancel(id=1))
    answer = session.last_frame(1)
    assert isinstance(answer, wire.Error)
    assert answer.error["code"] == "cancelled"
    session.close()


def test_what_is_too_large_is_told_and_what_is_far_too_large_costs_the_connection(gateway: Installation) -> None:
    root, over = gateway.kruxos.root, wire.REQUEST_BYTES_MAX + 1
    assert error_code(at_door(root, framing.encode(wire.Open(id=1, body=bytes(over))))) == "too_large"
    session = RawSession(root)
    session.send(wire.Open(id=1, body=bytes(over)))
    answer = session.last_frame(1)
    assert isinstance(answer, wire.Error)
    assert answer.error["code"] == "too_large"
    session.send(wire.Ping(id=2))
    assert isinstance(session.next_frame(), wire.Pong), "the session goes on"
    session.send_bytes(sp.frame(bytes(wire.MESSAGE_BYTES_MAX + 2 * 1024 * 1024))[:9])
    assert session.next_frame() is None
    session.close()


@pytest.mark.parametrize("door", [agent_socket, control_socket])
@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\0SP\0\0\x10\0\0", sp.greeting(sp.Protocol.REQ0) + b"\x07" * 64,
     sp.greeting(sp.Protocol.REQ0) + sp.frame(b""), sp.greeting(sp.Protocol.REQ0) + sp.frame(b"\0\0\0\1")],
    ids=["http", "another protocol", "broken framing", "no request id", "a request id without its end"],
)  # fmt: skip
def test_what_does_not_speak_the_protocol_is_hung_up_on_or_ignored(
    gateway: Installation, door: object, data: bytes
) -> None:
    assert callable(door)
    with dial(str(door(gateway.kruxos.root))) as connection, suppress(ConnectionError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_half_a_greeting_holds_up_nobody(gateway: Installation) -> None:
    connections = [dial(str(agent_socket(gateway.kruxos.root))) for _ in range(20)]
    for connection in connections:
        connection.sendall(b"\0SP")
    with gateway.client() as client:
        assert client.chat("Hello", provider="claude").text
    for connection in connections:
        connection.close()


def test_an_agent_that_does_not_read_holds_up_nobody(gateway: Installation) -> None:
    session = RawSession(gateway.kruxos.root)
    prompt = "[[simulate huge after=1 bytes=8000000]]"
    body = msgpack.packb({"messages": [{"role": "user", "content": prompt}]})
    for number in range(1, 5):
        session.send(wire.Open(id=number, body=body, provider="claude", stream=True))
    with gateway.client() as client:
        for _ in range(20):
            assert client.chat("Hello", provider="claude").text
    session.close()
    gateway.wait_idle()


def test_a_session_that_nobody_dials_is_given_up(gateway: Installation, undialled: str) -> None:
    until(lambda: not Path(undialled).exists(), "the end of the session's address")
    until(lambda: gateway.status()["sessions"] == 0, "the end of the session")
