"""vault.db: the vault's records in SQLite, as they are sealed. Knows no keys.

Every write is one transaction with the disk's promise (synchronous=FULL); what a record held before is overwritten
(secure_delete). Not thread-safe: ``Vault`` holds a lock around it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from kruxos.config.database import connect, transaction
from kruxos.config.files import make_private_file, require_safe
from kruxos.config.model import Destination
from kruxos.vault.keys import SourceName
from kruxos.vault.problems import TamperedRecordError, VaultDamagedError, VaultError, VaultVersionError
from kruxos.vault.sealing import Cost, Sealed, decode_cost, encode_cost

Kind = Literal["api-key", "oauth"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE vault (
    one INTEGER PRIMARY KEY CHECK (one = 1), vault_id TEXT NOT NULL, source TEXT NOT NULL, key_id TEXT NOT NULL,
    salt BLOB NOT NULL, cost TEXT NOT NULL, verifier_nonce BLOB NOT NULL, verifier BLOB NOT NULL
);
CREATE TABLE records (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL, created_at REAL NOT NULL,
    changed_at REAL NOT NULL, origin TEXT NOT NULL, proxy TEXT, ca_bundle TEXT,
    nonce BLOB NOT NULL, ciphertext BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Head:
    """What the vault says of itself. ``salt`` and ``cost`` matter for a passphrase only."""

    vault_id: str
    source: SourceName
    key_id: str
    salt: bytes
    cost: Cost
    verifier: Sealed


@dataclass(frozen=True, slots=True)
class Record:
    """A sealed record. Times are Unix seconds; ``version`` counts its writes."""

    name: str
    kind: Kind
    version: int
    created_at: float
    changed_at: float
    destination: Destination
    sealed: Sealed


class Store:
    """The file. Raises ``VaultDamagedError`` where it is no vault, ``VaultError`` where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        require_safe(path)
        make_private_file(path)
        with self._errors():
            self._connection = connect(path, "synchronous=FULL", "secure_delete=ON", "journal_mode=DELETE")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def head(self) -> Head | None:
        """What the vault says of itself; None for a new, empty file. Raises ``VaultVersionError`` for a later one's."""
        with self._errors():
            version = self._one("PRAGMA user_version")[0]
            if version == 0 and not self._one("SELECT count(*) FROM sqlite_schema")[0]:
                return None
            if version > SCHEMA_VERSION:
                raise VaultVersionError(f"{self._path} was written by a later version", "install that version")
            row = self._one("SELECT vault_id, source, key_id, salt, cost, verifier_nonce, verifier FROM vault")
        vault_id, source, key_id, salt, cost_text, nonce, verifier = row
        cost = decode_cost(str(cost_text))
        if cost is None or source not in get_args(SourceName) or not isinstance(salt, bytes):
            raise self._damaged()
        return Head(str(vault_id), source, str(key_id), salt, cost, Sealed(bytes(nonce), bytes(verifier)))

    def create(self, head: Head) -> None:
        """Makes the tables of a new vault."""
        with self._errors(), transaction(self._connection):
            for statement in _SCHEMA.strip().split(";\n"):
                self._connection.execute(statement)
            self._put_head(head)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def rekey(self, head: Head, records: Iterable[Record]) -> None:
        """Replaces the head and every record at once."""
        with self._errors(), transaction(self._connection):
            self._put_head(head)
            for record in records:
                self._put(record)

    def count(self) -> int:
        """How many records there are."""
        with self._errors():
            return int(self._one("SELECT count(*) FROM records")[0])

    def records(self) -> list[Record]:
        """All records, by name."""
        with self._errors():
            rows = self._connection.execute("SELECT * FROM records ORDER BY name").fetchall()
        return [_record(row) for row in rows]

    def record(self, name: str) -> Record | None:
        """The record of a name, or None."""
        with self._errors():
            row = self._connection.execute("SELECT * FROM records WHERE name = ?", (name,)).fetchone()
        return None if row is None else _record(row)

    def put(self, record: Record) -> None:
        """Writes a record in place of the one of its name."""
        with self._errors(), transaction(self._connection):
            self._put(record)

    def remove(self, name: str) -> bool:
        """Removes a record; False where there is none."""
        with self._errors(), transaction(self._connection):
            return self._connection.execute("DELETE FROM records WHERE name = ?", (name,)).rowcount > 0

    def _put_head(self, head: Head) -> None:
        values = (head.vault_id, head.source, head.key_id, head.salt, encode_cost(head.cost))
        self._connection.execute(
            "INSERT OR REPLACE INTO vault VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
            (*values, head.verifier.nonce, head.verifier.ciphertext),
        )

    def _put(self, record: Record) -> None:
        to, sealed = record.destination, record.sealed
        self._connection.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.name, record.kind, record.version, record.created_at, record.changed_at,
                to.origin, to.proxy, to.ca_bundle, sealed.nonce, sealed.ciphertext,
            ),
        )  # fmt: skip

    def _one(self, query: str) -> tuple[Any, ...]:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise self._damaged()
        return cast("tuple[Any, ...]", row)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "no such" in str(error):
                raise self._damaged() from None
            raise VaultError(f"{self._path} cannot be used: {error}", "free space on the disk, or try again") from None
        except sqlite3.DatabaseError:
            raise self._damaged() from None

    def _damaged(self) -> VaultDamagedError:
        fix = "restore it from a backup; or move it away and store the keys again: `kruxos vault add`"
        return VaultDamagedError(f"{self._path} is not a vault any more", fix)


_KINDS: tuple[type | tuple[type, ...], ...] = (
    str, str, int, float, float, str, (str, type(None)), (str, type(None)), bytes, bytes,
)  # fmt: skip


def _record(row: tuple[Any, ...]) -> Record:
    if not all(isinstance(value, kind) for value, kind in zip(row, _KINDS, strict=True)):
        name = row[0] if isinstance(row[0], str) else "a record"
        raise TamperedRecordError(f"{name} was changed by something else than the vault", "store it again")
    name, kind, version, created_at, changed_at, origin, proxy, ca_bundle, nonce, ciphertext = row
    destination = Destination(origin, proxy, ca_bundle)
    return Record(name, kind, version, created_at, changed_at, destination, Sealed(nonce, ciphertext))
