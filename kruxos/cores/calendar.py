"""Days and months by the wall clock of one place: when the one that a moment lies in began, and when it ends. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

Period = Literal["day", "month"]


class Times(NamedTuple):
    """Unix seconds: the first moment of a period, and the first after it."""

    start: float
    end: float


def period_at(period: Period, unix: float, zone: tzinfo | None = None) -> Times:
    """The day or month that ``unix`` lies in. ``zone`` None: where this machine is."""
    first = datetime.fromtimestamp(unix, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "month":
        first = first.replace(day=1)
    later = first + timedelta(days=1 if period == "day" else 32)
    after = later if period == "day" else later.replace(day=1)
    return Times(first.timestamp(), after.timestamp())


def at_text(unix: float, zone: tzinfo | None = None) -> str:
    """A moment for people: day and minute there."""
    return datetime.fromtimestamp(unix, zone).strftime("%Y-%m-%d %H:%M")
