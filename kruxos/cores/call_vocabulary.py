"""The words of ``kruxos.cores.call``: what a call is held to, the events it takes, the commands it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from kruxos import wire
from kruxos.cores.routing import Candidate, Plan
from kruxos.errors import KruxosError


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call is held to. Times are monotonic seconds; ``unix_offset_s`` added to them gives Unix time.

    ``wait_until`` None: the call did not say how long it may wait for a rate limit.
    """

    call_id: str
    plan: Plan
    stream: bool
    deadline_at: float
    wait_until: float | None
    at_most_once: bool = False
    restart_on_interrupt: bool = False
    unix_offset_s: float = 0.0


# Events


@dataclass(frozen=True, slots=True)
class Begin:
    """The call may start."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The worker is about to send it: from here on the provider may have it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A run of events from the worker."""

    body: bytes
    committed: bool


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step before the answer is done and paid for (``wire.Step``); nothing of the next one was sent."""

    step: wire.Step


@dataclass(frozen=True, slots=True)
class Answered:
    """The worker's end frame."""

    end: wire.End


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker's error frame."""

    error: wire.Error


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker is gone, or never took the call."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody wants the answer any more, for this reason."""

    error: KruxosError


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event: TypeAlias = Begin | Sent | Progress | Stepped | Answered | Failed | Lost | Stop | Tick


# Commands


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Send the call to this provider's worker. Times are seconds left; ``wait_s`` None: not said."""

    candidate: Candidate
    deadline_s: float
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """Tell the worker of the running attempt to stop."""

    provider: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """A run of events for the agent."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The agent's last frame of this call; its id is the shell's to fill in."""

    frame: wire.End | wire.Error


@dataclass(frozen=True, slots=True)
class Book:
    """One attempt that may have cost something, or the call's outcome: a row of the ledger."""

    row: Row


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger keeps of an attempt. ``last``: this is the attempt that the call's outcome rests on.

    ``op``: what a step was before the answer; empty: what the call asked for.

    ``estimated_tokens``, ``estimated_cost`` (US dollars): what budgets take it for where nobody knows what was used.
    """

    provider: str
    model: str
    outcome: str
    billed_maybe: bool
    usage: dict[str, Any]
    raw_usage: dict[str, Any]
    cost: dict[str, Any]
    finish_reason: str | None
    upstream_request_id: str | None
    upstream_us: int
    overhead_us: int
    elapsed_s: float
    attempts: list[dict[str, Any]]
    last: bool
    estimated_tokens: int | None = None
    estimated_cost: str | None = None
    op: str = ""


def row_of_step(
    step: wire.Step, provider: str, overhead_us: int, elapsed_s: float, attempts: list[dict[str, Any]]
) -> Row:
    """The row of a step before the answer."""
    return Row(
        provider, step.model, "answered", billed_maybe=False, usage=step.usage, raw_usage=step.raw_usage,
        cost=step.cost, finish_reason=step.finish_reason, upstream_request_id=step.upstream_request_id,
        upstream_us=step.upstream_us, overhead_us=overhead_us, elapsed_s=elapsed_s, attempts=attempts, last=False,
        op=step.op,
    )  # fmt: skip


Command: TypeAlias = Dispatch | CancelAttempt | Deliver | Close | Book
