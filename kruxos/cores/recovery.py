"""How calls come back to a provider that was left alone: a growing share of them, not all at once.

    cooling     until the time that its worker told: none
    half open   the time is over, and no answer says yet that all is well: few at first, more as time goes by, so
                that somebody tries it where calls are rare; the worker lets one of them pass
    growing     since an answer came: from few to all

Both grow in as much time as the provider was left alone, at most ``GROW_WITHIN_S``. The share counts only where another
candidate can answer, and where calls come in numbers (``kruxos.cores.dispatching``): who has no other goes to the
worker's own gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_SHARE = 0.1
GROW_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Pause:
    """One place that is left alone: until when, why, and since when in one piece. Unix seconds."""

    until: float
    reason: str
    since: float

    @property
    def within_s(self) -> float:
        """How long the share takes to grow after a pause that ended when it was told to."""
        return min(GROW_WITHIN_S, max(0.001, self.until - self.since))


@dataclass(frozen=True, slots=True)
class _Growth:
    since: float
    within_s: float
    reason: str

    def share(self, unix: float) -> float:
        grown = min(1.0, max(0.0, (unix - self.since) / self.within_s))
        return FIRST_SHARE + (1.0 - FIRST_SHARE) * grown


@dataclass(slots=True)
class Recovery:
    """All places of one provider: models by name, "" for all of them."""

    pauses: dict[str, Pause] = field(default_factory=dict[str, Pause])
    _growths: dict[str, _Growth] = field(default_factory=dict[str, _Growth])

    def told(self, cooling: Mapping[str, tuple[float, str]], unix: float) -> None:
        """The worker's latest word: until when, and why, each place is left alone."""
        for name, pause in list(self.pauses.items()):
            if name not in cooling:
                del self.pauses[name]
                self._growths[name] = _after(pause, unix)
        for name, (until, reason) in cooling.items():
            before = self.pauses.get(name)
            growth = self._growths.pop(name, None)
            since = before.since if before is not None else unix
            if before is None and growth is not None and unix < growth.since + growth.within_s:
                since = growth.since - growth.within_s  # it was not well yet: the same trouble goes on
            self.pauses[name] = Pause(until, reason, since)

    def cooling(self, name: str, unix: float) -> Pause | None:
        """The pause that keeps calls from a place now."""
        pause = self.pauses.get(name)
        return pause if pause is not None and pause.until > unix else None

    def share(self, name: str, unix: float) -> tuple[float, str]:
        """The share of calls that a place takes, and why it is not all of them."""
        pause = self.pauses.get(name)
        if pause is not None and pause.until > unix:
            return 0.0, pause.reason
        growth = self._growths.get(name) if pause is None else _Growth(pause.until, pause.within_s, pause.reason)
        if growth is None:
            return 1.0, ""
        share = growth.share(unix)
        if share >= 1.0:
            self._growths.pop(name, None)
            return 1.0, ""
        return share, growth.reason


def _after(pause: Pause, unix: float) -> _Growth:
    """How it goes on once an answer came: from where the share was, but not from more than half of the way."""
    within_s = min(GROW_WITHIN_S, max(0.001, unix - pause.since))
    ahead_s = min(within_s / 2, max(0.0, unix - pause.until))
    return _Growth(unix - ahead_s, within_s, pause.reason)
