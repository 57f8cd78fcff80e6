"""The launcher and the workers it forks, as real processes."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kruxos.launcher import channel
from kruxos.launcher.paths import import_paths
from tests.launcher.harness import PATIENCE_S, Launcher, wait_code

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform != "linux", reason="the kernel calls are Linux's")]

MODULE = "tests.launcher.curious_worker"


@pytest.fixture
def launcher(tmp_path: Path) -> Generator[Launcher]:
    made = Launcher(tmp_path / "log", MODULE)
    yield made
    made.close()


@contextmanager
def worker(launcher: Launcher) -> Generator[tuple[int, socket.socket, dict[str, Any]]]:
    pid, link = launcher.fork()
    with link:
        yield pid, link, json.loads(link.recv(65536))


def test_a_worker_is_the_supervisors_child_in_a_session_of_its_own(launcher: Launcher) -> None:
    with worker(launcher) as (pid, _, findings):
        assert (findings["pid"], findings["parent"], findings["session"]) == (pid, os.getpid(), pid)
        assert findings["interrupt_ignored"]
    assert wait_code(pid) == 0


def test_a_worker_has_no_environment_no_arguments_of_secrets_and_no_other_descriptor(launcher: Launcher) -> None:
    with worker(launcher) as (pid, _, findings):
        assert set(findings["environment"]) <= {"LC_CTYPE"}  # Python's own, in an empty environment
        assert findings["descriptors"] == [0, 1, 2, 3, 4]  # 4: how much memory it has
        assert "canary" not in Path(f"/proc/{pid}/cmdline").read_text()
        assert not findings["site_loaded"]
    wait_code(pid)


def test_a_worker_leaves_no_core_and_cannot_be_read_or_gain_rights(launcher: Launcher) -> None:
    with worker(launcher) as (pid, _, findings):
        assert (findings["dumpable"], findings["no_new_privileges"], findings["core_limit"]) == (0, 1, [0, 0])
        assert findings["death_signal"] == signal.SIGKILL
    wait_code(pid)


@pytest.mark.parametrize("code", [0, 7, 125])
def test_an_exit_code_arrives_at_the_supervisor(launcher: Launcher, code: int) -> None:
    with worker(launcher) as (pid, link, _):
        link.send(b"exit %d" % code)
        assert wait_code(pid) == code


def test_an_exception_goes_to_the_log_and_is_exit_code_one(launcher: Launcher, tmp_path: Path) -> None:
    with worker(launcher) as (pid, link, _):
        link.send(b"fail")
        assert wait_code(pid) == 1
    assert "RuntimeError: told to" in (tmp_path / "log").read_text()


def test_a_kill_arrives_as_its_signal(launcher: Launcher) -> None:
    with worker(launcher) as (pid, _, _):
        os.kill(pid, signal.SIGKILL)
        assert wait_code(pid) == -signal.SIGKILL


def test_the_launchers_death_costs_no_worker(launcher: Launcher) -> None:
    with worker(launcher) as (pid, link, _):
        launcher.process.kill()
        launcher.process.wait(PATIENCE_S)
        assert launcher.end.recv(4096) == b""
        link.send(b"exit 3")
        assert wait_code(pid) == 3


def test_the_end_of_the_channel_ends_the_launcher(launcher: Launcher) -> None:
    launcher.end.close()
    assert launcher.process.wait(PATIENCE_S) == 0


def test_workers_are_forked_in_no_time_and_each_is_another(launcher: Launcher) -> None:
    spawned = [launcher.fork() for _ in range(8)]
    assert len({pid for pid, _ in spawned}) == 8
    for pid, link in spawned:
        assert json.loads(link.recv(65536))["pid"] == pid
        link.close()
        assert wait_code(pid) == 0


SUPERVISOR = """
import os, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.launcher.harness import Launcher
launcher = Launcher(Path(sys.argv[1]), "tests.launcher.curious_worker")
pid, link = launcher.fork()
link.recv(65536)
print(pid, flush=True)
sys.stdin.read()
"""


def test_the_supervisors_end_ends_its_workers(tmp_path: Path) -> None:
    paths = [str(Path.cwd()), *import_paths()]
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR.format(paths=paths), str(tmp_path / "log")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    gone = os.pidfd_open(pid)
    supervisor.kill()
    supervisor.wait(PATIENCE_S)
    readable, _, _ = select.select([gone], [], [], PATIENCE_S)
    os.close(gone)
    assert readable, "the worker outlived its supervisor"
    for stream in (supervisor.stdin, supervisor.stdout):
        assert stream is not None
        stream.close()


def test_messages_of_the_channel_survive_their_journey() -> None:
    for message in (channel.Up(5), channel.Spawned(3, 77), channel.Failed(3, "Resource temporarily unavailable")):
        assert channel.decode(channel.encode(message)) == message
    with pytest.raises(ValueError, match="not a launcher's message"):
        channel.decode(b"hello there")
