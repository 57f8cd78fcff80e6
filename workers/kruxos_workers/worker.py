"""What all that a worker does shares: its settings, the ways to the provider and to the supervisor, what it knows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kruxos import wire
from kruxos_workers.cache import Caches
from kruxos_workers.compaction import Compactor
from kruxos_workers.gate import Gate
from kruxos_workers.http import ProviderClient
from kruxos_workers.preflight import Preflight
from kruxos_workers.remaining import Remains
from kruxos_workers.settings import Settings
from kruxos_workers.turns import Turns


class Outlet(Protocol):
    """Where frames go."""

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame."""
        ...

    def flush(self) -> bool:
        """Hands queued frames to the kernel now."""
        ...

    async def room(self) -> None:
        """Waits while the supervisor is far behind."""
        ...


class Login(Protocol):
    """A login that is kept fresh (``oauth.keeper.Keeper``). Both raise ``KruxosError`` where it can't be had."""

    async def token(self) -> str:
        """The access token that requests are signed with from here on."""
        ...

    async def renewed(self, rejected: str) -> bool:
        """The provider has refused this token: whether there is another by now."""
        ...


@dataclass(slots=True)
class Worker:
    """What all attempts of a worker share. ``now`` gives Unix seconds; ``login`` is there where one signs in.

    ``turns``: who asks for a summary of which conversation.
    """

    settings: Settings
    client: ProviderClient
    gate: Gate
    outlet: Outlet
    login: Login | None = None
    remains: Remains = field(default_factory=Remains)
    now: Callable[[], float] = time.time
    preflight: Preflight = field(default_factory=Preflight)
    compactor: Compactor = field(default_factory=Compactor)
    turns: Turns = field(default_factory=Turns)
    caches: Caches = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        own_host = settings.origin == settings.profile.name
        self.caches = Caches(settings.dialect.name, settings.profile, own_host)
        self.caches.is_on, self.caches.retention = settings.caches_prompts, settings.cache_retention
