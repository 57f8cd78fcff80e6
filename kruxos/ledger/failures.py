"""How a provider failed lately, from the attempts of calls: by error code, and where its calls went instead."""

from __future__ import annotations

from dataclasses import dataclass, field

from kruxos.ledger.database import Database

CODES_MAX = 64


@dataclass(frozen=True, slots=True)
class Failure:
    """Attempts that ended with one error code. Times are those at which their calls began, in Unix seconds."""

    code: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Lately:
    """A provider's calls since a time. ``moved_to``: who answered those that it was asked first, and how many."""

    answered: int = 0
    last_answered_at: float | None = None
    failures: list[Failure] = field(default_factory=list[Failure])
    moved_to: dict[str, int] = field(default_factory=dict[str, int])


_FAILURES = """
    SELECT tried.value ->> 'outcome' AS code, count(*), min(started_at), max(started_at)
    FROM calls, json_each(calls.attempts) AS tried
    WHERE started_at >= ?1 AND last AND tried.value ->> 'provider' = ?2
        AND tried.value ->> 'outcome' NOT IN ('answered', 'skipped')
    GROUP BY code ORDER BY max(started_at) DESC, code LIMIT ?3"""
_MOVED = """
    SELECT provider, count(*) FROM calls
    WHERE started_at >= ?1 AND last AND outcome = 'answered' AND provider != ?2
        AND EXISTS (SELECT 1 FROM json_each(calls.attempts) AS tried WHERE tried.value ->> 'provider' = ?2)
    GROUP BY provider ORDER BY count(*) DESC, provider"""
_ANSWERED = """
    SELECT count(*), max(started_at) FROM calls
    WHERE started_at >= ?1 AND last AND outcome = 'answered' AND provider = ?2"""


def read_lately(database: Database, provider: str, since: float) -> Lately:
    """What became of a provider's calls that began since a time (Unix seconds)."""
    with database.reading() as connection:
        failures = connection.execute(_FAILURES, (since, provider, CODES_MAX)).fetchall()
        moved = connection.execute(_MOVED, (since, provider)).fetchall()
        answered, last = connection.execute(_ANSWERED, (since, provider)).fetchone()
    return Lately(answered, last, [Failure(*row) for row in failures], dict(moved))
