"""The data directory: where it is, how it is made, and what about it is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.problems import SetupError, UnsafePathError
from kruxos.paths import agent_socket, control_socket, data_directory


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.lstat().st_mode))


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    made = DataDirectory(tmp_path / "kruxos")
    made.create()
    return made


def test_the_environment_names_the_directory_first(tmp_path: Path) -> None:
    assert data_directory({"KRUXOS_DATA_DIR": str(tmp_path / "x")}, system=tmp_path) == tmp_path / "x"
    assert data_directory({"KRUXOS_DATA_DIR": "relative"}, system=tmp_path) == Path.cwd() / "relative"


def test_the_systems_directory_comes_next_where_it_can_be_written(tmp_path: Path) -> None:
    assert data_directory({"KRUXOS_DATA_DIR": ""}, system=tmp_path) == tmp_path


def test_the_users_own_directory_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_directory({"XDG_DATA_HOME": "/x/share"}, system=missing) == Path("/x/share/kruxos")
    assert data_directory({"XDG_DATA_HOME": "relative"}, system=missing) == tmp_path / ".local/share/kruxos"
    assert data_directory({}, system=missing) == tmp_path / ".local/share/kruxos"
    monkeypatch.setattr("sys.platform", "darwin")
    assert data_directory({}, system=missing) == tmp_path / "Library/Application Support/kruxos"


def test_it_is_found_by_the_process_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRUXOS_DATA_DIR", str(tmp_path))
    assert DataDirectory.find() == DataDirectory(tmp_path)


def test_it_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        data = DataDirectory(tmp_path / "deep" / "kruxos")
        data.create()
    finally:
        os.umask(before)
    made = (data.root, data.run, data.run_agents, data.run_control, data.jobs, data.logs)
    assert {mode(path) for path in made} == {"0o700"}
    assert data.run_agents == agent_socket(data.root).parent
    assert data.run_control == control_socket(data.root).parent


def test_making_it_twice_is_making_it_once(data: DataDirectory) -> None:
    data.create()
    data.check()


@pytest.mark.parametrize("name", ["root", "run", "run_agents", "run_control", "jobs", "logs"])
def test_a_directory_that_others_can_write_is_refused(data: DataDirectory, name: str) -> None:
    path = getattr(data, name)
    path.chmod(0o770)
    with pytest.raises(UnsafePathError) as caught:
        data.check()
    assert str(caught.value) == f"{path} can be changed by others\n  fix: chmod 700 {path}"


@pytest.mark.parametrize(("name", "allowed"), [("root", True), ("run", True), ("jobs", False), ("logs", False)])
def test_others_may_pass_through_to_the_sockets_and_no_further(data: DataDirectory, name: str, allowed: bool) -> None:
    getattr(data, name).chmod(0o711)
    assert (not list(data.problems())) is allowed


@pytest.mark.parametrize("name", ["models", "vault", "vault_key", "ledger"])
def test_a_file_that_others_can_write_is_refused(data: DataDirectory, name: str) -> None:
    path = getattr(data, name)
    path.touch()
    path.chmod(0o620)
    assert [problem.fix for problem in data.problems()] == [f"chmod 600 {path}"]


@pytest.mark.parametrize(
    ("name", "allowed"), [("models", True), ("vault", False), ("vault_key", False), ("ledger", False)]
)
def test_only_models_yaml_may_be_read_by_others(data: DataDirectory, name: str, allowed: bool) -> None:
    path = getattr(data, name)
    path.touch()
    path.chmod(0o644)
    assert [problem.message for problem in data.problems()] == ([] if allowed else [f"{path} can be read by others"])


def test_what_belongs_to_somebody_else_is_refused(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(UnsafePathError, match=rf"{data.root} belongs to .*uid {os.getuid()}\), and this is uid 54321"):
        data.check()


def test_a_symbolic_link_is_refused(data: DataDirectory, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    data.jobs.rmdir()
    data.jobs.symlink_to(tmp_path / "real")
    data.vault.symlink_to(tmp_path / "nowhere")
    assert [p.message.removeprefix(str(data.root)) for p in data.problems()] == [
        "/jobs is a symbolic link", "/vault.db is a symbolic link",
    ]  # fmt: skip
    (tmp_path / "link").symlink_to(data.root)
    with pytest.raises(UnsafePathError, match="link is a symbolic link"):
        DataDirectory(tmp_path / "link").create()


def test_the_wrong_kind_of_thing_is_refused(data: DataDirectory) -> None:
    data.logs.rmdir()
    data.logs.touch(mode=0o600)
    data.vault.mkdir(mode=0o700)
    assert [p.message.removeprefix(str(data.root)) for p in data.problems()] == [
        "/logs is not a directory", "/vault.db is not a file",
    ]  # fmt: skip


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be made: File exists"):
        DataDirectory(tmp_path / "file" / "kruxos").create()


def test_a_path_that_is_too_long_for_sockets_is_told(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / ("x" * 90))
    (problem,) = [p for p in data.problems() if "sockets" in p.message]
    assert problem.fix == "set KRUXOS_DATA_DIR to a directory with a shorter path"
