"""What can be made to go wrong, as data; ``damage`` says how each is done to an answer.

A fault is asked for by one request (``directives``), by a scripted answer, or switched on for all requests from now
on. ``times`` bounds how often it strikes.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kruxos.errors import BadRequestError

SILENCE_S = 3600.0
"""How long a connection stays silent, unless its client leaves before or the fault says less."""
HUGE_BYTES = 20 * 1024 * 1024
HUGE_BYTES_MAX = 256 * 1024 * 1024
ENDLESS_BYTES_MAX = 1024 * 1024 * 1024
"""An endless stream ends here after all, by a cut."""
LOAD_S = 2.0
"""How long a model takes to be loaded, unless the fault says otherwise."""
DRIP_S = 0.01
MIDDLE_TOKENS = 5
"""Where the middle of an answer is, unless the fault says otherwise."""
REMEMBERED_MAX = 10_000
"""Directives whose ``times`` are being counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``kind`` is a name in ``KINDS``; only the fields that its row names mean something.

    Times are in seconds, ``after`` counts output tokens. ``text`` is how it was written.
    """

    kind: str
    status: int = 0
    retry_after: float | None = None
    after: int = 0
    how: str = "reset"
    where: str = "first"
    seconds: float = SILENCE_S
    interval: float = DRIP_S
    bytes: int = HUGE_BYTES
    type: str = "text/plain"
    times: int | None = None
    on: str = ""
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Kind:
    """A row: the options it takes beside ``times`` and ``on``, what they are unless said, and what it does."""

    name: str
    options: tuple[str, ...]
    says: str
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


ALWAYS = ("times", "on")
STATUS = Kind("status", ("retry_after",), "refused with this HTTP status, in the provider's own words")
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("quota", (), "refused for good: money or quota is used up"),
        Kind("overloaded", ("after",), "200, then the provider's overload error inside the body"),
        Kind("cut", ("after", "how"), "the connection ends in the middle, by a reset (how=reset) or a FIN (how=fin)"),
        Kind(
            "silence",
            ("where", "after", "seconds"),
            "nothing comes: where=headers, where=first (the first token) or where=middle",
        ),
        Kind("load", ("seconds",), "the model is loaded first: nothing comes before that", {"seconds": LOAD_S}),
        Kind("tool-failed", (), "refused because the model called a tool in a way that could not be read (Groq)"),
        Kind("drip", ("interval",), "the body comes byte by byte"),
        Kind("bad-json", ("after",), "one event, or the body, is not JSON"),
        Kind("content-type", ("type",), "a wrong content type"),
        Kind("html", ("status",), "a page of HTML, as a proxy sends it", {"status": 502}),
        Kind("no-terminal", (), "the stream lacks its last event"),
        Kind("no-finish", (), "the stream lacks all that tells how it ended"),
        Kind("bad-utf8", ("after",), "a character is cut in two and its other half never comes"),
        Kind("huge", ("after", "bytes"), "one event of so many bytes"),
        Kind("endless", ("interval",), "the stream goes on and on", {"interval": 0.0}),
    )
}


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # false for NaN too
            raise ValueError(f"from {low:g} to {high:g}")
        return value

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    return lambda text: int(_number(low, high)(str(int(text))))


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("printable ASCII")
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "status": _whole(200, 599),
    "retry_after": _number(0, 1_000_000),
    "after": _whole(0, 1_000_000),
    "how": _word("reset", "fin"),
    "where": _word("headers", "first", "middle"),
    "seconds": _number(0, SILENCE_S),
    "interval": _number(0, 60),
    "bytes": _whole(1, HUGE_BYTES_MAX),
    "type": _printable,
    "on": str,
    "times": _whole(1, 1_000_000),
}


def fault_of(name: str, options: Mapping[str, str], text: str = "") -> Fault:
    """The fault of that name. Raises ``BadRequestError`` that tells what is known."""
    values: dict[str, Any] = {}
    kind = KINDS.get(name)
    if kind is None:
        if not (name.isdecimal() and 400 <= int(name) <= 599):
            known = ", ".join(KINDS)
            raise BadRequestError(f"simulate: {name!r} is no fault; known are the statuses 400 to 599, {known}")
        kind, values = STATUS, {"status": int(name)}
    values |= kind.defaults
    for option, value in options.items():
        if option not in (*kind.options, *ALWAYS):
            known = ", ".join((*kind.options, *ALWAYS))
            raise BadRequestError(f"simulate: {name} has no option {option!r}; it has {known}")
        try:
            values[option] = _READERS[option](value)
        except (ValueError, OverflowError) as error:
            raise BadRequestError(f"simulate: {option}={value!r} must be {error}") from None
    if values.get("where") == "middle":
        values.setdefault("after", MIDDLE_TOKENS)
    return Fault(kind.name, text=text or name, **values)


class Switches:
    """Faults that are switched on for all requests, and how often every bounded fault has struck."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._first = tuple(faults)
        self._switched = list(self._first)
        self._struck: OrderedDict[bytes, int] = OrderedDict()

    @property
    def switched(self) -> list[Fault]:
        """The faults that are on; one whose times are used up is not among them."""
        return [fault for fault in self._switched if self._left(fault, b"") > 0]

    def switch(self, faults: Iterable[Fault]) -> None:
        """These faults are on from now on, in place of those before."""
        for fault in self._switched:
            self._struck.pop(_key(fault, b""), None)
        self._switched = list(faults)

    def reset(self) -> None:
        """As at the start."""
        self._struck.clear()
        self._switched = list(self._first)

    def strike_switched(self, place: tuple[str, ...]) -> Fault | None:
        """The first fault that is on and strikes here; ``place`` is the provider and the model, where known."""
        return next((fault for fault in self._switched if self.strike(fault, place, b"")), None)

    def strike_named(self, place: tuple[str, ...]) -> Fault | None:
        """The same, but only faults that name the place: for doors that others should not strike by the way."""
        named = [fault for fault in self._switched if fault.on in place]
        return next((fault for fault in named if self.strike(fault, place, b"")), None)

    def strike(self, fault: Fault, place: tuple[str, ...], subject: bytes) -> bool:
        """Whether the fault strikes, which is counted.

        ``subject`` is what the request is about: a fault with ``times`` counts for each subject apart.
        """
        if (fault.on and fault.on not in place) or self._left(fault, subject) <= 0:
            return False
        self._count(fault, subject)
        return True

    def _left(self, fault: Fault, subject: bytes) -> float:
        return math.inf if fault.times is None else fault.times - self._struck.get(_key(fault, subject), 0)

    def _count(self, fault: Fault, subject: bytes) -> None:
        if fault.times is not None:
            key = _key(fault, subject)
            self._struck[key] = self._struck.pop(key, 0) + 1
            if len(self._struck) > REMEMBERED_MAX:
                self._struck.popitem(last=False)


def _key(fault: Fault, subject: bytes) -> bytes:
    return hashlib.sha256(b"%s\0%s" % (fault.text.encode(), subject)).digest()
