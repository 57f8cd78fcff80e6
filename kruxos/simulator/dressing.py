"""What a provider does to the values of an answer beyond its dialect: fields of its own, counts at another place.

A dress changes JSON values between the dialect's encoder and the wire. It is given all values of one write together,
so that it can put two into one; whatever is no JSON (the end mark, names of events) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from kruxos.dialects.base import Encoder, Ending
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.errors import KruxosError
from kruxos.events import Event

Wire: TypeAlias = dict[str, Any]
_DATA = b"data: "


@dataclass(slots=True)
class Outgoing:
    """What is known while an answer is written. Times are in seconds.

    ``count`` is how many values went out; ``held`` are calls that a dress keeps back.
    """

    is_stream: bool
    request_id: str
    input_tokens: int
    load_s: float = 0.0
    count: int = 0
    is_ending: bool = False
    held: dict[int, Wire] = field(default_factory=dict[int, Wire])


Dress: TypeAlias = Callable[[list[Wire], Outgoing], list[Wire]]


def undressed(values: list[Wire], _outgoing: Outgoing) -> list[Wire]:
    """Nothing is changed."""
    return values


class DressedEncoder:
    """An encoder whose values are changed on their way out.

    ``opening`` comes before the first byte of an answer; ``fail`` makes what a stream breaks off with, in place of the
    dialect's own.
    """

    def __init__(
        self,
        inner: Encoder,
        dress: Dress,
        outgoing: Outgoing,
        opening: Callable[[Outgoing], bytes],
        fail: Callable[[Outgoing], bytes] | None,
    ) -> None:
        self.content_type = inner.content_type
        self._inner, self._dress, self._outgoing = inner, dress, outgoing
        self._opening, self._fail = opening, fail
        self._begun = False

    def feed(self, event: Event) -> bytes:
        """See ``Encoder``."""
        return self._dressed(self._inner.feed(event))

    def finish(self, ending: Ending) -> bytes:
        """See ``Encoder``."""
        self._outgoing.is_ending = True
        return self._dressed(self._inner.finish(ending))

    def fail(self, error: KruxosError) -> bytes:
        """See ``Encoder``."""
        return self._inner.fail(error) if self._fail is None else self._fail(self._outgoing)

    def _dressed(self, data: bytes) -> bytes:
        if not data:
            return data
        opening = b"" if self._begun else self._opening(self._outgoing)
        self._begun = True
        return opening + (data if self._dress is undressed else self._changed(data))

    def _changed(self, data: bytes) -> bytes:
        is_events, end = data.startswith((_DATA, b"event: ")), _end_of(data)
        pieces = [piece for piece in data.split(end) if piece] if end else [data]
        values: list[Wire] = []
        rest: list[bytes] = []
        for piece in pieces:
            text = piece.removeprefix(_DATA)
            if text.startswith(b"{"):
                values.append(cast("Wire", parse_json(text)))
            else:
                rest.append(piece + end)
        changed = self._dress(values, self._outgoing)
        self._outgoing.count += len(changed)
        head = _DATA if is_events else b""
        return b"".join([*(head + body_bytes(value) + end for value in changed), *rest])


def _end_of(data: bytes) -> bytes:
    """What stands behind each value of a stream."""
    return next((end for end in (b"\r\n\r\n", b"\n\n", b"\n") if data.endswith(end)), b"")


def no_opening(_outgoing: Outgoing) -> bytes:
    """Nothing comes before an answer."""
    return b""
