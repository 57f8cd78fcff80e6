"""What was used and what it cost: exact sums by agent, provider, model, day, or any of these together.

Money is added as decimals, each currency by itself. A call whose price is not known counts in ``unpriced_calls``;
its cost is not taken for nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from typing import Literal

from kruxos.ledger.database import Database

Dimension = Literal["agent", "provider", "model", "day"]
_EXPRESSIONS: dict[Dimension, str] = {
    "agent": "coalesce(agent, '')",
    "provider": "coalesce(provider, '')",
    "model": "coalesce(model, '')",
    "day": "date(started_at, 'unixepoch')",
}
_EXACT = Context(prec=60)


@dataclass(slots=True)
class UsageSum:
    """Sums over the calls that share ``group``, in the order of the dimensions asked for. ``cost`` by currency.

    A call with several steps or attempts is one call, counted where its outcome is from; tokens and costs are counted
    where they were spent. ``saved`` is what the same tokens had cost more without caches and batches,
    ``reported_difference`` what providers say that they charged more than we reckon.
    """

    group: tuple[str, ...]
    calls: int = 0
    failed_calls: int = 0
    unpriced_calls: int = 0
    billed_maybe_calls: int = 0
    uncached_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    saved: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    reported_difference: dict[str, Decimal] = field(default_factory=dict[str, Decimal])


_COUNTS = (
    "calls", "failed_calls", "unpriced_calls", "billed_maybe_calls", "uncached_input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens",
)  # fmt: skip


def sum_usage(
    database: Database, by: Sequence[Dimension] = (), *, since: float = 0.0, until: float | None = None,
    agent: str | None = None, provider: str | None = None,
) -> list[UsageSum]:  # fmt: skip
    """Sums over calls that started from ``since`` and before ``until`` (Unix seconds; days are UTC), by group.

    ``by`` empty: one sum over everything, if there was anything.
    """
    groups = [_EXPRESSIONS[dimension] for dimension in by]
    selected = ", ".join([*groups, "coalesce(currency, '')"])
    query = f"""
        SELECT {selected},
            sum(last), sum(last AND outcome != 'answered'),
            count(DISTINCT CASE WHEN cost IS NULL AND outcome = 'answered' THEN call_id END),
            count(DISTINCT CASE WHEN billed_maybe THEN call_id END),
            coalesce(sum(uncached_input_tokens), 0), coalesce(sum(cache_read_tokens), 0),
            coalesce(sum(cache_write_tokens), 0), coalesce(sum(output_tokens), 0),
            coalesce(sum(reasoning_tokens), 0), decimal_sum(cost),
            decimal_sum(decimal_less(cost_uncached, cost)), decimal_sum(decimal_less(cost_reported, cost))
        FROM calls
        WHERE started_at >= ?1 AND (?2 IS NULL OR started_at < ?2)
            AND (?3 IS NULL OR agent = ?3) AND (?4 IS NULL OR provider = ?4)
        GROUP BY {selected} ORDER BY {selected}"""  # noqa: S608 - the expressions are those above
    with database.reading() as connection:
        connection.create_aggregate("decimal_sum", 1, DecimalSum)  # type: ignore[arg-type]  # it is one
        connection.create_function("decimal_less", 2, _less, deterministic=True)
        rows = connection.execute(query, (since, until, agent, provider)).fetchall()
    return _merged(rows, len(by))


def _merged(rows: list[sqlite3.Row], dimensions: int) -> list[UsageSum]:
    """One sum a group: the query gives one for each of its currencies."""
    sums: dict[tuple[str, ...], UsageSum] = {}
    for row in rows:
        group, currency, counts, cost = tuple(row[:dimensions]), row[dimensions], row[dimensions + 1 : -3], row[-3]
        into = sums.setdefault(group, UsageSum(group))
        for name, count in zip(_COUNTS, counts, strict=True):
            setattr(into, name, getattr(into, name) + count)
        if cost is not None:
            into.cost[currency] = Decimal(cost)
        for table, amount in ((into.saved, row[-2]), (into.reported_difference, row[-1])):
            if amount is not None:
                table[currency] = Decimal(amount)
    return list(sums.values())


class DecimalSum:
    """SQL's sum() over decimal text, without the rounding of binary fractions."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, value: str | None) -> None:
        """One more row."""
        if value is None:
            return
        try:
            self._sum = _EXACT.add(self._sum or Decimal(0), Decimal(value))
        except InvalidOperation:  # not written by us; it shows as a call without a cost
            return

    def finalize(self) -> str | None:
        """The sum; None where there was nothing."""
        return None if self._sum is None else format(self._sum, "f")


def _less(amount: str | None, other: str | None) -> str | None:
    """The difference of two amounts as decimal text; None where one is not known."""
    if amount is None or other is None:
        return None
    try:
        return format(_EXACT.subtract(Decimal(amount), Decimal(other)), "f")
    except InvalidOperation:
        return None
