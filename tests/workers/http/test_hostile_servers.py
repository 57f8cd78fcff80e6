"""Servers on loopback that do what no server should: each costs at most its bound, and has its typed failure."""

from __future__ import annotations

import gzip
import socket
import struct

import pytest
import trio

from kruxos.errors import ProviderProtocolError, ProviderTimeoutError, StreamInterruptedError
from kruxos_workers.http import BodyFailure, ProviderClient, SendFailure, TimeLimit
from kruxos_workers.http.connection import ONE_SEND_BYTES_MAX
from tests.workers.http.helpers import (
    CHUNKED,
    OK,
    Handler,
    answering,
    closed,
    http,
    pieces_until_failure,
    read,
    read_request,
    send_failure,
    serving,
    under_trio,
)

STATUS = b"HTTP/1.1 200 OK\r\n"


def flooding(start: bytes, more: bytes) -> Handler:
    """Answers with ``start`` and then ``more`` for ever, until the client has enough."""

    async def handle(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(start)
        while True:
            await stream.send_all(more)

    return handle


def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (STATUS, b"x-flood: 1\r\n" * 1000),
        (STATUS + b"x-endless: ", b"a" * 10_000),
        (b"HTTP/1.1 200 ", b"endless reason " * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"\r\n" * 10_000),
        (b"", b"endless garbage " * 1000),
        (b"<!doctype html><html>", b"<p>not an API</p>" * 1000),
    ],
)
@under_trio
async def test_a_head_without_end_is_cut_off_at_its_bound(start: bytes, more: bytes) -> None:
    async with serving(flooding(start, more)) as port:
        failure = await send_failure(ProviderClient(http(port)))
    assert (failure.kind, type(failure.error)) == ("ambiguous", ProviderProtocolError)


@pytest.mark.parametrize(
    ("start", "more", "kind"),
    [
        (STATUS + b"\r\n", b"x" * 10_000, "too_large"),
        (CHUNKED, b"3e8\r\n" + b"x" * 1000 + b"\r\n", "too_large"),
        (STATUS + b"content-length: 99999999999\r\n\r\n", b"x" * 10_000, "too_large"),
        (CHUNKED + b"5;", b"extension" * 1000, "protocol"),
        (CHUNKED + b"0\r\n", b"x-trailer: 1\r\n" * 1000, "protocol"),
        (CHUNKED, b"not a chunk\r\n", "protocol"),
        (STATUS + b"content-encoding: gzip\r\n\r\n", gzip.compress(bytes(1_000_000)), "too_large"),
    ],
)
@under_trio
async def test_a_body_without_end_is_cut_off_at_its_bound(start: bytes, more: bytes, kind: str) -> None:
    async with (
        serving(flooding(start, more)) as port,
        ProviderClient(http(port)).send("GET", "/x", body_bytes_max=500_000) as answer,
    ):
        came, failure = await pieces_until_failure(answer)
    assert isinstance(failure, BodyFailure)
    assert (failure.kind, type(failure.error)) == (kind, ProviderProtocolError)
    assert len(came) <= 500_000


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nx-slow: ", CHUNKED, b""])
@under_trio
async def test_a_trickle_is_ended_by_the_callers_limit(start: bytes) -> None:
    gone = trio.Event()

    async def trickle(stream: trio.SocketStream) -> None:
        await read_request(stream)
        try:
            await stream.send_all(start)
            while start:
                await stream.send_all(b"1\r\n \r\n" if start == CHUNKED else b"a")
                await trio.sleep(0.01)
            await closed(stream)
        finally:
            gone.set()

    limit = TimeLimit()
    limit.start("first event", 0.1)
    async with serving(trickle) as port:
        with pytest.raises((SendFailure, BodyFailure)) as caught:
            async with ProviderClient(http(port)).send("GET", "/x", limit=limit) as answer:
                await answer.read()
        await gone.wait()
    assert isinstance(caught.value, (SendFailure, BodyFailure))
    assert caught.value.kind == ("timeout" if start == CHUNKED else "ambiguous")
    assert isinstance(caught.value.error, ProviderTimeoutError)


