"""Who asks, and where: what both clients are made with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from kruxos.client.address import agent_path

TOKEN_VARIABLE = "KRUXOS_AGENT_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Settings:
    """An agent's name and token, and the path of the gateway's socket."""

    agent: str | None
    path: str
    token: str | None = field(repr=False)

    @classmethod
    def of(cls, agent: str | None, token: str | None, address: str | os.PathLike[str] | None) -> Settings:
        """What is not given comes from the environment: ``KRUXOS_AGENT_TOKEN``, and the data directory's socket."""
        return cls(agent, agent_path(address), token or os.environ.get(TOKEN_VARIABLE) or None)

    def describe(self, name: str) -> str:
        """For a client's repr; the token stays out of it."""
        token = "None" if self.token is None else "***"
        return f"{name}(agent={self.agent!r}, token={token}, address={self.path!r})"
