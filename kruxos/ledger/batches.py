"""Batches and their parts. What is written here is on the disk when the method returns: no POST goes before that.

A batch of an agent is one row; each of its parts, a batch at the provider, one record (``kruxos.cores.batches.Part``).
What a part used is booked in the same transaction in which it ends, so nothing is booked twice, and nothing is lost.

    receiving    its lines come in
    preparing    they are checked, and made the provider's
    refused      they cannot be sent
    running      its parts live
    over         all of them have ended
    cancelled    given up before anything was sent
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from typing import Any, Literal

from kruxos.cores.batches import Part
from kruxos.ledger.calls import Call, write_calls
from kruxos.ledger.database import Database

BatchState = Literal["receiving", "preparing", "refused", "running", "over", "cancelled"]
OPEN: tuple[BatchState, ...] = ("receiving", "preparing", "running")
LIST_MAX = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """What an agent handed in. ``model`` None: each line's own, else the provider's. Times: Unix seconds.

    ``headers`` go with the request that makes it. ``code`` and ``problem`` say why it was refused, or does not get on.
    ``labels`` are its owner's own notes, and mean nothing here.
    """

    id: str
    agent: str
    provider: str
    model: str | None
    key: str | None
    state: BatchState
    created_at: float
    over_at: float | None = None
    received_bytes: int = 0
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cancel_wanted: bool = False
    code: str = ""
    problem: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def marker(self) -> str:
        """Our name for it at the provider."""
        return f"kx{self.id.rpartition('_')[2]}"


class Batches:
    """The two tables. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, batch: Batch) -> Batch:
        """Writes a new one down; where its agent has used its key before, gives the one that has it."""
        with self._database.writing() as connection:
            if batch.key is not None:
                found = connection.execute(
                    "SELECT * FROM batches WHERE agent = ? AND key = ?", (batch.agent, batch.key)
                ).fetchone()
                if found is not None:
                    return _batch(found)
            _put(connection, batch)
        return batch

    def put(self, batch: Batch, parts: Sequence[Part] = ()) -> None:
        """Writes a batch and parts of it, all or nothing."""
        with self._database.writing() as connection:
            _put(connection, batch)
            _put_parts(connection, parts)

    def put_part(self, part: Part, calls: Sequence[Call] = ()) -> None:
        """Writes one part and what it used, all or nothing."""
        with self._database.writing() as connection:
            _put_parts(connection, [part])
            write_calls(connection, calls)

    def get(self, name: str) -> Batch | None:
        """The batch of an id."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT * FROM batches WHERE id = ?", (name,)).fetchone()
        return None if row is None else _batch(row)

    def parts(self, name: str) -> list[Part]:
        """Its parts, in order."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT record FROM batch_parts WHERE batch = ? ORDER BY number", (name,))
            return [_part(record) for (record,) in rows]

    def open(self) -> list[Batch]:
        """Those that are not over."""
        marks = ", ".join("?" * len(OPEN))
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT * FROM batches WHERE state IN ({marks})", OPEN).fetchall()  # noqa: S608
        return [_batch(row) for row in rows]

    def upstream_names(self, provider: str) -> list[str]:
        """The ids that a provider gave to batches of ours."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT record FROM batch_parts JOIN batches ON batch = id WHERE provider = ?", (provider,)
            ).fetchall()
        return [name for (record,) in rows if (name := _part(record).upstream)]

    def forget(self, before: float) -> list[str]:
        """Removes those that were over before a time; their ids."""
        with self._database.writing() as connection:
            names = [name for (name,) in connection.execute("SELECT id FROM batches WHERE over_at < ?", (before,))]
            for table, column in (("batches", "id"), ("batch_parts", "batch")):
                connection.executemany(
                    f"DELETE FROM {table} WHERE {column} = ?", [(name,) for name in names]  # noqa: S608 - our names
                )  # fmt: skip
        return names

    def list(self, agent: str | None = None, limit: int = LIST_MAX) -> list[Batch]:
        """The latest first, of one agent or of all."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM batches WHERE ?1 IS NULL OR agent = ?1 ORDER BY created_at DESC, id LIMIT ?2",
                (agent, limit),
            ).fetchall()
        return [_batch(row) for row in rows]


_PUT = f"INSERT OR REPLACE INTO batches VALUES ({', '.join('?' * len(fields(Batch)))})"  # noqa: S608 - question marks
_ORDER = (
    "id", "agent", "provider", "model", "key", "state", "created_at", "over_at", "received_bytes", "requests",
    "headers", "cancel_wanted", "code", "problem", "labels",
)  # fmt: skip
_MAPS = ("headers", "labels")
_PART_FIELDS = frozenset(each.name for each in fields(Part))


def _put(connection: sqlite3.Connection, batch: Batch) -> None:
    row = dict(zip(_ORDER, astuple(replace(batch, headers={}, labels={})), strict=True))
    row |= {name: json.dumps(getattr(batch, name)) for name in _MAPS}
    connection.execute(_PUT, tuple(row.values()))


def _put_parts(connection: sqlite3.Connection, parts: Sequence[Part]) -> None:
    rows = [(part.batch, part.number, json.dumps(asdict(part))) for part in parts]
    connection.executemany("INSERT OR REPLACE INTO batch_parts VALUES (?, ?, ?)", rows)


def _batch(row: tuple[Any, ...]) -> Batch:
    values = dict(zip(_ORDER, row, strict=True))
    values |= {name: json.loads(values[name]) for name in _MAPS}
    values["cancel_wanted"] = bool(values["cancel_wanted"])
    return Batch(**values)


def _part(record: str) -> Part:
    """A record as it was written; what a later version has put into it is left out."""
    values = {name: value for name, value in json.loads(record).items() if name in _PART_FIELDS}
    values["outputs"] = tuple(values["outputs"])
    return Part(**values)
