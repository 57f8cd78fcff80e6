"""The ledger's file: its versions, its modes, and what happens when it is damaged."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.problems import UnsafePathError
from kruxos.errors import UnauthorizedError
from kruxos.ledger import database as module
from kruxos.ledger.agents import Agent
from kruxos.ledger.calls import Call
from kruxos.ledger.database import Database
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.problems import LedgerDamagedError, LedgerError, LedgerVersionError
from kruxos.ledger.schema import MIGRATIONS, statements
from tests.ledger.conftest import NOW

CALL = Call("c-1", NOW, "a", "p", "m", "answered")


def test_a_new_file_is_private_and_of_this_version(data: DataDirectory, ledger: Ledger) -> None:
    assert oct(data.ledger.stat().st_mode)[-3:] == "600"
    for side in data.root.glob("ledger.db-*"):
        assert oct(side.stat().st_mode)[-3:] == "600"
    connection = sqlite3.connect(data.ledger)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
    assert ledger.notice == ""


def test_opening_it_again_changes_nothing(data: DataDirectory, ledger: Ledger) -> None:
    ledger.writer.append(CALL)
    ledger.close()
    with Ledger.open(data, NOW) as again:
        assert [call.call_id for call in again.calls()] == ["c-1"]


def test_a_file_of_an_earlier_version_is_brought_to_this_one(
    data: DataDirectory, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.writer.append(CALL)
    ledger.close()
    more = "ALTER TABLE calls ADD COLUMN colour TEXT;\nCREATE INDEX by_colour ON calls (colour);\n"
    monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, more))
    Database.open(data.ledger, NOW)[0].close()
    connection = sqlite3.connect(data.ledger)
    assert connection.execute("SELECT call_id, colour FROM calls").fetchall() == [("c-1", None)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    connection.close()


def test_a_migration_that_fails_leaves_the_file_at_its_version(
    data: DataDirectory, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.close()
    broken = "CREATE TABLE extra (x);\nINSERT INTO nowhere VALUES (1);\n"
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", (*MIGRATIONS, broken))
        with pytest.raises(LedgerDamagedError):
            Database(data.ledger)
    connection = sqlite3.connect(data.ledger)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)
    connection.close()


def test_every_statement_of_every_migration_is_found() -> None:
    assert [len(statements(script)) for script in MIGRATIONS] == [6, 5, 4, 2, 1]
    assert all(sqlite3.complete_statement(f"{statement};") for script in MIGRATIONS for statement in statements(script))


def test_a_file_of_a_later_version_is_refused_and_left(data: DataDirectory, ledger: Ledger) -> None:
    ledger.close()
    connection = sqlite3.connect(data.ledger)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = data.ledger.read_bytes()
    with pytest.raises(LedgerVersionError, match="install that version"):
        Ledger.open(data, NOW)
    assert data.ledger.read_bytes() == before


def test_a_file_that_others_can_read_is_refused(data: DataDirectory, ledger: Ledger) -> None:
    ledger.close()
    data.ledger.chmod(0o644)
    with pytest.raises(UnsafePathError, match="can be read by others"):
        Ledger.open(data, NOW)


def test_a_file_that_is_no_database_is_set_aside(data: DataDirectory) -> None:
    data.ledger.touch(mode=0o600)
    data.ledger.write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    before = data.ledger.read_bytes()
    with Ledger.open(data, NOW) as ledger:
        aside = data.root / "ledger.db.damaged-20231114T221320Z"
        assert ledger.notice == (
            f"the ledger was damaged: it is kept as {aside}, "
            "and a new one was begun with 0 agents and 0 keys of the old one"
        )
        assert aside.read_bytes() == before
        ledger.writer.append(CALL)
        assert ledger.writer.flush() == 1


def damage(data: DataDirectory) -> None:
    """Overwrites the pages of the calls' own index, as a failing disk might."""
    connection = sqlite3.connect(data.ledger)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'calls_by_time'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with data.ledger.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def test_agents_and_keys_of_a_damaged_file_are_carried_over(data: DataDirectory, ledger: Ledger) -> None:
    token = ledger.agents.create(Agent("code-bot", NOW))
    ledger.keys.claim("code-bot", "k", b"d", "c-1", NOW)
    ledger.writer.append(CALL)
    ledger.close()
    damage(data)
    with Ledger.open(data, NOW) as again:
        assert again.notice.endswith("and a new one was begun with 1 agents and 1 keys of the old one")
        assert again.agents.authenticate(token) == Agent("code-bot", NOW)
        assert again.keys.claim("code-bot", "k", b"d", "c-2", NOW) is not None, "a key still buys once"
        assert again.calls() == []


def test_what_was_only_in_the_log_of_a_damaged_file_is_carried_over_too(
    data: DataDirectory, ledger: Ledger, tmp_path: Path
) -> None:
    token = ledger.agents.create(Agent("code-bot", NOW))
    with ledger._database.writing() as connection:
        connection.execute("DROP TABLE keys")
    crashed = DataDirectory(tmp_path / "crashed")
    crashed.create()
    for side in ("ledger.db", "ledger.db-wal"):
        shutil.copy(data.root / side, crashed.root / side)
    assert b"code-bot" not in crashed.ledger.read_bytes()
    with Ledger.open(crashed, NOW) as again:
        assert again.notice.endswith("with 1 agents and 0 keys of the old one")
        assert again.agents.authenticate(token) == Agent("code-bot", NOW)


def test_a_large_file_is_not_read_through_at_every_start_but_tells_of_damage_when_met(
    data: DataDirectory, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.writer.append(CALL)
    ledger.close()
    damage(data)
    monkeypatch.setattr(module, "CHECKED_BYTES_MAX", 0)
    with Ledger.open(data, NOW) as again:
        with pytest.raises(LedgerDamagedError, match="restart the gateway: it sets the file aside"):
            again.usage(since=NOW)
        assert again.notice == ""


def test_a_file_without_its_tables_is_damaged(data: DataDirectory, ledger: Ledger) -> None:
    ledger.close()
    connection = sqlite3.connect(data.ledger)
    connection.execute("DROP TABLE keys")
    connection.close()
    with Ledger.open(data, NOW) as again:
        assert "the ledger was damaged" in again.notice


def test_a_disk_that_is_full_is_told_and_loses_nothing(data: DataDirectory, ledger: Ledger) -> None:
    with ledger._database.writing() as connection:
        connection.execute("PRAGMA max_page_count = 1")
    connection.execute("PRAGMA max_page_count = 1")
    for number in range(2000):
        ledger.writer.append(Call(f"c-{number}", NOW, "a", "p", "m", "answered", raw_usage={"x": "y" * 1000}))
    with pytest.raises(LedgerError, match="free space on the disk"):
        ledger.writer.flush()
    waiting = ledger.writer.waiting
    assert waiting > 0
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.writer.flush() == waiting
    assert len(ledger.calls(limit=5000)) == 2000


def test_readers_and_writers_of_many_threads_do_not_wait_for_each_other_for_ever(ledger: Ledger) -> None:
    token = ledger.agents.create(Agent("code-bot", NOW))

    def work(number: int) -> int:
        for step in range(10):
            ledger.keys.claim("a", f"{number}-{step}", b"d", "c", NOW)
            ledger.agents.authenticate(token)
            ledger.usage(["agent"])
        return ledger.writer.flush()

    for number in range(50):
        ledger.writer.append(Call(f"c-{number}", NOW, "a", "p", "m", "answered"))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 50
    assert len(ledger.calls()) == 50
    with pytest.raises(UnauthorizedError):
        ledger.agents.authenticate(token, "nobody")
