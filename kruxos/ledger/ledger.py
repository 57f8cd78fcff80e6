"""The ledger as its callers open it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from kruxos.config.directory import DataDirectory
from kruxos.cores.calendar import period_at
from kruxos.ledger.agents import Agents
from kruxos.ledger.batches import Batches
from kruxos.ledger.calls import Call, LedgerWriter, prune_calls, read_calls, read_log
from kruxos.ledger.database import Database
from kruxos.ledger.defaults import TimedDefaults
from kruxos.ledger.failures import Lately, read_lately
from kruxos.ledger.keys import Keys
from kruxos.ledger.spent import Spent, read_spent
from kruxos.ledger.usage import Dimension, UsageSum, sum_usage


class Ledger:
    """``agents``, ``batches``, ``keys``, ``defaults``, ``writer``; ``notice``: what a person should be told."""

    def __init__(self, database: Database, notice: str = "") -> None:
        self._database = database
        self.notice = notice
        self.agents = Agents(database)
        self.batches = Batches(database)
        self.keys = Keys(database)
        self.defaults = TimedDefaults(database)
        self.writer = LedgerWriter(database)

    @classmethod
    def open(cls, data: DataDirectory, now: float) -> Ledger:
        """The ledger of a data directory, made at the first start; a damaged one is set aside.

        Raises ``UnsafePathError``, ``LedgerVersionError``, ``LedgerError``.
        """
        return cls(*Database.open(data.ledger, now))

    def usage(
        self, by: Sequence[Dimension] = (), *, since: float = 0.0, until: float | None = None,
        agent: str | None = None, provider: str | None = None,
    ) -> list[UsageSum]:  # fmt: skip
        """Sums: see ``kruxos.ledger.usage.sum_usage``."""
        return sum_usage(self._database, by, since=since, until=until, agent=agent, provider=provider)

    def calls(self, *, call_id: str | None = None, agent: str | None = None, limit: int = 100) -> list[Call]:
        """The latest calls first; or the steps of one call."""
        return read_calls(self._database, call_id=call_id, agent=agent, limit=limit)

    def log(
        self, *, agent: str | None = None, provider: str | None = None, since: float = 0.0, after: int = 0,
        limit: int = 100, forward: bool = False,
    ) -> tuple[list[Call], int]:  # fmt: skip
        """The latest steps, the newest last, and a cursor: see ``kruxos.ledger.calls.read_log``."""
        return read_log(
            self._database, agent=agent, provider=provider, since=since, after=after, limit=limit, forward=forward
        )

    def lately(self, provider: str, since: float) -> Lately:
        """What became of a provider's calls that began since a time (Unix seconds)."""
        return read_lately(self._database, provider, since)

    def spent(self, now: float, *, agent: str | None = None) -> list[Spent]:
        """What budgets count of the month and the day that ``now`` lies in, by agent and provider."""
        month, day = period_at("month", now).start, period_at("day", now).start
        return read_spent(self._database, month, day, agent=agent)

    def prune(self, before: float) -> int:
        """Removes rows of calls that started before a time (Unix seconds); how many."""
        return prune_calls(self._database, before)

    def close(self) -> None:
        """Writes what waits, and closes the file."""
        try:
            self.writer.flush()
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
