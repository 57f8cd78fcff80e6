"""The models that the catalogue knows: what they hold, what they cost, until when they live."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kruxos import catalog
from kruxos.catalog import documented
from kruxos.fields import Fields
from kruxos.operations.base import Context, Operation, refused


async def list_catalog(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """All rows, or those of one ``profile`` (anthropic, openai, deepseek ...), or with a ``term`` in a name.

    Prices are US dollars for a million tokens; ``documented_prices`` are the documentation's, where they differ.
    """
    profile = Fields(arguments).maybe_text("profile", limit=64)
    known = list(dict.fromkeys(row.profile for row in catalog.models()))
    if profile is not None and profile not in known:
        raise refused("the catalogue has no models of this kind", f"one of {', '.join(known)}")
    term = (Fields(arguments).maybe_text("term", limit=256) or "").lower()
    rows = [row for row in catalog.models() if profile in (None, row.profile)]
    return {"models": [_row(row) for row in rows if any(term in name.lower() for name in (row.profile, *row.names))]}


def _row(row: catalog.Model) -> dict[str, Any]:
    return {
        "profile": row.profile,
        "id": row.id,
        "aliases": list(row.aliases),
        "context": row.context,
        "max_output": row.max_output,
        "input_price": None if row.prices is None else format(row.prices.input, "f"),
        "output_price": None if row.prices is None else format(row.prices.output, "f"),
        "cache_read_price": _price(row, "cache_read"),
        "cache_write_price": _price(row, "cache_write"),
        "cache_write_1h_price": _price(row, "cache_write_1h"),
        "documented_prices": _documented(row),
        "efforts": None if row.thinking is None else list(row.thinking.efforts),
        "abilities": list(row.abilities),
        "misspellings": list(row.misspellings),
        "retired": row.retired,
        "retires": row.retires,
        "successor": row.successor,
        "source": row.source,
        "as_of": row.as_of,
    }


def _price(row: catalog.Model, name: str) -> str | None:
    price: Decimal | None = None if row.prices is None else getattr(row.prices, name)
    return None if price is None else format(price, "f")


def _documented(row: catalog.Model) -> list[str] | None:
    """The documentation's prices for input and output; None where it has none, or ours."""
    said = (documented.PRICES.get((row.profile, name)) for name in row.names)
    found = next((each for each in said if each is not None), None)
    if found is None:
        return None
    ours = None if row.prices is None else (row.prices.input, row.prices.output)
    return None if ours == tuple(map(Decimal, found)) else list(found)


OPERATIONS = (Operation("model.catalog", list_catalog, reads=True),)
