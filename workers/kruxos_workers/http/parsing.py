"""One HTTP/1.1 answer, parsed from bytes cut anywhere. No I/O.

Theory of operation. The head is cut off exactly: bytes go to llhttp (strict, through httptools) as they come, but
never past the first empty line. What follows is framed by ``Framing``:

    NONE      no body: HEAD, 204, a tunnel; complete with the head
    LENGTH    Content-Length: counted here
    CHUNKED   Transfer-Encoding: chunked: llhttp goes on with it
    TO_END    neither: the body ends with the connection

Since the end is known to the byte, whatever comes after it is seen, and such a connection is not used again. Interim
answers (1xx) are skipped, trailers ignored, 101 refused. Every size that a peer can choose has a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import httptools

from kruxos.errors import ProviderProtocolError

HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 200
INTERIM_ANSWERS_MAX = 16
CHUNK_FRAMING_BYTES = 32
"""What a chunk's own framing may take (size line and line ends) without being counted as excess."""
EXCESS_FRAMING_BYTES_MAX = 64 * 1024
"""Chunk extensions and trailers that a body may hold together, beyond that."""

_BEGINNING = b"HTTP/1."
_HEAD_END = b"\r\n\r\n"
_NOT_HANDED_ON = frozenset({"set-cookie", "set-cookie2"})


class Framing(Enum):
    """How the end of a body is known."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    TO_END = auto()


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers. Names are lower case; several values of one name are joined by a comma; no cookies."""

    status: int
    headers: dict[str, str]


class Truncated(Exception):  # noqa: N818 - names what happened
    """The connection ended before the answer did."""


