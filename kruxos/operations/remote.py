"""`kruxos model list --remote`: what a provider itself says it sells, through its worker."""

from __future__ import annotations

import json
import time
from decimal import Decimal, InvalidOperation
from typing import Any

from kruxos import catalog
from kruxos.dialects.profiles import PROFILES, choose_profile
from kruxos.errors import KruxosError
from kruxos.fields import Fields
from kruxos.operations.base import Context, Operation
from kruxos.operations.lifetimes import shelf_at
from kruxos.operations.names import meant_provider
from kruxos.operations.testing import told_error
from kruxos.wire import Open

WITHIN_S = 60.0
_MILLION = 1_000_000


async def list_remote(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The models of a provider's own list, those with a ``term`` in their names; with our prices where it says none.

    Prices are US dollars for a million tokens. Raises the error of the failure, with the fix.
    """
    fields = Fields(arguments)
    gateway = context.running()
    provider, told = meant_provider(gateway.config, fields.text("name", limit=2048))
    term = (fields.maybe_text("term", limit=256) or "").lower()
    frame = Open(op="list_models", provider=provider.name, fallback="none", deadline_s=WITHIN_S)
    try:
        reply = await gateway.ask(frame)
    except KruxosError as error:
        raise told_error(error, provider) from None
    profile = choose_profile(provider.type, provider.base_url, provider.profile) or PROFILES["generic"]
    shelf, today = shelf_at(profile, provider.base_url, provider.catalog), catalog.day_of(time.time())
    rows: list[dict[str, Any]] = json.loads(reply["text"] or "[]")
    kept = [row for row in rows if term in row["id"].lower() or term in row["label"].lower()]
    return {"name": provider.name, "models": [_shown(row, shelf, today) for row in kept], "told": told}


def _shown(row: dict[str, Any], shelf: catalog.Shelf, today: str) -> dict[str, Any]:
    known = shelf.lookup(row["id"])
    ours = known.prices if known is not None else None
    said = {name: _per_million(price) for name, price in row["prices"].items()}
    return {
        "id": row["id"],
        "label": row["label"],
        "context": row["context"] or (known.context if known else None),
        "max_output": row["max_output"] or (known.max_output if known else None),
        "input_price": said.get("input") or (format(ours.input, "f") if ours else None),
        "output_price": said.get("output") or (format(ours.output, "f") if ours else None),
        "abilities": row["abilities"],
        "retires": row["retires"] or (known.gone_from if known and not known.is_retired(today) else None),
        "in_catalog": known is not None,
    }


def _per_million(price: str) -> str | None:
    try:
        return format((Decimal(price) * _MILLION).normalize(), "f")
    except InvalidOperation:
        return None


OPERATIONS = (Operation("model.remote", list_remote, reads=True),)
