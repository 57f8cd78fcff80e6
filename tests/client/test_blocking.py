"""The blocking client against a gateway on real sockets, alone and shared by threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kruxos import BlockingClient, KruxosError, errors
from kruxos.client import BlockingEventStream, blocking_connector, blocking_line, session, sockets
from kruxos.events import TextDelta
from kruxos.messages import Text
from tests.client.conftest import FakeGateway

pytestmark = pytest.mark.real


def test_a_chat_is_answered(gateway: FakeGateway) -> None:
    with BlockingClient(agent="bot") as client:
        reply = client.chat("hi")
    assert (reply.text, reply.finish_reason, reply.provider, reply.call_id) == ("hello", "stop", "fake", "c1")


def test_a_streams_events_come_one_by_one_and_then_its_reply(gateway: FakeGateway) -> None:
    with BlockingClient() as client:
        for script in ("count 50", "merge 50"):
            with client.stream(script) as events:
                assert list(events) == [TextDelta(0, f"{number} ") for number in range(50)]
            assert events.reply().text == "".join(f"{number} " for number in range(50))


def test_tokens_are_counted(gateway: FakeGateway) -> None:
    with BlockingClient() as client:
        assert client.count_tokens("hi") == 10


def test_a_client_needs_no_block(gateway: FakeGateway) -> None:
    client = BlockingClient()
    assert client.chat("hi").text == "hello"
    client.close()
    assert client.chat("hi").text == "hello", "a closed client connects again"
    client.close()


def test_a_call_within_a_stream_is_fine(gateway: FakeGateway) -> None:
    with BlockingClient() as client, client.stream("count 5") as events:
        assert [client.chat("count 3").text for _ in events] == ["0 1 2 "] * 5


def test_an_error_brings_the_part_that_had_come(gateway: FakeGateway) -> None:
    with BlockingClient() as client:
        with pytest.raises(errors.StreamInterruptedError) as caught:
            client.chat("interrupt 3")
        assert caught.value.reply is not None
        assert caught.value.reply.parts == [Text("0 1 2 ")]
        with pytest.raises(errors.RateLimitedError) as refused:
            client.chat("fail rate_limited")
        assert (refused.value.retry_at, len(refused.value.attempts)) == (1.5e9, 1)


def test_leaving_the_block_of_a_stream_cancels_the_call_upstream(gateway: FakeGateway) -> None:
    cancelled = gateway.seen("cancelled")
    with BlockingClient() as client:
        with client.stream("hang") as events:
            assert next(events) == TextDelta(0, "wait")
        gateway.wait("cancelled", cancelled + 1)
        assert client.chat("hi").text == "hello"


def test_a_stream_is_used_in_its_block(gateway: FakeGateway) -> None:
    with BlockingClient() as client, pytest.raises(RuntimeError, match=r"with client\.stream"):
        next(client.stream("hi"))


@pytest.mark.parametrize("script", ["leave", "bye", "garbage"])
def test_a_lost_connection_is_an_error_and_the_next_call_connects_again(gateway: FakeGateway, script: str) -> None:
    opened = gateway.seen("open")
    with BlockingClient() as client:
        with pytest.raises(errors.ConnectionLostError) as caught:
            client.chat(script)
        assert caught.value.billed_maybe
        assert client.chat("hi").text == "hello"
    assert gateway.seen("open") == opened + 2, "nothing is sent twice"


def test_threads_share_one_connection_and_each_gets_its_own_answers(gateway: FakeGateway) -> None:
    sessions = gateway.seen("session")
    with BlockingClient() as client, ThreadPoolExecutor(16) as pool:
        client.chat("hi")
        replies = list(pool.map(lambda number: client.chat(f"count {number}"), range(120)))
        assert [reply.text.count(" ") for reply in replies] == list(range(120))

        def stream(number: int) -> int:
            with client.stream(f"count {number}") as events:
                return len(list(events))

        assert list(pool.map(stream, range(120))) == list(range(120))
    assert gateway.seen("session") == sessions + 1


def wait_for_the_cancel(events: BlockingEventStream) -> None:
    with pytest.raises(errors.CancelledError):
        next(events)


def test_a_thread_that_has_its_answer_hands_the_reading_on(gateway: FakeGateway) -> None:
    """The first thread reads for both; when it is done, the second must not wait for somebody who has left."""
    with BlockingClient() as client, client.stream("hang") as first, ThreadPoolExecutor(1) as pool:
        assert next(first) == TextDelta(0, "wait")
        reader = threading.Thread(target=wait_for_the_cancel, args=[first])
        reader.start()
        assert [pool.submit(client.chat, "hi").result(10).text for _ in range(20)] == ["hello"] * 20
        first.__exit__(None, None, None)
        assert pool.submit(client.chat, "hi").result(10).text == "hello"
        client.close()
        reader.join(10)
        assert not reader.is_alive()


def test_closing_the_client_ends_the_calls_of_other_threads(gateway: FakeGateway) -> None:
    opened = gateway.seen("open")
    with BlockingClient() as client, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(client.chat, "hang") for _ in range(4)]
        gateway.wait("open", opened + 4)
        client.close()
        for call in calls:
            assert isinstance(call.exception(10), errors.ConnectionLostError)


def test_a_connection_that_ended_while_nobody_read_is_noticed_by_the_next_call(own_gateway: FakeGateway) -> None:
    with BlockingClient(address=own_gateway.address) as client:
        assert client.chat("hi").text == "hello"
        own_gateway.stop()
        own_gateway.start()
        assert client.chat("hi").text == "hello"


def dead_sockets(count: int) -> Callable[[str], socket.socket]:
    """Connects to nobody so many times, then in earnest."""
    left = iter(range(count))

    def connect(path: str) -> socket.socket:
        if next(left, None) is None:
            return sockets.connect(path)
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours

    return connect


def test_a_call_whose_first_byte_cannot_leave_is_tried_on_another_connection(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking_connector, "connect", dead_sockets(2))
    opened = gateway.seen("open")
    with BlockingClient() as client:
        assert client.chat("hi").text == "hello"
    assert gateway.seen("open") == opened + 1


def test_a_call_that_only_finds_dead_connections_fails_unbilled(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking_connector, "connect", dead_sockets(session.OPEN_ATTEMPTS))
    with BlockingClient() as client:
        with pytest.raises(errors.ConnectionLostError) as caught:
            client.chat("hi")
        assert not caught.value.billed_maybe
        assert client.chat("hi").text == "hello"


def test_a_call_waits_for_a_lost_gateway_only_as_long_as_it_has(own_gateway: FakeGateway) -> None:
    with BlockingClient(address=own_gateway.address) as client:
        client.chat("hi")
        own_gateway.stop()
        with pytest.raises(errors.GatewayUnreachableError):
            client.chat("hi", deadline_s=0.2)
        own_gateway.start()
        assert client.chat("hi", deadline_s=20).text == "hello"


def test_a_call_that_is_not_ended_at_its_deadline_is_ended_here(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DEADLINE_GRACE_S", 0.05)
    cancelled = gateway.seen("cancelled")
    with BlockingClient() as client:
        with pytest.raises(errors.DeadlineExceededError):
            client.chat("hang", deadline_s=0.05)
        gateway.wait("cancelled", cancelled + 1)


def test_a_silent_gateway_is_given_up(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "QUIET_S", 0.1)
    monkeypatch.setattr(blocking_line, "_TICK_S", 0.05)
    with BlockingClient() as client, client.stream("hang") as events:
        assert next(events) == TextDelta(0, "wait")
        with gateway.paused(), pytest.raises(errors.ConnectionLostError, match="no sign of life"):
            next(events)


def test_a_gateway_that_takes_nothing_is_given_up(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking_line, "SEND_STALL_S", 0.1)
    with BlockingClient() as client:
        client.chat("hi")
        with gateway.paused(), pytest.raises(errors.ConnectionLostError, match="has taken nothing"):
            client.chat("x" * 5_000_000)


@pytest.mark.parametrize("where", ["wait", "receive_some", "send_some"])
def test_an_interrupted_thread_leaves_a_client_that_can_be_used(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with BlockingClient() as client:
        client.chat("hi")
        with monkeypatch.context() as patch:
            patch.setattr(blocking_line.Line, "look", lambda _: None)
            patch.setattr(blocking_line, where, interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.chat("hang")
        assert client.chat("hi").text == "hello"


def test_a_large_request_and_a_large_answer_pass(gateway: FakeGateway) -> None:
    with BlockingClient() as client:
        messages = [{"role": "system", "content": "x" * 20_000_000}, {"role": "user", "content": "flood 2 4000000"}]
        assert len(client.chat(messages=messages).text) == 8_000_000


@pytest.mark.parametrize(
    ("agent", "error"), [("unknown", errors.UnauthorizedError), ("old", errors.UpgradeRequiredError)]
)
def test_a_refusal_at_the_door_is_typed(gateway: FakeGateway, agent: str, error: type[KruxosError]) -> None:
    with BlockingClient(agent=agent) as client, pytest.raises(error):
        client.chat("hi")


def test_a_door_that_does_not_answer_is_given_up(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking_connector, "HELLO_S", 0.05)
    with (
        BlockingClient(agent="ignored") as client,
        pytest.raises(errors.GatewayUnreachableError, match="did not answer within"),
    ):
        client.chat("hi")


def test_without_a_gateway_the_first_call_says_what_to_do(tmp_path: Path) -> None:
    with (
        BlockingClient(address=tmp_path / "agent.sock") as client,
        pytest.raises(errors.GatewayUnreachableError, match="kruxos serve"),
    ):
        client.chat("hi")


def serve_once(path: Path, behave: Callable[[socket.socket], object]) -> threading.Thread:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(1000)
            behave(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "is not a gateway"),
        (lambda connection: connection.sendall(b""), "closed the connection"),
        (lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8)), "closed the connect"),
    ],
)
def test_something_else_at_the_address_is_not_taken_for_a_gateway(
    tmp_path: Path, behave: Callable[[socket.socket], object], words: str
) -> None:
    path = tmp_path / "agent.sock"
    server = serve_once(path, behave)
    with BlockingClient(address=path) as client, pytest.raises(errors.GatewayUnreachableError, match=words):
        client.chat("hi")
    server.join()


def test_a_listener_without_room_is_waited_for_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CONNECT_ATTEMPTS", 3)
    path = str(tmp_path / "agent.sock")
    with (
        socket.socket(socket.AF_UNIX) as busy,
        socket.socket(socket.AF_UNIX) as one,
        socket.socket(socket.AF_UNIX) as two,
    ):
        busy.bind(path)
        busy.listen(0)
        for each in (one, two):
            each.settimeout(0)
            each.connect_ex(path)
        with (
            BlockingClient(address=path) as client,
            pytest.raises(errors.GatewayUnreachableError, match="too many wait"),
        ):
            client.chat("hi")


def test_a_sandbox_that_forbids_unix_sockets_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: Any, **__: Any) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", forbid)
    with (
        BlockingClient(address=tmp_path / "agent.sock") as client,
        pytest.raises(errors.GatewayUnreachableError, match="sandboxes around agents' tools forbid Unix sockets"),
    ):
        client.chat("hi")
