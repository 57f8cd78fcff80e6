"""One limit that refills: so many requests or tokens in a window.

Providers that say when a limit is *full* again have token buckets: what was used refills evenly until then (Anthropic
docs: rate limits; OpenAI's and Groq's reset headers are in proportion to what was used). Where only a limit and its
window are known, the same model refills the whole limit in one window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

_STATE_NUMBERS = 4
WAIT_MAX_S = 3600.0
"""A reading is not believed further than this: then the provider itself is asked."""


@dataclass(slots=True)
class Bucket:
    """A limit; ``level`` was there at ``at`` (Unix seconds), ``per_s`` comes back each second."""

    limit: float
    level: float
    per_s: float
    at: float

    @classmethod
    def full(cls, limit: float, window_s: float, now: float) -> Bucket:
        """A limit of which nothing has been used."""
        return cls(limit, limit, limit / window_s, now)

    def read(self, limit: float, remaining: float, full_at: float | None, now: float) -> None:
        """What the provider says of it. ``full_at``: when all of it is there again, None: it does not say."""
        if full_at is not None and limit > remaining:
            self.per_s = (limit - remaining) / max(full_at - now, 0.001)
        elif limit != self.limit:
            self.per_s *= limit / self.limit
        self.limit, self.level, self.at = limit, remaining, now

    def available(self, now: float) -> float:
        """What is there now; below nothing where more was taken than there was."""
        return min(self.limit, self.level + self.per_s * max(0.0, now - self.at))

    def ready_at(self, cost: float, now: float) -> float:
        """From when so much is there, or all of it where it is more than the limit. Bounded by ``WAIT_MAX_S``."""
        missing = min(cost, self.limit) - self.available(now)
        if missing <= 0:
            return now
        return now + min(missing / self.per_s, WAIT_MAX_S)

    def take(self, cost: float, now: float) -> None:
        """Something is used; a negative cost gives it back."""
        self.level, self.at = self.available(now) - cost, max(now, self.at)

    def state(self) -> list[float]:
        """As plain values."""
        return [self.limit, self.level, self.per_s, self.at]

    @classmethod
    def from_state(cls, value: Any) -> Bucket | None:
        """The other way round; None for what is no bucket."""
        numbers = (
            [each for each in cast("list[Any]", value) if isinstance(each, (int, float))]
            if isinstance(value, list)
            else []
        )
        if len(numbers) != _STATE_NUMBERS:
            return None
        limit, level, per_s, at = numbers
        return cls(limit, level, per_s, at) if limit > 0 and per_s > 0 and level <= limit else None
