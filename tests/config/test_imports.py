"""What an import brings along: agents and the supervisor pay for it at every start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("cryptography", "httpx", "keyring", "pydantic", "pynng", "sqlite3", "trio", "yaml")


def brought_along(module: str) -> set[str]:
    code = f"import sys, json, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        ("kruxos.paths", set[str]()),
        ("kruxos.config", set[str]()),
        ("kruxos.config.model", set[str]()),
        ("kruxos.config.difference", set[str]()),
        ("kruxos.config.lock", set[str]()),
        ("kruxos.config.models_file", {"pydantic", "yaml"}),
        ("kruxos.vault.vault", {"cryptography", "sqlite3"}),
        ("kruxos.vault.desktop", set[str]()),
        ("kruxos.vault.importing", {"cryptography", "pydantic", "sqlite3", "yaml"}),
        ("kruxos.ledger.ledger", {"sqlite3"}),
    ],
)
def test_an_import_brings_no_more_than_it_needs(module: str, wanted: set[str]) -> None:
    assert brought_along(module) & set(HEAVY) == wanted


def test_the_paths_need_the_standard_library_alone() -> None:
    assert brought_along("kruxos.paths") <= {*sys.stdlib_module_names, "kruxos", "__main__"} | brought_along("json")
