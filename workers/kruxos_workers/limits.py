"""What the provider lets us do right now. Pure: the time comes in as Unix seconds.

A provider that says when to come back is left alone until then; calls that cannot wait so long are refused at once,
without asking it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kruxos.errors import (
    KruxosError,
    ProviderOverloadedError,
    QuotaExhaustedError,
    RateLimitedError,
)

COOLING_MAX_S = 24 * 3600.0
"""However far away a provider says, it is asked again after this."""


@dataclass(slots=True)
class Limits:
    """The limits of one provider, as far as they are known."""

    cooling_until: float | None = None
    reason: str | None = None

    def refusal(self, now: float, wait_until: float) -> KruxosError | None:
        """Why a call cannot be admitted by ``wait_until``; None: it can, now or after ``wait_s``."""
        until = self.cooling_until
        if until is None or until <= now or until <= wait_until:
            return None
        error = QuotaExhaustedError if self.reason == QuotaExhaustedError.code else RateLimitedError
        return error("the provider asked to wait", retry_at=until)

    def wait_s(self, now: float) -> float:
        """How long an admitted call has to wait."""
        return max(0.0, (self.cooling_until or now) - now)

    def failed(self, error: KruxosError, now: float) -> bool:
        """Learns from a failed call. True: something changed that the supervisor should know."""
        if not isinstance(error, (RateLimitedError, QuotaExhaustedError, ProviderOverloadedError)):
            return False
        if error.retry_at is None or error.retry_at <= now:
            return False
        until = min(error.retry_at, now + COOLING_MAX_S)
        if self.cooling_until is not None and until <= self.cooling_until:
            return False
        self.cooling_until, self.reason = until, error.code
        return True

    def state(self) -> dict[str, Any]:
        """What the successor of this worker has to know."""
        return {} if self.cooling_until is None else {"cooling_until": self.cooling_until, "reason": self.reason}

    @classmethod
    def from_state(cls, state: dict[str, Any], now: float) -> Limits:
        """Limits as a forerunner knew them."""
        until = state.get("cooling_until")
        if not isinstance(until, (int, float)) or not now < until <= now + COOLING_MAX_S:
            return cls()
        return cls(float(until), str(state.get("reason")))
