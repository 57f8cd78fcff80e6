from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kruxos import paths
from kruxos.client.control import ControlClient

ROOT = Path(__file__).parents[2]


class FakeGateway:
    """The fake gateway's process, and what it has seen."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = str(paths.agent_socket(data))
        self.control = ControlClient(address=paths.control_socket(data))
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/client/fake_gateway.py"), str(self.data)],
            stdout=subprocess.PIPE,
            env=self.environment(),
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def environment(self) -> dict[str, str]:
        """For processes that talk to this gateway and import the project."""
        return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'workers'}", "KRUXOS_DATA_DIR": str(self.data)}

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """While the gateway does nothing at all."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until the last of its threads stands still
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self.wait_exit()

    def wait_exit(self) -> None:
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def seen(self, what: str) -> int:
        return int(self.control.call("seen").get(what, 0))

    def wait(self, what: str, count: int) -> None:
        """Until the gateway has seen ``what`` so many times."""
        self.control.call("wait", {"what": what, "count": count}, timeout_s=20)


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[FakeGateway]:
    with tempfile.TemporaryDirectory(prefix="kx") as directory:
        gateway = FakeGateway(Path(directory))
        yield gateway
        gateway.stop()


@pytest.fixture
def gateway(shared_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A gateway that tests share: they ask for its numbers before and after."""
    monkeypatch.setenv("KRUXOS_DATA_DIR", str(shared_gateway.data))
    return shared_gateway


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[FakeGateway]:
    """A gateway that the test may kill and start again."""
    gateway = FakeGateway(tmp_path)
    yield gateway
    gateway.stop()


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param
