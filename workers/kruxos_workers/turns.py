"""One at a time, for each name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio


@dataclass(slots=True)
class _Turn:
    lock: trio.Lock = field(default_factory=trio.Lock)
    users: int = 0


@dataclass(slots=True)
class Turns:
    """Who has a turn, and who waits for one, by name. Names that nobody uses are forgotten."""

    _turns: dict[str, _Turn] = field(default_factory=dict[str, _Turn])

    @asynccontextmanager
    async def of(self, name: str) -> AsyncGenerator[None]:
        """A turn; it begins when nobody else has it."""
        turn = self._turns.setdefault(name, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[name]
