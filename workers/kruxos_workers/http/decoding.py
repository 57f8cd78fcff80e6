"""Content codings, undone a bounded piece at a time, so that a small answer cannot become a large one unseen.

gzip and deflate are what ``ACCEPT_ENCODING`` asks for. Brotli and Zstandard are not asked for: their packages decode
all they are given in one go, whatever comes out.
"""

from __future__ import annotations

import zlib
from typing import Protocol

from kruxos.errors import ProviderProtocolError, StreamInterruptedError

from .failures import BodyFailure

ACCEPT_ENCODING = "gzip, deflate"
PIECE_BYTES_MAX = 256 * 1024
"""How much one step of decoding may bring."""


class Decoding(Protocol):
    """Undoes one content coding. ``feed`` the next bytes only when ``take`` has given all of the last ones."""

    def feed(self, data: bytes) -> None:
        """Bytes as they came."""
        ...

    def take(self) -> bytes:
        """The next decoded piece; empty where more must be fed. Raises ``BodyFailure``."""
        ...

    def finish(self) -> None:
        """The body has ended. Raises ``BodyFailure`` where the coding has not."""
        ...


def decoding_for(content_encoding: str) -> Decoding:
    """What undoes the coding that the ``Content-Encoding`` header names; one that fails where we cannot."""
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return Identity()
    if coding in ("gzip", "x-gzip", "deflate"):
        return Inflate(coding)
    return Unknown()


class Identity:
    """No coding."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Bytes as they came."""
        self._data = data

    def take(self) -> bytes:
        """All of them."""
        data, self._data = self._data, b""
        return data

    def finish(self) -> None:
        """Nothing can be missing."""


class Unknown(Identity):
    """A coding that was not asked for. An empty body has no coding to fail on."""

    __slots__ = ()

    def take(self) -> bytes:
        """Nothing, or ``BodyFailure``."""
        if self._data:
            raise BodyFailure("protocol", ProviderProtocolError("the answer has a content coding nobody asked for"))
        return b""


class Inflate:
    """gzip, or deflate with or without its zlib wrapping: servers differ, and the first byte tells."""

    __slots__ = ("_begun", "_data", "_gzip", "_inflate", "_more")

    def __init__(self, coding: str) -> None:
        self._gzip = coding != "deflate"
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS + 16)
        self._begun = False
        self._data = b""
        self._more = False

    def feed(self, data: bytes) -> None:
        """Bytes as they came."""
        if data and not self._begun:
            self._begun = True
            if not self._gzip:
                wrapped = data[0] & 0x0F == zlib.DEFLATED
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        self._data = data

    def take(self) -> bytes:
        """The next piece, at most ``PIECE_BYTES_MAX``."""
        if self._inflate.unused_data:
            raise BodyFailure("protocol", ProviderProtocolError("bytes follow the end of the compressed answer"))
        if not (self._data or self._more):
            return b""
        try:
            piece = self._inflate.decompress(self._data, PIECE_BYTES_MAX)
        except zlib.error:
            raise BodyFailure("protocol", ProviderProtocolError("the answer's compression is broken")) from None
        self._data = self._inflate.unconsumed_tail
        self._more = len(piece) == PIECE_BYTES_MAX  # zlib may hold more although all its input is consumed
        return piece

    def finish(self) -> None:
        """A coded body must have come to its own end; an empty one has none."""
        if self._begun and not self._inflate.eof:
            raise BodyFailure("truncated", StreamInterruptedError("the compressed answer broke off before its end"))
