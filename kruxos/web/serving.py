"""The server: uvicorn on asyncio with httptools, and our bounds around every connection.

Chosen by measuring CPU for one request and one chunk of a stream, on this project's own load (docs/architecture.md).
uvicorn bounds neither the head of a request nor the time it may take, so both are bounded here, at its public seam: the
class of the protocol. A connection that is over a bound gets an answer where one can be given, and is closed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS_MAX = 1024
HEAD_BYTES_MAX = 64 * 1024
"""Request line and headers together."""
HEADERS_MAX = 128
HEAD_WITHIN_S = 10.0
"""From the connection, or the first byte of a later request, to the end of its headers."""
IDLE_S = 75.0
"""A connection without a request; longer than SDKs keep theirs, so that it is not closed under a request."""
WRITE_BYTES_HIGH = 64 * 1024
LISTEN_BACKLOG = 1024
END_WITHIN_S = 5
_PEER = struct.Struct("3i")


class GuardedProtocol(HttpToolsProtocol):
    """One connection within its bounds."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Admits it, or closes it: too many, or another user's process at the Unix socket."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX or not _is_admitted(transport):
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=WRITE_BYTES_HIGH)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timer."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head."""
        if self._in_head:
            self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """The head is here; a body follows, or an answer."""
        self._head_arrived()
        self._in_head = False
        if not self.url.startswith(b"/"):
            self._refuse(b"400 Bad Request")  # another authority than Host's, or a proxy's request
            return
        too_large = sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > HEAD_BYTES_MAX
        if too_large or len(self.headers) > HEADERS_MAX:
            self._refuse(b"431 Request Header Fields Too Large")
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here whole; the next one has a head of its own."""
        self._in_head, self._head_bytes = True, 0
        if not self._refused:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body; of a request that was refused none is wanted."""
        if not self._refused:
            super().on_body(body)

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._refuse, b"408 Request Timeout")

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        self._head_arrived()
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            self.transport.close()


def _is_admitted(transport: asyncio.Transport) -> bool:
    """At the Unix socket the peer's uid is its identity: only our own user's."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return True
    _, uid, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return bool(uid == os.geteuid())


async def serve(
    app: ASGIApp, listeners: list[socket.socket], *, ready: Callable[[], None], over: asyncio.Event
) -> None:
    """Serves until ``over`` is set; ``ready`` is called once connections are taken."""
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(IDLE_S),
        timeout_graceful_shutdown=END_WITHIN_S,
    )
    server = _Server(config, ready)
    ending = asyncio.create_task(_end(server, over))
    try:
        await server.serve(sockets=listeners)
    finally:
        ending.cancel()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


async def _end(server: uvicorn.Server, over: asyncio.Event) -> None:
    await over.wait()
    server.should_exit = True
