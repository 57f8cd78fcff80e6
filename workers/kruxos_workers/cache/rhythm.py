"""How soon a prefix comes back: what a loop's past says of its next call.

Three things can become of a prefix: it comes back within five minutes, within an hour, or not in time (later, or
changed). Gaps vary, so a loop that has paused for a minute at most may pause for six: the chance of that is what an
exponential law of unknown rate predicts from the gaps that were (a Lomax tail: a gap beyond t has the chance
(s / (s + t)) ** n after n gaps that sum up to s). What really happened is counted beside it, older things for less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

SHORT_S = 300.0
LONG_S = 3600.0
LIFETIMES_S = {"5m": SHORT_S, "1h": LONG_S}
LAW_WEIGHT = 5.0
"""How many observations the law is worth."""
_MEMORY = 0.85
"""What an observation is worth once the next one has come."""


class Guess(NamedTuple):
    """What is assumed before anything is seen: a usual gap in seconds; a share that is lost, and its weight.

    ``calls``: how many more calls a loop is taken to make, and ``more`` for each that it has made.
    """

    gap_s: float
    lost: float
    weight: float
    calls: float
    more: float = 0.0


class Chances(NamedTuple):
    """How probable it is that a prefix comes back within five minutes; later, but within an hour.

    ``calls``: how many gaps are probably still to come.
    """

    short: float
    long: float
    calls: float

    @property
    def lost(self) -> float:
        """That it does not come back in time."""
        return max(0.0, 1.0 - self.short - self.long)


@dataclass(slots=True)
class Rhythm:
    """What became of one loop's prefixes; ``gaps_s`` is the sum of ``gaps`` that were seen."""

    short: float = 0.0
    long: float = 0.0
    lost: float = 0.0
    gaps: float = 0.0
    gaps_s: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether anything is known."""
        return self.short + self.long + self.lost > 0.0

    def heard(self, gap_s: float | None, weight: float = 1.0) -> None:
        """A prefix came back after so many seconds; None: it did not."""
        for name in ("short", "long", "lost"):
            setattr(self, name, getattr(self, name) * _MEMORY)
        if gap_s is None or gap_s > LONG_S:
            self.lost += weight
            return
        self.gaps, self.gaps_s = self.gaps * _MEMORY + 1.0, self.gaps_s * _MEMORY + gap_s
        if gap_s > SHORT_S:
            self.long += weight
        else:
            self.short += weight

    def chances(self, guess: Guess) -> Chances:
        """What is to be expected of the next one."""
        came = self.short + self.long
        lost = (self.lost + guess.lost * guess.weight) / (came + self.lost + guess.weight)
        beyond_short, beyond_long = self._beyond(SHORT_S, guess), self._beyond(LONG_S, guess)
        long = (self.long + (beyond_short - beyond_long) * LAW_WEIGHT) / (came + LAW_WEIGHT)
        short = (self.short + (1.0 - beyond_short) * LAW_WEIGHT) / (came + LAW_WEIGHT)
        calls = guess.calls + guess.more * self.gaps
        return Chances(short * (1.0 - lost), long * (1.0 - lost), calls)

    def _beyond(self, span_s: float, guess: Guess) -> float:
        gaps_s, gaps = self.gaps_s + guess.gap_s, self.gaps + 1.0
        return float((gaps_s / (gaps_s + span_s)) ** gaps)

    def state(self) -> list[float]:
        """For a successor."""
        return [round(each, 3) for each in (self.short, self.long, self.lost, self.gaps, self.gaps_s)]

    @classmethod
    def from_state(cls, value: object) -> Rhythm | None:
        """From a forerunner's; None where it makes no sense."""
        if not isinstance(value, (list, tuple)):
            return None
        given = list(cast("list[object]", value))
        numbers = [float(each) for each in given if isinstance(each, (int, float)) and 0 <= each < 1e9]
        return cls(*numbers) if len(numbers) == len(given) == 5 else None
