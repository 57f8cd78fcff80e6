"""What the fleet keeps: of each configured provider, and of each process that works for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import trio

from kruxos import wire
from kruxos.config.model import Isolation
from kruxos.cores.names import Name
from kruxos.cores.supervision import Supervision
from kruxos.fields import Fields
from kruxos.link import Link
from kruxos.service.names import Asker
from kruxos.service.renewing import Renewing
from kruxos.service.timers import Timer

Cooling: TypeAlias = dict[str, tuple[float, str]]
"""Until when (Unix seconds), and why, each model is left alone, "" for all of them."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told: settings as plain values, and its secret; and how far it reaches.

    ``ports``: TCP ports that it connects to; ``names``: the hosts that it may ask the addresses of.
    """

    settings: dict[str, Any]
    secret: bytes
    isolation: Isolation = "best_effort"
    ports: tuple[int, ...] = ()
    names: frozenset[Name] = frozenset()


class Sink(Protocol):
    """Whoever waits for the frames of one dispatch."""

    def on_frame(self, frame: wire.Frame) -> None:
        """One frame about the dispatch."""
        ...

    def on_lost(self, reason: str) -> None:
        """The worker is gone, or there is none."""
        ...


@dataclass(slots=True)
class Process:
    """One worker process and its link."""

    number: int
    link: Link
    asker: Asker
    started_at: float
    pid: int | None = None
    pid_known: trio.Event = field(default_factory=trio.Event)
    in_flight: dict[int, Sink] = field(default_factory=dict[int, Sink])
    rss_bytes: int = 0
    killed: bool = False
    forgotten: bool = False
    """What it knows of limits is not wanted any more."""


@dataclass(slots=True)
class Provider:
    """One configured provider: its core, its processes, and what waits for a worker to be ready."""

    name: str
    core: Supervision
    renewing: Renewing
    enabled: bool = False
    model: str = ""
    processes: dict[int, Process] = field(default_factory=dict[int, Process])
    current: Process | None = None
    waiting: dict[int, tuple[wire.Open, Sink]] = field(default_factory=dict[int, tuple[wire.Open, Sink]])
    health: wire.Health = field(default_factory=wire.Health)
    cooling: Cooling = field(default_factory=dict[str, tuple[float, str]])
    timer: Timer | None = None
    isolation: dict[str, Any] = field(default_factory=dict[str, Any])
    last_error: str = ""
    last_error_at: float | None = None


def cooling_of(health: wire.Health) -> Cooling:
    """Until when, and why, each model is left alone, "" for all of them. Raises ``BadRequestError``."""
    places = Fields(Fields(health.state).object("places"))
    found: Cooling = {}
    for name in Fields(health.state).object("places"):
        place = Fields(places.object(name))
        until = place.maybe_number("until")
        if until is not None:
            found[name] = until, place.maybe_text("reason") or "rate_limited"
    return found
