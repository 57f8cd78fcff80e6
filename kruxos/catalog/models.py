"""The rows of the catalogue, and how a model id finds its row."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("models.json")
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a million tokens. None: not charged apart, the tokens cost what input costs."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices of the whole request once its input is above this many tokens."""

    above: int
    prices: Prices


@dataclass(frozen=True, slots=True)
class Peak:
    """Prices on weekdays within these spans of the day, as minutes after midnight UTC."""

    spans: tuple[tuple[int, int], ...]
    prices: Prices


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model can be told to think.

    ``efforts`` are the words that it takes; ``default`` is what it does when told nothing (``none``: it does not
    think). ``forms`` are Anthropic's: enabled (with a budget), adaptive, disabled; Gemini's: budget, level;
    Ollama's: switch, level. ``budget``: the least and the most tokens that a budget may have.
    """

    efforts: tuple[str, ...] = ()
    default: str = "none"
    forms: tuple[str, ...] = ()
    budget: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One row. Limits are in tokens; dates are ISO days.

    ``sampling``: any; one (temperature or top_p, not both); none. ``prefill``: an answer may be begun for it.
    ``refuses`` names parameters that it answers with an error. ``retired``: it answers no more under its name, or
    another model does; ``retires``: it will. ``successor_effort`` is the effort at which the successor does what this
    model did by itself. ``misspellings`` are names that are in use but never were a model's. ``first_event_s`` is how
    long its first word may take, where that is longer than usual. ``abilities``: tools, images, documents, json,
    compaction (where only some of a provider's models have it).
    ``cache_minimum``: tokens of the shortest prefix that a cache keeps. ``cache_retention``: how it is told to keep
    prefixes for long: either (``prompt_cache_retention`` 24h or in_memory), 24h (that alone), options
    (``prompt_cache_options``), or empty: not known.
    """

    profile: str
    id: str
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    context: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    prices: Prices | None = None
    other_prices: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    tier: Tier | None = None
    peak: Peak | None = None
    thinking: Thinking | None = None
    sampling: str = "any"
    prefill: bool = True
    refuses: tuple[str, ...] = ()
    retired: str | None = None
    retires: str | None = None
    successor: str | None = None
    successor_effort: str | None = None
    misspellings: tuple[str, ...] = ()
    first_event_s: float | None = None
    abilities: tuple[str, ...] = ()
    cache_minimum: int | None = None
    cache_retention: str = ""
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called."""
        return (self.id, *self.aliases, *self.misspellings)

    @property
    def gone_from(self) -> str | None:
        """The day from which it does not answer under its name; None: none is known."""
        return self.retired or self.retires

    def is_retired(self, today: str) -> bool:
        """Whether it is gone on ``today`` (an ISO day)."""
        return self.gone_from is not None and self.gone_from <= today

    def is_named(self, model: str) -> bool:
        """Whether this very name is one of its own, with its date or without; other dates are other models."""
        return any(model in (name, _undated(name)) for name in self.names)


def lookup(profile: str, model: str) -> Model | None:
    """The row of a model id, an alias, or a dated or undated form of it; None where the catalogue has none."""
    index = _index()
    return index.get((profile, model)) or index.get((profile, _undated(model)))


def models() -> tuple[Model, ...]:
    """All rows."""
    return _rows()


def _undated(model: str) -> str:
    return _DATED.sub("", model)


@cache
def _rows() -> tuple[Model, ...]:
    return tuple(_model(row) for row in json.loads(_FILE.read_text("utf-8")))


@cache
def _index() -> dict[tuple[str, str], Model]:
    index: dict[tuple[str, str], Model] = {}
    for row in _rows():
        for name in row.names:
            index.setdefault((row.profile, _undated(name)), row)
    index.update({(row.profile, name): row for row in _rows() for name in row.names})
    return index


def _model(row: dict[str, Any]) -> Model:
    thinking, tier, peak, prices = (row.pop(name, None) for name in ("thinking", "tier", "peak", "prices"))
    return Model(
        aliases=tuple(row.pop("aliases", ())),
        refuses=tuple(row.pop("refuses", ())),
        misspellings=tuple(row.pop("misspellings", ())),
        abilities=tuple(row.pop("abilities", ())),
        other_prices=_decimals(row.pop("other_prices", {})),
        prices=prices_of(prices) if prices else None,
        tier=Tier(tier["above"], prices_of(tier["prices"])) if tier else None,
        peak=Peak(tuple(_span(span) for span in peak["utc"]), prices_of(peak["prices"])) if peak else None,
        thinking=_thinking(thinking) if thinking else None,
        **row,
    )


def _thinking(ways: dict[str, Any]) -> Thinking:
    least_and_most = ways.get("budget")
    budget = (least_and_most[0], least_and_most[1]) if least_and_most else None
    return Thinking(tuple(ways["efforts"]), ways["default"], tuple(ways.get("forms", ())), budget)


def _decimals(values: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


def prices_of(values: dict[str, str]) -> Prices:
    """Prices from decimal texts by name."""
    return Prices(**_decimals(values))


def _span(text: str) -> tuple[int, int]:
    """``06:00-10:00`` as minutes of the day."""
    start, end = ([int(part) for part in clock.split(":")] for clock in text.split("-"))
    return start[0] * 60 + start[1], end[0] * 60 + end[1]
