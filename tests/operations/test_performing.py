"""Who does an operation: the gateway, or the command line under the directory's lock."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.lock import DirectoryLock
from kruxos.errors import GatewayUnreachableError, RefusedError
from kruxos.operations import OPERATIONS, perform, registry
from kruxos.paths import control_socket
from tests.operations.conftest import Direct

ROOT = Path(__file__).parents[2]
HEAVY = {"cryptography", "httpx", "keyring", "pydantic", "pynng", "sqlite3", "trio", "yaml"}


def test_without_a_gateway_it_is_done_here(direct: Direct) -> None:
    assert direct("model.add", type="local")["in_force"] is False


def test_a_socket_that_a_dead_gateway_left_behind_is_no_gateway(direct: Direct) -> None:
    direct.data.create()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(control_socket(direct.data.root)))
    assert direct("model.add", type="local")["in_force"] is False


def test_a_directory_that_somebody_works_in_is_waited_for(direct: Direct) -> None:
    direct.data.create()
    lock = DirectoryLock(direct.data, "kruxos serve")
    lock.acquire()
    pauses: list[float] = []

    def pause(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 3:
            lock.release()

    assert perform(direct.data, "model.list", {}, pause=pause)["providers"] == []
    assert len(pauses) == 3


def test_a_lock_that_is_held_without_a_socket_is_told_after_a_while(
    direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kruxos.operations.performing.BUSY_WITHIN_S", 0.0)
    direct.data.create()
    with DirectoryLock(direct.data, "kruxos serve"), pytest.raises(RefusedError) as caught:
        direct("model.list")
    assert "`kruxos serve` (process" in caught.value.message
    assert "fix: wait until it is done, or stop it" in caught.value.message


def test_a_gateway_that_hangs_up_is_not_taken_for_none(direct: Direct) -> None:
    direct.data.create()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(control_socket(direct.data.root)))
        door.listen()
        script = f"import socket; s = socket.socket(fileno={door.fileno()}); s.accept()[0].close()"
        hanging_up = subprocess.Popen([sys.executable, "-c", script], pass_fds=[door.fileno()])
        with hanging_up, pytest.raises(GatewayUnreachableError, match="closed the connection"):
            direct("model.add", type="local")
    assert not direct.data.models.exists()


def test_a_path_that_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="too long for the sockets"):
        perform(DataDirectory(tmp_path / ("x" * 120)), "model.add", {"type": "local"})


def test_a_directory_that_others_can_write_is_told(direct: Direct) -> None:
    direct.data.create()
    direct.data.root.chmod(0o777)
    with pytest.raises(RefusedError, match="can be changed by others\n  fix: chmod 700"):
        direct("model.list")


def test_asking_loads_nothing_heavy() -> None:
    code = (
        "import sys, json, kruxos.operations.performing;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(json.loads(done.stdout))


def test_every_operation_is_found_by_its_name_alone() -> None:
    assert OPERATIONS
    assert [name for name, each in OPERATIONS.items() if registry.operation(name) != each] == []
    with pytest.raises(KeyError):
        registry.operation("model.nothing")
