"""The desktop's keyring: it answers in time or not at all, and a machine without one notices nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.secret import Secret
from kruxos.vault.desktop import Desktop, find_desktop, open_desktop
from kruxos.vault.problems import KeyUnavailableError
from kruxos.vault.vault import Vault
from tests.vault.conftest import HERE, NAME
from tests.vault.test_keys import FakeBackend

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux'")

FIRST_START = """
import sys
from pathlib import Path
from kruxos.config.directory import DataDirectory
from kruxos.vault.vault import Vault
data = DataDirectory(Path(sys.argv[1]))
data.create()
with Vault.open(data) as vault:
    sys.stderr.write(vault.status().source)
"""


def first_start(tmp_path: Path, **environment: str) -> str:
    """A first start in a process of its own; what it printed, on both streams."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_START, str(tmp_path / "kruxos")],
        env={**plain, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_keyring_is_asked_and_answers() -> None:
    desktop = Desktop(FakeBackend(), lambda: "")
    assert desktop.get("k") is None
    desktop.set("k", "v")
    assert desktop.get("k") == "v"
    desktop.delete("k")
    assert desktop.get("k") is None


def test_a_keyring_that_cannot_be_used_says_why_and_is_not_asked() -> None:
    backend = FakeBackend()
    desktop = Desktop(backend, lambda: "is locked")
    with pytest.raises(KeyUnavailableError, match="the desktop's keyring is locked\n  fix: log in"):
        desktop.set("k", "v")
    assert not backend.kept


def test_a_keyring_that_does_not_answer_is_given_up() -> None:
    never = threading.Event()
    desktop = Desktop(FakeBackend(), lambda: str(never.wait()), within_s=0.05)
    with pytest.raises(KeyUnavailableError, match="does not answer"):
        desktop.check()
    never.set()


def test_a_keyring_that_fails_is_told_by_the_kind_of_failure_alone() -> None:
    def fail() -> str:
        raise RuntimeError("CANARY: the key itself")

    with pytest.raises(KeyUnavailableError, match="fails: RuntimeError") as caught:
        Desktop(FakeBackend(), fail).check()
    assert "CANARY" not in str(caught.value)


@linux
def test_without_a_session_bus_there_is_no_keyring() -> None:
    assert open_desktop({}) is None
    assert find_desktop({}) is None


@linux
@pytest.mark.real
def test_a_headless_machine_gets_a_file_without_a_word(tmp_path: Path) -> None:
    assert first_start(tmp_path) == "file"


@linux
@pytest.mark.real
def test_a_session_bus_that_is_not_there_means_a_file(tmp_path: Path) -> None:
    assert first_start(tmp_path, DBUS_SESSION_BUS_ADDRESS=f"unix:path={tmp_path}/nobody") == "file"


@linux
@pytest.mark.real
def test_a_session_bus_that_never_answers_means_a_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        assert first_start(tmp_path, DBUS_SESSION_BUS_ADDRESS=f"unix:path={tmp_path}/bus") == "file"


@contextmanager
def process(*command: str, **environment: str) -> Generator[str]:
    """A process while it runs; gives the first line that it says."""
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.terminate()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a session bus without anything on it."""
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    address = f"--address=unix:path={tmp_path}/bus"
    with process("dbus-daemon", "--session", "--nofork", "--print-address", address) as said:
        yield said


@linux
@pytest.mark.real
def test_a_session_bus_without_a_keyring_means_a_file(tmp_path: Path, bus: str) -> None:
    assert first_start(tmp_path, DBUS_SESSION_BUS_ADDRESS=bus) == "file"


@linux
@pytest.mark.real
@pytest.mark.parametrize(("state", "source"), [("unlocked", "keyring"), ("locked", "file"), ("absent", "file")])
def test_a_secret_service_is_used_where_nobody_has_to_be_asked(
    tmp_path: Path, bus: str, state: str, source: str
) -> None:
    environment = {"DBUS_SESSION_BUS_ADDRESS": bus}
    with process(sys.executable, str(Path(__file__).with_name("secret_service.py")), state, **environment) as said:
        assert said == "ready"
        assert first_start(tmp_path, **environment) == source
        assert first_start(tmp_path, **environment) == source, "the next start finds the key again"
    assert (tmp_path / "kruxos" / "vault.key").exists() is (source == "file")


@linux
@pytest.mark.real
def test_a_key_that_is_changed_leaves_one_entry_in_the_secret_service(
    tmp_path: Path, bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
    data = DataDirectory(tmp_path / "kruxos")
    data.create()
    with (
        process(sys.executable, str(Path(__file__).with_name("secret_service.py")), "unlocked") as said,
        Vault.open(data) as vault,
    ):
        assert said == "ready"
        vault.add(NAME, "api-key", Secret("key-one"), HERE)
        old = vault._master.head.key_id
        vault.keep_key_in("keyring")
        desktop = find_desktop(os.environ)
        assert desktop is not None
        assert desktop.get(f"vault key {old}") is None
        assert vault.get(NAME, HERE).reveal() == "key-one"
        vault.lock()
        vault.unlock()
        assert vault.get(NAME, HERE).reveal() == "key-one"


@pytest.mark.real
def test_no_plug_in_of_keyring_is_searched_for(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.metadata as m\n"
        "m.entry_points = None\n"
        "from kruxos.vault.desktop import open_desktop\n"
        "open_desktop({'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nowhere'})\n"
        "print('keyring.backends.chainer' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
