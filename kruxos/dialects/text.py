r"""Provider JSON into values whose text is whole.

A provider may cut an answer between the two halves of a surrogate pair: one delta then ends with ``\ud83d`` and the
next begins with ``\ude00``. Such halves are legal in JSON and illegal in UTF-8, so nothing behind a dialect may see
one. ``Joiner`` holds a half back until the other comes; ``whole`` and ``scrub`` mend what does not come in pieces.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from kruxos.messages import compact_json

REPLACEMENT = "\ufffd"

_MARKS = re.compile(r'\\.|["{}\[\]]|\\\Z', re.DOTALL)  # an escape, a quote, a bracket, an escape that was cut
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(text: str | bytes) -> Any:
    """A JSON value. Raises ``ValueError`` for anything else, also for nesting and numbers beyond the parser."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None


def whole(text: str) -> str:
    """The text with split surrogate pairs joined; a lone half becomes U+FFFD."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def scrub(value: Any) -> Any:
    """A JSON value in which every text is whole."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(key): scrub(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in cast("list[Any]", value)]
    return value


def as_text(value: Any) -> str:
    """A text made whole; empty for anything else."""
    return whole(value) if isinstance(value, str) else ""


def json_bytes(value: Any) -> bytes:
    """A provider's JSON as state: compact, every text whole."""
    return compact_json(scrub(value)).encode()


def body_bytes(value: Any) -> bytes:
    """A request's or an answer's body: the same value is always the same bytes, which prompt caches need."""
    text = compact_json(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return whole(text).encode()


class Joiner:
    """Pieces of one text, cut by a provider anywhere: what goes out is whole."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def feed(self, piece: str) -> str:
        """The text that is certain now; it may be empty."""
        if self._half:
            piece = self._half + piece
            self._half = ""
        elif piece.isascii():
            return piece
        if "\ud800" <= piece[-1:] <= "\udbff":
            self._half = piece[-1]
            piece = piece[:-1]
        return whole(piece)

    def finish(self) -> str:
        """What is left when no more comes."""
        rest = REPLACEMENT if self._half else ""
        self._half = ""
        return rest


class Balance:
    """Whether JSON text that comes in pieces is a whole object or list by now, going by its brackets."""

    __slots__ = ("_depth", "_escape", "_in_string", "is_whole")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escape = ""
        self.is_whole = False

    def feed(self, piece: str) -> None:
        """Takes the next piece in; every character is looked at once."""
        piece = self._escape + piece
        self._escape = ""
        for found in _MARKS.finditer(piece):
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif mark == "\\":
                self._escape = mark
            elif not self._in_string and len(mark) == 1:
                self._depth += 1 if mark in "{[" else -1
                self.is_whole = self._depth == 0
