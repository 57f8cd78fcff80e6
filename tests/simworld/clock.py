"""Time in the simulated world: a heap of what is to come, one source of chance, and the history of what was."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

START_S = 1000.0
UNIX_OFFSET_S = 1_790_000_000.0
EVENTS_MAX = 200_000
"""More than this in one history is a world that never rests."""


class Waking:
    """One thing to come; also the ``Timer`` that cores ask for."""

    __slots__ = ("action", "at")

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at = at
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class World:
    """The clock (``now``, ``unix``), the timers (``at``) and the chance of one seed."""

    def __init__(self, seed: int, *, told: bool = False) -> None:
        self.seed, self.told = seed, told
        self.chance = Random(seed)
        self.random = self.chance.random
        self.time = START_S
        self.history: list[str] = []
        self.faults: Counter[str] = Counter()
        self.events = 0
        self._heap: list[tuple[float, int, Waking]] = []
        self._count = itertools.count()

    def now(self) -> float:
        return self.time

    def unix(self) -> float:
        return self.time + UNIX_OFFSET_S

    def at(self, when: float, action: Callable[[], None]) -> Waking:
        waking = Waking(max(when, self.time), action)
        heapq.heappush(self._heap, (waking.at, next(self._count), waking))
        return waking

    def after(self, delay_s: float, action: Callable[[], None]) -> Waking:
        return self.at(self.time + delay_s, action)

    def run_until(self, end: float) -> None:
        while self._heap and self._heap[0][0] <= end:
            self.time, _, waking = heapq.heappop(self._heap)
            action, waking.action = waking.action, None
            if action is not None:
                self.events += 1
                assert self.events < EVENTS_MAX, f"seed {self.seed}: the world does not come to rest"
                action()
        self.time = max(self.time, end)

    def log(self, *words: Any) -> None:
        self.history.append(f"{self.time - START_S:10.4f}  {' '.join(map(str, words))}")

    def fault(self, kind: str, *words: Any) -> None:
        self.faults[kind] += 1
        self.log("FAULT", kind, *words)

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.history).encode()).hexdigest()[:16]


class Link:
    """One direction of a connection: frames arrive in their order, a little later, also after their sender's end."""

    def __init__(self, world: World, deliver: Callable[[Any], None]) -> None:
        self._world, self._deliver = world, deliver
        self.clogged_until = 0.0
        self.last_at = 0.0

    def send(self, frame: Any) -> None:
        world = self._world
        at = max(self.last_at, self.clogged_until, world.time + 0.0001 + 0.001 * world.random())
        self.last_at = at
        world.at(at, lambda: self._deliver(frame))
