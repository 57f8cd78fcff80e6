"""How soon a prefix comes back: what a loop's past says of its next call.

Three things can become of a prefix: it comes back within five minutes, within an hour, or not at all (later, or
changed). Each is counted, older ones for less, beside a guess to start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SHORT_S = 300.0
LONG_S = 3600.0
LIFETIMES_S = {"5m": SHORT_S, "1h": LONG_S}
_MEMORY = 0.85
"""What a count is worth once the next thing has happened."""


class Guess(NamedTuple):
    """Shares to start from, and how many observations they are worth."""

    short: float
    long: float
    weight: float


class Chances(NamedTuple):
    """How probable it is that a prefix comes back within five minutes; later, but within an hour. ``seen``: gaps."""

    short: float
    long: float
    seen: float

    @property
    def lost(self) -> float:
        """That it does not come back in time."""
        return max(0.0, 1.0 - self.short - self.long)


@dataclass(slots=True)
class Rhythm:
    """The counts of one loop at one level."""

    short: float = 0.0
    long: float = 0.0
    lost: float = 0.0
    seen: int = 0

    def heard(self, gap_s: float | None, weight: float = 1.0) -> None:
        """A prefix came back after so many seconds; None: it did not."""
        self.short, self.long, self.lost = self.short * _MEMORY, self.long * _MEMORY, self.lost * _MEMORY
        if gap_s is None or gap_s > LONG_S:
            self.lost += weight
        elif gap_s > SHORT_S:
            self.long += weight
        else:
            self.short += weight
        self.seen += 1

    def chances(self, guess: Guess) -> Chances:
        """What is to be expected of the next one."""
        total = self.short + self.long + self.lost + guess.weight
        short = (self.short + guess.short * guess.weight) / total
        long = (self.long + guess.long * guess.weight) / total
        return Chances(short, long, self.seen)

    def state(self) -> list[float]:
        """For a successor."""
        return [round(self.short, 3), round(self.long, 3), round(self.lost, 3), self.seen]

    @classmethod
    def from_state(cls, value: object) -> Rhythm | None:
        """From a forerunner's; None where it makes no sense."""
        if not isinstance(value, Sequence) or len(value) != 4:
            return None
        numbers = [each for each in value if isinstance(each, (int, float)) and 0 <= each < 1e9]
        return cls(*numbers[:3], seen=int(numbers[3])) if len(numbers) == 4 else None
