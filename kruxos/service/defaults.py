"""Defaults for a while: in force until their time comes, then models.yaml's own again.

The ledger keeps them, so a restart forgets none. The wall clock may be set, and machines sleep: it is looked at again
at least every ``LOOK_EVERY_S``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import trio

from kruxos.config.model import ModelsConfig, RoleName
from kruxos.ledger.defaults import ForAWhile, with_timed
from kruxos.service.timers import Timer, Timers

LOOK_EVERY_S = 30.0


class Defaults:
    """Those that hold now. ``changed`` is called when one has ended by itself, with its role and provider."""

    def __init__(
        self, timers: Timers, timed: Mapping[RoleName, ForAWhile], ended: Callable[[RoleName, str], None]
    ) -> None:
        self._timers, self._ended = timers, ended
        self._timer: Timer | None = None
        self.timed = dict(timed)
        self._wake()

    def set(self, timed: Mapping[RoleName, ForAWhile]) -> None:
        """What holds from now on."""
        self.timed = dict(timed)
        self._wake()

    def over(self, config: ModelsConfig) -> ModelsConfig:
        """The configuration as it is in force."""
        return with_timed(config, self.timed, time.time())

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.timed:
            in_s = min(each.until for each in self.timed.values()) - time.time()
            self._timer = self._timers.at(trio.current_time() + min(max(in_s, 0.0), LOOK_EVERY_S), self._look)

    def _look(self) -> None:
        now = time.time()
        gone: dict[RoleName, str] = {role: each.provider for role, each in self.timed.items() if each.until <= now}
        for role in gone:
            del self.timed[role]
        self._wake()
        for role, provider in gone.items():
            self._ended(role, provider)
