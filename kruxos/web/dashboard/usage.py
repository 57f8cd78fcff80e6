"""What was used and what it cost: a chart by day, and sums by agent and by provider."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from kruxos.cli import moments
from kruxos.web.dashboard.charts import CHART_HEIGHT, CHART_WIDTH, bars, last_days, share
from kruxos.web.dashboard.desk import Asked

DAYS = (7, 30, 90)
INPUT_TOKENS = ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens")
_DAY_S = 86_400.0


async def show(asked: Asked) -> Response:
    """The page, for the last 7, 30 or 90 days."""
    wanted = asked.request.query_params.get("days", "")
    days = int(wanted) if wanted in map(str, DAYS) else DAYS[0]
    now = time.time()
    since = now - now % _DAY_S - (days - 1) * _DAY_S
    by_day = await asked.operate("usage", by=["day"], since=since)
    rows = last_days(by_day["rows"], days, now)
    values: dict[str, Any] = {
        "days": days,
        "choices": DAYS,
        "cost": bars(
            [(day, _usd(row), 0.0, f"{day}: {moments.money(row.get('cost', {})) or 'nothing'}") for day, row in rows]
        ),
        "tokens": bars([_token_bar(day, row) for day, row in rows]),
        "width": CHART_WIDTH,
        "height": CHART_HEIGHT,
        "total": by_day["total"],
        "groups": [
            (title, [_with_shares(each) for each in (await asked.operate("usage", by=[key], since=since))["rows"]], key)
            for title, key in (("By provider", "provider"), ("By model", "model"), ("By agent", "agent"))
        ],
        "cached": 0.0 if by_day["total"] is None else _cached_share(by_day["total"]),
    }
    return asked.show("usage.html", **values)


def _usd(row: Mapping[str, Any]) -> float:
    return float(row.get("cost", {}).get("USD", 0))


def _input(row: Mapping[str, Any]) -> int:
    return sum(int(row.get(name, 0)) for name in INPUT_TOKENS)


def _cached_share(row: Mapping[str, Any]) -> float:
    """Of the input tokens, those that were read from a provider's cache."""
    return share(float(row["cache_read_tokens"]), float(_input(row)))


def _token_bar(day: str, row: Mapping[str, Any]) -> tuple[str, float, float, str]:
    cached, whole = int(row.get("cache_read_tokens", 0)), _input(row)
    return day, float(whole), float(cached), f"{day}: {whole:,} input tokens, {cached:,} of them cached"


def _with_shares(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"input": _input(row), "cached": _cached_share(row)}


PAGES = (("GET", "/usage", show),)
