"""What a response is made of: steps that the shell carries out one by one, and nothing else.

A handler gives steps without a socket in sight; a fault rewrites steps; the connection plays them. So every way in
which an answer can go wrong is a short list that a test can read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers. ``length`` is the body's in bytes; None: it goes out in chunks."""

    status: int
    headers: Headers = ()
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the body: one event of a stream, or a whole answer with ``tokens`` output tokens in it.

    ``is_ending``: it tells how the answer ended; ``is_terminal``: after it nothing is missing.
    """

    body: bytes
    tokens: int = 0
    is_ending: bool = False
    is_terminal: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """What was said until now is sent; then nothing happens for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The body is whole."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends here: by a TCP reset, or by a clean FIN in the middle of the body."""

    is_reset: bool


Step: TypeAlias = Head | Data | Wait | End | Cut


@dataclass(slots=True)
class Response:
    """The steps of one response, and what the list of requests says about it.

    ``outcome`` is ``answered``, ``refused`` or ``fault``; ``detail`` names the rule or the fault.
    """

    steps: Iterator[Step]
    outcome: str = "answered"
    detail: str = ""
    model: str = ""
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in. Header names are lower case; ``target`` is the path with its query."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query, which may hold a key."""
        return self.target.partition("?")[0]


def whole(status: int, headers: Headers, body: bytes) -> Iterator[Step]:
    """The steps of an answer that is known from the start."""
    yield Head(status, headers, len(body))
    yield Data(body, is_ending=True, is_terminal=True)
    yield End()
