"""What was summed up and paid for, by the hash of all messages that it stands for: so it is not paid for again.

A conversation that comes again with its old history has the same beginning, and so the same hash there. The hash covers
what was said, called and shown; not the system prompt, which may hold a clock, nor thinking and provider state, which
some clients drop. Bounded: what is longest unused goes first, and what is gone is remembered as gone for a while.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from kruxos.fields import Fields
from kruxos.messages import Document, Image, Message, Part, Text, ToolCall, ToolResult

SUMMARIES_MAX = 256
CHARS_MAX = 2 * 1024 * 1024
LOST_MAX = 1024
STATE_CHARS_MAX = 64 * 1024
"""Of summaries that a successor is handed as they are; of older ones it only learns that there were some."""
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Summary:
    """The text, and how many pictures and documents are only named in it. ``id`` is what notices call it."""

    id: str
    text: str
    images: int = 0
    documents: int = 0


def digests_of(agent: str, messages: Sequence[Message]) -> list[str]:
    """For each message the hash of everything up to and including it; those of the system count for nothing."""
    running = hashlib.blake2b(agent.encode(), digest_size=DIGEST_BYTES)
    digests: list[str] = []
    for message in messages:
        if message.role != "system":
            running.update(b"\0" + message.role.encode())
            for part in message.parts:
                for piece in _pieces(part):
                    running.update(len(piece).to_bytes(8, "big") + piece)
        digests.append(running.hexdigest())
    return digests


def _pieces(part: Part) -> Iterator[bytes]:
    match part:
        case Text():
            yield from _encoded("text", part.text)
        case Image():
            yield from _encoded("image", part.url or "")
            yield part.data or b""
        case Document():
            yield from _encoded("document", part.url or "", part.text or "", part.name or "")
            yield part.data or b""
        case ToolCall():
            yield from _encoded("call", part.id, part.name, part.arguments_json)
        case ToolResult():
            yield from _encoded("error" if part.is_error else "result", part.id)
            for inner in [Text(part.content)] if isinstance(part.content, str) else part.content:
                yield from _pieces(inner)
        case _:
            pass


def _encoded(*texts: str) -> Iterator[bytes]:
    for text in texts:
        yield text.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Summaries:
    """By hash; the longest unused first."""

    _known: OrderedDict[str, Summary] = field(default_factory=OrderedDict[str, Summary])
    _lost: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None])
    _chars: int = 0

    def __len__(self) -> int:
        return len(self._known)

    def longest(self, digests: Sequence[str], places: Sequence[int]) -> tuple[int, Summary] | None:
        """The summary that stands for the most messages of a conversation, and for how many: one of the ``places``."""
        for place in reversed(places):
            found = self._known.get(digests[place - 1])
            if found is not None:
                self._known.move_to_end(digests[place - 1])
                return place, found
        return None

    def has_lost(self, digests: Sequence[str]) -> bool:
        """Whether there was a summary once, which is paid for again now."""
        return any(digest in self._lost for digest in digests)

    def add(self, digest: str, summary: Summary) -> None:
        """One that was just paid for."""
        self._chars += len(summary.text)
        self._known[digest] = summary
        self._lost.pop(digest, None)
        while len(self._known) > SUMMARIES_MAX or (self._chars > CHARS_MAX and len(self._known) > 1):
            gone, old = self._known.popitem(last=False)
            self._chars -= len(old.text)
            self._lose(gone)

    def _lose(self, digest: str) -> None:
        self._lost[digest] = None
        while len(self._lost) > LOST_MAX:
            self._lost.popitem(last=False)

    def state(self) -> dict[str, Any]:
        """For a successor: the newest ones as they are, of all others their hashes."""
        kept: list[dict[str, Any]] = []
        lost = list(self._lost)
        chars = 0
        for digest, summary in reversed(self._known.items()):
            chars += len(summary.text)
            if chars <= STATE_CHARS_MAX:
                kept.append({"digest": digest, **asdict(summary)})
            else:
                lost.append(digest)
        return {"kept": kept[::-1], "lost": lost[-LOST_MAX:]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what a forerunner had."""
        fields = Fields(state, "summaries")
        for digest in fields.strings("lost", limit=LOST_MAX):
            self._lose(digest)
        for digest, summary in fields.items("kept", _read, limit=SUMMARIES_MAX):
            self.add(digest, summary)


def _read(value: Any, path: str) -> tuple[str, Summary]:
    fields = Fields(cast("dict[str, Any]", value), path)
    counts = fields.integer("images", low=0), fields.integer("documents", low=0)
    return fields.text("digest"), Summary(fields.text("id"), fields.text("text"), *counts)
