"""The table of calls with the gateway's clock and chance; ``kruxos.cores.calls`` has all that it decides."""

from __future__ import annotations

import random
import time

import trio

from kruxos.cores.calls import Books, CallTable, Running
from kruxos.cores.ports import Providers, Timers
from kruxos.cores.routing import RoutingFacts

__all__ = ["Calls", "Running", "TrioClock"]


class TrioClock:
    """Trio's clock, and Unix time."""

    def now(self) -> float:
        """Trio's time."""
        return trio.current_time()

    def unix(self) -> float:
        """Unix seconds."""
        return time.time()


class Calls(CallTable):
    """All calls of the running gateway."""

    def __init__(self, providers: Providers, timers: Timers, facts: RoutingFacts, books: Books) -> None:
        super().__init__(providers, timers, facts, books, TrioClock(), random.random)
        self.idle = trio.Event()
        """Set once the table is empty while it drains."""

    def emptied(self) -> None:
        """Tells whoever waits for the end of the calls under way."""
        self.idle.set()

    def drain(self) -> trio.Event:
        """Refuses new calls from here on; the event tells when those under way are over."""
        self.draining = True
        if not self.statistics().calls:
            self.emptied()
        return self.idle
