"""The models that the catalogue knows: what they hold, what they cost, until when they live."""

from __future__ import annotations

from typing import Any

from kruxos import catalog
from kruxos.fields import Fields
from kruxos.operations.base import Context, Operation, refused


async def list_catalog(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """All rows, or those of one ``profile`` (anthropic, openai, deepseek ...). Prices: US dollars a million tokens."""
    profile = Fields(arguments).maybe_text("profile", limit=64)
    known = list(dict.fromkeys(row.profile for row in catalog.models()))
    if profile is not None and profile not in known:
        raise refused("the catalogue has no models of this kind", f"one of {', '.join(known)}")
    return {"models": [_row(row) for row in catalog.models() if profile in (None, row.profile)]}


def _row(row: catalog.Model) -> dict[str, Any]:
    return {
        "profile": row.profile,
        "id": row.id,
        "aliases": list(row.aliases),
        "context": row.context,
        "max_output": row.max_output,
        "input_price": None if row.prices is None else format(row.prices.input, "f"),
        "output_price": None if row.prices is None else format(row.prices.output, "f"),
        "retired": row.retired,
        "retires": row.retires,
        "successor": row.successor,
        "source": row.source,
        "as_of": row.as_of,
    }


OPERATIONS = (Operation("model.catalog", list_catalog, reads=True),)
