"""The shell around a login's life: asks the supervisor and the issuer, wakes who waits, and knows the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from kruxos import wire
from kruxos.errors import BY_CODE, BadRequestError, KruxosError, NeedsLoginError, ProviderUnreachableError
from kruxos.login import Login, read_login

from . import life
from .life import Life
from .protocol import Later, Over

TICK_S = 30.0
"""The clock is looked at so often at least: it can be set, and machines sleep."""
WAIT_S = 60.0
"""How long a call waits for a login that is being renewed."""


class Refreshes(Protocol):
    """Who gives new tokens for old (``issuer.Issuer``)."""

    async def refresh(self, login: Login, now: float) -> Login | Over | Later:
        """New tokens, or why there are none."""
        ...


@dataclass(slots=True)
class Keeper:
    """Keeps the worker's one login. ``use`` has requests signed with it from then on.

    ``settled`` is called whenever nothing is under way any more.
    """

    provider: str
    core: Life
    issuer: Refreshes
    send: Callable[[wire.Frame], None]
    use: Callable[[Login], None]
    nursery: trio.Nursery
    settled: Callable[[], None]
    clock: Callable[[], float] = time.time
    _question: int = 0
    _news: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        """Renews the login in time, for ever."""
        while True:
            self._step(life.Tick())
            with trio.move_on_after(min(TICK_S, max(0.0, self.core.next_wake() - self.clock()))):
                await self._news.wait()

    def on_frame(self, frame: wire.Renewal | wire.Stored) -> None:
        """The supervisor's answer."""
        if frame.id != self._question:
            return
        match frame:
            case wire.Renewal() if not frame.error:
                self._step(_permitted(frame.body))
            case wire.Renewal():
                self._step(life.NotPermitted(frame.error))
            case wire.Stored():
                self._step(life.NotStored(frame.error) if frame.error else life.Stored())

    def drain(self) -> None:
        """The worker is being replaced: nothing more is begun."""
        self._step(life.Draining())

    @property
    def busy(self) -> bool:
        """Whether something is under way that must end well before the worker may go."""
        return self.core.busy

    async def token(self) -> str:
        """The access token that requests are signed with, renewed first if it has to be.

        Raises ``NeedsLoginError``, and ``KruxosError`` where it can't be renewed just now.
        """
        with trio.move_on_after(WAIT_S):
            while not self.core.usable(self.clock()):
                self._step(life.Tick())
                self._raise_problem()
                await self._news.wait()
            return self.core.login.access_token
        raise ProviderUnreachableError(f"the login of {self.provider} was not renewed within {WAIT_S:g} s")

    async def renewed(self, rejected: str) -> bool:
        """The provider has refused this access token: whether there is another one by now. Raises as ``token``.

        False: it refuses the one that was its remedy, so that another would not help.
        """
        self._step(life.Rejected(rejected))
        with trio.move_on_after(WAIT_S):
            while self.core.login.access_token == rejected and self.core.busy:
                await self._news.wait()
        if self.core.login.access_token != rejected:
            return True
        self._raise_problem()
        return False

    def _raise_problem(self) -> None:
        if self.core.state == "refused":
            raise self._needs_login()
        if self.core.retry_at > self.clock():
            code = self.core.problem
            kind = BY_CODE.get(code, ProviderUnreachableError)
            raise kind(f"the login of {self.provider} could not be renewed ({code})", retry_at=self.core.retry_at)
        if self.core.draining and not self.core.busy:
            raise ProviderUnreachableError(f"the login of {self.provider} is renewed by this worker's successor")

    def _needs_login(self) -> KruxosError:
        return NeedsLoginError(f"the login of {self.provider} has ended: `kruxos model login {self.provider}`")

    def _step(self, event: life.Event) -> None:
        was_busy = self.core.busy
        before = self.core.state
        for command in self.core.step(event, self.clock()):
            self._do(command)
        if self.core.state != before or not isinstance(event, life.Tick):
            self._tell_news()
        if was_busy and not self.core.busy:
            self.settled()

    def _tell_news(self) -> None:
        news, self._news = self._news, trio.Event()
        news.set()

    def _do(self, command: life.Command) -> None:
        match command:
            case life.Ask():
                self._question += 1
                self.send(wire.Renew(id=self._question))
            case life.Refresh(login):
                self.nursery.start_soon(self._refresh, login)
            case life.Store(login):
                self.send(wire.Renewed(id=self._question, body=login.to_record()))
            case life.GiveBack():
                self.send(wire.Renewed(id=self._question))
            case life.Use(login):
                self.use(login)

    async def _refresh(self, login: Login) -> None:
        answer = await self.issuer.refresh(login, self.clock())
        match answer:
            case Login():
                self._step(life.Renewed(answer))
            case Over():
                self._step(life.Failed(answer.reason, final=True))
            case Later():
                self._step(life.Failed(answer.reason, final=False))


def _permitted(record: bytes) -> life.Event:
    try:
        return life.Permitted(read_login(record))
    except BadRequestError as error:
        return life.NotPermitted(error.code)
