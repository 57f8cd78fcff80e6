"""The asynchronous client's connection: found, refused, lost and found again."""

from __future__ import annotations

import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from kruxos import Client, KruxosError, errors
from kruxos.client import EventStream, aio_line, session, sockets
from kruxos.events import Event, TextDelta
from tests.client.conftest import FakeGateway

pytestmark = pytest.mark.real


def run(backend: str, scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(20):
            await scenario()

    anyio.run(main, backend=backend)


async def collect(events: EventStream, seen: list[Event]) -> None:
    async for event in events:
        seen.append(event)  # noqa: PERF401 - what was seen before an error counts


@pytest.mark.parametrize("script", ["leave", "bye", "garbage"])
def test_a_lost_connection_is_an_error_and_the_next_call_connects_again(
    backend: str, gateway: FakeGateway, script: str
) -> None:
    opened = gateway.seen("open")

    async def scenario() -> None:
        async with Client() as client:
            with pytest.raises(errors.ConnectionLostError) as caught:
                await client.chat(script)
            assert caught.value.billed_maybe
            assert (await client.chat("hi")).text == "hello"

    run(backend, scenario)
    assert gateway.seen("open") == opened + 2, "nothing is sent twice"


def test_every_call_under_way_fails_with_the_connection(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        failures: list[bool] = []

        async def ask() -> None:
            with pytest.raises(errors.ConnectionLostError) as caught:
                await client.chat("hang")
            failures.append(caught.value.billed_maybe)

        opened = gateway.seen("open")
        async with Client() as client, anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
            await anyio.to_thread.run_sync(gateway.wait, "open", opened + 5)
            with pytest.raises(errors.ConnectionLostError):
                await client.chat("leave")
        assert failures == [True] * 5

    run(backend, scenario)


def test_events_that_cannot_be_read_end_the_call_only(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client:
            async with client.stream("nonsense") as events:
                seen: list[Event] = []
                with pytest.raises(errors.InternalError):
                    await collect(events, seen)
                assert seen == [TextDelta(0, "fine")]
            assert (await client.chat("strange")).text == "known"

    run(backend, scenario)


def test_a_ping_is_answered(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client:
            await client.chat("ping")

    run(backend, scenario)


def test_a_silent_gateway_is_given_up(backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (session, aio_line):
        monkeypatch.setattr(module, "QUIET_S", 0.1)

    async def scenario() -> None:
        async with Client() as client:
            pings = gateway.seen("ping")
            async with client.stream("hang") as events:
                await anext(aiter(events))
                await anyio.to_thread.run_sync(gateway.wait, "ping", pings + 2)  # its answers keep the call alive
                with gateway.paused(), pytest.raises(errors.ConnectionLostError, match="no sign of life"):
                    await anext(aiter(events))

    run(backend, scenario)


def test_a_call_that_is_not_ended_at_its_deadline_is_ended_here(
    backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DEADLINE_GRACE_S", 0.05)
    cancelled = gateway.seen("cancelled")

    async def scenario() -> None:
        async with Client() as client:
            with pytest.raises(errors.DeadlineExceededError) as caught:
                await client.chat("hang", deadline_s=0.05)
            assert caught.value.reply is not None
            assert caught.value.reply.text == "wait"
            await anyio.to_thread.run_sync(gateway.wait, "cancelled", cancelled + 1)

    run(backend, scenario)


@pytest.mark.parametrize(
    ("agent", "error"),
    [
        ("unknown", errors.UnauthorizedError),
        ("old", errors.UpgradeRequiredError),
        ("from the future", errors.UpgradeRequiredError),
    ],
)
def test_a_refusal_at_the_door_is_typed(
    backend: str, gateway: FakeGateway, agent: str, error: type[KruxosError]
) -> None:
    async def scenario() -> None:
        async with Client(agent=agent) as client:
            with pytest.raises(error):
                await client.chat("hi")

    run(backend, scenario)


def test_a_door_that_does_not_answer_is_given_up(
    backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_line, "HELLO_S", 0.05)

    async def scenario() -> None:
        async with Client(agent="ignored") as client:
            with pytest.raises(errors.GatewayUnreachableError, match="did not answer within"):
                await client.chat("hi")

    run(backend, scenario)


def test_connecting_counts_towards_the_deadline(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client(agent="ignored") as client:
            with pytest.raises(errors.DeadlineExceededError, match="no connection"):
                await client.chat("hi", deadline_s=0.05)

    run(backend, scenario)


def test_without_a_gateway_the_first_call_says_what_to_do(backend: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Client(address=tmp_path / "agent.sock") as client:
            with pytest.raises(errors.GatewayUnreachableError, match="kruxos serve"):
                await client.chat("hi")

    run(backend, scenario)


def test_something_else_at_the_address_is_not_taken_for_a_gateway(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"

    async def answer(stream: Any) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def hang_up(stream: Any) -> None:
        async with stream:
            await stream.receive()

    async def scenario() -> None:
        for behaviour, words in ((answer, "is not a gateway"), (hang_up, "closed the connection")):
            path.unlink(missing_ok=True)
            async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, behaviour)
                async with Client(address=path) as client:
                    with pytest.raises(errors.GatewayUnreachableError, match=words):
                        await client.chat("hi")
                tasks.cancel_scope.cancel()

    run(backend, scenario)


def test_a_listener_without_room_is_waited_for_but_not_for_ever(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_line, "CONNECT_ATTEMPTS", 3)
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

        async def scenario() -> None:
            async with Client(address=path) as client:
                with pytest.raises(errors.GatewayUnreachableError, match="too many wait"):
                    await client.chat("hi")

        run(backend, scenario)


def test_a_gateway_that_comes_back_is_found_again(backend: str, own_gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client(address=own_gateway.address) as client:
            assert (await client.chat("hi")).text == "hello"
            with pytest.raises(errors.ConnectionLostError):
                await client.chat("die")
            await anyio.to_thread.run_sync(own_gateway.wait_exit)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.to_thread.run_sync, own_gateway.start)
                assert (await client.chat("hi")).text == "hello", "the call waited for the gateway"

    run(backend, scenario)


def dead_sockets(count: int) -> Callable[[str], socket.socket | None]:
    """Connects to a door, but to nobody's session so many times; then in earnest."""
    left = iter(range(count))

    def connect_once(path: str) -> socket.socket | None:
        if path.endswith("agent.sock") or next(left, None) is None:
            return sockets.connect_once(path)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.close()
        return ours

    return connect_once


def test_a_call_whose_first_byte_cannot_leave_is_tried_on_another_connection(
    backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_line, "connect_once", dead_sockets(2))
    opened = gateway.seen("open")

    async def scenario() -> None:
        async with Client() as client:
            assert (await client.chat("hi")).text == "hello"

    run(backend, scenario)
    assert gateway.seen("open") == opened + 1


def test_a_call_that_only_finds_dead_connections_fails_unbilled(
    backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_line, "connect_once", dead_sockets(session.OPEN_ATTEMPTS))

    async def scenario() -> None:
        async with Client() as client:
            with pytest.raises(errors.ConnectionLostError) as caught:
                await client.chat("hi")
            assert not caught.value.billed_maybe
            assert (await client.chat("hi")).text == "hello"

    run(backend, scenario)


def test_what_waits_to_be_sent_is_bounded(backend: str, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio_line, "UNSENT_BYTES_MAX", 1_000_000)

    async def ask_in_vain() -> None:
        with pytest.raises(errors.ConnectionLostError) as caught:
            await client.chat("x" * 2_000_000)
        unbilled.append(not caught.value.billed_maybe)

    unbilled: list[bool] = []
    client = Client()

    async def scenario() -> None:
        async with anyio.create_task_group() as tasks, client:
            await client.chat("hi")
            with gateway.paused():
                tasks.start_soon(ask_in_vain)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(errors.OverloadedError):
                    await client.chat("hi")

    run(backend, scenario)
    assert unbilled == [False], "part of it had left"


def test_a_call_waits_for_a_lost_gateway_only_as_long_as_it_has(backend: str, own_gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client(address=own_gateway.address) as client:
            await client.chat("hi")
            own_gateway.stop()
            before = anyio.current_time()
            with pytest.raises((errors.GatewayUnreachableError, errors.DeadlineExceededError)):
                await client.chat("hi", deadline_s=0.2)
            assert anyio.current_time() - before < 5
        own_gateway.start()

    run(backend, scenario)


def test_the_sockets_of_a_gateway_are_private(gateway: FakeGateway) -> None:
    assert stat.S_IMODE(Path(gateway.address).stat().st_mode) == 0o600
