"""The supervisor's part in renewing a provider's login: it permits, stores with the disk's promise, and acknowledges.

    worker: renew ->            may I?
            <- renewal          yes, this is the login that is stored; or no, with the reason
            renewed ->          this is the new one; or nothing, nothing has changed
            <- stored           it is on disk: now it may be used

Who may is decided in ``kruxos.cores.renewals``. A worker that dies after ``renewed`` has lost nothing: what it wrote is
read to the end, and stored before anybody else is permitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import trio

from kruxos import wire
from kruxos.config.problems import SetupError
from kruxos.cores import renewals
from kruxos.cores.renewals import Renewals
from kruxos.errors import KruxosError, NeedsLoginError
from kruxos.login import read_login
from kruxos.service.journal import LOG

CHANGED = "login_changed"
"""The code that tells a worker that another login was stored meanwhile."""
NOT_PERMITTED = "not_permitted"


class LoginStore(Protocol):
    """The vault, as logins need it. Both wait for a disk."""

    def lend_login(self, provider: str) -> bytes:
        """The login as it is stored. Raises ``KruxosError``."""
        ...

    def store_login(self, provider: str, lent: bytes, record: bytes) -> bool:
        """Stores a login in place of the one that was lent; False where that is not there any more.

        Raises ``KruxosError``, ``SetupError``.
        """
        ...


@dataclass(slots=True)
class Renewing:
    """One provider's. ``ended`` is called with the process that has found the login to be over."""

    provider: str
    store: LoginStore
    nursery: trio.Nursery
    ended: Callable[[int], None]
    core: Renewals = field(default_factory=Renewals)
    _senders: dict[int, Callable[[wire.Frame], None]] = field(default_factory=dict[int, Callable[[wire.Frame], None]])
    _lent: dict[int, bytes] = field(default_factory=dict[int, bytes], repr=False)
    _storing: set[int] = field(default_factory=set[int])
    _idle: trio.Event = field(default_factory=trio.Event)

    def promoted(self, number: int) -> None:
        """A process takes new calls from now on."""
        self._step(renewals.Promoted(number))

    def gone(self, number: int) -> None:
        """A process has ended; what it has told is stored first."""
        self._senders.pop(number, None)
        if number not in self._storing:
            self._lent.pop(number, None)
            self._step(renewals.Gone(number))

    def on_frame(self, number: int, frame: wire.Renew | wire.Renewed, send: Callable[[wire.Frame], None]) -> None:
        """A process asks, or tells what came of it."""
        self._senders[number] = send
        if isinstance(frame, wire.Renew):
            self._step(renewals.Asked(number, frame.id))
        elif number != self.core.renewing or number in self._storing:
            send(wire.Stored(id=frame.id, error=NOT_PERMITTED))
        elif not frame.body:
            self._settle(number)
        else:
            self._storing.add(number)
            self.nursery.start_soon(self._store, number, frame)

    async def close(self) -> None:
        """Permits nothing more, and waits until what is under way is stored."""
        self._step(renewals.Closed())
        while self.core.renewing is not None:
            self._idle = trio.Event()
            await self._idle.wait()

    def _step(self, event: renewals.Event) -> None:
        for command in self.core.step(event, trio.current_time()):
            match command:
                case renewals.Permit(number, question):
                    self.nursery.start_soon(self._permit, number, question)
                case renewals.Deny(number, question):
                    self._send(number, wire.Renewal(id=question, error=NOT_PERMITTED))
        if self.core.renewing is None:
            self._idle.set()

    def _settle(self, number: int) -> None:
        self._lent.pop(number, None)
        self._step(renewals.Settled(number))

    def _send(self, number: int, frame: wire.Frame) -> None:
        send = self._senders.get(number)
        if send is not None:
            send(frame)

    async def _permit(self, number: int, question: int) -> None:
        try:
            record = await trio.to_thread.run_sync(self.store.lend_login, self.provider)
        except (KruxosError, SetupError) as error:
            self._send(number, wire.Renewal(id=question, error=_code(error)))
            self._settle(number)
            if isinstance(error, NeedsLoginError):
                self.ended(number)
            return
        if self.core.renewing == number:
            self._lent[number] = record
            self._send(number, wire.Renewal(id=question, body=record))

    async def _store(self, number: int, frame: wire.Renewed) -> None:
        code, over = CHANGED, False
        try:
            over = bool(read_login(frame.body).ended)
            put = partial(self.store.store_login, self.provider, self._lent.get(number, b""), frame.body)
            code = "" if await trio.to_thread.run_sync(put) else CHANGED
        except (KruxosError, SetupError) as error:
            code = _code(error)
            LOG.error("the renewed login of %s is not stored: %s", self.provider, code)
        self._storing.discard(number)
        if code in ("", CHANGED):
            self._settle(number)
        self._send(number, wire.Stored(id=frame.id, error=code))
        if number not in self._senders:
            self.gone(number)
        if not code and not over:
            LOG.info("the login of %s was renewed", self.provider)
        elif not code:
            LOG.error("the login of %s has ended: `kruxos model login %s`", self.provider, self.provider)
            self.ended(number)


async def close_all(renewings: Iterable[Renewing]) -> None:
    """Lets no login be renewed any more, and waits for those that are just being renewed: half of it would be lost."""
    async with trio.open_nursery() as nursery:
        for each in renewings:
            nursery.start_soon(each.close)


def _code(error: KruxosError | SetupError) -> str:
    return error.code if isinstance(error, KruxosError) else "internal"
