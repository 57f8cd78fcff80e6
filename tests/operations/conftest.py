"""Operations on a data directory of their own: without a gateway, and in one that is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
from kruxos.config.model import ModelsConfig, RoleName
from kruxos.config.models_file import load_models
from kruxos.config.secret import Secret
from kruxos.cores import supervision
from kruxos.cores.alerting import Alert
from kruxos.cores.routing import AgentFacts
from kruxos.ledger.defaults import ForAWhile
from kruxos.ledger.ledger import Ledger
from kruxos.operations import OPERATIONS, Context, perform
from kruxos.vault.vault import Vault
from kruxos.wire import Open

KEY = "sk-ant-api03-canary-0123456789abcdef"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault's key goes into a file, also where a developer has a desktop."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "kruxos")


@dataclass
class Direct:
    """Operations as the command line does them where no gateway runs."""

    data: DataDirectory
    ask_passphrase: Callable[[], Secret] | None = None

    def __call__(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        return perform(self.data, name, arguments, ask_passphrase=self.ask_passphrase)

    @property
    def config(self) -> ModelsConfig:
        return load_models(self.data.models)

    @property
    def text(self) -> str:
        return self.data.models.read_text()

    def write(self, text: str) -> None:
        """models.yaml as a person would write it."""
        self.data.create()
        self.data.models.write_text(text)
        self.data.models.chmod(0o600)


@pytest.fixture
def direct(data: DataDirectory) -> Direct:
    return Direct(data)


@dataclass
class PlayedGateway:
    """A gateway that writes down what it is told."""

    config: ModelsConfig = field(default_factory=ModelsConfig)
    log: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    states: dict[str, str] = field(default_factory=dict[str, str])
    links: set[str] = field(default_factory=set[str])
    answer: Callable[[Open], dict[str, Any]] = lambda frame: {}

    def status(self) -> dict[str, Any]:
        workers = [
            {"provider": name, "state": self.states.get(name, "ready"), "reason": ""} for name in self.config.providers
        ]
        return {"workers": workers, "version": "0"}

    def apply(self, config: ModelsConfig) -> str:
        self.log.append(("apply", sorted(config.providers)))
        self.config = config
        return ""

    def supervise(self, provider: str, event: supervision.Event) -> None:
        self.log.append((provider, event))

    def forget_limits(self, provider: str) -> None:
        self.log.append(("forget_limits", provider))

    def secrets_changed(self, provider: str | None = None) -> None:
        self.log.append(("secrets_changed", provider))

    def agent_revoked(self, name: str) -> None:
        self.log.append(("agent_revoked", name))

    def agent_changed(self, agent: AgentFacts) -> None:
        self.log.append(("agent_changed", agent))

    def defaults_timed(self, timed: Mapping[RoleName, ForAWhile]) -> None:
        self.log.append(("defaults_timed", dict(timed)))

    async def alert(self, alert: Alert) -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        self.log.append(("alert", alert.kind))
        return {"command": "sent"}

    async def start_web(self) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.log.append(("start_web", None))
        return {"state": "ready", "address": "http://127.0.0.1:7800"}

    def make_link(self, token: str) -> None:
        self.links.add(token)

    def take_link(self, token: str) -> bool:
        found = token in self.links
        self.links.discard(token)
        return found

    async def batch(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.log.append((op, arguments))
        return {}

    async def ask(self, frame: Open) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return self.answer(frame)


@dataclass
class Live:
    """Operations as the control door runs them in a gateway."""

    context: Context
    gateway: PlayedGateway

    def __call__(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        async def run() -> dict[str, Any]:
            return await OPERATIONS[name].run(self.context, arguments)

        return trio.run(run)

    def write(self, text: str) -> None:
        """models.yaml as a person would write it; the gateway has not seen it yet."""
        self.context.data.models.write_text(text)

    def start_with(self, text: str) -> None:
        """models.yaml as it was when the gateway started."""
        self.write(text)
        self.gateway.config = load_models(self.context.data.models)


@pytest.fixture
def live(data: DataDirectory) -> Iterator[Live]:
    data.create()
    data.models.write_text("")
    data.models.chmod(0o600)
    gateway = PlayedGateway()
    with DirectoryLock(data, "kruxos serve"), Vault.open(data) as vault, Ledger.open(data, 0.0) as ledger:
        yield Live(Context(data, lambda: vault, lambda: ledger, gateway), gateway)
