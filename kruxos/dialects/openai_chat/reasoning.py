"""Reasoning in Chat Completions: where servers put it, and how it goes back.

OpenAI's own protocol has none. Servers add ``reasoning_content`` (DeepSeek, Z.ai, xAI, llama.cpp) or ``reasoning``
(Groq, Ollama, newer vLLM); OpenRouter adds ``reasoning_details``, a list whose entries hold signatures and encrypted
thought, streamed in fragments that belong together by type and index; Mistral puts thinking among the parts of
``content``.

The kinds of state that come of it: the name of the field, with no data, so that thinking goes back under the name by
which it came; ``reasoning_details`` with the whole list as JSON; ``thinking_chunk`` with Mistral's signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from kruxos.dialects.text import json_bytes

FIELDS = ("reasoning_content", "reasoning")
DETAILS = "reasoning_details"
CHUNK = "thinking_chunk"

_GROWING = ("text", "summary", "data", "signature")
_SHOWN = ("text", "summary")


def field_of(delta: dict[str, Any]) -> tuple[str, str]:
    """The name of the field that holds reasoning in a delta, and its text; empty where there is none."""
    for name in FIELDS:
        text = delta.get(name)
        if isinstance(text, str) and text:
            return name, text
    return "", ""


def shown(details: list[Any]) -> str:
    """The readable text in reasoning details, for a delta that has it nowhere else."""
    texts = [
        text
        for entry in details
        if isinstance(entry, dict)
        for name in _SHOWN
        if isinstance(text := cast("dict[str, Any]", entry).get(name), str)
    ]
    return "".join(texts)


class Details:
    """Fragments of reasoning details, put together by type and index. ``hold`` counts what is kept."""

    __slots__ = ("_entries", "_hold", "_latest")

    def __init__(self, hold: Callable[[int], None]) -> None:
        self._hold = hold
        self._entries: list[tuple[dict[str, Any], dict[str, list[str]]]] = []
        self._latest: dict[tuple[Any, Any], int] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def feed(self, fragments: list[Any], *, are_whole: bool = False) -> None:
        """Takes fragments in; ``are_whole``: each is an entry of its own."""
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._add(cast("dict[str, Any]", fragment), is_whole=are_whole)

    def _add(self, fragment: dict[str, Any], *, is_whole: bool) -> None:
        self._hold(len(str(fragment)))
        kind, index = fragment.get("type"), fragment.get("index")
        key = (kind if isinstance(kind, str) else None, index if isinstance(index, int) else None)
        place = self._latest.get(key)
        if is_whole or place is None or _is_other(self._entries[place][0], fragment):
            self._latest[key] = place = len(self._entries)
            self._entries.append(({}, {}))
        fields, pieces = self._entries[place]
        for name, value in fragment.items():
            if name in _GROWING and isinstance(value, str):
                pieces.setdefault(name, []).append(value)
            if value is not None or name not in fields:
                fields[name] = value

    def data(self) -> bytes:
        """The complete list as JSON."""
        entries = [
            fields | {name: "".join(grown) for name, grown in pieces.items()} for fields, pieces in self._entries
        ]
        return json_bytes(entries)


def _is_other(entry: dict[str, Any], fragment: dict[str, Any]) -> bool:
    """Whether a fragment with an id of its own belongs to another entry than the latest of its type and index."""
    known, given = entry.get("id"), fragment.get("id")
    return known is not None and given is not None and known != given
