"""What operations work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kruxos.config import models_file
from kruxos.config.directory import DataDirectory
from kruxos.config.model import ModelsConfig, RoleName
from kruxos.config.secret import Secret
from kruxos.cores import supervision
from kruxos.cores.alerting import Alert
from kruxos.cores.routing import AgentFacts
from kruxos.errors import GatewayUnreachableError, RefusedError, VaultLockedError
from kruxos.wire import Open

if TYPE_CHECKING:
    from kruxos.ledger.defaults import ForAWhile
    from kruxos.ledger.ledger import Ledger
    from kruxos.vault.vault import Vault

T = TypeVar("T")


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

    def forget_limits(self, provider: str) -> None:
        """Clears what is known of a provider's limits."""
        ...

    def secrets_changed(self, provider: str | None = None) -> None:
        """A provider's secret changed, or with None any may have: workers that wait for one are started."""
        ...

    def agent_revoked(self, name: str) -> None:
        """An agent's token is refused from now on: the sessions that it opened end."""
        ...

    def agent_changed(self, agent: AgentFacts) -> None:
        """Who answers an agent is another from its next call on, also in sessions that are open."""
        ...

    def defaults_timed(self, timed: Mapping[RoleName, ForAWhile]) -> None:
        """These defaults hold for a while, in place of models.yaml's."""
        ...

    async def alert(self, alert: Alert) -> dict[str, str]:
        """Sends an alert now; what came of it by each way (command, webhook)."""
        ...

    async def batch(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Does a verb of batches (``kruxos.operations.batches``). Raises ``KruxosError``."""
        ...

    async def start_web(self) -> dict[str, Any]:
        """Has the web process run, and gives its status once it listens. Raises ``RefusedError``."""
        ...

    def make_link(self, token: str) -> None:
        """A one-time link to the dashboard with this token is good from now on, for ``kruxos.cores.links.LINK_S``."""
        ...

    def take_link(self, token: str) -> bool:
        """Whether it is the token of a link that is good; it is none any more."""
        ...

    async def ask(self, frame: Open) -> dict[str, Any]:
        """Makes one call as the operator and waits for it: the reply as a map, or raises ``KruxosError``."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Where an operation works. The caller holds the directory's lock.

    ``open_vault`` and ``open_ledger`` give the same one each time they are asked. ``ask_passphrase`` is there where a
    person can be asked for the vault's.
    """

    data: DataDirectory
    open_vault: Callable[[], Vault]
    open_ledger: Callable[[], Ledger]
    gateway: LiveGateway | None = None
    ask_passphrase: Callable[[], Secret] | None = None

    @property
    def vault(self) -> Vault:
        """The vault, locked or not; it is made where there is none."""
        return self.open_vault()

    @property
    def ledger(self) -> Ledger:
        """The ledger; it is made where there is none."""
        return self.open_ledger()

    @property
    def has_vault(self) -> bool:
        """Whether there is a vault yet: questions do not make one."""
        return self.gateway is not None or self.data.vault.exists()

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger yet."""
        return self.gateway is not None or self.data.ledger.exists()

    def running(self) -> LiveGateway:
        """The gateway. Raises ``GatewayUnreachableError`` where it does not run."""
        if self.gateway is None:
            raise GatewayUnreachableError("the gateway is not running\n  fix: start it with `kruxos serve`")
        return self.gateway

    def unlocked_vault(self) -> Vault:
        """The vault, unlocked if the person at the command line can do that; what needs its key says if not."""
        vault = self.vault
        status = vault.status()
        asked = self.gateway is None and status.state == "locked" and status.source == "passphrase"
        if asked and self.ask_passphrase is not None:
            vault.unlock(self.ask_passphrase())
        return vault

    async def read_config(self) -> ModelsConfig:
        """What models.yaml says now. Raises ``SetupError``."""
        return await self.aside(lambda: models_file.load_models(self.data.models))

    async def edit(self, change: Callable[[str], str]) -> ModelsConfig:
        """Puts models.yaml through ``change``, and in force. Raises ``SetupError``; nothing is changed then."""
        config = await self.aside(lambda: models_file.edit_models(self.data.models, change))
        if self.gateway is not None:
            self.gateway.apply(config)
        return config

    async def secret_stored(self, provider: str) -> None:
        """A provider's key is in the vault, or bound elsewhere: models.yaml is in force as it stands, with that key."""
        if self.gateway is None:
            return
        was_known = provider in self.gateway.config.providers
        self.gateway.apply(await self.read_config())
        if was_known:  # else it has just been started with the key
            self.gateway.secrets_changed(provider)

    async def aside(self, work: Callable[[], T]) -> T:
        """Does what waits for a disk or a keyring, or takes long, without holding up the gateway's calls."""
        if self.gateway is None:
            return work()
        import trio  # noqa: PLC0415 - the command line does without it

        return await trio.to_thread.run_sync(work)


Run = Callable[[Context, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb. ``reads``: it changes nothing, so it may run beside others.

    ``guarded``: it touches secrets, where they go, agents or policies: where the vault has a passphrase, it is asked
    for. ``proves``: whoever did it has shown that passphrase.
    """

    name: str
    run: Run
    reads: bool = False
    guarded: bool = False
    proves: bool = False


PASSPHRASE = "passphrase"  # noqa: S105 - a name, not one


def passphrase_needed() -> VaultLockedError:
    """The error for a guarded operation whose operator has not shown the passphrase; its field names it."""
    message = "this vault has a passphrase, and this operation asks for it: unlock with `kruxos vault unlock`"
    return VaultLockedError(message, field=PASSPHRASE)


def has_passphrase(vault: Vault) -> bool:
    """Whether guarded operations ask."""
    return vault.status().source == PASSPHRASE


def refused(message: str, fix: str) -> RefusedError:
    """The error for what cannot be done as it was asked."""
    return RefusedError(f"{message}\n  fix: {fix}")
