"""Where bars and gauges begin and end. Pure: numbers in, numbers for a template out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

CHART_WIDTH = 720
CHART_HEIGHT = 160
_GAP = 0.25
_BAR_MIN = 1.0
TIMELINE_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the chart's own units. ``second`` is the height of its lower part."""

    x: float
    y: float
    width: float
    height: float
    second: float
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a round top. ``top`` is what the full height stands for."""

    bars: list[Bar]
    top: float


def bars(values: Sequence[tuple[str, float, float, str]]) -> Chart:
    """A bar for each (label, value, part of it that the lower half shows, text), side by side."""
    top = round_up(max((value for _, value, _, _ in values), default=0.0))
    step = CHART_WIDTH / max(1, len(values))
    made: list[Bar] = []
    for number, (label, value, part, text) in enumerate(values):
        height = max(_BAR_MIN if value > 0 else 0.0, value / top * CHART_HEIGHT)
        second = part / value * height if value > 0 else 0.0
        x = (number + _GAP / 2) * step
        made.append(Bar(
            round(x, 2), round(CHART_HEIGHT - height, 2), round(step * (1 - _GAP), 2), round(height, 2),
            round(second, 2), label, text,
        ))  # fmt: skip
    return Chart(made, top)


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 ... that is not below; 1 for nothing."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= value)


def last_days(rows: Sequence[Mapping[str, Any]], days: int, now: float) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows by day (UTC), the oldest first, with an empty one where nothing happened."""
    known = {row["day"]: row for row in rows}
    today = datetime.fromtimestamp(now, UTC).date()
    wanted = [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    return [(day, known.get(day, {})) for day in wanted]


def share(part: float, whole: float) -> float:
    """A share between 0 and 1; 0 of nothing."""
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """One attempt in a call's time."""

    x: float
    width: float
    answered: bool
    text: str


def timeline(attempts: Sequence[Mapping[str, Any]], duration_ms: float) -> list[Stretch]:
    """The attempts one after another; the whole width is the call's time."""
    whole = max(1.0, duration_ms, float(sum(each["elapsed_ms"] or 0 for each in attempts)))
    made: list[Stretch] = []
    at = 0.0
    for each in attempts:
        took = float(each["elapsed_ms"] or 0)
        width = max(2.0, took / whole * TIMELINE_WIDTH)
        x = min(at / whole * TIMELINE_WIDTH, TIMELINE_WIDTH - 2.0)
        text = f"{each['provider']}: {str(each['outcome']).replace('_', ' ')}, {took:.0f} ms"
        made.append(Stretch(round(x, 1), round(min(width, TIMELINE_WIDTH - x), 1), each["outcome"] == "answered", text))
        at += took
    return made
