"""Templates to pages. All values are escaped; no page has a script or a style of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kruxos import __version__
from kruxos.cli import moments

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
ASSETS: Mapping[str, str] = {
    "kruxos.css": "text/css; charset=utf-8",
    "kruxos.js": "text/javascript; charset=utf-8",
    "kruxos.svg": "image/svg+xml",
}
UNKNOWN = "\N{EN DASH}"
NAVIGATION = (
    ("/dashboard", "Workers"),
    ("/dashboard/calls", "Calls"),
    ("/dashboard/usage", "Usage"),
    ("/dashboard/agents", "Agents"),
    ("/dashboard/batches", "Batches"),
    ("/dashboard/events", "Events"),
    ("/dashboard/settings/providers", "Settings"),
)


def page(template: str, values: Mapping[str, Any]) -> str:
    """A page as text."""
    now = time.time()
    known: dict[str, Any] = {
        "notes": [],
        "form_word": "",
        "path": "",
        "navigation": NAVIGATION,
        "version": __version__,
        "now": now,
    }
    return _environment().get_template(template).render(known | dict(values))


def ago(at: float | None, now: float) -> str:
    """How long ago; ``never``."""
    return moments.ago(at, now) or "never"


def money(cost: Mapping[str, str]) -> str:
    """Amounts by currency, or a dash."""
    return moments.money(cost) or UNKNOWN


def words(code: str) -> str:
    """An error code, or a name of a protocol, as people write it."""
    return code.replace("_", " ")


@cache
def asset(name: str) -> bytes:
    """A file that pages load."""
    return (_HERE / "assets" / name).read_bytes()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - doors alone do without it

    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters.update(_FILTERS)
    return made


def count(number: float | None) -> str:
    """A number that fits into a narrow column: ``940``, ``12.4k``, ``3.1M``."""
    if number is None:
        return UNKNOWN
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= limit:
            return f"{number / (1e3 if unit == 'k' else limit):.1f}{unit}"
    return f"{number:,.0f}"


_FILTERS: dict[str, Any] = {
    "ago": ago,
    "span": moments.span,
    "day": moments.day,
    "clock": moments.clock,
    "size": moments.size,
    "money": money,
    "count": count,
    "words": words,
}
