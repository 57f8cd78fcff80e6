"""What somebody did to the vault's file is told, and opens nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.problems import UnsafePathError
from kruxos.config.secret import Secret
from kruxos.vault.problems import (
    SwappedRecordError,
    TamperedRecordError,
    VaultDamagedError,
    VaultVersionError,
)
from kruxos.vault.vault import Vault
from tests.vault.conftest import HERE, NAME, change

KEY = "sk-CANARY-0123456789"


@pytest.mark.parametrize("column", ["ciphertext", "nonce"])
def test_a_changed_bit_is_told(data: DataDirectory, vault: Vault, column: str) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    connection = sqlite3.connect(data.vault)
    (old,) = connection.execute(f"SELECT {column} FROM records").fetchone()
    connection.close()
    change(data, f"UPDATE records SET {column} = ?", bytes([old[0] ^ 1]) + old[1:])
    with pytest.raises(TamperedRecordError, match="store it again: `kruxos vault add model-provider:deepseek api-key`"):
        vault.get(NAME, HERE)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "oauth"), ("version", 7), ("ciphertext", b""), ("ciphertext", "text"), ("nonce", b""), ("nonce", 5),
        ("nonce", bytes(500)), ("changed_at", "x"), ("proxy", b"3"),
    ],
)  # fmt: skip
def test_any_other_change_is_told_too(data: DataDirectory, vault: Vault, column: str, value: object) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    change(data, f"UPDATE records SET {column} = ?", value)
    with pytest.raises(TamperedRecordError):
        vault.get(NAME, HERE)


def test_swapped_records_are_told_apart_from_changed_ones(data: DataDirectory, vault: Vault) -> None:
    vault.add("model-provider:a", "api-key", Secret("key-a"), HERE)
    vault.add("model-provider:b", "api-key", Secret("key-b"), HERE)
    change(
        data, "UPDATE records SET (nonce, ciphertext) = (SELECT nonce, ciphertext FROM records WHERE name LIKE '%a')"
    )
    assert vault.get("model-provider:a", HERE).reveal() == "key-a"
    with pytest.raises(SwappedRecordError, match="the record of model-provider:b is the one of model-provider:a"):
        vault.get("model-provider:b", HERE)


def test_a_record_of_another_vault_does_not_open(data: DataDirectory, vault: Vault, tmp_path: Path) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    change(data, "UPDATE vault SET vault_id = 'another'")
    vault.close()
    with Vault.open(data, environment={}) as again:
        assert again.status().reason.startswith(f"the key in the file {data.vault_key} is not this vault's")


def test_a_file_that_is_no_vault_is_told_and_left(data: DataDirectory, open_vault: Callable[..., Vault]) -> None:
    data.vault.write_bytes(b"not a database, and long enough to be looked at" * 50)
    data.vault.chmod(0o600)
    with pytest.raises(VaultDamagedError, match="is not a vault any more\n  fix: restore it from a backup"):
        open_vault()
    assert data.vault.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE vault",
        "DELETE FROM vault",
        "UPDATE vault SET cost = '{}'",
        "UPDATE vault SET source = 'x'",
        "UPDATE vault SET salt = 'x'",
    ],
)
def test_a_vault_without_its_head_is_damaged(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault], statement: str
) -> None:
    vault.close()
    change(data, statement)
    with pytest.raises(VaultDamagedError):
        open_vault()


def test_a_cost_that_would_take_all_memory_is_refused(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault]
) -> None:
    vault.close()
    change(data, """UPDATE vault SET cost = '{"memory_kib": 1000000000, "iterations": 3, "lanes": 4}'""")
    with pytest.raises(VaultDamagedError):
        open_vault()


def test_the_file_of_a_later_version_is_told(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault]
) -> None:
    vault.close()
    change(data, "PRAGMA user_version = 99")
    with pytest.raises(VaultVersionError, match="install that version"):
        open_vault()


def test_an_empty_file_is_a_new_vault(data: DataDirectory, open_vault: Callable[..., Vault]) -> None:
    data.vault.touch(mode=0o600)
    assert open_vault().status().created is True


@pytest.mark.parametrize("name", ["vault", "vault_key"])
def test_a_file_that_others_can_read_is_refused(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault], name: str
) -> None:
    vault.close()
    getattr(data, name).chmod(0o640)
    with pytest.raises(UnsafePathError, match="can be read by others"):
        open_vault()


def test_a_file_of_another_owner_is_refused(
    vault: Vault, open_vault: Callable[..., Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.close()
    monkeypatch.setattr("os.geteuid", lambda: 54321)
    with pytest.raises(UnsafePathError, match="belongs to"):
        open_vault()
