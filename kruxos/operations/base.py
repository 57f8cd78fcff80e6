"""What operations work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kruxos.config.directory import DataDirectory
from kruxos.config.model import ModelsConfig
from kruxos.cores import supervision
from kruxos.errors import RefusedError
from kruxos.ledger.ledger import Ledger
from kruxos.vault.vault import Vault
from kruxos.wire import Open


class LiveGateway(Protocol):
    """The running gateway, as operations see it."""

    config: ModelsConfig

    def status(self) -> dict[str, Any]:
        """The gateway as it is now (``kruxos.service.status.GatewayStatus``)."""
        ...

    def apply(self, config: ModelsConfig) -> str:
        """Puts a configuration in force; what changed, in words."""
        ...

    def supervise(self, provider: str, event: supervision.Event) -> None:
        """Gives an operator's event to a provider's supervision."""
        ...

    def secrets_changed(self, provider: str | None = None) -> None:
        """A provider's secret changed, or with None any may have: workers that wait for one are started."""
        ...

    async def ask(self, frame: Open) -> dict[str, Any]:
        """Makes one call as the operator and waits for it: the reply as a map, or raises ``KruxosError``."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Where an operation works. The caller holds the directory's lock."""

    data: DataDirectory
    vault: Vault
    ledger: Ledger
    gateway: LiveGateway | None = None

    def running(self) -> LiveGateway:
        """The gateway. Raises ``RefusedError`` where it does not run."""
        if self.gateway is None:
            raise RefusedError("the gateway is not running\n  fix: start it with `kruxos serve`")
        return self.gateway


Run = Callable[[Context, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb. ``reads``: it changes nothing, so it may run beside others."""

    name: str
    run: Run
    reads: bool = False
