"""ledger.db: opened, brought to this version, and set aside when it is damaged.

Two connections: one writes, one reads, each behind its own lock, so that a long report does not hold up a write
(WAL: readers and the writer do not wait for each other). Every commit is on the disk when it returns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kruxos.config.database import connect, transaction
from kruxos.config.files import make_private_file, require_safe
from kruxos.ledger.problems import LedgerDamagedError, LedgerError, LedgerVersionError
from kruxos.ledger.schema import MIGRATIONS, statements

CHECKED_BYTES_MAX = 64 * 1024 * 1024
"""A file up to this size is read through at the start: about a tenth of a second. A larger one is not."""
_SIDE_FILES = ("", "-wal", "-shm")


class Database:
    """The file. ``Database.open`` makes one. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        require_safe(path)
        make_private_file(path)
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        with self._errors():
            self._writer = connect(path, "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864")
            try:
                self._check()
                self._migrate()
                self._reader = connect(path, "query_only=ON")
            except BaseException:
                self._writer.close()
                raise

    @classmethod
    def open(cls, path: Path, now: float) -> tuple[Database, str]:
        """The database, and what a person should be told (empty: nothing).

        A damaged file is set aside, a new one is begun, and the agents and keys that can still be read are carried
        over. Raises ``UnsafePathError``, ``LedgerVersionError``, ``LedgerError``.
        """
        try:
            return cls(path), ""
        except LedgerDamagedError:
            aside = _set_aside(path, now)
        database = cls(path)
        saved = database._salvage(aside)
        told = f"the ledger was damaged: it is kept as {aside}, and a new one was begun"
        return database, f"{told} with {saved['agents']} agents and {saved['keys']} keys of the old one"

    def close(self) -> None:
        """Closes the file."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """The writing connection within one transaction. Raises ``LedgerError``."""
        with self._write_lock, self._errors(), transaction(self._writer):
            yield self._writer

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """The reading connection. Raises ``LedgerError``."""
        with self._read_lock, self._errors():
            yield self._reader

    def _check(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            kept = earlier_copy(self._path, len(MIGRATIONS))
            back = f", or go back to how it was before: mv {kept} {self._path}" if kept.exists() else ""
            raise LedgerVersionError(f"{self._path} was written by a later version", f"install that version{back}")
        if self._path.stat().st_size <= CHECKED_BYTES_MAX:
            (found,) = self._writer.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise self._damaged()
        tables = {name for (name,) in self._writer.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if version and not {"agents", "calls", "keys"} <= tables:
            raise self._damaged()

    def _migrate(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if 0 < version < len(MIGRATIONS):
            self._keep_as_it_was(version)
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            with transaction(self._writer):
                for statement in statements(script):
                    self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {number}")

    def _keep_as_it_was(self, version: int) -> None:
        """Before this version changes the file: a copy for whoever goes back to the one that wrote it."""
        copy = earlier_copy(self._path, version)
        require_safe(copy)
        copy.unlink(missing_ok=True)
        make_private_file(copy)
        self._writer.execute("VACUUM INTO ?", (str(copy),))

    def _salvage(self, aside: Path) -> dict[str, int]:
        """Takes over what can be read of the tables that nobody can write again."""
        return {table: self._take_over(aside, table) for table in ("agents", "keys")}

    def _take_over(self, aside: Path, table: str) -> int:
        with self.writing() as connection:
            columns = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            rows = _readable_rows(aside, table, columns)
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our names
        return len(rows)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.OperationalError, sqlite3.DataError, sqlite3.IntegrityError) as error:
            if "no such" in str(error):
                raise self._damaged() from None
            raise LedgerError(f"{self._path} cannot be used: {error}", "free space on the disk, or try again") from None
        except sqlite3.DatabaseError:
            raise self._damaged() from None

    def _damaged(self) -> LedgerDamagedError:
        return LedgerDamagedError(f"{self._path} is damaged", "restart the gateway: it sets the file aside")


def earlier_copy(path: Path, version: int) -> Path:
    """Where the file is kept as it was in ``version``, once a later one has changed it."""
    return path.with_name(f"{path.name}.v{version}")


def _readable_rows(path: Path, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    """The rows of a damaged file before the first that cannot be read; a column that it lacks is null."""
    rows: list[tuple[object, ...]] = []
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as old:
            there = {name for (name,) in old.execute("SELECT name FROM pragma_table_info(?)", (table,))}
            wanted = ", ".join(name if name in there else "NULL" for name in columns)
            rows.extend(old.execute(f"SELECT {wanted} FROM {table}"))  # noqa: S608 - our names
    except sqlite3.Error:
        return rows
    return rows


def _set_aside(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for side in _SIDE_FILES:
        found = path.with_name(path.name + side)
        if found.exists():
            found.rename(aside.with_name(aside.name + side))
    return aside
