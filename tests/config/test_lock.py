"""One holder at a time, and a second comer is told who."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
from kruxos.config.problems import DirectoryBusyError, UnsafePathError

HOLDER = """
import sys
from pathlib import Path
from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
with DirectoryLock(DataDirectory(Path(sys.argv[1])), "kruxos serve"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "kruxos")
    made.create()
    return made


def test_a_second_holder_is_told_who_holds_it(data: DataDirectory) -> None:
    with DirectoryLock(data, "kruxos model add"):
        with pytest.raises(DirectoryBusyError) as caught:
            DirectoryLock(data, "kruxos serve").acquire()
        assert str(caught.value) == (
            f"`kruxos model add` (process {os.getpid()}) works in the data directory {data.root}\n"
            f"  fix: wait until it is done, or stop it: kill {os.getpid()}"
        )


def test_a_lock_that_was_given_up_can_be_taken(data: DataDirectory) -> None:
    for _ in range(2):
        with DirectoryLock(data, "kruxos serve"):
            assert data.lock.read_text() == f"{os.getpid()} kruxos serve\n"
        assert data.lock.read_text() == ""
    DirectoryLock(data, "never acquired").release()


def test_a_holder_that_has_not_said_who_it_is_is_another_process(data: DataDirectory) -> None:
    with DirectoryLock(data, "x"):
        data.lock.write_text("")
        with pytest.raises(DirectoryBusyError, match="another process works in the data directory"):
            DirectoryLock(data, "y").acquire()


@pytest.mark.real
def test_a_killed_holder_leaves_no_lock_behind(data: DataDirectory) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data.root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DirectoryBusyError, match=rf"`kruxos serve` \(process {process.pid}\)"):
            DirectoryLock(data, "kruxos model add").acquire()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with DirectoryLock(data, "kruxos model add"):
        assert str(os.getpid()) in data.lock.read_text()


def test_a_lock_file_that_is_a_link_is_refused(data: DataDirectory, tmp_path: Path) -> None:
    data.lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        DirectoryLock(data, "x").acquire()
    assert not (tmp_path / "elsewhere").exists()
