"""A request's body as the pieces of a prefix, each with its tokens and its breakpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from kruxos.messages import compact_json
from kruxos.simulator import tokens

_MARK = "cache_control"
IMAGE_TOKENS = tokens.IMAGE_TOKENS
_HIDDEN = ("thinking", "redacted_thinking")


@dataclass(frozen=True, slots=True)
class Counters:
    """A prompt's tokens by what the cache did; ``written_1h`` is not within ``written_5m``."""

    uncached: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def total(self) -> int:
        """All input tokens."""
        return self.uncached + self.read + self.written_5m + self.written_1h


@dataclass(frozen=True, slots=True)
class Piece:
    """One block of the prompt. ``name`` stands for all up to it; ``mark`` is the lifetime of a breakpoint on it."""

    name: bytes
    tokens: int
    mark: str | None = None


def pieces_of(dialect: str, body: Mapping[str, Any], total: int | None = None) -> list[Piece]:
    """The pieces of a body; with ``total`` their tokens are scaled, so that they make up this sum."""
    found = list(_SPLIT[dialect](body))
    counts = [_count(value) for _, value in found]
    if total is not None:
        counts = _scaled(counts, total)
    running = hashlib.blake2b(digest_size=16)
    pieces: list[Piece] = []
    has_messages = False
    running.update(compact_json(_everywhere(body)).encode("utf-8", "surrogatepass"))
    for (level, value), count in zip(found, counts, strict=True):
        if level == "messages" and not has_messages:
            has_messages = True
            behind = [body.get("tool_choice"), dialect == "anthropic" and _has_image(body)]
            running.update(compact_json(behind).encode("utf-8", "surrogatepass"))
        running.update(compact_json(_bare(value)).encode("utf-8", "surrogatepass") + b"\n")
        pieces.append(Piece(running.copy().digest(), count, _mark(value)))
    return _with_automatic(body, found, pieces)


def _everywhere(body: Mapping[str, Any]) -> list[Any]:
    """What breaks the cache from its beginning (Anthropic docs: prompt caching; effort and thinking count here)."""
    return [body.get(name) for name in ("model", "thinking", "reasoning", "reasoning_effort")] + [
        cast("dict[str, Any]", body.get("output_config") or {}).get("effort")
    ]


def _with_automatic(body: Mapping[str, Any], found: list[tuple[str, Any]], pieces: list[Piece]) -> list[Piece]:
    """A top-level breakpoint stands on the last block that can have one."""
    automatic = body.get(_MARK)
    if not isinstance(automatic, dict):
        return pieces
    for at in range(len(pieces) - 1, -1, -1):
        value = found[at][1]
        if not (isinstance(value, dict) and cast("dict[str, Any]", value).get("type") in _HIDDEN):
            mark = pieces[at].mark or _lifetime(automatic)
            return [*pieces[:at], Piece(pieces[at].name, pieces[at].tokens, mark), *pieces[at + 1 :]]
    return pieces


def _scaled(counts: list[int], total: int) -> list[int]:
    whole = sum(counts) or 1
    ends: list[int] = []
    running = 0
    for count in counts:
        running += count
        ends.append(round(running * total / whole))
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _count(value: Any) -> int:
    kind: Any = cast("dict[str, Any]", value).get("type") if isinstance(value, dict) else None
    return IMAGE_TOKENS if kind == "image" else max(1, tokens.count(compact_json(_bare(value))))


def _bare(value: Any) -> Any:
    if isinstance(value, dict) and _MARK in value:
        return {name: inner for name, inner in cast("dict[str, Any]", value).items() if name != _MARK}
    return cast("Any", value)


def _mark(value: Any) -> str | None:
    mark: Any = cast("dict[str, Any]", value).get(_MARK) if isinstance(value, dict) else None
    return _lifetime(mark) if isinstance(mark, dict) else None


def _lifetime(mark: Any) -> str:
    return "1h" if cast("dict[str, Any]", mark).get("ttl") == "1h" else "5m"


def _has_image(body: Mapping[str, Any]) -> bool:
    return any(
        isinstance(block, dict) and cast("dict[str, Any]", block).get("type") == "image"
        for _, block in _anthropic(body)
    )


def _field(level: str, body: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    value = body.get(name)
    if isinstance(value, list):
        yield from ((level, item) for item in cast("list[Any]", value))
    elif value:
        yield level, {"type": "text", "text": value} if isinstance(value, str) else value


def _anthropic(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _field("tools", body, "tools")
    yield from _field("system", body, "system")
    for message in cast("list[dict[str, Any]]", body.get("messages") or []):
        yield from _field("messages", message, "content")


def _plain(system: str, messages: str) -> Callable[[Mapping[str, Any]], Iterator[tuple[str, Any]]]:
    def split(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        yield from _field("tools", body, "tools")
        yield from _field("system", body, system)
        yield from _field("messages", body, messages)

    return split


_SPLIT: Mapping[str, Callable[[Mapping[str, Any]], Iterator[tuple[str, Any]]]] = {
    "anthropic": _anthropic,
    "openai-chat": _plain("", "messages"),
    "openai-responses": _plain("instructions", "input"),
    "gemini": _plain("systemInstruction", "contents"),
}
