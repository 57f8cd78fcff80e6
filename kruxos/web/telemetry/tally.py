"""Calls, counted by labels. Pure.

Labels are bounded: agents may name any model, so from a number of values on the further ones are ``other``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

AGENTS_MAX = 500
PROVIDERS_MAX = 256
MODELS_MAX = 200
OTHER = "other"
DURATION_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
OVERHEAD_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)
TOKENS = {
    "uncached_input": "uncached_input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
}
"""A kind of tokens, and its name in usage. Reasoning is within output."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Histogram:
    """How many values were at most each bound, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Counts a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def cumulative(self) -> list[tuple[str, int]]:
        """Each bound with the number of values that are not over it, ``+Inf`` last."""
        found, total = list[tuple[str, int]](), 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found


class Bounded:
    """Values of one label; those that come after the first so many are ``other``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str | None) -> str:
        """The value, or what stands for it."""
        text = value or ""
        if text not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(text)
        return text


def _counter() -> dict[Labels, int]:
    return defaultdict(int)


@dataclass(slots=True)
class Tally:
    """Everything since it was made.

    Keys of ``calls``: agent, provider, model, outcome; of ``tokens``: these three and the kind; of ``cost``: these
    three and the currency; of ``attempts``: provider, outcome; of the rest: provider.
    """

    calls: dict[Labels, int] = field(default_factory=_counter)
    tokens: dict[Labels, int] = field(default_factory=_counter)
    cost: dict[Labels, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    attempts: dict[Labels, int] = field(default_factory=_counter)
    billed_maybe: dict[Labels, int] = field(default_factory=_counter)
    unpriced: dict[Labels, int] = field(default_factory=_counter)
    duration: dict[Labels, Histogram] = field(default_factory=lambda: defaultdict(lambda: Histogram(DURATION_BOUNDS_S)))
    overhead: dict[Labels, Histogram] = field(default_factory=lambda: defaultdict(lambda: Histogram(OVERHEAD_BOUNDS_S)))
    _agent: Bounded = field(default_factory=lambda: Bounded(AGENTS_MAX))
    _provider: Bounded = field(default_factory=lambda: Bounded(PROVIDERS_MAX))
    _model: Bounded = field(default_factory=lambda: Bounded(MODELS_MAX))

    def add(self, row: Mapping[str, Any]) -> None:
        """Counts a step of a call, as ``call.list`` gives it. A call is counted by the step that ended it."""
        agent, provider, model = self._agent(row["agent"]), self._provider(row["provider"]), self._model(row["model"])
        who, where = (agent, provider, model), (provider,)
        for kind, name in TOKENS.items():
            if count := row["usage"][name]:
                self.tokens[*who, kind] += count
        if row["cost"] is not None:
            self.cost[*who, row["cost"]["currency"]] += Decimal(row["cost"]["total"])
        elif row["outcome"] == "answered":
            self.unpriced[where] += 1
        self.billed_maybe[where] += row["billed_maybe"]
        if row["last"]:
            self._end(row, who)

    def _end(self, row: Mapping[str, Any], who: Labels) -> None:
        self.calls[*who, row["outcome"]] += 1
        for attempt in row["attempts"]:
            self.attempts[self._provider(attempt["provider"]), attempt["outcome"] or ""] += 1
        if row["duration_ms"] is not None:
            self.duration[who[1:2]].add(row["duration_ms"] / 1000)
        if row["overhead_us"] is not None:
            self.overhead[who[1:2]].add(row["overhead_us"] / 1_000_000)