class AnswerParser:
    """Parses the answer to one request. ``feed`` bytes as they come, ``feed_end`` at the connection's end.

    ``head`` is there as soon as it is complete. ``complete``: nothing is missing; ``surplus``: something came after
    the end; ``reusable``: the connection may carry another request. What HTTP does not allow raises
    ``ProviderProtocolError``; within a body it is kept as ``failure``, because the bytes before it still count.
    """

    __slots__ = (
        "_body", "_excess", "_framing", "_head_bytes", "_headers", "_headers_done", "_interim", "_keep_alive",
        "_left", "_message_done", "_method", "_parser", "_tail", "complete", "failure", "head", "surplus",
    )  # fmt: skip

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        self.complete = False
        self.failure: ProviderProtocolError | None = None
        self._method = method
        self._framing = Framing.NONE
        self._keep_alive = False
        self.surplus = False
        self._left = 0
        self._excess = 0
        self._tail = b""
        self._body: list[bytes] = []
        self._interim = 0
        self._begin_head()

    @property
    def reusable(self) -> bool:
        """Whether the answer ended where it should, and the connection lives on."""
        return self.complete and self._keep_alive and not self.surplus

    def feed(self, data: bytes) -> bytes:
        """The body bytes that ``data`` brought, joined; empty where it brought none."""
        while self.head is None and data:
            data = self._feed_head(data)
        if not data:
            return b""
        if self.complete or self.failure:
            self.surplus = True
            return b""
        if self._framing is Framing.CHUNKED:
            return self._feed_chunks(data)
        if self._framing is Framing.TO_END:
            return data
        return self._feed_length(data)

    def feed_end(self) -> None:
        """The connection ended. Raises ``Truncated`` unless that ends the answer too."""
        if self._framing is Framing.TO_END:
            self.complete = True
        if not self.complete:
            raise Truncated

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools. Trailers come here too, and are left out."""
        if self.head is not None:
            return
        if len(self._headers) == HEADERS_MAX:
            raise ProviderProtocolError(f"the answer has more than {HEADERS_MAX} headers")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by httptools."""
        assert self._parser is not None
        self._headers_done = True
        self._keep_alive = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        if self._parser.get_status_code() == 101:
            raise ProviderProtocolError("the server wants to change to another protocol, which was not asked for")

    def on_body(self, data: bytes) -> None:
        """Called by httptools, once a chunk at most."""
        self._body.append(data)

    def on_message_begin(self) -> None:
        """Called by httptools."""
        if self._message_done:
            raise ProviderProtocolError("a second answer that nobody asked for")

    def on_message_complete(self) -> None:
        """Called by httptools."""
        self._message_done = True

    def _begin_head(self) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._head_bytes = bytearray()
        self._headers: list[tuple[bytes, bytes]] = []
        self._headers_done = False
        self._message_done = False

    def _feed_head(self, data: bytes) -> bytes:
        """Take what belongs to the head; give back what follows it."""
        seen = len(self._head_bytes)
        self._head_bytes += data
        if not _BEGINNING.startswith(self._head_bytes[: len(_BEGINNING)]):
            raise ProviderProtocolError("the answer is not HTTP/1.x")
        at = self._head_bytes.find(_HEAD_END, max(0, seen - len(_HEAD_END) + 1))
        size = len(self._head_bytes) if at < 0 else at + len(_HEAD_END)
        if size > HEAD_BYTES_MAX:
            raise ProviderProtocolError(f"the answer's head is longer than {HEAD_BYTES_MAX} bytes")
        self._parse(data[: size - seen])
        if self._headers_done != (at >= 0) or self._body:
            raise ProviderProtocolError("the answer's head does not end where it seems to")
        if at >= 0:
            self._finish_head()
        return data[size - seen :]

    def _finish_head(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200:
            self._interim += 1
            if self._interim > INTERIM_ANSWERS_MAX:
                raise ProviderProtocolError(f"more than {INTERIM_ANSWERS_MAX} interim answers")
            self._begin_head()
            return
        self.head = Head(status, _joined(self._headers))
        self._choose_framing(self.head)
        if self._framing is not Framing.CHUNKED:
            self._parser = None  # it refers to us: a cycle less for the collector

    def _choose_framing(self, head: Head) -> None:
        coding = head.headers.get("transfer-encoding")
        length = head.headers.get("content-length")
        tunnel = self._method == "CONNECT" and head.status < 300
        if tunnel or self._method == "HEAD" or head.status in (204, 304):
            self.complete = True
        elif coding is not None:
            if coding.lower() != "chunked":
                raise ProviderProtocolError("the answer has a transfer coding that was not asked for")
            self._framing = Framing.CHUNKED
        elif length is not None:
            self._framing = Framing.LENGTH
            self._left = int(length)
            self.complete = self._left == 0
        else:
            self._framing = Framing.TO_END

    def _feed_length(self, data: bytes) -> bytes:
        body = data[: self._left]
        self._left -= len(body)
        self.complete = self._left == 0
        self.surplus = len(data) > len(body)
        return body

    def _feed_chunks(self, data: bytes) -> bytes:
        self._body.clear()
        try:
            self._parse(data)
        except ProviderProtocolError as error:
            if self._message_done:
                self.surplus = True
            else:
                self.failure = error
        brought = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._count_excess(len(data) - len(brought) - CHUNK_FRAMING_BYTES * len(self._body))
        self._tail = (self._tail + data[-6:])[-6:]
        if self._message_done:
            self.complete = True
            self.surplus |= self._tail == b"\r\n\r\n\r\n"  # llhttp swallows a line end after the last one
            self._parser = None
        return brought

    def _count_excess(self, framing_bytes: int) -> None:
        self._excess = max(0, self._excess + framing_bytes)
        if self._excess > EXCESS_FRAMING_BYTES_MAX:
            self.failure = ProviderProtocolError("the answer's chunks are mostly extensions or trailers")

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, ProviderProtocolError):
                raise error.__context__ from None
            raise ProviderProtocolError(f"the answer is not proper HTTP: {error}") from None


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1").strip(" \t")
        if name in headers:
            headers[name] = f"{headers[name]}, {value}"
        elif name not in _NOT_HANDED_ON:
            headers[name] = value
    return headers
