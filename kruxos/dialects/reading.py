"""Reading an agent's request in a provider's protocol: strict where we have a word, and nothing is lost elsewhere."""

from __future__ import annotations

from typing import Any, cast

from kruxos.errors import BadRequestError
from kruxos.fields import Fields

from .text import parse_json, scrub


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body. Raises ``BadRequestError``."""
    try:
        value = scrub(parse_json(body))
    except (ValueError, RecursionError):
        raise BadRequestError("the request's body is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("the request's body is not a JSON object")
    return cast("dict[str, Any]", value)


class Reader:
    """The maps of one request, so that what nobody asked for can be told in the end, by full path."""

    __slots__ = ("_kept", "_read")

    def __init__(self) -> None:
        self._read: list[tuple[Fields, str, dict[str, Any]]] = []
        self._kept: dict[str, Any] = {}

    def fields(self, value: Any, path: str = "") -> Fields:
        """One map being read. Raises ``BadRequestError`` where it is none."""
        fields = Fields(value, path)
        self._read.append((fields, path, cast("dict[str, Any]", value)))
        return fields

    def keep(self, path: str, value: Any) -> None:
        """Keeps a value as it is."""
        self._kept[path] = value

    def rest(self) -> dict[str, Any]:
        """All that was not asked for, by full path."""
        for fields, path, value in self._read:
            cut = len(path) + 1 if path else 0
            self._kept.update({unknown: value[unknown[cut:]] for unknown in fields.unknown()})
        return self._kept
