"""The asynchronous client against a gateway on real sockets, under asyncio and trio."""

from __future__ import annotations

import json
import os
import signal
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
from kruxos.messages import Text
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


def test_a_chat_is_answered(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client(agent="bot") as client:
            reply = await client.chat("hi")
        assert (reply.text, reply.finish_reason, reply.raw_finish_reason) == ("hello", "stop", "end_turn")
        assert (reply.provider, reply.model, reply.call_id) == ("fake", "fake-1", "c1")
        assert reply.usage is not None
        assert (reply.usage.input_tokens, reply.overhead_us) == (10, 120)
        assert [attempt.outcome for attempt in reply.attempts] == ["rate_limited"]

    run(backend, scenario)


def test_a_streams_events_come_one_by_one_and_then_its_reply(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client:
            for script in ("count 50", "merge 50"):
                async with client.stream(script) as events:
                    seen = [event async for event in events]
                assert seen == [TextDelta(0, f"{number} ") for number in range(50)]
                assert events.reply().text == "".join(f"{number} " for number in range(50))

    run(backend, scenario)


def test_a_reply_before_the_end_of_the_stream_is_refused(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client, client.stream("hang") as events:
            assert await anext(aiter(events)) == TextDelta(0, "wait")
            with pytest.raises(RuntimeError, match="has not ended"):
                events.reply()

    run(backend, scenario)


def test_a_stream_has_one_reader_and_can_be_read_on_after_a_pause(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client, client.stream("hang") as events:
            await anext(aiter(events))
            for _ in range(2):
                with anyio.move_on_after(0.02) as pause:
                    await anext(aiter(events))
                assert pause.cancelled_caught
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(collect, events, [])
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(RuntimeError, match="another task is waiting"):
                    await anext(aiter(events))
                tasks.cancel_scope.cancel()

    run(backend, scenario)


def test_options_and_messages_arrive(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client(agent="bot", token="t") as client:
            reply = await client.chat(
                messages=[{"role": "user", "content": "echo"}], system="s", provider="p", key="k", max_output_tokens=5
            )
        heard = json.loads(reply.text)
        assert heard["header"]["provider"] == "p"
        assert (heard["header"]["key"], heard["header"]["stream"]) == ("k", False)
        assert heard["request"]["max_output_tokens"] == 5
        assert [message["role"] for message in heard["request"]["messages"]] == ["system", "user"]
        assert heard["header"]["token"] is None, "the token goes with the hello only"

    run(backend, scenario)


def test_tokens_are_counted(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client:
            assert await client.count_tokens("hi") == 10

    run(backend, scenario)


def test_many_calls_share_one_connection(backend: str, gateway: FakeGateway) -> None:
    sessions = gateway.seen("session")

    async def scenario() -> None:
        texts: list[str] = []
        async with Client() as client, anyio.create_task_group() as tasks:

            async def ask(number: int) -> None:
                texts.append((await client.chat(f"count {number}")).text)

            for number in range(40):
                tasks.start_soon(ask, number)
        assert sorted(text.count(" ") for text in texts) == list(range(40))

    run(backend, scenario)
    assert gateway.seen("session") == sessions + 1


@pytest.mark.parametrize("code", [code for code in errors.BY_CODE if code != "connection_lost"])
def test_an_error_has_its_own_class_and_what_was_tried(gateway: FakeGateway, code: str) -> None:
    async def scenario() -> None:
        async with Client() as client:
            with pytest.raises(errors.BY_CODE[code], match="as asked") as caught:
                await client.chat(f"fail {code}")
            assert (caught.value.retry_at, caught.value.reply) == (1.5e9, None)
            assert [attempt.outcome for attempt in caught.value.attempts] == ["rate_limited"]

    run("trio", scenario)


def test_an_error_of_a_stream_brings_the_part_that_had_come(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        seen: list[Event] = []
        async with Client() as client, client.stream("interrupt 3") as events:
            with pytest.raises(errors.StreamInterruptedError) as caught:
                await collect(events, seen)
        assert len(seen) == 3
        assert caught.value.reply is not None
        assert caught.value.reply.parts == [Text("0 1 2 ")]
        assert caught.value.reply.usage is not None

    run(backend, scenario)


def test_an_exception_of_the_block_comes_out_as_it_is(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        with pytest.raises(errors.RateLimitedError):
            async with Client() as client:
                await client.chat("fail rate_limited")
        with pytest.raises(ZeroDivisionError):
            async with Client() as client, client.stream("count 3"):
                raise ZeroDivisionError

    run(backend, scenario)


def test_cancelling_a_task_cancels_the_call_upstream(backend: str, gateway: FakeGateway) -> None:
    cancelled = gateway.seen("cancelled")

    async def scenario() -> None:
        async with Client() as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.chat, "hang")
                await anyio.to_thread.run_sync(gateway.wait, "open", opened + 1)
                tasks.cancel_scope.cancel()
            await anyio.to_thread.run_sync(gateway.wait, "cancelled", cancelled + 1)
            assert (await client.chat("hi")).text == "hello", "the connection goes on"

    opened = gateway.seen("open")
    run(backend, scenario)


def test_leaving_the_block_of_a_stream_cancels_the_call_upstream(backend: str, gateway: FakeGateway) -> None:
    cancelled = gateway.seen("cancelled")

    async def scenario() -> None:
        async with Client() as client:
            async with client.stream("hang") as events:
                await anext(aiter(events))
            await anyio.to_thread.run_sync(gateway.wait, "cancelled", cancelled + 1)

    run(backend, scenario)


def test_a_whole_client_can_be_cancelled(backend: str, gateway: FakeGateway) -> None:
    over = gateway.seen("session over")

    async def scenario() -> None:
        with anyio.CancelScope() as scope:
            async with Client() as client, client.stream("hang") as events:
                async for _ in events:
                    scope.cancel()
        assert scope.cancelled_caught

    run(backend, scenario)
    gateway.wait("session over", over + 1)


def test_a_long_run_of_events_can_be_cancelled_within_it(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        seen = 0
        with anyio.CancelScope() as scope:
            async with Client() as client, client.stream("merge 5000") as events:
                async for _ in events:
                    seen += 1
                    scope.cancel()
        assert seen < 100

    run(backend, scenario)


def test_closing_the_client_ends_the_calls_of_other_tasks(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async def ask() -> None:
            with pytest.raises(errors.ConnectionLostError, match="client was closed"):
                await client.chat("hang")

        opened = gateway.seen("open")
        async with anyio.create_task_group() as tasks, Client() as client:
            tasks.start_soon(ask)
            await anyio.to_thread.run_sync(gateway.wait, "open", opened + 1)

    run(backend, scenario)


def test_a_client_is_used_in_its_block_only(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        client = Client()
        with pytest.raises(RuntimeError, match="async with Client"):
            await client.chat("hi")
        async with client:
            with pytest.raises(RuntimeError, match="open already"):
                await client.__aenter__()
            with pytest.raises(RuntimeError, match=r"async with client\.stream"):
                client.stream("hi").reply()
        async with client:
            assert (await client.chat("hi")).text == "hello", "and may be opened again"

    run(backend, scenario)


def test_an_agent_that_does_not_read_its_events_holds_nobody_up(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client, client.stream("flood 400 10000") as lazy:
            assert (await client.chat("hi")).text == "hello"
            async with client.stream("count 20") as diligent:
                assert len([event async for event in diligent]) == 20
            assert len([event async for event in lazy]) == 400

    run(backend, scenario)


def test_a_large_request_and_a_large_answer_pass(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        async with Client() as client:
            reply = await client.chat(
                messages=[{"role": "system", "content": "x" * 20_000_000}, _asks("flood 2 4000000")]
            )
            assert len(reply.text) == 8_000_000
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(lambda: client.chat("x" * 5_000_000))

    run(backend, scenario)


def _asks(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


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
                os.kill(gateway.pid, signal.SIGSTOP)
                try:
                    with pytest.raises(errors.ConnectionLostError, match="no sign of life"):
                        await anext(aiter(events))
                finally:
                    os.kill(gateway.pid, signal.SIGCONT)

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
            os.kill(gateway.pid, signal.SIGSTOP)
            try:
                tasks.start_soon(ask_in_vain)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(errors.OverloadedError):
                    await client.chat("hi")
            finally:
                os.kill(gateway.pid, signal.SIGCONT)

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
