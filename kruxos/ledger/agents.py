"""Who may call. An agent's token is shown once, when it is made; what is kept is its SHA-256.

A token is 32 random bytes, so a plain hash of it cannot be searched through.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kruxos.config.model import ROLE_NAMES, RoleName
from kruxos.config.secret import Secret
from kruxos.cores.caps import Policy, parse_caps
from kruxos.cores.routing import AgentFacts
from kruxos.errors import UnauthorizedError
from kruxos.ledger.database import Database
from kruxos.ledger.problems import BadAgentError
from kruxos.messages import THINKING_EFFORTS, ThinkingEffort

Fallback = Literal["any", "local_only", "same_billing", "none"]
FALLBACKS: tuple[Fallback, ...] = get_args(Fallback)
TOKEN_BYTES = 32
PURPOSE_CHARS_MAX = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_NOBODY = bytes(32)
NO_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the operator made it. ``provider``, ``model``, ``role`` None: the defaults. Times: Unix seconds.

    ``effort``: how much it thinks where a call does not say; None: as its model does by itself.
    """

    name: str
    created_at: float
    provider: str | None = None
    model: str | None = None
    purpose: str = ""
    role: RoleName | None = None
    fallback: Fallback = "any"
    revoked_at: float | None = None
    effort: ThinkingEffort | None = None
    policy: Policy = NO_POLICY

    @property
    def facts(self) -> AgentFacts:
        """What routing knows of it."""
        wanted = f"{self.provider}/{self.model}" if self.provider and self.model else self.provider or self.model
        return AgentFacts(self.name, wanted, self.role, self.fallback, self.effort, self.policy)


class Agents:
    """The table of agents. Thread-safe."""

    def __init__(self, database: Database, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._database = database
        self._random_bytes = random_bytes

    def create(self, agent: Agent) -> Secret:
        """Makes an agent; its token, this once. Raises ``BadAgentError``, also where the name is taken."""
        _check(agent)
        token = self._new_token()
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM agents WHERE name = ?", (agent.name,)).fetchone():
                message = f"there is an agent `{agent.name}` already"
                raise BadAgentError(message, f"take another name, or: `kruxos agent rotate {agent.name}`")
            connection.execute("INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
                agent.name, _digest(token), agent.created_at, agent.provider, agent.model, agent.purpose, agent.role,
                agent.fallback, agent.revoked_at, agent.effort, _policy_text(agent.policy),
            ))  # fmt: skip
        return token

    def authenticate(self, token: Secret, name: str | None = None) -> Agent:
        """The agent whose token this is, and whose name, where one is given. Raises ``UnauthorizedError``.

        Takes the same time for a wrong token as for a name that there is not.
        """
        digest = _digest(token)
        row = self._row(_BY_DIGEST, digest) if name is None else self._row(_BY_NAME, name)
        kept = row[1] if row else _NOBODY
        if not hmac.compare_digest(kept, digest) or row is None:
            raise UnauthorizedError
        agent = _agent(row)
        if agent.revoked_at is not None:
            raise UnauthorizedError(f"the agent {agent.name} is revoked\n  fix: kruxos agent restore {agent.name}")
        return agent

    def get(self, name: str) -> Agent:
        """The agent of a name. Raises ``BadAgentError``."""
        row = self._row(_BY_NAME, name)
        if row is None:
            raise _unknown(name)
        return _agent(row)

    def list(self) -> list[Agent]:
        """All agents, by name."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM agents ORDER BY name").fetchall()
        return [_agent(row) for row in rows]

    def change(self, agent: Agent) -> None:
        """Writes what the operator may change: all but name, token and times. Raises ``BadAgentError``."""
        _check(agent)
        self._update(
            "UPDATE agents SET provider = ?, model = ?, purpose = ?, role = ?, fallback = ?, effort = ?, policy = ?"
            " WHERE name = ?",
            agent.name, agent.provider, agent.model, agent.purpose, agent.role, agent.fallback, agent.effort,
            _policy_text(agent.policy),
        )  # fmt: skip

    def revoke(self, name: str, now: float) -> None:
        """The agent's token is refused from now on. Raises ``BadAgentError``."""
        self._update("UPDATE agents SET revoked_at = coalesce(revoked_at, ?) WHERE name = ?", name, now)

    def rotate(self, name: str) -> Secret:
        """A new token in place of the old one; a revoked agent is restored by it. Raises ``BadAgentError``."""
        token = self._new_token()
        self._update("UPDATE agents SET token_sha256 = ?, revoked_at = NULL WHERE name = ?", name, _digest(token))
        return token

    def remove(self, name: str) -> None:
        """Forgets an agent; what it used stays in the ledger. Raises ``BadAgentError``."""
        self._update("DELETE FROM agents WHERE name = ?", name)

    def _new_token(self) -> Secret:
        return Secret(self._random_bytes(TOKEN_BYTES).hex())

    def _row(self, query: str, value: object) -> tuple[Any, ...] | None:
        with self._database.reading() as connection:
            row: tuple[Any, ...] | None = connection.execute(query, (value,)).fetchone()
        return row

    def _update(self, statement: str, name: str, *values: object) -> None:
        with self._database.writing() as connection:
            if not connection.execute(statement, (*values, name)).rowcount:
                raise _unknown(name)


_BY_NAME = "SELECT * FROM agents WHERE name = ?"
_BY_DIGEST = "SELECT * FROM agents WHERE token_sha256 = ?"


def _digest(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal_bytes()).digest()


def _agent(row: tuple[Any, ...]) -> Agent:
    name, _, created_at, provider, model, purpose, role, fallback, revoked_at, effort, policy = row
    return Agent(name, created_at, provider, model, purpose, role, fallback, revoked_at, effort, _read_policy(policy))


def _policy_text(policy: Policy) -> str:
    caps = [str(cap) for cap in policy.caps]
    said = {"limits": caps, "providers": policy.providers, "models": policy.models, "compaction": policy.compaction}
    return json.dumps(said)


def _read_policy(text: str | None) -> Policy:
    """The policy as it was written; agents of earlier versions have none."""
    said: dict[str, Any] = json.loads(text) if text else {}
    return Policy(
        parse_caps(said.get("limits", ())), tuple(said.get("providers", ())), tuple(said.get("models", ())),
        said.get("compaction", {}),
    )  # fmt: skip


def _check(agent: Agent) -> None:
    if not _NAME.fullmatch(agent.name):
        raise BadAgentError("an agent's name is letters, digits and . _ - only, 63 at most", "take another name")
    if agent.role is not None and agent.role not in ROLE_NAMES:
        raise BadAgentError("there is no such role", f"one of {', '.join(ROLE_NAMES)}")
    if agent.fallback not in FALLBACKS:
        raise BadAgentError("there is no such fallback", f"one of {', '.join(FALLBACKS)}")
    if agent.effort is not None and agent.effort not in THINKING_EFFORTS:
        raise BadAgentError("there is no such effort", f"one of {', '.join(THINKING_EFFORTS)}")
    if len(agent.purpose) > PURPOSE_CHARS_MAX:
        raise BadAgentError(f"the purpose is longer than {PURPOSE_CHARS_MAX} characters", "say it more briefly")


def _unknown(name: str) -> BadAgentError:
    shown = f" `{name}`" if _NAME.fullmatch(name) else " of this name"
    return BadAgentError(f"there is no agent{shown}", "`kruxos agent list` shows those there are")
