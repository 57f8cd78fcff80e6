"""Times, spans, sizes and money as people read them, and ``--since`` as they write it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

_SPAN = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?Z?)?")


def span(seconds: float) -> str:
    """A time span in its two largest units: ``42s``, ``3m 12s``, ``3h 42m``, ``5d 2h``."""
    left = max(0, int(seconds))
    if left < 60:
        return f"{left}s"
    for large, small in (("m", "s"), ("h", "m"), ("d", "h")):
        limit = {"m": 3600, "h": 86_400, "d": None}[large]
        if limit is None or left < limit:
            rest = left % _UNITS_S[large] // _UNITS_S[small]
            return f"{left // _UNITS_S[large]}{large}" + (f" {rest}{small}" if rest else "")
    return ""


def ago(at: float | None, now: float) -> str:
    """How long ago: ``2s ago``; empty for never."""
    return "" if at is None else f"{span(now - at)} ago"


def clock(at: float, now: float) -> str:
    """A time of day, with the day where that is another one. Local time."""
    here, today = time.localtime(at), time.localtime(now)
    same_day = (here.tm_year, here.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", here)


def day(at: float | None) -> str:
    """A local day and minute; empty for never."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def size(count: int) -> str:
    """Bytes: ``23 MB``."""
    return "" if count <= 0 else f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def money(cost: Mapping[str, str]) -> str:
    """Amounts by currency: ``$0.0123``; empty where none is known."""
    return " + ".join(
        f"${_amount(total)}" if unit == "USD" else f"{_amount(total)} {unit}" for unit, total in cost.items()
    )


def _amount(text: str) -> str:
    value = float(text)
    return f"{value:.2f}" if value >= 1 else f"{value:.4f}" if value >= 0.01 or value == 0 else f"{value:.6f}"


def parse_span(text: str) -> float:
    """``90s``, ``2h``, ``1h30m``, ``7d`` in seconds. Raises ``ValueError``."""
    plain = text.strip().lower().replace(" ", "")
    found = _SPAN.findall(plain)
    if not found or "".join(f"{count}{unit}" for count, unit in found) != plain:
        raise ValueError("write it like 30m, 2h or 7d")
    return float(sum(int(count) * _UNITS_S[unit] for count, unit in found))


def parse_since(text: str, now: float) -> float:
    """``24h``, ``7d``, ``2026-11-01`` or ``2026-11-01T08:00`` (UTC) as Unix seconds. Raises ``ValueError``."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is not None:
        return max(0.0, now - int(found[1]) * _UNITS_S[found[2]])
    if not _DAY.fullmatch(text.strip()):
        raise ValueError("write it like 24h, 7d or 2026-11-01")
    from datetime import UTC, datetime  # noqa: PLC0415 - only here

    try:
        return max(0.0, datetime.fromisoformat(text.strip().removesuffix("Z")).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise ValueError("there is no such day or time") from None
