"""The trio shell of a link: frames over one end of a socketpair, used alike by the supervisor and by workers.

All frames that one turn of the scheduler produced leave in one send; one receive brings as many as there are. A run of
events alone leaves at once; runs that follow within a millisecond leave together. No other frame is held back.
"""

from __future__ import annotations

import math
import socket
from collections import deque
from contextlib import suppress

import trio

from kruxos import framing, wire
from kruxos.gauge import Gauge

RECEIVE_BYTES = 64 * 1024
"""A larger buffer is one that the allocator asks the kernel for and gives back, at every receive."""
QUEUE_BYTES_MAX = 64 * 1024 * 1024
"""More than this waiting for the other end: ``room`` waits, and whoever cannot wait gives up on the other end."""
QUEUE_BYTES_LOW = 16 * 1024 * 1024
QUIET_S = 0.0003
"""A link without a send for so long is quiet: the next frame does not wait for the end of the turn."""
JOINED_BYTES_AIM = 256 * 1024
"""What is longer is not joined with what follows it: copying costs more than another send."""
GATHER_S = 0.001
"""How long after a send further events may wait for company: many slow streams cost a send each otherwise."""


class Link:
    """One end. ``send`` never blocks; ``run_writer`` must be running; ``receive`` has one caller at a time."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003 - the standard library's name for it
        self._socket = end
        self._decoder = framing.LinkDecoder()
        self._queue: deque[bytes | memoryview] = deque()
        self._wake = trio.Event()
        self._urgent = trio.Event()
        self._flushed_at = -math.inf
        self._roomy = trio.Event()
        self._roomy.set()
        self._closed = False
        self.queued = Gauge(QUEUE_BYTES_MAX)

    def send(self, frame: wire.Frame) -> None:
        """Takes a frame: it leaves at once, with the others of this turn, or events ``GATHER_S`` later with others."""
        was_empty = not self._queue
        for piece in framing.encode_link(frame):
            self._queue.append(piece)
            self.queued.add(len(piece))
        if self.queued.now > QUEUE_BYTES_MAX and self._roomy.is_set():
            self._roomy = trio.Event()
        if was_empty and self._went_out():
            return
        self._wake.set()
        if not isinstance(frame, wire.Event):
            self._urgent.set()

    def _went_out(self) -> bool:
        """Sends what is queued at once on a link that has been quiet: waking the writer would cost a turn."""
        now = trio.current_time()
        if now - self._flushed_at < QUIET_S:
            return False
        self._flushed_at = now
        with suppress(OSError):  # the other end is gone: the writer tells
            return self.flush()
        return False

    async def room(self) -> None:
        """Waits while the other end is far behind; no checkpoint where it is not."""
        if not self._roomy.is_set():
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
            data = self._queue[0] if len(self._queue) == 1 or self._is_long(self._queue[0]) else self._joined()
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                return False
            self.queued.add(-sent)
            if sent < len(data):
                self._queue[0] = memoryview(data)[sent:]  # a slice of bytes would copy the rest each time
            else:
                self._queue.popleft()
            if self.queued.now <= QUEUE_BYTES_LOW:
                self._roomy.set()
        return not self._queue

    @staticmethod
    def _is_long(data: bytes | memoryview) -> bool:
        return len(data) > JOINED_BYTES_AIM

    def _joined(self) -> bytes:
        """What waits before the first long piece, as one."""
        short: list[bytes | memoryview] = []
        while self._queue and not self._is_long(self._queue[0]):
            short.append(self._queue.popleft())
        data = b"".join(short)
        self._queue.appendleft(data)
        return data

    async def run_writer(self) -> None:
        """Carries queued frames out until the link is closed. Raises ``OSError`` where the other end is gone."""
        while not self._closed:
            await self._wake.wait()
            await self._gather()
            self._wake, self._urgent = trio.Event(), trio.Event()
            while not self.flush():
                await trio.lowlevel.wait_writable(self._socket)
            self._flushed_at = trio.current_time()

    async def _gather(self) -> None:
        """Gives events time to be joined by others, where the last send is not long ago."""
        wait_s = self._flushed_at + GATHER_S - trio.current_time()
        if wait_s > 0 and not self._urgent.is_set():
            with trio.move_on_after(wait_s):
                await self._urgent.wait()

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
            self._urgent.set()
            self._roomy.set()
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
