"""How much a bounded place holds: now, at most so far, and the bound that it is held to."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Gauge:
    """Counts one place. The place itself keeps to ``most``; this only tells."""

    most: int
    now: int = 0
    peak: int = 0

    def add(self, more: int) -> None:
        """So much more is held, or less."""
        self.set(self.now + more)

    def set(self, now: int) -> None:
        """So much is held now."""
        self.now = now
        self.peak = max(self.peak, now)

    def to_wire(self) -> dict[str, int]:
        """As plain values."""
        return asdict(self)
