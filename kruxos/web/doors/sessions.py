"""One session with the gateway for each agent that shows its token; and how often somebody may be wrong about one.

A token is proven by the gateway's own hello, once; then its session stays for the calls to come. Kept is a keyed hash
of the token, so that looking it up tells nothing of those that are known. Wrong tokens are bounded in time, whoever
shows them: while the bound is reached, tokens that are not known yet are refused unheard, and agents with a session go
on.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from kruxos.client import Client
from kruxos.errors import OverloadedError, RateLimitedError, UnauthorizedError

SESSIONS_MAX = 1024
IDLE_S = 900.0
"""A session that nobody used for so long is closed."""
HOLD_BYTES = 1024 * 1024
"""Events of one stream that its reader has not taken yet; past that its provider is not read on."""
SWEEP_EVERY_S = 60.0
WRONG_BURST = 20.0
WRONG_PER_S = 2.0
PAUSE_S = 1.0
"""When whoever is refused unheard may ask again."""


@dataclass(slots=True)
class WrongTokens:
    """How many wrong tokens are heard: a burst, then so many a second. Pure; ``now`` in monotonic seconds."""

    left: float = WRONG_BURST
    at: float = 0.0

    def may_try(self, now: float) -> bool:
        """Whether a token that is not known is proven now."""
        self.left = min(WRONG_BURST, self.left + max(0.0, now - self.at) * WRONG_PER_S)
        self.at = now
        return self.left >= 1.0

    def was_wrong(self) -> None:
        """One was."""
        self.left -= 1.0


@dataclass(slots=True)
class Session:
    """One agent's client. ``calls`` counts those under way."""

    client: Client
    used_at: float
    calls: int = 0
    closing: anyio.Event = field(default_factory=anyio.Event)

    def __enter__(self) -> Client:
        self.calls += 1
        return self.client

    def __exit__(self, *error: object) -> None:
        self.calls -= 1
        self.used_at = time.monotonic()


class Sessions:
    """All sessions; used as a block, by one task."""

    def __init__(self, address: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._now = now
        self._key = os.urandom(32)
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._wrong = WrongTokens()
        self._tasks: TaskGroup = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._sweep)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def find(self, token: str | None, agent: str | None) -> Session:
        """The session of this token; without one, of the agent of our own user that has this name.

        Raises ``UnauthorizedError`` for a wrong token, ``RateLimitedError`` when too many were, and as a hello does.
        """
        name = hashlib.blake2b(f"{token}\0{agent}".encode("utf-8", "replace"), key=self._key).digest()
        session = self._sessions.get(name)
        if session is not None:
            self._sessions.move_to_end(name)
            return session
        if not self._wrong.may_try(self._now()):
            raise RateLimitedError(
                "too many wrong tokens were shown; try again shortly", retry_at=time.time() + PAUSE_S
            )
        self._make_room()
        client = Client(agent=agent, token=token, address=self._address)
        session = Session(client, self._now())
        try:
            await self._tasks.start(self._run, name, session)
        except UnauthorizedError:
            self._wrong.was_wrong()
            raise
        return session

    def forget(self, session: Session) -> None:
        """Its token is refused by now: the next call proves it again."""
        session.closing.set()

    async def _run(self, name: bytes, session: Session, *, task_status: TaskStatus[None]) -> None:
        async with session.client as client:
            await client.connect(hold_bytes=HOLD_BYTES)
            self._sessions.setdefault(name, session)
            task_status.started()
            await session.closing.wait()
            if self._sessions.get(name) is session:
                del self._sessions[name]

    def _make_room(self) -> None:
        if len(self._sessions) < SESSIONS_MAX:
            return
        idle = next((each for each in self._sessions.values() if not each.calls), None)
        if idle is None:
            raise OverloadedError(f"{SESSIONS_MAX} agents have calls under way here", retry_at=time.time() + PAUSE_S)
        idle.closing.set()

    async def _sweep(self) -> None:
        while True:
            await anyio.sleep(SWEEP_EVERY_S)
            for session in self._sessions.values():
                if not session.calls and self._now() - session.used_at > IDLE_S:
                    session.closing.set()
