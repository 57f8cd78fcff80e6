"""Rows of calls, one for each attempt or step that may have cost something, and the writer that makes nobody wait.

``append`` puts a row into a bounded queue in memory; ``flush`` writes what is there. The shell calls ``flush`` every
``FLUSH_EVERY_S`` in a thread of its choice, and once at the end. A power cut loses at most what was not flushed;
what must not be lost (idempotency) goes through ``kruxos.ledger.keys``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kruxos.events import Usage
from kruxos.gauge import Gauge
from kruxos.ledger.database import Database

FLUSH_EVERY_S = 0.25
QUEUE_ROWS_MAX = 20_000
"""About 20 MB. More than this waits only when the disk is full or gone."""
FREE_ROWS_MAX = QUEUE_ROWS_MAX // 2
"""Rows of calls that cost nothing leave so much of the queue to those that may have."""
TRANSACTION_ROWS_MAX = 1000
JSON_CHARS_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A step of a call that ended, however it ended. ``step`` counts from 0; most calls have one.

    ``last``: the call's outcome rests on this one, so calls are counted by it. ``outcome`` is ``answered`` or an error
    code. Times: Unix seconds, and what the names say. ``cost`` None: unknown.
    ``cost_uncached`` is what the same tokens had cost without a cache, ``cost_reported`` what the provider says.
    ``attempts`` and ``raw_usage`` are plain values as frames carry them. ``estimated_tokens`` and ``estimated_cost``
    (US dollars) are what budgets take the step for where nobody knows what it used.
    """

    call_id: str
    started_at: float
    agent: str | None
    provider: str | None
    model: str | None
    outcome: str
    op: str = "chat"
    step: int = 0
    last: bool = True
    finish_reason: str | None = None
    stream: bool = False
    attempts: Sequence[dict[str, Any]] = ()
    usage: Usage = field(default_factory=Usage)
    raw_usage: dict[str, Any] = field(default_factory=dict[str, Any])
    cost: Decimal | None = None
    currency: str | None = None
    price_row: str | None = None
    billed_maybe: bool = False
    overhead_us: int | None = None
    upstream_us: int | None = None
    duration_ms: int | None = None
    upstream_request_id: str | None = None
    estimated_tokens: int | None = None
    estimated_cost: Decimal | None = None
    cost_uncached: Decimal | None = None
    cost_reported: Decimal | None = None


