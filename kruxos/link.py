"""The trio shell of a link: frames over one end of a socketpair, used alike by the supervisor and by workers.

All frames that one turn of the scheduler produced leave in one send; one receive brings as many as there are.
"""

from __future__ import annotations

import socket
from collections import deque

import trio

from kruxos import framing, wire
from kruxos.gauge import Gauge

RECEIVE_BYTES = 256 * 1024
QUEUE_BYTES_MAX = 64 * 1024 * 1024
"""More than this waiting for the other end: ``room`` waits, and whoever cannot wait gives up on the other end."""
QUEUE_BYTES_LOW = 16 * 1024 * 1024


class Link:
    """One end. ``send`` never blocks; ``run_writer`` must be running; ``receive`` has one caller at a time."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003 - the standard library's name for it
        self._socket = end
        self._decoder = framing.LinkDecoder()
        self._queue: deque[bytes] = deque()
        self._wake = trio.Event()
        self._roomy = trio.Event()
        self._roomy.set()
        self._closed = False
        self.queued = Gauge(QUEUE_BYTES_MAX)

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame; it leaves before the next turn of the scheduler ends."""
        data = framing.encode_link(frame)
        self._queue.append(data)
        self.queued.add(len(data))
        if self.queued.now > QUEUE_BYTES_MAX and self._roomy.is_set():
            self._roomy = trio.Event()
        self._wake.set()

    async def room(self) -> None:
        """Waits while the other end is far behind."""
        await self._roomy.wait()

    @property
    def full(self) -> bool:
        """Whether the other end is far behind."""
        return not self._roomy.is_set()

    @property
    def closed(self) -> bool:
        """Whether this end was closed."""
        return self._closed

    def flush(self) -> bool:
        """Sends what it can right now, without waiting. True: nothing is left."""
        while self._queue and not self._closed:
            data = self._queue[0] if len(self._queue) == 1 else self._joined()
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                return False
            self.queued.add(-sent)
            self._queue[0] = data[sent:] if sent < len(data) else b""
            if not self._queue[0]:
                self._queue.popleft()
            if self.queued.now <= QUEUE_BYTES_LOW:
                self._roomy.set()
        return not self._queue

    def _joined(self) -> bytes:
        data = b"".join(self._queue)
        self._queue.clear()
        self._queue.append(data)
        return data

    async def run_writer(self) -> None:
        """Carries queued frames out until the link is closed. Raises ``OSError`` where the other end is gone."""
        while not self._closed:
            await self._wake.wait()
            self._wake = trio.Event()
            while not self.flush():
                await trio.lowlevel.wait_writable(self._socket)

    async def receive(self) -> list[wire.Frame] | None:
        """The frames that one receive brought, perhaps none; None at the end of the link.

        Raises ``KruxosError`` for bytes that are no frames.
        """
        while True:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
                continue
            except ConnectionError:
                return None
            return self._decoder.feed(data) if data else None

    def close(self) -> None:
        """Closes this end. Tasks that wait on it are woken with ``ClosedResourceError``."""
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._roomy.set()
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
