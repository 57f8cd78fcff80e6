"""When a provider, or one of its models, has to be left alone, and how it is tried again.

    ready     calls pass
    cooling   none passes until a time: the provider named it, or it failed too often
    probing   the time is over: one call passes, the others wait for what comes of it

A provider that names no time is left alone a little longer each time (1 s doubling to 60 s, with jitter). A failure
that is not a "no" (a crash, a timeout) counts only when it is one of several in a row. A quota that is gone concerns
the provider; a rate limit the model that it was told for, since most providers count per model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from kruxos.errors import (
    InsufficientFundsError,
    KruxosError,
    ProviderError,
    ProviderOverloadedError,
    QuotaExhaustedError,
    RateLimitedError,
    StreamInterruptedError,
)

COOLING_MAX_S = 24 * 3600.0
"""However far away a provider says, it is asked again after this."""
BACKOFF_S = 1.0
BACKOFF_MAX_S = 60.0
FAILURES_IN_A_ROW = 5
FUNDS_S = 300.0
"""How long a provider is left alone that wants to be paid: somebody may pay."""


@dataclass(slots=True)
class Cooling:
    """One place that may have to be left alone, ``since`` it last failed so that it has to be."""

    until: float | None = None
    since: float = float("-inf")
    reason: str = ""
    failures: int = 0
    pauses: int = 0
    probing: bool = False

    def cooling_until(self, now: float) -> float | None:
        """Until when nobody may call; None: somebody may."""
        return self.until if self.until is not None and self.until > now else None

    def enter(self) -> bool:
        """A call passes that may. True: it is the probe, and says how that ended."""
        self.probing = self.until is not None
        return self.probing

    def leave(self) -> None:
        """The probe ended and told nothing, such as one that was cancelled: another call probes."""
        self.probing = False

    def worked(self) -> bool:
        """A call was answered: all is well. True: that is news."""
        was_cooling, self.until, self.reason = self.until is not None, None, ""
        self.failures = self.pauses = 0
        self.probing = False
        return was_cooling

    def failed(self, error: KruxosError, now: float, random: Callable[[], float], *, was_probe: bool) -> bool:
        """A call failed. True: the place cools, or longer than before."""
        self.failures += 1
        self.probing = self.probing and not was_probe
        until = _named_until(error, now)
        if until is None:
            if not (was_probe or _is_no(error) or self.failures >= FAILURES_IN_A_ROW):
                return False
            pause_s = min(BACKOFF_MAX_S, BACKOFF_S * 2.0**self.pauses)
            until = now + pause_s * (0.5 + random() / 2)
        if self.until is not None and until <= self.until:
            return False
        if self.cooling_until(now) is None:
            self.pauses += 1  # calls that were sent before it began say nothing new
        self.until, self.since, self.reason = until, now, error.code
        return True

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"until": self.until, "reason": self.reason, "pauses": self.pauses}

    @classmethod
    def from_state(cls, value: Any, now: float) -> Cooling | None:
        """The other way round; None for what is over, or never was."""
        if not isinstance(value, dict):
            return None
        known = cast("dict[str, Any]", value)
        until, pauses = known.get("until"), known.get("pauses")
        if not isinstance(until, (int, float)) or not now < until <= now + COOLING_MAX_S:
            return None
        return cls(until, now, str(known.get("reason")), pauses=pauses if isinstance(pauses, int) else 0)


def scope_of(error: KruxosError) -> str | None:
    """What a failure concerns: ``model``, ``provider``, or None."""
    if isinstance(error, StreamInterruptedError):
        return None
    if isinstance(error, (QuotaExhaustedError, InsufficientFundsError)):
        return "provider"
    if isinstance(error, (RateLimitedError, ProviderOverloadedError)):
        return "model"
    return "provider" if isinstance(error, ProviderError) else None


def _is_no(error: KruxosError) -> bool:
    return isinstance(error, (RateLimitedError, ProviderOverloadedError, QuotaExhaustedError, InsufficientFundsError))


def _named_until(error: KruxosError, now: float) -> float | None:
    if isinstance(error, InsufficientFundsError) and error.retry_at is None:
        return now + FUNDS_S
    if error.retry_at is None or error.retry_at <= now or not _is_no(error):
        return None
    return min(error.retry_at, now + COOLING_MAX_S)
