"""What budgets count of the ledger: tokens and US dollars since a moment, with estimates where nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from kruxos.ledger.database import Database
from kruxos.ledger.usage import DecimalSum


@dataclass(frozen=True, slots=True)
class Spent:
    """What one agent used at one provider. ``money`` in US dollars."""

    agent: str
    provider: str
    tokens: int
    money: Decimal


def read_spent(database: Database, since: float, *, agent: str | None = None) -> list[Spent]:
    """Sums by agent and provider over what began since then (Unix seconds)."""
    with database.reading() as connection:
        connection.create_aggregate("decimal_sum", 1, DecimalSum)  # type: ignore[arg-type]  # it is one
        rows = connection.execute(_QUERY, (since, agent)).fetchall()
    return [Spent(who, where, tokens, Decimal(money or 0)) for who, where, tokens, money in rows]


_QUERY = """
    SELECT coalesce(agent, ''), coalesce(provider, ''),
        sum(coalesce(estimated_tokens, coalesce(uncached_input_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_tokens, 0) + coalesce(output_tokens, 0))),
        decimal_sum(coalesce(estimated_cost, CASE currency WHEN 'USD' THEN cost END))
    FROM calls
    WHERE started_at >= ?1 AND (?2 IS NULL OR agent = ?2) AND op = 'chat'
    GROUP BY 1, 2"""
