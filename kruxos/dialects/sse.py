"""Bytes of a body, cut anywhere, into lines and into server-sent events.

Theory of operation. ``Lines`` splits at LF, CR and CRLF and nowhere else: ``str.splitlines`` would also split at
U+2028 and the like, which stand unescaped inside JSON. Bytes are decoded only when an event is whole, so no cut can
hurt a character. What has no line end yet waits in one growing buffer, so a line that comes in a million pieces costs
no more than one that comes at once.

``EventStream`` reads the lines by the rules of the HTML standard ("Server-sent events"), and is tolerant in two
ways: an event that the end of the body cuts off is given, for its data may be whole; and a field ``error``, which
old llama.cpp servers send in place of ``data``, is an event of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kruxos.errors import ProviderProtocolError

EVENT_BYTES_MAX = 16 * 1024 * 1024
"""One event, or one line of NDJSON. Generated images come as one event of some megabytes."""

_BOM = b"\xef\xbb\xbf"
_LF = 0x0A


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

    __slots__ = ("_data", "_first", "_held_bytes", "_limit", "_lines", "_name")

    def __init__(self, limit: int = EVENT_BYTES_MAX) -> None:
        self._lines = Lines(limit)
        self._limit = limit
        self._data: list[bytes] = []
        self._held_bytes = 0
        self._name = ""
        self._first = True

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """The events that are whole now. Raises ``ProviderProtocolError`` for one over the limit."""
        for line in self._lines.feed(data):
            if line[:6] == b"data: " and not self._data:
                self._data.append(line[6:])
            elif line:
                self._field(line)
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
            self._field(last)
        if self._data:
            yield self._take()

    def _take(self) -> ServerSentEvent:
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
        self._held_bytes += len(value) + 1
        if self._held_bytes > self._limit:
            raise _too_large(self._limit)


def _too_large(limit: int) -> ProviderProtocolError:
    return ProviderProtocolError(f"one event of the provider's stream is over the cap of {limit} bytes")
