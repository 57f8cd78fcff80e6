"""What remains at a provider, from what its worker last told: rate limits, windows of a subscription, credit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

FRESH_S = 300.0
"""A rate limit that was heard of longer ago says nothing of now."""
_NUMBERS = 4


def remains_of(state: Mapping[str, Any], unix: float) -> list[dict[str, Any]]:
    """Rows of what, model, left, limit, unit, resets_at, as_of; the state is that of ``kruxos.wire.Health``.

    What makes no sense is passed over.
    """
    rows = [row for each in _items(state.get("remains")) if (row := _told(each, unix)) is not None]
    buckets = state.get("buckets")
    for model, limits in _map(buckets).items():
        for name, bucket in _map(limits).items():
            row = _rate(model, name, bucket, unix)
            if row is not None:
                rows.append(row)
    return rows


def _told(value: Any, unix: float) -> dict[str, Any] | None:
    row = _map(value)
    resets_at = row.get("resets_at")
    if "what" not in row or (isinstance(resets_at, (int, float)) and resets_at <= unix):
        return None
    return {"model": None} | {name: row.get(name) for name in ("what", "left", "limit", "unit", "resets_at", "as_of")}


def _rate(model: str, name: str, bucket: Any, unix: float) -> dict[str, Any] | None:
    numbers = [float(each) for each in _items(bucket) if isinstance(each, (int, float))]
    if len(numbers) != _NUMBERS:
        return None
    limit, level, per_s, at = numbers
    if unix - at > FRESH_S or per_s <= 0:
        return None
    left = max(0.0, min(limit, level + per_s * max(0.0, unix - at)))
    resets_at = None if left >= limit else unix + (limit - left) / per_s
    unit = "tokens" if "tok" in name else "requests"
    return {
        "what": name.replace("-", " "), "model": model, "left": f"{left:.0f}", "limit": f"{limit:.0f}", "unit": unit,
        "resets_at": resets_at, "as_of": at,
    }  # fmt: skip


def _map(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