@under_trio
async def test_a_length_that_promises_too_much_is_a_truncation() -> None:
    short = STATUS + b"content-length: 10\r\n\r\nshort"
    async with serving(answering(short)) as port, ProviderClient(http(port)).send("GET", "/x") as answer:
        came, failure = await pieces_until_failure(answer)
    assert came == b"short"
    assert isinstance(failure, BodyFailure)
    assert (failure.kind, type(failure.error)) == ("truncated", StreamInterruptedError)


@pytest.mark.parametrize(
    "answer",
    [
        STATUS + b"content-length: 2\r\n\r\nok and more",
        OK + STATUS + b"content-length: 8\r\n\r\nsmuggled",
        CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + STATUS + b"content-length: 8\r\n\r\nsmuggled",
    ],
)
@under_trio
async def test_bytes_after_the_end_never_answer_the_next_request(answer: bytes) -> None:
    connections = []

    async def handle(stream: trio.SocketStream) -> None:
        connections.append(stream)
        await answering(answer, answer)(stream)

    async with serving(handle) as port:
        with ProviderClient(http(port)) as client:
            assert [await read(client), await read(client)] == [b"ok", b"ok"]
    assert len(connections) == 2


@under_trio
async def test_junk_on_an_idle_connection_never_answers_the_next_request() -> None:
    connections = []
    said = trio.Event()

    async def handle(stream: trio.SocketStream) -> None:
        connections.append(stream)
        await read_request(stream)
        await stream.send_all(OK)
        if len(connections) == 1:
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(STATUS + b"content-length: 8\r\n\r\nsmuggled")
            said.set()
        await closed(stream)

    async with serving(handle) as port:
        with ProviderClient(http(port)) as client:
            assert await read(client) == b"ok"
            await said.wait()
            assert await read(client) == b"ok"
    assert len(connections) == 2


@under_trio
async def test_a_redirect_to_another_host_is_not_asked_there() -> None:
    visitors = []

    async def elsewhere(stream: trio.SocketStream) -> None:
        visitors.append(await stream.receive_some())

    async with serving(elsewhere) as other_port:
        location = f"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:{other_port}/x\r\ncontent-length: 0\r\n\r\n"
        async with serving(answering(location.encode())) as port:
            with ProviderClient(http(port), auth={"authorization": "Bearer sk-hush"}) as client:
                failure = await send_failure(client)
    assert failure.kind == "refused"
    assert visitors == []


@pytest.mark.parametrize("after_request", [False, True])
@under_trio
async def test_a_reset_without_an_answer_is_ambiguous(after_request: bool) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        if after_request:
            await read_request(stream)
        else:
            await stream.receive_some(1)
        reset(stream)

    async with serving(handle) as port:
        failure = await send_failure(ProviderClient(http(port)))
    assert (failure.kind, type(failure.error)) == ("ambiguous", StreamInterruptedError)


@under_trio
async def test_a_reset_within_the_body_is_told_from_an_end() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(CHUNKED + b"5\r\nhello\r\n")
        await go_on.wait()
        reset(stream)

    go_on = trio.Event()
    async with serving(handle) as port, ProviderClient(http(port)).send("GET", "/x") as answer:
        assert await anext(answer) == b"hello"
        go_on.set()
        with pytest.raises(BodyFailure) as caught:
            await anext(answer)
    assert caught.value.kind == "reset"


@pytest.mark.parametrize("closes", [False, True])
@under_trio
async def test_a_server_that_refuses_a_large_request_without_reading_it_is_heard(closes: bool) -> None:
    refusal = b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno"

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        await stream.send_all(refusal)
        if closes:
            await stream.send_eof()
        await trio.sleep_forever()

    async with serving(handle) as port, ProviderClient(http(port)).send("POST", "/x", {}, bytes(20_000_000)) as answer:
        assert (answer.status, await answer.read()) == (401, b"no")


@under_trio
async def test_a_large_request_to_a_slow_reader_is_sent_whole() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        request = await read_request(stream)
        size = len(request) - request.index(b"\r\n\r\n") - 4
        await stream.send_all(STATUS + b"content-length: %d\r\n\r\n" % len(str(size)) + str(size).encode())

    async with serving(handle) as port:
        with ProviderClient(http(port)) as client:
            assert await read(client, body=bytes(4 * ONE_SEND_BYTES_MAX)) == str(4 * ONE_SEND_BYTES_MAX).encode()
            assert client.statistics.idle == 1
