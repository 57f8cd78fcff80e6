"""Keys on disk, in the order in which the table of calls decided about them.

A key that is given free and taken again at once must not end as free: what is written later is later. So all that is
to be written stands in one line, and one task writes it, off the loop.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import trio


class Keys(Protocol):
    """The ledger's keys (``kruxos.ledger.keys.Keys``); every write is on the disk when it returns."""

    def claim(self, agent: str, key: str, body_digest: bytes, call_id: str, now: float) -> object:
        """The key is this call's."""
        ...

    def settle(self, agent: str, key: str, state: Literal["answered"]) -> None:
        """Its call was answered."""
        ...

    def release(self, agent: str, key: str) -> None:
        """It is free again."""
        ...


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[], object]
    then: Callable[[], None] | None = None


class KeyBook:
    """The line before the ledger's keys. The table of calls bounds it: a few writes for each call."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._line: deque[_Write] = deque()
        self._more = trio.Event()

    def persist(self, agent: str, key: str, digest: bytes, call_id: str, then: Callable[[], None]) -> None:
        """Writes a key down, then goes on with its call."""
        self._put(_Write(partial(self._keys.claim, agent, key, digest, call_id, time.time()), then))

    def over(self, agent: str, key: str, *, kept: bool) -> None:
        """A key's call is over: its answer is known, or the key is free again."""
        settle = partial(self._keys.settle, agent, key, "answered")
        self._put(_Write(settle if kept else partial(self._keys.release, agent, key)))

    def _put(self, write: _Write) -> None:
        self._line.append(write)
        self._more.set()

    async def run(self) -> None:
        """Writes, for ever."""
        while True:
            if not self._line:
                self._more = trio.Event()
                await self._more.wait()
            write = self._line.popleft()
            await trio.to_thread.run_sync(write.work)
            if write.then is not None:
                write.then()
