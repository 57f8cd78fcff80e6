"""One life of the supervisor: the real table of calls over simulated providers, and what it writes down.

It mirrors ``kruxos.service.gateway``: keys are on disk before they are used, and outlive a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kruxos.cores import supervision
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.calls import CallTable, Running
from kruxos.cores.routing import RoutingFacts
from tests.simworld.clock import Waking, World
from tests.simworld.fleet import Fleet

DISK_S = 0.004
LIFE_NUMBERS = 1_000_000
"""Numbers of dispatches of one life: no two lives use the same."""


@dataclass(slots=True)
class Disk:
    """What outlives a crash: keys (agent, key) with digest and time; rows of the ledger by call."""

    keys: dict[tuple[str, str], tuple[bytes, float]] = field(default_factory=dict[tuple[str, str], tuple[bytes, float]])
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])


class Gateway:
    """The supervisor from its start to its crash. Also the table's ``Books``."""

    def __init__(self, world: World, fleet: Fleet, facts: RoutingFacts, disk: Disk, life: int) -> None:
        self.world, self.fleet, self.disk, self.life = world, fleet, disk, life
        self.dead = False
        self._written_at = 0.0
        fleet.first_number = life * LIFE_NUMBERS
        self.calls = CallTable(fleet, self, facts, self, world, world.random)
        known = [(agent, key, digest, at) for (agent, key), (digest, at) in disk.keys.items()]
        self.calls.keys.remember(known)
        for name in fleet.providers:
            fleet.apply(name, supervision.Start())

    def at(self, when: float, action: Callable[[], None]) -> Waking:
        """A timer that a crash stops (``kruxos.cores.ports.Timers``)."""
        return self.world.at(when, lambda: None if self.dead else action())

    # Books

    def booked(self, running: Running, row: Row) -> None:
        self.disk.rows.setdefault(running.core.terms.call_id, []).append(row)
        running.booked += 1

    def persist(self, agent: str, key: str, digest: bytes, call_id: str, then: Callable[[], None]) -> None:
        self._write(lambda: self._persisted(agent, key, digest, then))

    def _persisted(self, agent: str, key: str, digest: bytes, then: Callable[[], None]) -> None:
        self.disk.keys[agent, key] = (digest, self.world.time)
        then()

    def key_over(self, agent: str, key: str, *, kept: bool) -> None:
        if not kept:
            self._write(lambda: self._released(agent, key))

    def _write(self, action: Callable[[], None]) -> None:
        """One after the other, as in ``kruxos.service.keybook``."""
        self._written_at = max(self._written_at, self.world.time) + DISK_S * self.world.random()
        self.at(self._written_at, action)

    def _released(self, agent: str, key: str) -> None:
        self.disk.keys.pop((agent, key), None)

    def crash(self) -> None:
        self.dead = True
        self.fleet.crash()
