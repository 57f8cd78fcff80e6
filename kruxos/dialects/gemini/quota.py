"""What Google's errors say of quotas (google.rpc: QuotaFailure, RetryInfo, ErrorInfo; Gemini docs: rate limits).

One status, 429, stands for a limit of a minute and for the allowance of a day. Only the ids of the violated quotas
tell them apart, and the delay that comes along is that of the minute. A day is California's: it ends at midnight
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from kruxos.dialects import hints
from kruxos.dialects.failures import Failure

_DETAILS_MAX = 64
_PER_DAY = "perday"
_STANDARD, _DAYLIGHT = timedelta(hours=-8), timedelta(hours=-7)
_SUNDAY = 6


def details_of(failure: Failure, kind: str) -> Iterator[dict[str, Any]]:
    """The details of this kind, such as ``RetryInfo``, in an error and those it passes on."""
    for layer in failure.layers():
        details = layer.fields.get("details")
        for detail in cast("list[Any]", details)[:_DETAILS_MAX] if isinstance(details, list) else []:
            if isinstance(detail, dict):
                fields = cast("dict[str, Any]", detail)
                if str(fields.get("@type", "")).endswith(f"google.rpc.{kind}"):
                    yield fields


def reasons(failure: Failure) -> set[str]:
    """The reasons that an error names, such as ``API_KEY_INVALID``."""
    return {str(detail.get("reason")) for detail in details_of(failure, "ErrorInfo")}


def delay_s(failure: Failure) -> float | None:
    """Seconds until a retry makes sense, where the error says so."""
    for detail in details_of(failure, "RetryInfo"):
        delay = detail.get("retryDelay")
        if isinstance(delay, str):
            return hints.duration_s(delay)
    return None


def is_daily(failure: Failure) -> bool:
    """Whether the allowance of a day is used up."""
    return any(_PER_DAY in name for name in _violated(failure))


def is_named(failure: Failure) -> bool:
    """Whether the error names the quota."""
    return any(_violated(failure))


def _violated(failure: Failure) -> Iterator[str]:
    for detail in details_of(failure, "QuotaFailure"):
        violations = detail.get("violations")
        for violation in cast("list[Any]", violations)[:_DETAILS_MAX] if isinstance(violations, list) else []:
            if isinstance(violation, dict):
                yield str(cast("dict[str, Any]", violation).get("quotaId", "")).lower()
    for detail in details_of(failure, "ErrorInfo"):
        metadata = detail.get("metadata")
        if isinstance(metadata, dict) and "quota_limit" in metadata:
            yield str(cast("dict[str, Any]", metadata)["quota_limit"]).lower()


def next_day(now: float) -> float:
    """Midnight in California, after ``now``: when the allowance of a day is full again. Both in Unix seconds."""
    there = datetime.fromtimestamp(now, UTC) + _offset(datetime.fromtimestamp(now, UTC))
    midnight = datetime(there.year, there.month, there.day, tzinfo=UTC) + timedelta(days=1)
    return (midnight - _offset(midnight + timedelta(hours=8))).timestamp()


def _offset(moment: datetime) -> timedelta:
    """California's distance from UTC: daylight time from March's second Sunday to November's first, 2 o'clock."""
    begins = _sunday(moment.year, 3, 2) + timedelta(hours=10)
    ends = _sunday(moment.year, 11, 1) + timedelta(hours=9)
    return _DAYLIGHT if begins <= moment < ends else _STANDARD


def _sunday(year: int, month: int, count: int) -> datetime:
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(_SUNDAY - first.weekday()) % 7 + 7 * (count - 1))
