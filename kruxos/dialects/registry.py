"""Dialects and profiles by name. A dialect is imported when it is first asked for: the supervisor needs none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

from .base import Dialect
from .profiles import PROFILES

_PLACES = {
    "anthropic": ("anthropic", "ANTHROPIC"),
    "openai-chat": ("openai_chat", "OPENAI_CHAT"),
    "openai-responses": ("openai_responses", "OPENAI_RESPONSES"),
    "gemini": ("gemini", "GEMINI"),
    "ollama": ("ollama", "OLLAMA"),
}
"""Each dialect's package, and its name in there."""


class _Dialects(Mapping[str, Dialect]):
    """The dialects by their names."""

    def __getitem__(self, name: str) -> Dialect:
        package, attribute = _PLACES[name]
        return cast("Dialect", getattr(import_module(f"{__package__}.{package}"), attribute))

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


DIALECTS = _Dialects()

__all__ = ["DIALECTS", "PROFILES"]
