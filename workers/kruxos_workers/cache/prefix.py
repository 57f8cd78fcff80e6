"""A request's body as a cache sees it: a chain of blocks, tools first, then the system prompt, then the messages.

Each block's digest stands for everything up to and including it, so two requests share a prefix exactly as far as
their digests agree. Breakpoints are no part of it. What a provider's cache depends on beside the blocks (the model,
thinking, a forced tool) goes into the digest where it counts (Anthropic docs: prompt caching, what breaks the cache;
effort and thinking are taken to break all of it).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from kruxos.messages import compact_json

Level = Literal["tools", "system", "messages"]
Place = tuple[str | int, ...]
Pieces = Iterator[tuple[Level, Place, Any]]

DIGEST_BYTES = 12
CHARS_PER_TOKEN = 3.6
IMAGE_TOKENS = 1500
_MARK = "cache_control"
_UNMARKABLE = ("thinking", "redacted_thinking")
_NUMBERS = re.compile(r"\d+")
_CLOCK = re.compile(r"\d{1,2}:\d{2}|\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. ``place`` leads to it in the body; ``tokens`` are estimated, of this block alone.

    ``own`` is the digest of the block alone. ``mark`` is the lifetime of the agent's own breakpoint on it.
    """

    level: Level
    place: Place
    digest: bytes
    own: bytes
    tokens: int
    markable: bool
    mark: str | None


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole request. ``plain_system`` is the digest of the system prompt without its numbers.

    ``automatic``: the lifetime of a breakpoint that the agent leaves to the provider (Anthropic's top-level one).
    """

    blocks: tuple[Block, ...]
    plain_system: bytes
    has_clock: bool
    automatic: str | None = None

    def last(self, level: Level) -> int | None:
        """The place of a level's last block in the chain that can carry a breakpoint."""
        found = [at for at, block in enumerate(self.blocks) if block.level == level and block.markable]
        return found[-1] if found else None

    def tokens_to(self, at: int) -> int:
        """Estimated tokens up to and including a block."""
        return sum(block.tokens for block in self.blocks[: at + 1])

    def positions(self) -> dict[bytes, int]:
        """Where each digest stands."""
        return {block.digest: at for at, block in enumerate(self.blocks)}

    def root(self) -> bytes:
        """What names the conversation where nobody does: its first message."""
        return next((block.own for block in self.blocks if block.level == "messages"), b"")


def chain_of(dialect: str, body: Mapping[str, Any]) -> Chain | None:
    """The chain of a body in a dialect; None where its caches are not known."""
    pieces = _PIECES.get(dialect)
    if pieces is None:
        return None
    seeds: dict[Level, Any] = {"tools": [body.get("model"), *_everywhere(body)], "messages": _behind_system(body)}
    running = hashlib.blake2b(digest_size=DIGEST_BYTES)
    blocks: list[Block] = []
    system: list[str] = []
    level_before: Level | None = None
    for level, place, value in pieces(body):
        if level_before is None:
            running.update(compact_json(seeds["tools"]).encode("utf-8", "surrogatepass"))
        if level == "messages" and level_before != "messages":
            running.update(compact_json(seeds["messages"]).encode("utf-8", "surrogatepass"))
        level_before = level
        text = _text(value)
        data = text.encode("utf-8", "surrogatepass")
        own = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
        running.update(own)
        if level == "system":
            system.append(text)
        blocks.append(Block(level, place, running.copy().digest(), own, _tokens(value, text), *_marking(value)))
    words = "".join(system)
    plain = hashlib.blake2b(_NUMBERS.sub("#", words).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    automatic = body.get(_MARK)
    ttl = _lifetime(automatic) if isinstance(automatic, dict) else None
    return Chain(tuple(blocks), plain.digest(), bool(_CLOCK.search(words)), ttl)


def _everywhere(body: Mapping[str, Any]) -> list[Any]:
    output = body.get("output_config")
    effort = cast("dict[str, Any]", output).get("effort") if isinstance(output, dict) else None
    return [body.get("thinking"), effort, body.get("reasoning"), body.get("reasoning_effort")]


def _behind_system(body: Mapping[str, Any]) -> list[Any]:
    return [body.get("tool_choice"), body.get("toolConfig")]


def _text(value: Any) -> str:
    if isinstance(value, dict) and _MARK in value:
        value = {name: inner for name, inner in cast("dict[str, Any]", value).items() if name != _MARK}
    return compact_json(value)


def _tokens(value: Any, text: str) -> int:
    kind: Any = cast("dict[str, Any]", value).get("type") if isinstance(value, dict) else None
    return IMAGE_TOKENS if kind == "image" else max(1, round(len(text) / CHARS_PER_TOKEN))


def _marking(value: Any) -> tuple[bool, str | None]:
    if not isinstance(value, dict):
        return bool(value), None
    block = cast("dict[str, Any]", value)
    empty = block.get("type") == "text" and not block.get("text")
    mark = block.get(_MARK)
    return block.get("type") not in _UNMARKABLE and not empty, _lifetime(mark) if isinstance(mark, dict) else None


def _lifetime(mark: Any) -> str:
    return "1h" if cast("dict[str, Any]", mark).get("ttl") == "1h" else "5m"


def _each(level: Level, body: Mapping[str, Any], name: str) -> Pieces:
    """A field's blocks: a text is one of them."""
    value = body.get(name)
    if isinstance(value, list):
        for at, item in enumerate(cast("list[Any]", value)):
            yield level, (name, at), item
    elif value:
        yield level, (name,), value


def _anthropic(body: Mapping[str, Any]) -> Pieces:
    yield from _each("tools", body, "tools")
    yield from _each("system", body, "system")
    for at, message in enumerate(cast("list[dict[str, Any]]", body.get("messages") or [])):
        content = message.get("content")
        if isinstance(content, list):
            for inner, block in enumerate(cast("list[Any]", content)):
                yield "messages", ("messages", at, "content", inner), block
        else:
            yield "messages", ("messages", at, "content"), content


def _chat(body: Mapping[str, Any]) -> Pieces:
    yield from _each("tools", body, "tools")
    has_begun = False
    for level, place, message in _each("messages", body, "messages"):
        role = cast("dict[str, Any]", message).get("role") if isinstance(message, dict) else None
        has_begun = has_begun or role not in ("system", "developer")
        yield level if has_begun else "system", place, message


def _responses(body: Mapping[str, Any]) -> Pieces:
    yield from _each("tools", body, "tools")
    yield from _each("system", body, "instructions")
    yield from _each("messages", body, "input")


def _gemini(body: Mapping[str, Any]) -> Pieces:
    yield from _each("tools", body, "tools")
    yield from _each("system", body, "systemInstruction")
    yield from _each("messages", body, "contents")


_PIECES: Mapping[str, Callable[[Mapping[str, Any]], Pieces]] = {
    "anthropic": _anthropic,
    "openai-chat": _chat,
    "openai-responses": _responses,
    "gemini": _gemini,
}
