"""An answer while it comes: status and headers are there, the body is read in pieces."""

from __future__ import annotations

import trio

from kruxos.errors import ProviderProtocolError

from .connection import Connection
from .decoding import PIECE_BYTES_MAX, decoding_for
from .failures import BodyFailure
from .parsing import Head
from .timing import Timing


class Answer:
    """What ``ProviderClient.send`` gives. Iterate it for the body, decoded, in pieces as they come; or ``read`` it.

    ``headers`` has lower-case names, several values of one name joined by a comma. Reading raises ``BodyFailure``;
    the pieces before it stay good.
    """

    __slots__ = ("_bytes_left", "_bytes_max", "_connection", "_decoding", "headers", "status", "timing")

    def __init__(self, head: Head, connection: Connection, timing: Timing, bytes_max: int) -> None:
        self.status = head.status
        self.headers = head.headers
        self.timing = timing
        self._connection = connection
        self._decoding = decoding_for(head.headers.get("content-encoding", ""))
        self._bytes_max = bytes_max
        self._bytes_left = bytes_max

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self) -> bytes:
        while not (piece := self._decoding.take()):
            data = await self._connection.receive_body()
            if not data:
                self._decoding.finish()
                raise StopAsyncIteration
            self._decoding.feed(data)
        self._bytes_left -= len(piece)
        if self._bytes_left < 0:
            raise BodyFailure("too_large", ProviderProtocolError(f"the answer is over {self._bytes_max} bytes"))
        if len(piece) == PIECE_BYTES_MAX:  # a few bytes can bring many such pieces: let others run in between
            await trio.lowlevel.checkpoint()
        return piece

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self])
