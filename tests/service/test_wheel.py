"""The package as it is installed holds the data that the code reads."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.running import ROOT

DATA = {"kruxos/config/default_models.yaml", "kruxos/catalog/models.json", "kruxos/py.typed", "kruxos_workers/py.typed"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_module_and_every_file_of_data_is_in_it(names: set[str]) -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "kruxos").rglob("*.py")}
    there |= {str(path.relative_to(ROOT / "workers")) for path in (ROOT / "workers").rglob("*.py")}
    assert there | DATA <= names


def test_nothing_else_is_in_it(names: set[str]) -> None:
    tops = {Path(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"kruxos", "kruxos_workers"}
    (manual,) = [name for name in names if ".data/" in name]
    assert manual.endswith(".data/data/share/man/man1/kruxos.1")
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
