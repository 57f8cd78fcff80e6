"""Reading untrusted maps: every field is taken by name and type, and a wrong one is named in the error.

The edges of the project (frames, requests, events, provider JSON that must have a shape) read through ``Fields``;
behind them there are only dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from kruxos.errors import BadRequestError

T = TypeVar("T")

MAX_TEXT_CHARS = 64 * 1024 * 1024


class Fields:
    """One map being read; remembers which keys were asked for, so that the rest can be told.

    Raises ``BadRequestError`` naming the full path of the field, such as ``messages[2].parts[0].id``.
    """

    __slots__ = ("_map", "_path", "_seen")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise wrong(path or "request", "a map", value)
        self._map = cast("Mapping[str, Any]", value)
        self._path = path
        self._seen: set[str] = set()

    def path(self, name: str) -> str:
        """Full path of the field ``name``."""
        return f"{self._path}.{name}" if self._path else name

    def raw(self, name: str) -> Any:
        """The value as it came, or None."""
        self._seen.add(name)
        return self._map.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._map.get(name) is not None

    def unknown(self) -> list[str]:
        """Full paths of the keys that nobody asked for."""
        return sorted(self.path(str(key)) for key in self._map if key not in self._seen)

    def text(self, name: str, *, limit: int = MAX_TEXT_CHARS) -> str:
        """A required string."""
        value = self.raw(name)
        if not isinstance(value, str):
            raise wrong(self.path(name), "a string", value)
        if len(value) > limit:
            raise BadRequestError(f"{self.path(name)} is longer than {limit} characters", field=self.path(name))
        return value

    def maybe_text(self, name: str, *, limit: int = MAX_TEXT_CHARS) -> str | None:
        """A string or null."""
        return None if self.raw(name) is None else self.text(name, limit=limit)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """One of the words in ``allowed``."""
        value = self.raw(name)
        if value not in allowed:
            raise wrong(self.path(name), " or ".join(repr(word) for word in allowed), value)
        return cast("str", value)

    def maybe_choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """One of the words in ``allowed``, or null."""
        return None if self.raw(name) is None else self.choice(name, allowed)

    def integer(self, name: str, *, low: int | None = None, high: int | None = None) -> int:
        """A required whole number within the bounds."""
        value = self.raw(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(self.path(name), "a whole number", value)
        self._bounds(name, value, low, high)
        return value

    def maybe_integer(self, name: str, *, low: int | None = None, high: int | None = None) -> int | None:
        """A whole number within the bounds, or null."""
        return None if self.raw(name) is None else self.integer(name, low=low, high=high)

    def maybe_number(self, name: str, *, low: float | None = None, high: float | None = None) -> float | None:
        """A number within the bounds, or null."""
        value = self.raw(name)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:  # noqa: PLR0124 - NaN
            raise wrong(self.path(name), "a number", value)
        self._bounds(name, value, low, high)
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false; null is the default."""
        value = self.maybe_boolean(name)
        return default if value is None else value

    def maybe_boolean(self, name: str) -> bool | None:
        """True, false or null."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.path(name), "true or false", value)

    def data(self, name: str) -> bytes:
        """Required bytes."""
        value = self.raw(name)
        if not isinstance(value, bytes):
            raise wrong(self.path(name), "bytes", value)
        return value

    def maybe_data(self, name: str) -> bytes | None:
        """Bytes or null."""
        return None if self.raw(name) is None else self.data(name)

    def items(self, name: str, read: Callable[[Any, str], T], *, limit: int = 100_000) -> list[T]:
        """A list, each element read by ``read(value, path)``; null is an empty list."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            raise wrong(self.path(name), "a list", value)
        sequence = cast("Sequence[Any]", value)
        if len(sequence) > limit:
            raise BadRequestError(f"{self.path(name)} has more than {limit} elements", field=self.path(name))
        path = self.path(name)
        return [read(element, f"{path}[{index}]") for index, element in enumerate(sequence)]

    def strings(self, name: str, *, limit: int = 100_000) -> list[str]:
        """A list of strings; null is an empty list."""
        return self.items(name, _string, limit=limit)

    def object(self, name: str) -> dict[str, Any]:
        """A map as it came; null is an empty one."""
        value = self.raw(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong(self.path(name), "a map", value)
        return cast("dict[str, Any]", value)

    def _bounds(self, name: str, value: float, low: float | None, high: float | None) -> None:
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = (
                f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
            )
            raise BadRequestError(f"{self.path(name)} must be {bounds}, not {value}", field=self.path(name))


def wrong(path: str, wanted: str, value: object) -> BadRequestError:
    """The error for a value of the wrong type; tells the type that came, never the value (it may be a prompt)."""
    came = "nothing" if value is None else f"a value of type {type(value).__name__}"
    return BadRequestError(f"{path} must be {wanted}, not {came}", field=path)


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise wrong(path, "a string", value)
    return value
