"""TCP streams: non-blocking sockets under trio.

Not ``trio.SocketStream``: that makes a scheduler round of every send, and closing it needs an await.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

import trio

from .network import RECEIVE_BYTES, Stream, StreamReset
from .tls import start_tls

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for no time


class SocketStream:
    """A connected socket. See ``network.Stream``."""

    __slots__ = ("_drained", "_socket")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._drained = True  # the last receive took all there was: another one now would only say so

    async def send_all(self, data: bytes) -> None:
        """Hand all of ``data`` to the kernel."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await self._wait(trio.lowlevel.wait_writable)
            except OSError as error:
                raise _reset(error) from None

    async def receive_some(self) -> bytes:
        """What has come. Always a checkpoint; a cancellation never loses bytes that were received."""
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while True:
            if self._drained:
                await self._wait(trio.lowlevel.wait_readable)
                waited = True
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                self._drained = True
            except OSError as error:
                raise _reset(error) from None
            else:
                break
        self._drained = len(data) < RECEIVE_BYTES
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return data

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> Stream:
        """TLS over this socket."""
        return await start_tls(self, context, hostname)

    def is_readable(self) -> bool:
        """Look without waiting or taking anything."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close in peace."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    def abort(self) -> None:
        """Close with a reset."""
        if self._socket.fileno() >= 0:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close()

    async def _wait(self, until_ready: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            await until_ready(self._socket)
        except trio.ClosedResourceError:
            raise StreamReset("closed on our side meanwhile") from None


def _reset(error: OSError) -> StreamReset:
    return StreamReset((error.strerror or type(error).__name__).lower())
