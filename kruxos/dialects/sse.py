"""Bytes of a body, cut anywhere, into lines and into server-sent events.

Theory of operation. ``Lines`` splits at LF, CR and CRLF and nowhere else: ``str.splitlines`` would also split at
U+2028 and the like, which stand unescaped inside JSON. Bytes are decoded only when an event is whole, so no cut can
hurt a character. What has no line end yet waits in one growing buffer, so a line that comes in a million pieces costs
no more than one that comes at once.

``EventStream`` reads the lines by the rules of the HTML standard ("Server-sent events"), and is tolerant in three
ways: an event that the end of the body cuts off is given, for its data may be whole; a field ``error``, which
old llama.cpp servers send in place of ``data``, is an event of that name; and bare JSON between the events, in one
line or many, is an event, for so does Google tell an error within a stream (Google's SDK; recorded streams).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kruxos.errors import ProviderProtocolError

from .text import Balance, parse_json

EVENT_BYTES_MAX = 16 * 1024 * 1024
"""One event, or one line of NDJSON. Generated images come as one event of some megabytes."""
LINE_BYTES = 64
"""What each line of one costs beside its text: an event of nothing but short lines is bounded in memory too."""

_BOM = b"\xef\xbb\xbf"
_LF = 0x0A
_BARE_BEGINS = frozenset(b"{[")
_BARE_GOES_ON = frozenset(b'{}[]", \t')


class Lines:
    """Takes bytes and gives whole lines without their ends.

    A line over the limit ends it: the lines before it are given, ``overflowed`` is set, and nothing comes after.
    """

    __slots__ = ("_after_cr", "_held", "_limit", "overflowed")

    def __init__(self, limit: int = EVENT_BYTES_MAX) -> None:
        self._held = bytearray()
        self._limit = limit
        self._after_cr = False
        self.overflowed = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        if self.overflowed:
            return []
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        held = self._held
        may_overflow = len(held) + len(data) > self._limit
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and held:
            held += lines[0]
            lines[0] = bytes(held)
            held.clear()
        held += rest
        return self._within_limit(lines) if may_overflow else lines

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        for position, line in enumerate([*lines, self._held]):
            if len(line) > self._limit:
                self.overflowed = True
                self._held.clear()
                return lines[:position]
        return lines

    def finish(self) -> bytes:
        """The last line, where the body ends without a line end; empty otherwise."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


class ServerSentEvent(NamedTuple):
    """One event; ``name`` is empty where the stream gives none."""

    name: str
    data: str


class EventStream:
    """Takes bytes and gives events. ``feed`` raises ``ProviderProtocolError`` after the events before a fault."""

    __slots__ = ("_balance", "_bare", "_data", "_first", "_held_bytes", "_limit", "_lines", "_name")

    def __init__(self, limit: int = EVENT_BYTES_MAX) -> None:
        self._lines = Lines(limit)
        self._limit = limit
        self._data: list[bytes] = []
        self._bare: list[str] = []
        self._balance = Balance()
        self._held_bytes = 0
        self._name = ""
        self._first = True

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """The events that are whole now. Raises ``ProviderProtocolError`` for one over the limit."""
        for line in self._lines.feed(data):
            if line[:6] == b"data: " and not self._data:
                self._data.append(line[6:])
            elif line:
                yield from self._line(line)
            elif self._data:
                yield self._take()
            else:
                self._name = ""
        if self._lines.overflowed:
            raise _too_large(self._limit)

    def finish(self) -> Iterator[ServerSentEvent]:
        """The event that the end of the body cut off, if any."""
        last = self._lines.finish()
        if last:
            yield from self._line(last)
        if self._data:
            yield self._take()

    def _line(self, line: bytes) -> Iterator[ServerSentEvent]:
        """A line that is no plain ``data``: a field, or a piece of bare JSON."""
        if line[0] in (_BARE_GOES_ON if self._bare else _BARE_BEGINS):
            if self._data:
                yield self._take()
            self._bare_line(line)
            if self._balance.is_whole:
                yield from self._take_bare()
        else:
            self._drop_bare()
            self._field(line)

    def _bare_line(self, line: bytes) -> None:
        if not self._bare:
            self._balance = Balance()
        self._count(line)
        text = line.decode("utf-8", "replace")
        self._bare.append(text)
        self._balance.feed(text)

    def _drop_bare(self) -> None:
        if self._bare:
            self._bare.clear()
            self._held_bytes = 0

    def _take_bare(self) -> Iterator[ServerSentEvent]:
        text = "\n".join(self._bare)
        self._drop_bare()
        try:
            parse_json(text)
        except ValueError:
            return  # by the standard's rules it is a field that nobody knows
        yield ServerSentEvent("", text)

    def _take(self) -> ServerSentEvent:
        self._bare.clear()
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = ServerSentEvent(self._name, data.decode("utf-8", "replace"))
        self._data.clear()
        self._held_bytes = 0
        self._name = ""
        return event

    def _field(self, line: bytes) -> None:
        if self._first and line.startswith(_BOM):
            line = line[len(_BOM) :]
        self._first = False
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name in (b"data", b"error"):
            self._hold(value)
        if name == b"error":
            self._name = "error"
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")

    def _hold(self, value: bytes) -> None:
        self._data.append(value)
        self._count(value)

    def _count(self, value: bytes) -> None:
        self._held_bytes += len(value) + LINE_BYTES
        if self._held_bytes > self._limit:
            raise _too_large(self._limit)


def _too_large(limit: int) -> ProviderProtocolError:
    return ProviderProtocolError(f"one event of the provider's stream is over the cap of {limit} bytes")
