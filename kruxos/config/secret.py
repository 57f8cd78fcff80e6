"""A secret in memory: it goes where it is told to, and nowhere by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A key or token. It does not print, format, compare in variable time, copy to disk or pickle.

    ``reveal`` and ``reveal_bytes`` are the only ways out: a search for them finds every place that sees a secret.
    """

    __slots__ = ("_data",)

    def __init__(self, value: str | bytes | bytearray) -> None:
        self._data = bytearray(value.encode() if isinstance(value, str) else value)

    def reveal(self) -> str:
        """The secret as text. Raises ``UnicodeDecodeError`` where it is not text."""
        return self._data.decode()

    def reveal_bytes(self) -> bytes:
        """The secret as bytes."""
        return bytes(self._data)

    def wipe(self) -> None:
        """Overwrites this copy with zeros; copies that were revealed are their holders' affair."""
        self._data[:] = bytes(len(self._data))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]  # a hash would tell something about the value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied: reveal it where it is used")
