"""What the running gateway tells its journal, and how often: what can come in floods is counted, not repeated."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import trio

from kruxos.cores.call_vocabulary import Row
from kruxos.cores.dispatching import Cooling
from kruxos.cores.supervision import Announce, Outgrown
from kruxos.ledger.journal import SYNC_EVERY_S, Journal
from kruxos.service.journal import LOG, tell_change

FLOOD_WINDOW_S = 10.0
"""Calls that move the same way for the same reason within it are one entry, with their number."""
MOVES_MAX = 256


@dataclass(slots=True)
class _Move:
    since: float
    count: int = 0


@dataclass(slots=True)
class Teller:
    """The gateway's words to its journal. Methods never wait."""

    journal: Journal
    _moves: dict[tuple[str, str, str], _Move] = field(default_factory=dict[tuple[str, str, str], _Move])

    def tell(self, kind: str, subject: str, **more: str | float | None) -> None:
        """One entry, now."""
        self.journal.tell(time.time(), kind, subject, **more)

    def changed(self, provider: str, change: Announce | Outgrown) -> None:
        """A provider's change of state, or of its worker for being too heavy; to the log too."""
        tell_change(provider, change)
        if isinstance(change, Outgrown):
            self.tell("memory", provider, outcome="its worker is replaced", reason=change.reason)
            return
        self.tell("state", provider, before=change.before, after=change.after, reason=change.reason or None)

    def cooling(self, provider: str, before: Cooling, now: Cooling) -> None:
        """What is known of a provider's limits is new: cooldowns that begin are told."""
        at = time.time()
        for model, (until, reason) in now.items():
            if until > at >= before.get(model, (0.0, ""))[0]:
                self.tell("cooldown", provider, model=model or None, until=until, reason=reason)

    def booked(self, agent: str, row: Row) -> None:
        """A call ended: where others than the first were asked, it is told once, and then counted for a while."""
        failed = [each for each in row.attempts if each.get("outcome") not in ("answered", "skipped", None)]
        if not row.last or row.outcome != "answered" or not failed or failed[0].get("provider") == row.provider:
            return
        key = (str(failed[0].get("provider")), row.provider, str(failed[0].get("outcome")))
        move = self._moves.get(key)
        if move is not None:
            move.count += 1
        elif len(self._moves) < MOVES_MAX:
            self._moves[key] = _Move(trio.current_time())
            self.tell("fallback", key[0], to=key[1], reason=key[2], agent=agent, calls=1)

    async def run(self) -> None:
        """Has the disk take what was told, for ever; and tells of calls that were only counted."""
        while True:
            await trio.sleep(SYNC_EVERY_S)
            self._settle(trio.current_time())
            await self.sync()

    async def sync(self) -> None:
        """Has the disk take what was told, off the event loop."""
        try:
            await trio.to_thread.run_sync(self.journal.sync)
        except OSError as error:
            LOG.error("the journal cannot be synced: %s", error.strerror)

    def _settle(self, now: float) -> None:
        for key, move in list(self._moves.items()):
            if now - move.since < FLOOD_WINDOW_S:
                continue
            del self._moves[key]
            if move.count:
                self.tell("fallback", key[0], to=key[1], reason=key[2], calls=move.count)
