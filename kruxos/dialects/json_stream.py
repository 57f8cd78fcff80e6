"""JSON objects that follow each other in a body, each given as soon as it is whole.

Lines of NDJSON, the elements of one JSON array that is streamed, objects over many lines: between two objects stands
white space, commas and brackets, whatever they are. A line that is an object by itself is the rule and costs next to
nothing; all else is followed by its brackets, every byte at most twice, however it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kruxos.errors import ProviderProtocolError

from .sse import EVENT_BYTES_MAX, ServerSentEvent

_MARKS = re.compile(rb'\\.|["{}]|\\\Z', re.DOTALL)  # an escape, a quote, a brace, an escape that was cut
_LINE_END = b"\n"


class ObjectStream:
    """Takes bytes and gives the text of whole objects. ``feed`` raises ``ProviderProtocolError`` over the limit."""

    __slots__ = ("_at", "_depth", "_held", "_in_string", "_limit")

    def __init__(self, limit: int = EVENT_BYTES_MAX) -> None:
        self._held = bytearray()
        self._limit = limit
        self._at = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """The objects that are whole now."""
        self._held += data
        while (end := self._end()) is not None:
            text = self._held[:end].decode("utf-8", "replace")
            del self._held[:end]
            self._at = 0
            yield ServerSentEvent("", text)
        if len(self._held) > self._limit:
            raise ProviderProtocolError(f"one object of the provider's stream is over the cap of {self._limit} bytes")

    @property
    def is_between(self) -> bool:
        """Whether no object has begun that is not whole."""
        return self._depth == 0 and not self._held.strip()

    def finish(self) -> Iterator[ServerSentEvent]:
        """What the end of the body cut off is no object."""
        return iter(())

    def _end(self) -> int | None:
        """Where the first object in what is held ends; what stands before it is dropped."""
        held = self._held
        if self._depth == 0:
            begin = held.find(b"{")
            del held[: len(held) if begin < 0 else begin]
            end = held.find(_LINE_END)
            if end > 0 and _is_whole(line := held[:end].rstrip()):
                return len(line)
        return self._follow()

    def _follow(self) -> int | None:
        for found in _MARKS.finditer(self._held, self._at):
            mark = found[0]
            if mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\\":  # what it escapes is still to come
                self._at = found.start()
                return None
            elif not self._in_string and len(mark) == 1:
                self._depth += 1 if mark == b"{" else -1
                if self._depth == 0:
                    return found.end()
        self._at = len(self._held)
        return None


def _is_whole(line: bytearray) -> bool:
    """Whether a line that begins with a brace is one object: braces in its strings only make the answer a no."""
    return line.endswith(b"}") and line.count(b"{") == line.count(b"}")
