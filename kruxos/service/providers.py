"""What the fleet keeps: of each configured provider, and of each process that works for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import trio

from kruxos.config.model import MEMORY_MAX_BYTES, Isolation
from kruxos.cores.dispatching import Desk
from kruxos.cores.names import Name
from kruxos.cores.ports import Sink
from kruxos.link import Link
from kruxos.service.names import Asker
from kruxos.service.renewing import Renewing
from kruxos.service.timers import Timer


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told: settings as plain values, and its secret; and how far it reaches.

    ``ports``: TCP ports that it connects to; ``names``: the hosts that it may ask the addresses of;
    ``memory_max_bytes``: what it may hold before it is replaced.
    """

    settings: dict[str, Any]
    secret: bytes
    isolation: Isolation = "best_effort"
    ports: tuple[int, ...] = ()
    names: frozenset[Name] = frozenset()
    memory_max_bytes: int = MEMORY_MAX_BYTES


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
    memory_max_bytes: int = MEMORY_MAX_BYTES
    rss_bytes: int = 0
    said_rss_bytes: int = 0
    """What its beats say; taken only where the kernel does not tell."""
    killed: bool = False
    forgotten: bool = False
    """What it knows of limits is not wanted any more."""


@dataclass(slots=True)
class Provider(Desk[Process]):
    """One configured provider: its calls (``Desk``), and what the shell keeps of it."""

    renewing: Renewing = field(kw_only=True)
    timer: Timer | None = None
    on_demand: bool = False
    """Started when somebody asks for it, and stopped when nobody has for long."""
    asked_at: float = 0.0
    isolation: dict[str, Any] = field(default_factory=dict[str, Any])
    waiting_now: int = 0
    waiting_peak: int = 0
    """Calls that wait in its worker, and the most that ever did, as its beats tell."""
    last_error: str = ""
    last_error_at: float | None = None

    @property
    def has_process(self) -> bool:
        """Whether it is meant to have a worker now, be it one that is awaited."""
        return self.core.state not in ("stopped", "idle")
