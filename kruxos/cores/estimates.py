"""What a call may use, before anybody knows: from its size, its header, and the price of who is to answer.

The supervisor does not read a request's body. Four bytes of it are taken for a token, as far as the model's window
goes; of the answer as much as the header allows, or ``OUTPUT_TOKENS_UNSAID``. An estimate is no bound: the bill
settles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from kruxos import catalog
from kruxos.catalog import Model, Shelf
from kruxos.cores.budgets import NOTHING, Charge
from kruxos.events import Usage

BYTES_PER_TOKEN = 4
OUTPUT_TOKENS_UNSAID = 4096
QUOTES_MAX = 1024
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Seller:
    """What a provider sells: its part of the catalogue, its own model, and whether it runs on this machine."""

    shelf: Shelf
    model: str | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """Who answers in the end: ``model`` is the final one, ``row`` what is known of it. ``free``: nobody is paid."""

    model: str | None = None
    row: Model | None = None
    free: bool = False

    @property
    def is_priced(self) -> bool:
        """Whether money can be counted."""
        return self.free or (self.row is not None and self.row.prices is not None)


@dataclass(slots=True)
class PriceList:
    """The sellers by name. Quotes are kept for the day: a model's successor may change with it."""

    sellers: Mapping[str, Seller] = field(default_factory=dict[str, Seller])
    _quotes: dict[tuple[str, str | None, int], Quote] = field(
        default_factory=dict[tuple[str, "str | None", int], Quote]
    )

    def quote(self, provider: str, model: str | None, unix: float) -> Quote:
        """Who answers where ``provider`` is asked for ``model`` (None: its own)."""
        key = provider, model, int(unix // DAY_S)
        quote = self._quotes.get(key)
        if quote is None:
            if len(self._quotes) >= QUOTES_MAX:
                self._quotes.clear()
            quote = self._quotes[key] = self._made(provider, model, unix)
        return quote

    def _made(self, provider: str, model: str | None, unix: float) -> Quote:
        seller = self.sellers.get(provider)
        asked = model or (None if seller is None else seller.model)
        if seller is None or asked is None:
            return Quote(asked, free=seller is not None and seller.local)
        today = catalog.day_of(unix)
        instead, row = seller.shelf.replacement(asked, today), seller.shelf.priced(asked, today)
        priced = row is not None and row.prices is not None
        return Quote(asked if instead is None else instead.new, row, free=seller.local and not priced)


def estimate(quote: Quote, body_bytes: int, max_output_tokens: int | None, unix: float, *, batch_of: int = 0) -> Charge:
    """What one attempt may use. ``batch_of``: so many requests of a batch, bytes and tokens of all together."""
    row, times = quote.row, batch_of or 1
    sent, answered = body_bytes // BYTES_PER_TOKEN + 1, max_output_tokens or OUTPUT_TOKENS_UNSAID * times
    if row is not None:
        sent = min(sent, (row.max_input or row.context or sent) * times)
        answered = min(answered, (row.max_output or answered) * times)
    if quote.free or row is None:
        return Charge(sent + answered, NOTHING if quote.free else None)
    # One request of them is priced: many short ones do not reach the price of a long context.
    each = Usage(uncached_input_tokens=-(-sent // times), output_tokens=-(-answered // times))
    cost = catalog.price(each, row, at=unix, batch=batch_of > 0)
    return Charge(sent + answered, None if cost is None else Decimal(cost["total"]) * times)


def used(usage: Mapping[str, Any], cost: Mapping[str, Any]) -> Charge:
    """What an attempt used, as its last frame says it."""
    return Charge(sum(usage.get(name) or 0 for name in _COUNTED), _dollars(cost))


_COUNTED = ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


def _dollars(cost: Mapping[str, Any]) -> Decimal | None:
    if cost.get("currency") != "USD":
        return None
    try:
        return Decimal(cost["total"])
    except (InvalidOperation, KeyError, TypeError):
        return None


def larger(first: Charge, second: Charge) -> Charge:
    """The larger of each."""
    money = [each.money for each in (first, second) if each.money is not None]
    return Charge(max(first.tokens, second.tokens), max(money, default=None))
