"""How many calls at once a provider takes: additive increase, multiplicative decrease.

While it is the window that holds calls back, it grows: by one for each call that the provider begins to answer, until
it first says no; from then on by one for every window of answers. So many long answers at once are soon under way. It
shrinks by a third when the provider says no, once for all calls that were under way then.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 512.0
MOST = 4096.0
SHRINK = 2 / 3
NEVER = float("-inf")
FEW = 4
"""A no while so few are under way says little about how many may be."""


@dataclass(slots=True)
class Window:
    """``most`` is what the configuration allows."""

    most: float = MOST
    size: float = FIRST
    shrunk_at: float = NEVER

    def __post_init__(self) -> None:
        self.size = min(self.size, self.most)

    @property
    def calls(self) -> int:
        """How many may be under way."""
        return max(1, int(self.size))

    def accepted(self, in_flight: int) -> None:
        """The provider began to answer a call while so many were under way."""
        if self.shrunk_at == NEVER and in_flight >= self.calls - 1:
            self.size = min(self.most, self.size + 1)

    def worked(self, in_flight: int) -> None:
        """A call was answered while so many were under way."""
        if in_flight >= self.calls - 1:
            self.size = min(self.most, self.size + 1 / self.size)

    def refused(self, sent_at: float, in_flight: int, now: float) -> None:
        """The provider said no to a call that was sent at ``sent_at``."""
        if sent_at > self.shrunk_at:
            self.size, self.shrunk_at = max(1.0, min(self.size, max(in_flight, FEW)) * SHRINK), now
