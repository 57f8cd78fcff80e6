"""What an agent is told once nobody is left who could answer: the one cause where there is one, else all of them."""

from __future__ import annotations

from kruxos.attempts import Attempt
from kruxos.errors import (
    BY_CODE,
    AllProvidersUnavailableError,
    BudgetExceededError,
    ForbiddenError,
    KruxosError,
    NoProviderError,
)


def verdict(attempts: list[Attempt], failures: list[KruxosError], unix: float) -> KruxosError:
    """The error for the agent, with the earliest time to come back. ``failures``: what tries ended with, in order."""
    causes = [attempt for attempt in attempts if attempt.outcome != "answered"]
    if not causes and not failures:
        return NoProviderError("no provider available: none is configured and enabled for this call")
    allowed = [attempt for attempt in causes if attempt.outcome != "forbidden"]
    tried = {attempt.provider for attempt in allowed or causes}
    if len(tried) == 1 and failures:
        return failures[-1]
    if not failures and not allowed:
        reasons = "; ".join(f"{attempt.provider}: {attempt.message.removeprefix('skipped: ')}" for attempt in causes)
        return ForbiddenError(f"no provider may answer this call ({reasons})")
    if not failures and all(attempt.outcome in ("no_provider", "forbidden") for attempt in causes):
        reasons = "; ".join(f"{attempt.provider}: {attempt.message}" for attempt in causes)
        return NoProviderError(f"no provider available ({reasons})")
    if not failures and all(attempt.outcome == BudgetExceededError.code for attempt in allowed):
        limits = dict.fromkeys(attempt.message.removeprefix("skipped: ") for attempt in allowed)
        return BudgetExceededError("; ".join(limits), retry_at=_earliest(allowed, unix))
    if len(tried) == 1:
        cause = (allowed or causes)[-1]
        return BY_CODE[cause.outcome](f"{cause.provider}: {cause.message}", retry_at=cause.retry_at)
    listed = "; ".join(dict.fromkeys(f"{attempt.provider}: {attempt.outcome}" for attempt in causes))
    return AllProvidersUnavailableError(f"no provider could answer ({listed})", retry_at=_earliest(causes, unix))


def _earliest(causes: list[Attempt], unix: float) -> float | None:
    """When the first of them takes calls again: what each said last, where that is still to come."""
    latest: dict[str, float] = {}
    for cause in causes:
        if cause.retry_at is not None:
            latest[cause.provider] = cause.retry_at
    return min([at for at in latest.values() if at > unix] or latest.values(), default=None)
