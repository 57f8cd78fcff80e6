"""What the tests of the HTTP client share: running under trio, servers on loopback, whole requests and answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import Any

import h11
import trio
import trio.testing

from kruxos_workers.http import Answer, ProviderClient, SendFailure

TEST_S = 20.0
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

Handler = Callable[[trio.SocketStream], Awaitable[None]]


def under_trio(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test, with real time and a limit."""

    @wraps(scenario)
    def test(**fixtures: Any) -> None:
        async def main() -> None:
            with trio.fail_after(TEST_S):
                await scenario(**fixtures)

        trio.run(main)

    return test


def with_clock(scenario: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test by a clock that jumps to the next deadline when nothing else can happen."""

    @wraps(scenario)
    def test(**fixtures: Any) -> None:
        trio.run(partial(scenario, **fixtures), clock=trio.testing.MockClock(autojump_threshold=0))

    return test


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncGenerator[int]:
    """A server on loopback that gives each connection to ``handler``; yields its port. It ends with the block."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)

        async def serve(stream: trio.SocketStream) -> None:
            try:
                await handler(stream)
            except (trio.BrokenResourceError, ConnectionError):
                return  # the client went away, as many of these tests want it to

        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def read_request(stream: trio.abc.Stream) -> bytes:
    """One whole request as it came; empty where the client closed instead."""
    data = bytearray()
    connection = h11.Connection(h11.SERVER)
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            more = await stream.receive_some()
            if not more:
                return b""
            data += more
            connection.receive_data(bytes(more))
        elif isinstance(event, h11.EndOfMessage):
            return bytes(data)


def answering(*answers: bytes) -> Handler:
    """A handler that gives the n-th request of a connection the n-th answer, and closes after the last."""

    async def handle(stream: trio.SocketStream) -> None:
        for answer in answers:
            if not await read_request(stream):
                return
            await stream.send_all(answer)

    return handle


async def closed(stream: trio.abc.Stream) -> None:
    """Return when the client's end of the connection is gone."""
    try:
        while await stream.receive_some():
            pass
    except trio.BrokenResourceError:
        pass


async def read(client: ProviderClient, path: str = "/x", method: str = "POST", body: bytes = b"{}") -> bytes:
    """The body of one exchange's answer."""
    async with client.send(method, path, {}, body) as answer:
        return await answer.read()


async def send_failure(client: ProviderClient, **options: Any) -> SendFailure:
    """The failure of an exchange that must not have an answer."""
    try:
        async with client.send("POST", "/x", {}, b"{}", **options) as answer:
            raise AssertionError(f"there is an answer: {answer.status}")
    except SendFailure as failure:
        return failure


async def pieces_until_failure(answer: Answer) -> tuple[bytes, Exception]:
    """The body as far as it came, and what ended it."""
    came = bytearray()
    try:
        async for piece in answer:
            came += piece
    except Exception as failure:  # noqa: BLE001 - the test looks at it
        return bytes(came), failure
    raise AssertionError("the body ended well")


def http(port: int, host: str = "127.0.0.1") -> str:
    """A base URL."""
    return f"http://{host}:{port}"
