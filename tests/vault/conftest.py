"""A vault in a fresh data directory whose key is in a file, and a clock that stands still."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.model import Destination
from kruxos.vault.vault import Vault

HERE = Destination("https://api.example:443")
ELSEWHERE = Destination("https://evil.example:443")
NAME = "model-provider:deepseek"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "kruxos")
    made.create()
    return made


@pytest.fixture
def open_vault(data: DataDirectory) -> Iterator[Callable[..., Vault]]:
    """Opens the vault, as often as wanted; the environment is empty, so the key is in a file."""
    opened: list[Vault] = []

    def open_one(**options: object) -> Vault:
        vault = Vault.open(data, **{"environment": {}, "clock": lambda: 1000.0, **options})  # type: ignore[arg-type]  # as the test says
        opened.append(vault)
        return vault

    yield open_one
    for vault in opened:
        vault.close()


@pytest.fixture
def vault(open_vault: Callable[..., Vault]) -> Vault:
    return open_vault()


def change(data: DataDirectory, statement: str, *values: object) -> None:
    """What somebody with an SQLite shell would do to the file."""
    connection = sqlite3.connect(data.vault)
    with connection:
        connection.execute(statement, values)
    connection.close()
