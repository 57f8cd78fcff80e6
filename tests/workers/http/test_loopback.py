"""The client against a proper server on loopback: keeping connections, many at once, cancelling, IPv6."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import h11
import pytest
import trio

from kruxos_workers.http import ClientLimits, PoolLimits, ProviderClient, StreamedBody
from tests.workers.http.helpers import closed, http, read, read_request, serving, under_trio

EVENTS = 50


class Server:
    """An HTTP server by h11: ``/unary`` echoes the body, anything else streams ``EVENTS`` events."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        while True:
            request, body = await self._receive(stream, connection)
            if request is None:
                return
            self.requests += 1
            events = unary(body) if request.target.startswith(b"/v1/unary") else streamed()
            for event in events:
                await stream.send_all(connection.send(event) or b"")
            connection.start_next_cycle()

    async def _receive(self, stream: trio.SocketStream, connection: h11.Connection) -> tuple[h11.Request | None, bytes]:
        request, body = None, bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(bytes(await stream.receive_some()))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return request, bytes(body)
            elif isinstance(event, h11.ConnectionClosed):
                return None, b""


def unary(body: bytes) -> list[h11.Event]:
    headers = [("content-length", str(len(body))), ("x-request-id", "r1")]
    return [h11.Response(status_code=200, headers=headers), h11.Data(data=body), h11.EndOfMessage()]


def streamed() -> list[h11.Event]:
    chunks = [h11.Data(data=b"data: %d\n\n" % number) for number in range(EVENTS)]
    headers = [("content-type", "text/event-stream")]
    return [h11.Response(status_code=200, headers=headers), *chunks, h11.EndOfMessage()]


STREAM = b"".join(b"data: %d\n\n" % number for number in range(EVENTS))


@under_trio
async def test_requests_one_after_the_other_share_a_connection() -> None:
    server = Server()
    async with serving(server) as port:
        with ProviderClient(http(port) + "/v1") as client:
            for number in range(20):
                body = b"x" * (number * 700)
                assert await read(client, "/unary", body=body) == body
                assert await read(client, "/stream") == STREAM
    assert (server.connections, server.requests) == (1, 40)


@under_trio
async def test_256_at_once_are_all_answered_and_their_connections_used_again() -> None:
    server = Server()

    async def several(client: ProviderClient, number: int) -> None:
        for turn in range(3):
            body = f"{number}:{turn}".encode()
            assert await read(client, "/unary", body=body) == body
        assert await read(client, "/stream") == STREAM

    async with serving(server) as port:
        with ProviderClient(http(port) + "/v1") as client:
            for _ in range(2):
                async with trio.open_nursery() as nursery:
                    for number in range(256):
                        nursery.start_soon(several, client, number)
            assert client.statistics.held == 0
            assert client.statistics.opened == server.connections <= 256
    assert server.requests == 2 * 256 * 4


@under_trio
async def test_more_at_once_than_connections_may_be_wait_their_turn() -> None:
    server = Server()
    limits = ClientLimits(pool=PoolLimits(connections_max=8))

    async def one(client: ProviderClient) -> None:
        assert await read(client, "/stream") == STREAM

    async with serving(server) as port:
        with ProviderClient(http(port) + "/v1", limits=limits) as client:
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(one, client)
    assert server.requests == 100
    assert server.connections <= 8


@under_trio
async def test_a_server_that_closes_idle_connections_costs_no_request() -> None:
    hung_up = trio.Event()

    async def once(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await stream.aclose()
        hung_up.set()

    async with serving(once) as port:
        with ProviderClient(http(port)) as client:
            for _ in range(5):
                assert await read(client) == b"ok"
                await hung_up.wait()
                hung_up = trio.Event()
            assert client.statistics.opened == 5


@pytest.mark.parametrize("stage", ["before the head", "within the body", "while sending"])
@under_trio
async def test_a_cancelled_call_is_seen_by_the_server_at_once_as_a_reset(stage: str) -> None:
    ready, gone = trio.Event(), trio.Event()

    async def handle(stream: trio.SocketStream) -> None:
        if stage == "while sending":
            await stream.receive_some(10)
        else:
            await read_request(stream)
        if stage == "within the body":
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\nhello")
        ready.set()
        try:
            await closed(stream)
        finally:
            gone.set()

    async def call(client: ProviderClient, scope: trio.CancelScope) -> None:
        with scope:
            await read(client, body=bytes(30_000_000 if stage == "while sending" else 10))

    scope = trio.CancelScope()
    async with serving(handle) as port, trio.open_nursery() as nursery:
        client = ProviderClient(http(port))
        nursery.start_soon(call, client, scope)
        await ready.wait()
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        with trio.fail_after(1):
            await gone.wait()
    assert (client.statistics.held, client.statistics.idle) == (0, 0)


@under_trio
async def test_ipv6_loopback() -> None:
    if not has_ipv6_loopback():
        pytest.skip("no IPv6 loopback on this machine")
    async with serving(Server(), "::1") as port:
        with ProviderClient(f"http://[::1]:{port}/v1", auth={"authorization": "Bearer x"}) as client:
            assert await read(client, "/unary", body=b"six") == b"six"


def has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


@under_trio
async def test_a_body_that_is_read_while_it_goes_out_arrives_whole_and_at_the_root_if_wanted() -> None:
    server = Server()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            await trio.lowlevel.checkpoint()
            yield b"x" * 10_000

    async with serving(server) as port:
        with ProviderClient(http(port) + "/v1/unary") as client:
            body = StreamedBody(400_000, pieces)
            async with client.send("POST", "/files", {}, body) as answer:
                assert await answer.read() == b"x" * 400_000
            async with client.send("POST", "/v1/unary/x", {}, body, at_root=True) as answer:
                assert await answer.read() == b"x" * 400_000
    assert (server.connections, server.requests) == (1, 2)
