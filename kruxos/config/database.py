"""SQLite as the vault and the ledger use it: explicit transactions, and no promise that the disk does not keep."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT_S = 5.0


def connect(path: Path, *pragmas: str) -> sqlite3.Connection:
    """A connection in autocommit mode with these pragmas; ``transaction`` is the only way to several statements.

    The file must exist (``files.make_private_file``): SQLite would make it by the umask. The connection may be used by
    several threads, one at a time. Raises ``sqlite3.Error``.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in ("trusted_schema=OFF", "fullfsync=ON", "temp_store=MEMORY", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """All or nothing; the write lock is taken at the start."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
