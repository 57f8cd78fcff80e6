"""Anthropic's cache (Anthropic docs: prompt caching).

    read    each breakpoint looks at its own position and the 19 before it for a prefix that was written;
            the longest one found is read, and it lives anew, with all that it stands on
    write   from there to the last breakpoint, for an hour as far as breakpoints of an hour reach
    nothing a prefix shorter than the model's minimum is neither written nor read

Where the docs are silent the dearer is taken: what is written behind a prefix ends with it, and two requests at once
do not read each other's (an entry is readable when the answer to the first has begun).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from .pieces import Counters, Piece

LOOK_BACK = 20
SECONDS = {"5m": 300.0, "1h": 3600.0}
READABLE_AFTER_S = 1.0
"""How long a first answer takes to begin: assumed."""
MINIMUM = 1024


@dataclass(slots=True)
class _Entry:
    ttl: str
    until: float
    readable_at: float
    behind: bytes | None


@dataclass(slots=True)
class Explicit:
    """The cache of one organisation for one model."""

    minimum: int = MINIMUM
    _entries: dict[bytes, _Entry] = field(default_factory=dict[bytes, _Entry])

    def serve(self, pieces: Sequence[Piece], now: float) -> Counters:
        """What a request reads and writes that begins ``now`` (seconds)."""
        ends = list(accumulate(piece.tokens for piece in pieces))
        marks = {at: piece.mark for at, piece in enumerate(pieces) if piece.mark is not None}
        total = ends[-1] if ends else 0
        hit = self._hit(pieces, ends, marks, now)
        read = 0 if hit is None else ends[hit]
        if hit is not None:
            self._renew(pieces[hit].name, now)
        written = {"5m": 0, "1h": 0}
        begin, behind = read, None if hit is None else pieces[hit].name
        for at in sorted(marks):
            if ends[at] < self.minimum or (hit is not None and at <= hit):
                continue
            ttl = marks[at]
            written[ttl] += ends[at] - begin
            until = now + SECONDS[ttl]
            self._entries[pieces[at].name] = _Entry(ttl, until, now + READABLE_AFTER_S, behind)
            begin, behind = ends[at], pieces[at].name
        return Counters(total - read - sum(written.values()), read, written["5m"], written["1h"])

    def copy(self) -> Explicit:
        """The same, to try something."""
        entries = {
            name: _Entry(each.ttl, each.until, each.readable_at, each.behind) for name, each in self._entries.items()
        }
        return Explicit(self.minimum, entries)

    def _hit(self, pieces: Sequence[Piece], ends: list[int], marks: dict[int, str], now: float) -> int | None:
        looked_at = {at for mark in marks for at in range(max(0, mark - LOOK_BACK + 1), mark + 1)}
        for at in sorted(looked_at, reverse=True):
            if ends[at] >= self.minimum and self._is_kept(pieces[at].name, now):
                return at
        return None

    def _is_kept(self, name: bytes | None, now: float) -> bool:
        while name is not None:
            entry = self._entries.get(name)
            if entry is None or entry.until <= now or entry.readable_at > now:
                return False
            name = entry.behind
        return True

    def _renew(self, name: bytes | None, now: float) -> None:
        while name is not None:
            entry = self._entries[name]
            entry.until = now + SECONDS[entry.ttl]
            name = entry.behind
