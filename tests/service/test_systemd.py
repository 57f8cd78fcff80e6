"""What systemd hears from the gateway: by a real socket, under a path and under an abstract name."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
import trio.testing

from kruxos.service.systemd import Systemd
from tests.service.running import WITHIN_S, Installation

WATCHDOG_S = 0.4


@dataclass
class Manager:
    """systemd's end."""

    name: str
    socket: socket.socket
    heard: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def next(self) -> dict[str, str]:
        """The next message."""
        told = dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())
        self.heard.append(told)
        return told

    def wait_for(self, key: str) -> dict[str, str]:
        """The next message that says this."""
        for _ in range(200):
            if key in (told := self.next()):
                return told
        raise AssertionError(f"{key} did not come, only {self.heard}")

    def rest(self) -> list[dict[str, str]]:
        """What comes until nothing does for a while."""
        came: list[dict[str, str]] = []
        try:
            while len(came) < 100:
                came.append(self.next())
        except TimeoutError:
            return came
        raise AssertionError("it goes on and on")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    name = str(tmp_path_factory.mktemp("n") / "notify")
    if request.param == "abstract":
        name = f"@kruxos-test-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(name.replace("@", "\0", 1))
        made.settimeout(WITHIN_S)
        yield Manager(name, made)


@pytest.mark.real
def test_from_ready_to_stopping_with_signs_of_life_and_a_reload_between(own: Installation, manager: Manager) -> None:
    own.kruxos.around = {
        "NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
    }  # fmt: skip
    with own.serving() as daemon:
        ready = manager.wait_for("READY")
        assert ready["MAINPID"] == str(daemon.pid)
        assert "providers ready" in ready["STATUS"]
        first, second = manager.wait_for("WATCHDOG"), manager.wait_for("WATCHDOG")
        assert "calls under way" in first["STATUS"]
        assert second["WATCHDOG"] == "1"
        own.store_keys(["claude"])
        asked_at = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.send_signal(signal.SIGHUP)
        assert int(manager.wait_for("RELOADING")["MONOTONIC_USEC"]) >= asked_at
        assert "1 of 7 providers ready" in manager.wait_for("READY")["STATUS"]
        own.kruxos.write_models("nonsense: true\n")
        manager.wait_for("RELOADING")
        assert "models.yaml as it is on disk cannot be used" in manager.wait_for("READY")["STATUS"]
        _nobody_else_was_told_of_it(own)
        daemon.send_signal(signal.SIGTERM)
        assert "1 of 7 providers ready" in manager.wait_for("STOPPING")["STATUS"]
        assert daemon.wait_end() == 0


def _nobody_else_was_told_of_it(own: Installation) -> None:
    """Launcher and workers have an empty environment; as root we may read what they keep from others."""
    for pid in (own.status()["launcher_pid"], *own.workers().values()):
        try:
            found = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            continue
        assert b"NOTIFY_SOCKET" not in found
        assert b"WATCHDOG" not in found


@pytest.mark.real
def test_a_supervisor_that_hangs_gives_no_sign_of_life(own: Installation, manager: Manager) -> None:
    own.kruxos.around = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6))}
    with own.serving() as daemon:
        manager.wait_for("WATCHDOG")
        daemon.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
        manager.socket.settimeout(2 * WATCHDOG_S)
        assert len(manager.rest()) <= 4, "only what was sent before"
        daemon.send_signal(signal.SIGCONT)
        manager.socket.settimeout(WITHIN_S)
        manager.wait_for("WATCHDOG")


@pytest.mark.real
def test_without_systemd_sighup_ends_the_gateway_as_the_end_of_its_terminal_does(own: Installation) -> None:
    with own.serving() as daemon:
        daemon.send_signal(signal.SIGHUP)
        assert daemon.wait_end() == -signal.SIGHUP


def test_the_environment_is_read_once_and_left_without_it() -> None:
    environment = {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/h"}
    assert Systemd.from_environment(environment) == Systemd(b"\0a", 3.0)
    assert environment == {"HOME": "/h"}
    assert Systemd.from_environment(environment) == Systemd()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, Systemd(b"/run/n", None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"}, Systemd(b"/run/n", None)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "0"}, Systemd(b"/run/n", None)),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, Systemd()),
        ({"WATCHDOG_USEC": "1000000"}, Systemd()),
    ],
)
def test_what_is_not_meant_for_us_is_not_taken(given: dict[str, str], expected: Systemd) -> None:
    assert Systemd.from_environment(given) == expected


def test_signs_of_life_come_twice_in_the_time_that_systemd_waits(manager: Manager) -> None:
    async def main() -> list[float]:
        systemd = Systemd(manager.name.encode().replace(b"@", b"\0", 1), 3.0)
        told_at: list[float] = []

        def status() -> str:
            told_at.append(trio.current_time())
            return "well"

        with trio.move_on_after(10.0):
            await systemd.run(status)
        return told_at

    told_at = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [round(at - told_at[0], 1) for at in told_at] == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5, 9.0]
    for _ in told_at:
        assert manager.next() == {"WATCHDOG": "1", "STATUS": "well"}


def test_a_manager_that_does_not_read_holds_nobody_up(manager: Manager) -> None:
    systemd = Systemd(manager.name.encode().replace(b"@", b"\0", 1))
    for number in range(5000):
        systemd.ready(str(number))
    assert manager.next()["STATUS"] == "0"


def test_a_manager_that_is_gone_is_no_failure() -> None:
    Systemd(b"/nowhere/at/all").stopping("late")
