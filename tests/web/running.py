"""A gateway with its web process, and agents that come in by HTTP."""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from tests.service.running import Installation, until

TOKENS = ("code-bot", "other-bot")


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


@dataclass
class Web:
    """A running gateway with open doors. ``token`` is an agent's."""

    installation: Installation
    address: str
    token: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    @property
    def status(self) -> dict[str, Any]:
        """The web process, as the gateway sees it."""
        return cast("dict[str, Any]", self.installation.status()["web"])

    @property
    def socket(self) -> str:
        """The Unix socket."""
        return str(self.status["socket"])

    def http(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A plain HTTP client that shows the token."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=20.0, trust_env=False, **options)


@contextmanager
def serving(home: Path, models: str, keyed: tuple[str, ...]) -> Generator[Web]:
    """A gateway with these models and open doors, for the length of the block."""
    made = Installation.make(home, f"{models}\nhttp:\n  port: {free_port()}\n")
    with made.serving():
        made.store_keys(keyed)
        token = made.control("agent.create", name="code-bot")["token"]
        yield Web(made, wait_web(made)["address"], token)


def wait_web(made: Installation) -> dict[str, Any]:
    """Waits until the web process listens; its status."""

    def ready() -> dict[str, Any] | None:
        web = cast("dict[str, Any]", made.status()["web"])
        return web if web["state"] == "ready" else None

    found = until(ready, "a web process that listens")
    assert found is not None
    return found
