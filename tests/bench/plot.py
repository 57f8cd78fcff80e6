"""The plot for the README: calls a second and CPU a call, target by target, as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tests.bench.report import Record, medians

_WIDTH, _ROW, _LEFT, _RIGHT = 760, 26, 150, 130
_LOADS = (("unary 32 in flight", "calls/s"), ("stream 64 at full speed", "chunks/s"))
_OURS, _OTHERS = "#2563eb", "#9ca3af"


def throughput(records: Iterable[Record]) -> str:
    """Bars by load; what is longer is better. ``direct`` and nginx do no gateway's work and are left out."""
    found, y, pieces = medians(records), 10, list[str]()
    for load, unit in _LOADS:
        rows = {
            target: figures
            for target, figures in found.get(load, {}).items()
            if target not in ("direct", "nginx") and "rate" in figures
        }
        if rows:
            pieces.append(_text(10, y + 16, f"{load}: {unit} (CPU a unit)", bold=True))
            pieces += _bars(rows, y + 26)
            y += 26 + _ROW * len(rows) + 20
    body = "\n".join(pieces)
    style = "font-family:system-ui,sans-serif;font-size:13px"
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" style="{style}">\n{body}\n</svg>\n'


def _bars(rows: dict[str, dict[str, dict[str, float]]], y: int) -> list[str]:
    most, pieces = max(figures["rate"]["median"] for figures in rows.values()), list[str]()
    ordered = sorted(rows.items(), key=lambda row: -row[1]["rate"]["median"])
    for number, (target, figures) in enumerate(ordered):
        at, rate = y + number * _ROW, figures["rate"]["median"]
        width = max(2, round((_WIDTH - _LEFT - _RIGHT) * rate / most))
        color = _OURS if target.startswith("kruxos") else _OTHERS
        pieces.append(_text(10, at + 16, target))
        pieces.append(f'<rect x="{_LEFT}" y="{at + 3}" width="{width}" height="{_ROW - 8}" fill="{color}"/>')
        pieces.append(_text(_LEFT + width + 6, at + 16, f"{rate:,.0f} ({figures['cpu_us']['median']:,.3g} us)"))
    return pieces


def _text(x: int, y: int, text: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}"{weight}>{escape(text)}</text>'
