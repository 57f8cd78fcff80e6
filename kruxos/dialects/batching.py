"""Batches at a provider, as requests and answers. No I/O.

A part's lines stand prepared on disk, one JSON object a line, under upstream names that hold our marker and the
request's place: ``line_name``. A provider's ways with them are a ``BatchDialect``: how a line is written, how the input
goes up, how a batch is made, asked for, found again, stopped, and what a line of its results means. Where the input
does not go up by itself, it is the body of the request that makes the batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, cast

from kruxos.errors import ProviderProtocolError

from .base import EncodedRequest, HttpRequest
from .text import as_text, parse_json

Outcome = Literal["", "completed", "cancelled", "expired", "failed"]
Fields = dict[str, Any]
LISTED_MAX = 100
"""Batches of one page of a list."""
_SEPARATOR = "-"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a provider takes in one batch."""

    requests_max: int
    bytes_max: int


@dataclass(slots=True)
class Cutter:
    """Cuts lines into parts as they come: ``add`` each line's size, then ``finish``.

    A piece is where its requests begin and how many they are, and where its bytes begin and how many they are.
    """

    bounds: Bounds
    pieces: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])
    _first: int = 0
    _count: int = 0
    _offset: int = 0
    _size: int = 0

    def add(self, size: int) -> None:
        """The next line's bytes, its end among them."""
        if self._count and (self._count == self.bounds.requests_max or self._size + size > self.bounds.bytes_max):
            self._cut()
        self._count += 1
        self._size += size

    def finish(self) -> list[tuple[int, int, int, int]]:
        """All pieces."""
        if self._count:
            self._cut()
        return self.pieces

    def _cut(self) -> None:
        self.pieces.append((self._first, self._count, self._offset, self._size))
        self._first, self._offset = self._first + self._count, self._offset + self._size
        self._count = self._size = 0


@dataclass(frozen=True, slots=True)
class Order:
    """One part to be made: ``marker`` is its name, ``count`` its requests, ``size`` the bytes of its lines."""

    marker: str
    model: str
    count: int
    size: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Streamed:
    """A request whose body is ``before``, the lines of a part, ``after``. ``separator`` stands between lines.

    ``at_root``: the path does not follow the base path.
    """

    path: str
    headers: dict[str, str]
    before: bytes
    after: bytes
    separator: bytes = b"\n"
    at_root: bool = False

    def length(self, order: Order) -> int:
        """How long the body is."""
        more = (order.count - 1) * (len(self.separator) - 1) - 1
        return len(self.before) + order.size + more + len(self.after)

    def body(self, lines: bytes, *, is_last: bool) -> bytes:
        """Lines as they are sent; each ends with a line feed, the very last one goes without."""
        if is_last:
            lines = lines.removesuffix(b"\n")
        return lines if self.separator == b"\n" else lines.replace(b"\n", self.separator)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A batch as the provider tells it. ``outcome`` is empty until it has ended. Times: Unix seconds.

    ``marker`` is empty where the provider keeps no name of ours; ``outputs`` are paths of results, ``inlined`` the
    results where they stand within. ``total`` 0: not told.
    """

    id: str
    outcome: Outcome = ""
    marker: str = ""
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    created_at: float | None = None
    expires_at: float | None = None
    outputs: tuple[str, ...] = ()
    inlined: tuple[Fields, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of results: ``body`` is the answer as it would have come alone, with its HTTP ``status``.

    ``kind`` says how it went; ``error`` is the code of a request that was not done.
    """

    name: str
    kind: Literal["answered", "errored", "cancelled", "expired"]
    body: bytes = b""
    status: int = 200
    error: str = ""


class EncodeLine(Protocol):
    """Writes one line."""

    def __call__(self, name: str, encoded: EncodedRequest) -> bytes:
        """The line without its end."""
        ...


@dataclass(frozen=True, slots=True)
class BatchDialect:
    """One provider's ways with batches, as functions.

    line            a request as a line of the input
    upload          the request that brings the input up, where one does
    read_upload     the name of what came up
    create          the request that makes the batch: of an uploaded file, or with the lines in its body
    poll, cancel    by the batch's id; ``cancel`` is answered with the batch or with nothing
    listing         one page of all batches, by the cursor of the page before
    read_batch      an answer that is a batch; ``read_listing`` one that is a page, with the next cursor
    read_result     one line of results
    one_model       all requests of a batch ask the same model
    """

    bounds: Bounds
    one_model: bool
    line: EncodeLine
    upload: Callable[[Order, str], Streamed] | None
    read_upload: Callable[[bytes], str]
    create: Callable[[Order, str], HttpRequest | Streamed]
    poll: Callable[[str], HttpRequest]
    cancel: Callable[[str], HttpRequest]
    listing: Callable[[str], HttpRequest]
    read_batch: Callable[[bytes], Upstream]
    read_listing: Callable[[bytes], tuple[list[Upstream], str]]
    read_result: Callable[[Fields], Result]


def line_name(marker: str, place: int) -> str:
    """What a request is called at the provider: letters, digits and hyphens, at most 64."""
    return f"{marker}{_SEPARATOR}{place}"


def place_of(name: str, marker: str) -> int | None:
    """The place that a line's name tells; None where it is not of this part."""
    head, _, place = name.rpartition(_SEPARATOR)
    return int(place) if head == marker and place.isdecimal() and place.isascii() else None


def multipart(boundary: str, parts: list[tuple[str, str]]) -> bytes:
    """The beginning of a multipart body, each part its head and its text, up to where the lines begin."""
    return "\r\n".join([f"--{boundary}\r\n{head}\r\n\r\n{text}" for head, text in parts]).encode()


def read_object(body: bytes) -> Fields:
    """A JSON object. Raises ``ProviderProtocolError``."""
    try:
        value = parse_json(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProviderProtocolError("the provider's answer about a batch is not a JSON object")
    return cast("Fields", value)


def inner(value: Any, *names: str) -> Fields:
    """The object at the end of a path of names; empty where there is none."""
    for name in names:
        value = cast("Fields", value).get(name) if isinstance(value, dict) else None
    return cast("Fields", value) if isinstance(value, dict) else {}


def objects(value: Any) -> list[Fields]:
    """The objects of a list."""
    return [cast("Fields", each) for each in cast("list[Any]", value) if isinstance(each, dict)] if isinstance(
        value, list) else []  # fmt: skip


def count_of(fields: Fields, *names: str) -> int:
    """The sum of counts; protobuf's JSON writes them as texts."""
    total = 0
    for name in names:
        value = fields.get(name)
        total += int(value) if isinstance(value, (int, str)) and str(value).isdecimal() else 0
    return total


def moment(value: Any) -> float | None:
    """A time, as Unix seconds or RFC 3339; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(as_text(value)).timestamp()
    except ValueError:
        return None


def required_id(value: Any) -> str:
    """An id that goes into a path. Raises ``ProviderProtocolError``."""
    found = as_text(value)
    if not found or len(found) > 256 or not all(each.isalnum() or each in "-_./" for each in found) or ".." in found:
        raise ProviderProtocolError("the provider's answer names a batch or file in a way that cannot be used")
    return found


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
