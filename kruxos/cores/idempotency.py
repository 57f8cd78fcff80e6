"""Calls with a key: the same key is the same call, answered once and paid once.

An agent's key belongs to the digest of its first request. While that call runs, the same key joins it; once it is
answered, the answer is given again; after a crash of the gateway, or once the answer was dropped for room, the key
answers ``outcome_unknown``, never a second purchase. A call that surely cost nothing gives its key free again.

Bounds: answers are kept ``KEEP_S`` or until they fill ``ANSWERS_BYTES_MAX``, keys without their answer ``KEEP_S`` or
until there are ``KEYS_MAX``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from kruxos import wire
from kruxos.gauge import Gauge

KEEP_S = 24 * 3600.0
ANSWERS_BYTES_MAX = 64 * 1024 * 1024
KEYS_MAX = 100_000
KEY_CHARS_MAX = 255

Claim = Literal["fresh", "join", "replay", "conflict", "unknown"]


def digest(body: bytes, *routing: str | None) -> bytes:
    """What makes two requests the same: the body and what the header says about who answers."""
    hasher = hashlib.sha256(body)
    for word in routing:
        hasher.update(b"\0" if word is None else b"\1" + word.encode())
    return hasher.digest()


@dataclass(slots=True)
class Entry:
    """One key's call. ``bodies`` are its runs of events so far; ``last`` its last frame once it is over."""

    digest: bytes
    at: float
    call: int | None
    bodies: list[bytes] = field(default_factory=list[bytes])
    last: wire.End | wire.Error | None = None
    bytes: int = 0


class Idempotency:
    """All keys of all agents."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._answered: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        """Those of which an answer is held, the oldest answer first."""
        self.held_bytes = Gauge(ANSWERS_BYTES_MAX)

    def claim(self, agent: str, key: str, request: bytes, call: int, now: float) -> tuple[Claim, Entry]:
        """What becomes of a call with this key. ``fresh``: it is the key's first, and the key is taken now."""
        self._expire(now)
        entry = self._entries.get((agent, key))
        if entry is None:
            entry = Entry(request, now, call)
            self._entries[agent, key] = entry
            return "fresh", entry
        if entry.digest != request:
            return "conflict", entry
        if entry.last is not None:
            return "replay", entry
        return ("unknown", entry) if entry.call is None else ("join", entry)

    def remember(self, keys: Iterable[tuple[str, str, bytes, float]]) -> None:
        """Keys (agent, key, digest, at) of an earlier life of the gateway: their answers are not known."""
        for agent, key, request, at in keys:
            self._entries.setdefault((agent, key), Entry(request, at, None))

    def add(self, agent: str, key: str, body: bytes) -> None:
        """A run of events of the running call."""
        entry = self._entries.get((agent, key))
        if entry is not None and entry.call is not None:
            entry.bodies.append(body)
            self._grow(entry, len(body))

    def finish(self, agent: str, key: str, last: wire.End | wire.Error) -> None:
        """The call is over and may have been paid for: its answer is kept."""
        entry = self._entries.get((agent, key))
        if entry is not None:
            entry.last, entry.call = last, None
            self._grow(entry, len(last.body))
            self._answered[agent, key] = entry
            self._make_room(0)

    def release(self, agent: str, key: str) -> None:
        """The call surely cost nothing: the key is free again."""
        entry = self._entries.pop((agent, key), None)
        if entry is not None:
            self.held_bytes.add(-entry.bytes)

    def _grow(self, entry: Entry, more: int) -> None:
        self._make_room(more)
        entry.bytes += more
        self.held_bytes.add(more)

    def _make_room(self, more: int) -> None:
        while self._answered and self.held_bytes.now + more > ANSWERS_BYTES_MAX:
            _, old = self._answered.popitem(last=False)
            self.held_bytes.add(-old.bytes)
            old.bodies, old.last, old.bytes = [], None, 0

    def _expire(self, now: float) -> None:
        while self._entries:
            name, oldest = next(iter(self._entries.items()))
            if oldest.call is not None or (now - oldest.at < KEEP_S and len(self._entries) <= KEYS_MAX):
                return
            self._answered.pop(name, None)
            self.held_bytes.add(-oldest.bytes)
            del self._entries[name]

    def __len__(self) -> int:
        return len(self._entries)
