"""Captives: one in the cage and one without, so that each test shows first that the attempt works."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.launcher.harness import PATIENCE_S, Launcher, wait_code

VICTIM = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)  # whoever may at all, may: not Yama is to be judged
secret = ctypes.create_string_buffer(b"a-secret")
print(ctypes.addressof(secret), flush=True)
sys.stdin.read()
"""


@dataclass
class Captive:
    """A worker that makes attempts."""

    pid: int
    link: socket.socket
    isolation: dict[str, Any]

    def ask(self, name: str, *arguments: object) -> dict[str, Any]:
        """Has it do something; its answer, empty where it ended over it."""
        self.link.send(json.dumps([name, arguments]).encode())
        answer = self.link.recv(65536)
        return json.loads(answer) if answer else {}

    def attempt(self, name: str, *arguments: object) -> int:
        """The number of the error that it met; 0: it was done. Skips where this machine has no such thing."""
        answer = self.ask(name, *arguments)
        if "missing" in answer:
            pytest.skip(f"{name}: {answer['missing']}")
        return int(answer["errno"])

    def need(self, name: str, *arguments: object) -> Any:
        """What comes of something that it must be able to do."""
        answer = self.ask(name, *arguments)
        assert "failure" not in answer, answer["failure"]
        return answer["result"]


def captive(launcher: Launcher, *, caged: bool, ports: tuple[int, ...] = ()) -> Captive:
    """A new one."""
    pid, link = launcher.fork(caged=caged, ports=ports)
    return Captive(pid, link, json.loads(link.recv(65536)))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cage") / "log"


@pytest.fixture(scope="module")
def launcher(log: Path) -> Generator[Launcher]:
    made = Launcher(log, "tests.cage.captive")
    yield made
    made.close()


@pytest.fixture(scope="module")
def listening() -> Generator[tuple[socket.socket, socket.socket]]:
    """Two listeners: the provider's, and one that a worker has no business with."""
    with socket.create_server(("127.0.0.1", 0)) as own, socket.create_server(("127.0.0.1", 0)) as foreign:
        yield own, foreign


@pytest.fixture(scope="module")
def own_port(listening: tuple[socket.socket, socket.socket]) -> int:
    return int(listening[0].getsockname()[1])


@pytest.fixture(scope="module")
def foreign_port(listening: tuple[socket.socket, socket.socket]) -> int:
    return int(listening[1].getsockname()[1])


def _serving(launcher: Launcher, ports: tuple[int, ...], *, caged: bool) -> Generator[Captive]:
    made = captive(launcher, caged=caged, ports=ports)
    yield made
    made.link.close()
    wait_code(made.pid)


@pytest.fixture(scope="module")
def free(launcher: Launcher) -> Generator[Captive]:
    """Without a cage."""
    yield from _serving(launcher, (), caged=False)


@pytest.fixture(scope="module")
def caged(launcher: Launcher, own_port: int) -> Generator[Captive]:
    """In the cage of a provider at ``own_port``."""
    yield from _serving(launcher, (own_port,), caged=True)


@dataclass
class Victim:
    """Another process of the same user, which lets itself be read, and where its secret is."""

    pid: int
    address: int


@pytest.fixture(scope="module")
def victim() -> Generator[Victim]:
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "A": "b"}
    )
    with process:
        assert process.stdout is not None
        yield Victim(process.pid, int(process.stdout.readline()))
        process.kill()
    process.wait(PATIENCE_S)
