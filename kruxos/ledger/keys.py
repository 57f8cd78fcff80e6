"""Idempotency keys: written to the disk before a call is dispatched, so that no crash leads to a second purchase.

    (nothing) -- claim --> running -- settle --> answered, failed
                           running -- the gateway came down --> outcome_unknown

A key belongs to its agent. Whoever claims it first makes the call; a second claim gets what is known. The answers
themselves are not here: they are kept in memory, for as long as the session core decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kruxos.ledger.database import Database

State = Literal["running", "answered", "failed", "outcome_unknown"]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key. ``body_digest`` tells whether it is the same request; ``at`` in Unix seconds."""

    agent: str
    key: str
    body_digest: bytes
    state: State
    call_id: str
    at: float


class Keys:
    """The table. Each method returns when the disk has it. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, agent: str, key: str, body_digest: bytes, call_id: str, now: float) -> KeyRecord | None:
        """None: the key is this call's from now on. Else what is known of the call that has it."""
        with self._database.writing() as connection:
            fresh = connection.execute(
                "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, 'running', ?, ?)", (agent, key, body_digest, call_id, now)
            ).rowcount
            if fresh:
                return None
            row = connection.execute("SELECT * FROM keys WHERE agent = ? AND key = ?", (agent, key)).fetchone()
        return KeyRecord(*row)

    def settle(self, agent: str, key: str, state: State) -> None:
        """The call that had the key ended."""
        with self._database.writing() as connection:
            connection.execute("UPDATE keys SET state = ? WHERE agent = ? AND key = ?", (state, agent, key))

    def release(self, agent: str, key: str) -> None:
        """Nothing was sent: the key is free again."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM keys WHERE agent = ? AND key = ?", (agent, key))

    def give_up_running(self) -> int:
        """At the start: calls that ran when the gateway came down have an unknown outcome; how many."""
        with self._database.writing() as connection:
            return connection.execute("UPDATE keys SET state = 'outcome_unknown' WHERE state = 'running'").rowcount

    def since(self, at: float) -> list[KeyRecord]:
        """The keys claimed from a time on, the oldest first: what a gateway that starts has to remember."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM keys WHERE at >= ? ORDER BY at, agent, key", (at,)).fetchall()
        return [KeyRecord(*row) for row in rows]

    def expire(self, before: float) -> int:
        """Forgets keys claimed before a time, but for those still running; how many."""
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM keys WHERE at < ? AND state != 'running'", (before,)).rowcount
