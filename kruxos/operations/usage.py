"""What was used and what it cost, from the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast, get_args

from kruxos.errors import BadRequestError
from kruxos.fields import Fields
from kruxos.ledger.usage import Dimension, UsageSum
from kruxos.operations.base import Context, Operation

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_NAME_CHARS_MAX = 256


async def usage(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Sums over calls, a row for each group, and ``total`` over all of them.

    Arguments: ``by``, a list of agent, provider, model, day (UTC); ``since``, ``until`` (Unix seconds), ``agent``,
    ``provider`` narrow it down. Costs are decimal text by currency.
    """
    fields = Fields(arguments)
    by = cast("list[Dimension]", fields.strings("by", limit=len(DIMENSIONS)))
    if any(dimension not in DIMENSIONS for dimension in by):
        raise BadRequestError(f"by must be among {', '.join(DIMENSIONS)}", field="by")
    narrow: dict[str, Any] = {
        "since": fields.maybe_number("since", low=0.0) or 0.0,
        "until": fields.maybe_number("until", low=0.0),
        "agent": fields.maybe_text("agent", limit=_NAME_CHARS_MAX),
        "provider": fields.maybe_text("provider", limit=_NAME_CHARS_MAX),
    }
    if not context.has_ledger:
        return {"by": list(by), "rows": [], "total": None}
    rows, total = await context.aside(lambda: _sums(context, by, narrow))
    return {
        "by": list(by),
        "rows": [usage_row(by, each) for each in rows],
        "total": usage_row([], total[0]) if total else None,
    }


def _sums(context: Context, by: list[Dimension], narrow: dict[str, Any]) -> tuple[list[UsageSum], list[UsageSum]]:
    ledger = context.ledger
    ledger.writer.flush()
    total = ledger.usage((), **narrow)
    return (ledger.usage(by, **narrow) if by else total), total


def usage_row(by: list[Dimension], found: UsageSum) -> dict[str, Any]:
    """A sum as a map: its group by dimension, its counts, costs and savings as decimal text."""
    values = asdict(found)
    group = values.pop("group")
    for name in ("cost", "saved", "reported_difference"):
        values[name] = {currency: format(amount, "f") for currency, amount in getattr(found, name).items()}
    return dict(zip(by, group, strict=True)) | values


OPERATIONS = (Operation("usage", usage, reads=True),)
