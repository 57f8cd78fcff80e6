"""The asynchronous client against a gateway on real sockets, under asyncio and trio."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import anyio
import pytest

from kruxos import Client, errors
from kruxos.client import EventStream
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


def test_a_cancelled_read_loses_no_event(backend: str, gateway: FakeGateway) -> None:
    async def scenario() -> None:
        seen: list[Event] = []
        async with Client() as client, client.stream("merge 201") as events:
            for _ in range(100):
                seen.append(await anext(aiter(events)))
                with anyio.move_on_after(0):
                    seen.append(await anext(aiter(events)))
            await collect(events, seen)
        assert seen == [TextDelta(0, f"{number} ") for number in range(201)]

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
