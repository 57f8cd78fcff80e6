"""What the gateway shows of itself: frozen values, one sentence a field. Command line and dashboard read only these."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One provider and its worker. Times are Unix seconds, None: never or unknown."""

    provider: str
    """Its name in models.yaml."""
    type: str
    """Its type in models.yaml."""
    model: str | None
    """The model it answers with when a call names none."""
    state: str
    """stopped, idle, starting, ready, backoff or failed; disabled where models.yaml says so."""
    reason: str
    """Why it is in this state: an error code, or words."""
    since: float
    """When it came into this state."""
    pid: int | None
    """The process that takes calls."""
    restarts: int
    """How often it was started again since the gateway started."""
    last_exit: str
    """Why it was last started again."""
    in_flight: int
    """Attempts under way, in all its processes."""
    draining: int
    """Processes that only finish what they have."""
    cooling_until: float | None
    """Until when the provider asked to be left alone."""
    cooling_reason: str | None
    """The error code of the answer that said so."""
    last_error: str
    """The error code of the last failed attempt."""
    last_error_at: float | None
    """When that was."""
    rss_bytes: int
    """Memory of the process that takes calls."""
    memory_max_bytes: int
    """What it may hold before it is replaced."""
    isolation: dict[str, Any] = field(default_factory=dict[str, Any])
    """What of the cage was achieved for it."""
    retry_at: float | None = None
    """When a worker that failed is started again by itself."""
    remains: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What its provider told of rate limits, windows and credit (``kruxos.cores.remains``)."""
    waiting: int = 0
    """Calls that wait in it for a limit or for a place."""
    waiting_peak: int = 0
    """The most that ever waited."""
    cache: dict[str, Any] = field(default_factory=dict[str, Any])
    """Its prompt cache: ``counts`` of hits that were expected, came, were missed (by cause), and the ``last_miss``."""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The gateway as a whole."""

    version: str
    """The package's version."""
    pid: int
    """The supervisor's process."""
    started_at: float
    """When it started."""
    data_directory: str
    """Where its files are."""
    draining: bool
    """Whether it is stopping."""
    vault: dict[str, Any]
    """Whether the vault is unlocked, where its key is kept, and what to do if it is locked."""
    defaults: dict[str, str]
    """Which provider answers for each role."""
    defaults_until: dict[str, float]
    """Roles whose default holds for a while, and until when."""
    budgets: list[dict[str, Any]]
    """Caps of money and tokens, and how they stand (``kruxos.service.stewardship.standings``)."""
    workers: list[WorkerStatus]
    """The providers in the order of models.yaml."""
    agents: int
    """Agents that are registered and not revoked."""
    sessions: int
    """Agent connections."""
    calls: int
    """Calls under way."""
    launcher_pid: int | None
    """The process that forks workers."""
    launcher_restarts: int
    """How often it was started again."""
    config_problem: str
    """What is wrong with models.yaml as it is on disk; empty: it is in force."""
    notices: list[str]
    """What an operator should know."""
    web: dict[str, Any] = field(default_factory=dict[str, Any])
    """The web process (``kruxos.service.web.WebStatus``)."""
    tasks: int = 0
    """The supervisor's tasks: about a dozen, and a few for each worker and session."""
    shed: int = 0
    """Calls refused as overloaded before anything was begun for them, since the start."""
    bounds: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """What each bounded place holds now, the most it held (peak), and what it may hold (most)."""

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)