class LedgerWriter:
    """The queue of rows to write. ``append`` is for one thread, the event loop's; ``flush`` for any other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[Call] = deque()
        self.rows = Gauge(QUEUE_ROWS_MAX)
        """Rows that wait to be written."""
        self._flushing = threading.Lock()
        self._dropped = 0

    def append(self, call: Call) -> bool:
        """Takes a row; False where the queue is full, and the row is counted and lost. Never waits, never raises."""
        has_cost = call.billed_maybe or call.outcome == "answered"
        if len(self._queue) >= (QUEUE_ROWS_MAX if has_cost else FREE_ROWS_MAX):
            self._dropped += 1
            return False
        self._queue.append(call)
        self.rows.set(len(self._queue))
        return True

    @property
    def waiting(self) -> int:
        """How many rows are not written yet."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """How many rows were lost since the start because the queue was full."""
        return self._dropped

    def flush(self) -> int:
        """Writes what is in the queue at this moment; how many rows. Raises ``LedgerError``; then nothing is lost."""
        with self._flushing:
            rest = written = len(self._queue)
            while rest > 0:
                rows = [self._queue.popleft() for _ in range(min(rest, TRANSACTION_ROWS_MAX))]
                try:
                    with self._database.writing() as connection:
                        write_calls(connection, rows)
                except BaseException:
                    self._queue.extendleft(reversed(rows))
                    raise
                rest -= len(rows)
                self.rows.now = len(self._queue)
            return written


def write_calls(connection: sqlite3.Connection, calls: Iterable[Call]) -> None:
    """Writes rows within a transaction that somebody else has begun; a step that is there already is replaced."""
    connection.executemany(_INSERT, map(_row, calls))


def read_calls(
    database: Database, *, call_id: str | None = None, agent: str | None = None, limit: int = 100
) -> list[Call]:
    """The latest calls first, of one agent or of all; or the steps of one call."""
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT * FROM calls WHERE (?1 IS NULL OR call_id = ?1) AND (?2 IS NULL OR agent = ?2)"
            " ORDER BY started_at DESC, step DESC LIMIT ?3",
            (call_id, agent, limit),
        ).fetchall()
    return [_call(row) for row in rows]


def read_log(
    database: Database, *, agent: str | None = None, provider: str | None = None, since: float = 0.0, after: int = 0,
    limit: int = 100, forward: bool = False,
) -> tuple[list[Call], int]:  # fmt: skip
    """The latest steps in the order in which they ended, the newest last; and a cursor.

    Given as ``after``, the cursor brings what was written since, and nothing twice. ``forward``: of what was written
    since, the first ones and not the last, so that who goes on from cursor to cursor leaves nothing out.
    """
    if forward:
        return _read_on(database, after, limit)
    with database.reading() as connection:
        (cursor,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM calls").fetchone()
        rows = connection.execute(
            "SELECT * FROM calls WHERE rowid > ?1 AND rowid <= ?2 AND started_at >= ?3"
            " AND (?4 IS NULL OR agent = ?4) AND (?5 IS NULL OR provider = ?5) ORDER BY rowid DESC LIMIT ?6",
            (after, cursor, since, agent, provider, limit),
        ).fetchall()
    return [_call(row) for row in reversed(rows)], cursor


def _read_on(database: Database, after: int, limit: int) -> tuple[list[Call], int]:
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT rowid, * FROM calls WHERE rowid > ? ORDER BY rowid LIMIT ?", (after, limit)
        ).fetchall()
        (newest,) = connection.execute("SELECT coalesce(max(rowid), 0) FROM calls").fetchone()
    # A file that was set aside as damaged leaves a cursor behind that is ahead of everything.
    return [_call(row[1:]) for row in rows], rows[-1][0] if rows else min(after, newest)


def prune_calls(database: Database, before: float) -> int:
    """Removes rows of calls that started before a time; how many."""
    with database.writing() as connection:
        return connection.execute("DELETE FROM calls WHERE started_at < ?", (before,)).rowcount


_INSERT = f"INSERT OR REPLACE INTO calls VALUES ({', '.join('?' * 32)})"  # noqa: S608 - only question marks


def _row(call: Call) -> tuple[object, ...]:
    usage = call.usage
    return (
        call.call_id, call.step, call.last, call.started_at, call.agent, call.provider, call.model, call.op,
        call.outcome, call.finish_reason, call.stream, _json(list(call.attempts)),
        usage.uncached_input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens,
        usage.output_tokens, usage.reasoning_tokens, _json(usage.other_tokens), _json(call.raw_usage),
        _text(call.cost), call.currency, call.price_row, call.billed_maybe,
        call.overhead_us, call.upstream_us, call.duration_ms, call.upstream_request_id, call.estimated_tokens,
        _text(call.estimated_cost), _text(call.cost_uncached), _text(call.cost_reported),
    )  # fmt: skip


def _call(row: tuple[Any, ...]) -> Call:
    (
        call_id, step, last, started_at, agent, provider, model, op, outcome, finish_reason, stream, attempts,
        uncached, cache_read, cache_write, cache_write_1h, output, reasoning, other, raw_usage, cost, currency,
        price_row, billed_maybe, overhead_us, upstream_us, duration_ms, upstream_request_id, estimated_tokens,
        estimated_cost, cost_uncached, cost_reported,
    ) = row  # fmt: skip
    return Call(
        call_id=call_id, started_at=started_at, agent=agent, provider=provider, model=model, outcome=outcome, op=op,
        step=step, last=bool(last), finish_reason=finish_reason, stream=bool(stream), attempts=json.loads(attempts),
        usage=Usage(uncached, cache_read, cache_write, output, reasoning, cache_write_1h, json.loads(other)),
        raw_usage=json.loads(raw_usage), cost=_decimal(cost), currency=currency,
        price_row=price_row, billed_maybe=bool(billed_maybe), overhead_us=overhead_us, upstream_us=upstream_us,
        duration_ms=duration_ms, upstream_request_id=upstream_request_id, estimated_tokens=estimated_tokens,
        estimated_cost=_decimal(estimated_cost), cost_uncached=_decimal(cost_uncached),
        cost_reported=_decimal(cost_reported),
    )  # fmt: skip


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _json(value: dict[str, Any] | list[dict[str, Any]]) -> str:
    text = json.dumps(value, separators=(",", ":"), default=str)
    return text if len(text) <= JSON_CHARS_MAX else json.dumps(type(value)())
