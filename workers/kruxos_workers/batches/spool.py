"""Files of a batch, read and written over the link: the supervisor has them, and gives what this op may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import trio

from kruxos import wire
from kruxos.errors import BadRequestError, InternalError

LINE_BYTES_MAX = wire.REQUEST_BYTES_MAX
LINES_AT_ONCE = 64
"""After so many lines others have their turn: a worker that is silent for long is replaced."""


class Outlet(Protocol):
    """Where frames go."""

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame."""
        ...


class Spool:
    """The files of one op. One question is under way at a time, so one chunk is in memory at each end."""

    def __init__(self, number: int, outlet: Outlet) -> None:
        self._number, self._outlet = number, outlet
        self._answer: wire.Spooled | None = None
        self._answered = trio.Event()
        self._written: dict[str, bytearray] = {}

    def on_answer(self, frame: wire.Spooled) -> None:
        """The supervisor answers."""
        self._answer = frame
        self._answered.set()

    async def _ask(self, frame: wire.Spool) -> bytes:
        self._answered = trio.Event()
        self._outlet.send(frame)
        await self._answered.wait()
        assert self._answer is not None
        if self._answer.error:
            raise InternalError(f"the batch's spool: {self._answer.error}")
        return self._answer.body

    async def read(self, file: str, offset: int, length: int) -> bytes:
        """So many bytes, fewer at the end of the file. Raises ``InternalError``."""
        size = min(length, wire.CHUNK_BYTES_MAX)
        return await self._ask(wire.Spool(id=self._number, file=file, offset=offset, length=size))

    async def pieces(self, file: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """A file's bytes, from ``offset`` on, in pieces."""
        end = None if length is None else offset + length
        while end is None or offset < end:
            want = wire.CHUNK_BYTES_MAX if end is None else end - offset
            data = await self.read(file, offset, want)
            if not data:
                return
            offset += len(data)
            yield data

    async def lines(self, file: str) -> AsyncIterator[bytes]:
        """A file's lines without their ends. Raises ``BadRequestError`` for one that is far too long."""
        async for line in split(self.pieces(file)):
            yield line

    async def write(self, file: str, data: bytes) -> None:
        """Appends to a file; small pieces are put together. ``flush`` brings the rest. Raises ``InternalError``."""
        waiting = self._written.setdefault(file, bytearray())
        waiting += data
        while len(waiting) >= wire.CHUNK_BYTES_MAX:
            await self._put(file, waiting)

    async def flush(self) -> None:
        """Writes what is left of all files."""
        for file, waiting in self._written.items():
            while waiting:
                await self._put(file, waiting)

    async def _put(self, file: str, waiting: bytearray) -> None:
        data = bytes(waiting[: wire.CHUNK_BYTES_MAX])
        del waiting[: wire.CHUNK_BYTES_MAX]
        await self._ask(wire.Spool(id=self._number, file=file, body=data))


async def split(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of what comes in pieces, without their ends. Raises ``BadRequestError`` for one that is far too long."""
    rest, count = bytearray(), 0
    async for piece in pieces:
        rest += piece
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        for line in whole:
            count += 1
            if count % LINES_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            yield bytes(line)
        if len(rest) > LINE_BYTES_MAX:
            raise BadRequestError(f"line {count + 1} is over {LINE_BYTES_MAX} bytes")
    if rest:
        yield bytes(rest)
