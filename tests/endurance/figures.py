"""What a measurement found: a line for each figure, and the targets that it missed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the others does not exceed; NaN for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@dataclass
class Figures:
    """The figures of one measurement."""

    name: str
    lines: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """A figure without a target."""
        self.lines.append(f"{self.name}: {text}")

    def at_most(self, what: str, value: float, most: float = 0) -> None:
        """A figure with a target."""
        is_met = value <= most
        self.tell(f"{what}: {value:g} (target {'' if most == 0 else 'at most '}{most:g}{'' if is_met else ', MISSED'})")
        if not is_met:
            self.missed.append(f"{self.name}: {what}")

    def spread(self, what: str, seconds: Sequence[float]) -> None:
        """Times: how many, median, 99th percentile, longest."""
        p50, p99, longest = (percentile(seconds, share) * 1000 for share in (0.5, 0.99, 1.0))
        self.tell(f"{what}: n={len(seconds)} p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {longest:.1f} ms")

    def tally(self, what: str, things: Iterable[str]) -> None:
        """How often each thing came."""
        counted = ", ".join(f"{name} {times}" for name, times in Counter(things).most_common())
        self.tell(f"{what}: {counted or 'none'}")


def load_average() -> str:
    """How busy the machine is."""
    return " ".join(f"{each:.2f}" for each in os.getloadavg())
