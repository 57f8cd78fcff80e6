"""The connections to the one origin. The last one used is the next one used: a stack, so that spare ones grow old.

Theory of operation. A slot is the right to hold a connection; there are ``connections_max``. Whoever has a slot takes
the youngest idle connection that is fit, and opens one only where none is left. So idle and held ones together never
exceed the slots. Slots are handed on first come, first served. Nothing here depends on how many connections there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from kruxos.errors import DrainingError, OverloadedError

from .connection import Connection


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of a pool; times in seconds."""

    connections_max: int = 3072
    """Below the descriptors that a worker may have (``kruxos.launcher.cage.limits``)."""
    waiting_max: int = 1024
    idle_max: int = 256
    idle_s: float = 30.0
    """An idle connection older than this is not used: many servers close them about then."""
    age_s: float = 600.0
    """A connection older than this is not used, so that changed addresses are noticed."""


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """What a pool does now, and did so far."""

    held: int
    idle: int
    waiting: int
    opened: int
    reused: int


class Pool:
    """Hands out connections. ``open_connection`` may raise what it likes; the slot is given back then."""

    def __init__(self, open_connection: Callable[[], Awaitable[Connection]], limits: PoolLimits) -> None:
        self._open_connection = open_connection
        self._limits = limits
        self._slots = trio.Semaphore(limits.connections_max)
        self._idle: deque[Connection] = deque()
        self._closed = False
        self._opened = 0
        self._reused = 0

    def take_idle(self) -> Connection | None:
        """A connection that has served before, if one is fit and nobody waits. Give it back by ``release``."""
        if not self._idle:
            return None
        try:
            self._slots.acquire_nowait()
        except trio.WouldBlock:
            return None
        connection = self._fit_idle_one()
        if connection is None:
            self._slots.release()
        return connection

    async def acquire(self) -> Connection:
        """A connection, idle or new, as soon as there is a slot. Give it back by ``release``.

        Raises ``OverloadedError`` where too many wait already, ``DrainingError`` after ``close``.
        """
        await self._take_slot()
        try:
            if self._closed:
                raise DrainingError("the provider's worker is stopping")
            return self._fit_idle_one() or await self._open_new_one()
        except BaseException:
            self._slots.release()
            raise

    def release(self, connection: Connection) -> None:
        """Take it back: keep it where another exchange may follow, else close it."""
        if connection.usable and not self._closed and len(self._idle) < self._limits.idle_max:
            connection.rest(trio.current_time())
            self._idle.append(connection)
        else:
            connection.discard()
        self._slots.release()

    def drop_stale(self) -> None:
        """Close idle connections that are not fit any more. For a periodic call; use does not depend on it."""
        idle, self._idle = self._idle, deque()
        for connection in idle:
            if self._is_stale(connection):
                connection.discard()
            else:
                self._idle.append(connection)

    def close(self) -> None:
        """Close idle connections now, held ones when they are released, and open no more."""
        self._closed = True
        while self._idle:
            self._idle.pop().discard()

    @property
    def statistics(self) -> PoolStatistics:
        """A snapshot."""
        return PoolStatistics(
            held=self._limits.connections_max - self._slots.value,
            idle=len(self._idle),
            waiting=self._slots.statistics().tasks_waiting,
            opened=self._opened,
            reused=self._reused,
        )

    async def _take_slot(self) -> None:
        try:
            self._slots.acquire_nowait()
        except trio.WouldBlock:
            if self._slots.statistics().tasks_waiting >= self._limits.waiting_max:
                raise OverloadedError("too many calls wait for a connection to the provider") from None
            await self._slots.acquire()

    def _fit_idle_one(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not self._is_stale(connection):
                self._reused += 1
                return connection
            connection.discard()
        return None

    async def _open_new_one(self) -> Connection:
        connection = await self._open_connection()
        self._opened += 1
        return connection

    def _is_stale(self, connection: Connection) -> bool:
        return connection.is_stale(trio.current_time(), self._limits.idle_s, self._limits.age_s)
