"""Names of fields: Google reads both spellings, and complains with underscores (google.protobuf JSON mapping)."""

from __future__ import annotations

import re
from typing import Any, cast

_SNAKE = re.compile(r"_([a-z])")
_CAMEL = re.compile(r"([A-Z])")
_FREE = frozenset(
    ("args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "labels", "enum", "required")
)
"""Fields whose content is the caller's own, with its own names."""


def in_camel_case(value: Any) -> Any:
    """A value with the names of its fields as the rules know them."""
    if isinstance(value, list):
        return [in_camel_case(inner) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    changed: dict[str, Any] = {}
    for name, inner in cast("dict[str, Any]", value).items():
        camel = _SNAKE.sub(lambda found: found[1].upper(), name)
        changed[camel] = inner if camel in _FREE else in_camel_case(inner)
    return changed


def tidy(body: dict[str, Any]) -> dict[str, Any]:
    """A request's body with camelCase names."""
    return cast("dict[str, Any]", in_camel_case(body))


def snake(name: str) -> str:
    """A name as complaints have it."""
    return _CAMEL.sub(lambda found: f"_{found[1].lower()}", name)
