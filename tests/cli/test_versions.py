"""Upgrade and downgrade by one release keep the data directory.

The rule (docs/operations.md): a later release brings the ledger to its own form, and keeps a copy as it was; an earlier
one refuses what it does not know, names the copy, and changes nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.secret import Secret
from kruxos.ledger import database
from kruxos.ledger.database import earlier_copy
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.problems import LedgerVersionError
from kruxos.ledger.schema import MIGRATIONS, statements
from tests.cli.running import Kruxos

NOW = 1_790_000_000.0

NEXT = (*MIGRATIONS, "ALTER TABLE agents ADD COLUMN mood TEXT;\n")
AGENT = (
    "INSERT INTO agents (name, token_sha256, created_at, purpose, fallback) VALUES ('code-bot', x'00', 1.0, '', 'any')"
)


def first_release(data: DataDirectory) -> None:
    """A data directory as the first release left it."""
    data.create()
    data.models.write_text("providers:\n  mine:\n    type: openai\n    base_url: http://127.0.0.1:1/v1\n    model: m\n")
    data.models.chmod(0o600)
    with closing(sqlite3.connect(data.ledger)) as ledger:
        for statement in statements(MIGRATIONS[0]):
            ledger.execute(statement)
        ledger.execute(AGENT)
        ledger.execute("PRAGMA user_version = 1")
        ledger.commit()
    data.ledger.chmod(0o600)


def agents_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as ledger:
        return [name for (name,) in ledger.execute("SELECT name FROM agents")]


def test_a_directory_of_the_first_release_is_taken_over_with_all_that_is_in_it(kruxos: Kruxos) -> None:
    data = DataDirectory(kruxos.root)
    first_release(data)
    assert "code-bot" in kruxos.well("agent", "list")
    assert "mine" in kruxos.well("model", "list")
    kruxos.well("vault", "add", "model-provider:mine", "api-key", stdin="sk-made-up-0123456789\n")
    assert "model-provider:mine" in kruxos.well("vault", "list")


def test_a_later_release_keeps_the_ledger_as_it_was(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDirectory(kruxos.root)
    data.create()
    Ledger.open(data, NOW).close()
    monkeypatch.setattr(database, "MIGRATIONS", NEXT)
    Ledger.open(data, NOW).close()
    copy = earlier_copy(data.ledger, len(MIGRATIONS))
    assert oct(copy.stat().st_mode)[-3:] == "600"
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_an_earlier_release_names_the_copy_and_works_with_it(kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch) -> None:
    kruxos.well("agent", "create", "--name", "code-bot")
    data = DataDirectory(kruxos.root)
    with monkeypatch.context() as later:
        later.setattr(database, "MIGRATIONS", NEXT)
        Ledger.open(data, NOW).close()
    before = data.ledger.read_bytes()
    refused = kruxos("agent", "list")
    copy = earlier_copy(data.ledger, len(MIGRATIONS))
    assert refused.code == 1
    assert refused.err == (
        f"error: {data.ledger} was written by a later version\n"
        f"fix: install that version, or go back to how it was before: mv {copy} {data.ledger}\n"
    )
    assert data.ledger.read_bytes() == before
    copy.rename(data.ledger)
    assert "code-bot" in kruxos.well("agent", "list")


def test_a_ledger_of_a_much_later_release_is_refused_without_a_way_that_is_not_there(kruxos: Kruxos) -> None:
    data = DataDirectory(kruxos.root)
    data.create()
    Ledger.open(data, NOW).close()
    with closing(sqlite3.connect(data.ledger)) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerVersionError, match=r"install that version$"):
        Ledger.open(data, NOW)


def test_an_older_vault_opens_and_a_later_one_is_refused(kruxos: Kruxos) -> None:
    from kruxos.config.model import Destination
    from kruxos.vault.vault import Vault

    kruxos.well("model", "add", "anthropic", stdin="sk-made-up-0123456789\n")
    data = DataDirectory(kruxos.root)
    with Vault.open(data) as vault:
        found = vault.get("model-provider:anthropic", Destination("https://api.anthropic.com:443"))
        assert found == Secret("sk-made-up-0123456789")
    with closing(sqlite3.connect(data.vault)) as file:
        file.execute("PRAGMA user_version = 99")
    refused = kruxos("vault", "list")
    assert (refused.code, "was written by a later version\nfix: install that version" in refused.err) == (1, True)
