"""The calls that wait before the gate: in turn, by their number, and by the moment when each gives up at the latest."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .queue import FairQueue

PATIENCE_S = 1.0
"""How long a call waits for a rate limit that did not say how long it would."""
PLACE_WITHIN_S = 60.0
"""How long a call waits for one of those under way to end."""
_STALE_MIN = 64
"""So many entries of calls that are gone may stand among the times anyway."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that wants in. ``tokens``: what its input probably has. ``wait_s`` None: it did not say."""

    id: int
    agent: str
    model: str
    tokens: int = 0
    wait_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A call that waits, ``since`` then."""

    ask: Ask
    since: float

    @property
    def line(self) -> str:
        """Where it stands: behind the calls of its agent for the same model."""
        return f"{self.ask.agent}\n{self.ask.model}"

    def ends_at(self, *, timed: bool) -> float:
        """Until when it waits, for something whose end is known (``timed``), or for another call to end."""
        wait_s = self.ask.wait_s
        if wait_s is None:
            wait_s = PATIENCE_S if timed else PLACE_WITHIN_S
        return self.since + wait_s


class WaitingRoom:
    """All that wait. What one call does costs no more for the others that wait."""

    __slots__ = ("_ends", "_queue", "_waiters", "models", "peak", "vague")

    def __init__(self) -> None:
        self._queue: FairQueue[Waiter] = FairQueue()
        self._waiters: dict[int, Waiter] = {}
        self._ends: list[tuple[float, int]] = []
        self.models: Counter[str] = Counter()
        """How many wait for each model."""
        self.vague = 0
        """How many did not say how long they wait."""
        self.peak = 0
        """The most that ever waited."""

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._queue)

    def add(self, waiter: Waiter) -> None:
        """One more."""
        self._queue.add(waiter.line, waiter)
        self._waiters[waiter.ask.id] = waiter
        heapq.heappush(self._ends, (waiter.ends_at(timed=False), waiter.ask.id))
        self.models[waiter.ask.model] += 1
        self.vague += waiter.ask.wait_s is None
        self.peak = max(self.peak, len(self))

    def take(self, waiter: Waiter) -> None:
        """One of the heads passes; its line's next turn is after all others'."""
        self._queue.take(waiter.line)
        self._forget(waiter)

    def remove(self, waiter: Waiter) -> None:
        """One goes, wherever it stands."""
        self._queue.remove(waiter.line, waiter)
        self._forget(waiter)

    def find(self, number: int) -> Waiter | None:
        """The call of this number, if it waits."""
        return self._waiters.get(number)

    def heads(self) -> Iterator[Waiter]:
        """The first of each model's calls, in turn: those behind it wait for the same."""
        seen: set[str] = set()
        for waiter in self._queue.heads():
            if waiter.ask.model not in seen:
                seen.add(waiter.ask.model)
                yield waiter
                if len(seen) == len(self.models):
                    return

    def over(self, now: float) -> list[Waiter]:
        """Those that may not wait any longer, whatever for; they are still in."""
        found: list[Waiter] = []
        while self._ends and self._ends[0][0] <= now:
            waiter = self._waiters.get(heapq.heappop(self._ends)[1])
            if waiter is not None:
                found.append(waiter)
        return found

    def next_end(self) -> float | None:
        """When the first of them gives up."""
        while self._ends and self._ends[0][1] not in self._waiters:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def _forget(self, waiter: Waiter) -> None:
        del self._waiters[waiter.ask.id]
        self.vague -= waiter.ask.wait_s is None
        self.models[waiter.ask.model] -= 1
        if not self.models[waiter.ask.model]:
            del self.models[waiter.ask.model]
        if len(self._ends) > 2 * len(self) + _STALE_MIN:
            self._ends = [(end, number) for end, number in self._ends if number in self._waiters]
            heapq.heapify(self._ends)
