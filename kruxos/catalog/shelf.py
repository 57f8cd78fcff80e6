"""One provider's part of the catalogue: its own rows, what the operator says of them, and what took the place of what.

A provider sells under ids that it retires. On its own host a retired id, or one that never existed, is sent as its
successor; what a retired model did by itself and the successor does not (thinking, or not) is a wish that goes with it.
Other hosts keep their ids: what a name means there, only they know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .models import Model, Prices, Thinking, lookup, prices_of

SUCCESSORS_MAX = 8
"""How long a chain of successors may be."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """``old`` is sent as ``new``. ``since``: an ISO day, None for what never existed. ``effort``: None says nothing."""

    old: str
    new: str
    why: str
    since: str | None = None
    effort: str | None = None
    is_retired: bool = True

    @property
    def message(self) -> str:
        """For people."""
        return f"{self.old} {self.why}: {self.new} answers in its place"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The rows of ``profile``. ``own_host``: it is asked at its own address. ``stated``: rows as the operator has them.

    ``stated`` maps a model id to fields as models.yaml has them: context, max_output, efforts, default_effort, prices.
    """

    profile: str
    own_host: bool = True
    stated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def lookup(self, model: str) -> Model | None:
        """The model's row, with what the operator states of it; None where nobody knows anything."""
        row, said = lookup(self.profile, model), self.stated.get(model)
        if said is None:
            return row
        return _stated(row or Model(self.profile, model, source=_OPERATOR, as_of=""), said)

    def replacement(self, model: str, today: str) -> Replacement | None:
        """What is sent in place of ``model`` from ``today`` (an ISO day) on; None: the id itself.

        An id that the operator states a row for exists.
        """
        if not self.own_host or model in self.stated:
            return None
        return replacement(self.profile, model, today)

    def priced(self, model: str, today: str) -> Model | None:
        """The row that an answer of ``model`` is billed by: its successor's, once that answers for it."""
        instead = self.replacement(model, today)
        return self.lookup(model if instead is None else instead.new)


_OPERATOR = "models.yaml"
_NEWEST_FORMS: Mapping[str, tuple[str, ...]] = {"anthropic": ("adaptive",), "gemini": ("level",)}
"""How a model that only the operator knows is told to think: as its provider's newest are."""


def replacement(profile: str, model: str, today: str) -> Replacement | None:
    """What took the place of ``model`` at its own provider by ``today``; None: nothing, or it is not known."""
    row = lookup(profile, model)
    if row is None or not row.is_named(model):
        return None
    is_wrong = model in row.misspellings
    if not is_wrong and not row.is_retired(today):
        return None
    new, effort, steps = row, None, 0
    while new.successor is not None and new.is_retired(today) and steps < SUCCESSORS_MAX:
        effort, steps = new.successor_effort or effort, steps + 1
        successor = lookup(profile, new.successor)
        if successor is None:
            new = Model(profile, new.successor, source="", as_of="")
            break
        new = successor
    if new.id == model:
        return None
    if not is_wrong:
        return Replacement(model, new.id, f"is retired since {row.gone_from}", row.gone_from, effort)
    return Replacement(model, new.id, "is no model's name, and never was", None, effort, is_retired=False)


def ending(profile: str, model: str, today: str) -> Model | None:
    """The row of a model that still answers but whose last day is known."""
    row = lookup(profile, model)
    if row is None or row.gone_from is None or row.is_retired(today) or not row.is_named(model):
        return None
    return row


def day_of(unix_s: float) -> str:
    """The ISO day, in UTC, of a moment."""
    return datetime.fromtimestamp(unix_s, UTC).date().isoformat()


def _stated(row: Model, said: Mapping[str, Any]) -> Model:
    """The row with the operator's word in place of ours; tiers and peaks are ours, and go with our prices."""
    changes: dict[str, Any] = {name: said[name] for name in ("context", "max_output") if said.get(name) is not None}
    if said.get("efforts") is not None:
        default = said.get("default_effort") or "none"
        known = row.thinking or Thinking(forms=_NEWEST_FORMS.get(row.profile, ()))
        changes["thinking"] = replace(known, efforts=tuple(said["efforts"]), default=default)
    if said.get("prices"):
        given = {name: value for name, value in said["prices"].items() if value is not None}
        prices: Prices = prices_of(given)
        changes |= {"prices": prices, "tier": None, "peak": None, "other_prices": {}}
    source = row.source if row.source == _OPERATOR else f"{_OPERATOR}; {row.source}"
    return replace(row, source=source, **changes)
