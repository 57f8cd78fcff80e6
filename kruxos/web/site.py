"""What doors and dashboard share: where the gateway is, agents' sessions with it, and operators' verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import anyio.to_thread

from kruxos.client import ControlClient
from kruxos.paths import agent_socket, control_socket
from kruxos.web.doors.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Settings:
    """What the supervisor says. ``enabled``: agents may call through the doors; else there is the dashboard alone."""

    data: Path
    enabled: bool
    host: str
    port: int
    names: tuple[str, ...] = ()
    prometheus: bool = False
    otlp: str | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Settings:
        """From the first message."""
        return cls(
            Path(told["data"]),
            told["enabled"],
            told["host"],
            told["port"],
            tuple(told["names"]),
            told["prometheus"],
            told["otlp"],
        )


@dataclass(slots=True)
class Site:
    """One running web process. ``port`` is the one that it listens on; used as a block."""

    settings: Settings
    port: int
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(agent_socket(self.settings.data))

    async def __aenter__(self) -> Self:
        await self.sessions.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.sessions.__aexit__(None, None, None)

    async def operate(self, op: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Has the gateway do an operation. Raises ``KruxosError``."""
        client = ControlClient(address=control_socket(self.settings.data))
        return await anyio.to_thread.run_sync(client.call, op, dict(arguments or {}))

    def hosts(self) -> frozenset[str]:
        """The values of ``Host`` under which this site is asked: others are another site's name for our address."""
        names = {"127.0.0.1", "localhost", "[::1]", *self.settings.names}
        host = self.settings.host
        names.add(f"[{host}]" if ":" in host else host)
        ported = {f"{name}:{self.port}" for name in names}
        return frozenset(ported | set(self.settings.names) | (names if self.port == 80 else set()))
