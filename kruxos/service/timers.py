"""One task that wakes whoever asked for it. A timer that is not needed any more costs nothing to give up."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import trio

from kruxos.service.journal import tell_fault

COMPACT_FROM = 1024


class Timer:
    """One waking to come. ``cancel`` may be called at any time, any number of times."""

    __slots__ = ("_timers", "action", "at")

    def __init__(self, timers: Timers, at: float, action: Callable[[], None]) -> None:
        self._timers, self.at, self.action = timers, at, action

    def cancel(self) -> None:
        """It will not be called."""
        if self.action is not _nothing:
            self.action = _nothing
            self._timers.gave_up()


def _nothing() -> None:
    pass


class Timers:
    """Timers by trio's clock. Actions are plain functions, called from the task that runs ``run``."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._cancelled = 0
        self._changed = trio.Event()

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Calls ``action`` at ``when`` (trio's clock)."""
        timer = Timer(self, when, action)
        heapq.heappush(self._heap, (when, next(self._count), timer))
        if self._heap[0][2] is timer:
            self._changed.set()
        return timer

    def gave_up(self) -> None:
        """Counts a cancelled timer; once most are, the heap is built anew."""
        self._cancelled += 1
        if self._cancelled > COMPACT_FROM and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].action is not _nothing]
            heapq.heapify(self._heap)
            self._cancelled = 0

    async def run(self) -> None:
        """Calls what is due, for ever."""
        while True:
            self._changed = trio.Event()
            now = trio.current_time()
            while self._heap and self._heap[0][0] <= now:
                _, _, timer = heapq.heappop(self._heap)
                if timer.action is _nothing:
                    self._cancelled -= 1
                else:
                    action, timer.action = timer.action, _nothing
                    try:
                        action()
                    except Exception as fault:  # noqa: BLE001 - one call's fault must not stop all clocks
                        tell_fault("a timer", fault)
            until = self._heap[0][0] if self._heap else float("inf")
            with trio.move_on_at(until):
                await self._changed.wait()

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled
