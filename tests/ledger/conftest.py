"""A ledger in a fresh data directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.ledger.ledger import Ledger

NOW = 1_700_000_000.0


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "kruxos")
    made.create()
    return made


@pytest.fixture
def ledger(data: DataDirectory) -> Iterator[Ledger]:
    with Ledger.open(data, NOW) as opened:
        yield opened
