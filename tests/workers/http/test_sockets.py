"""Streams over real sockets: partial sends, resets seen and made, closing under another task."""

from __future__ import annotations

import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from kruxos_workers.http.network import StreamReset
from kruxos_workers.http.sockets import SocketStream
from tests.workers.http.helpers import under_trio


@contextmanager
def connected() -> Generator[tuple[SocketStream, socket.socket]]:
    """Our stream, and the peer's blocking socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    ours.setblocking(False)
    stream = SocketStream(ours)
    try:
        with peer:
            yield stream, peer
    finally:
        stream.close()


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def received(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += peer.recv(size)
    return bytes(data)


@under_trio
async def test_bytes_come_as_they_are_there_and_empty_at_the_end() -> None:
    with connected() as (stream, peer):
        peer.sendall(b"one")
        peer.sendall(b"two")
        peer.shutdown(socket.SHUT_WR)
        assert [await stream.receive_some(), await stream.receive_some()] == [b"onetwo", b""]


@under_trio
async def test_a_send_that_is_larger_than_the_kernel_takes_goes_out_whole() -> None:
    data = bytes(range(256)) * 40_000
    with connected() as (stream, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, data)
            assert await trio.to_thread.run_sync(received, peer, len(data)) == data


@under_trio
async def test_a_reset_is_told_when_sending_and_when_receiving() -> None:
    with connected() as (stream, peer):
        reset(peer)
        with pytest.raises(StreamReset, match="connection reset by peer"):
            await stream.receive_some()
        with pytest.raises(StreamReset, match="broken pipe"):
            await stream.send_all(b"x")


@under_trio
async def test_an_idle_stream_is_readable_when_bytes_or_an_end_have_come_and_nothing_is_taken() -> None:
    with connected() as (stream, peer):
        assert not stream.is_readable()
        peer.sendall(b"x")
        assert stream.is_readable()
        assert stream.is_readable()
        assert await stream.receive_some() == b"x"
        assert not stream.is_readable()
        reset(peer)
        assert stream.is_readable()


@under_trio
async def test_closing_is_an_end_and_aborting_a_reset_for_the_peer() -> None:
    with connected() as (stream, peer):
        stream.close()
        assert peer.recv(1) == b""
    with connected() as (stream, peer):
        stream.abort()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
        stream.abort()
        stream.close()


@pytest.mark.parametrize("operation", ["send", "receive"])
@under_trio
async def test_closing_wakes_a_task_that_waits(operation: str) -> None:
    outcomes: list[Exception] = []

    async def wait(stream: SocketStream) -> None:
        try:
            await (stream.send_all(bytes(50_000_000)) if operation == "send" else stream.receive_some())
        except StreamReset as error:
            outcomes.append(error)

    with connected() as (stream, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, stream)
            await trio.testing.wait_all_tasks_blocked()
            stream.close()
    assert [str(error) for error in outcomes] == ["closed on our side meanwhile"]


@under_trio
async def test_a_cancelled_receive_loses_nothing() -> None:
    with connected() as (stream, peer):
        peer.sendall(b"kept")
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.receive_some()
        assert await stream.receive_some() == b"kept"
