"""What is measured: nothing in between (``direct``), the rivals as the harness starts them, and our gateway.

A target is started afresh in each round. ``measure`` puts a load on it and gives the figures, with the CPU of its whole
process tree for each unit: a chunk where the load streams, else a call.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kruxos import BlockingClient
from kruxos.errors import KruxosError
from kruxos.paths import agent_socket
from tests.bench import harness, http_load, native
from tests.bench.load import Load
from tests.bench.processes import Meter
from tests.service.running import Installation, until

PORT = 9100
FAILING = {"429": "9102:status=429,retry=0", "500": "9103:status=500,retry=0"}
KEY = "sk-mock"
MODELS = """\
providers:
  mock: {type: openai, base_url: "http://127.0.0.1:9100/v1", model: gpt-4o-mini}
  failing: {type: openai, base_url: "http://127.0.0.1:9103/v1", model: gpt-4o-mini}
defaults: {chat: mock, fallback: mock}
"""
OURS = "kruxos"


class Target(Protocol):
    """A running target. ``pid``: the root of its process tree; None where there is nothing in between."""

    name: str
    pid: int | None
    cold_s: float

    def run(self, load: Load) -> dict[str, float]:
        """The figures of a load."""
        ...


def measure(target: Target, load: Load, provider: int) -> dict[str, float]:
    """The figures with CPU: ``cpu_us`` the target's tree, ``provider_us`` the provider's, a unit each."""
    with Meter(target.pid) as ours, Meter(provider) as theirs:
        figures = target.run(load)
    units = max(1.0, figures["rate"] * figures.get("wall_s", 0.0)) if "wall_s" in figures else _units(figures, load)
    return figures | {"cpu_us": ours.cpu_s * 1e6 / units, "provider_us": theirs.cpu_s * 1e6 / units}


def _units(figures: dict[str, float], load: Load) -> float:
    return max(1.0, figures["ok"] * (load.chunks or 1))


@contextmanager
def provider() -> Generator[int]:
    """The provider, running; its pid."""
    programs = harness.programs()
    ours = [sys.executable, "-m", "tests.bench.provider", str(PORT)]
    words = ours if programs is None else [str(programs[0]), str(PORT), *FAILING.values()]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            until(_answers, "the provider")
            yield process.pid
        finally:
            process.terminate()


def _answers() -> bool:
    try:
        return http_load.run(PORT, "/v1/chat/completions", {}, Load(1, calls=1))["ok"] == 1
    except (OSError, subprocess.SubprocessError):
        return False


@dataclass
class Direct:
    """The provider itself."""

    name: str = "direct"
    pid: int | None = None
    cold_s: float = 0.0

    def run(self, load: Load) -> dict[str, float]:
        """The figures of a load."""
        return http_load.run(PORT, "/v1/chat/completions", {}, load)


@dataclass
class Rival:
    """Another gateway, as the harness knows it."""

    name: str
    running: Any
    pid: int | None
    cold_s: float

    def run(self, load: Load) -> dict[str, float]:
        """The figures of a load."""
        target = self.running.t
        return http_load.run(target.port, target.chat, self.running.headers, load)


@dataclass
class Native:
    """Our gateway, asked over its own socket."""

    installation: Installation
    pid: int | None
    cold_s: float
    name: str = OURS
    overhead: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def address(self) -> Path:
        """The agents' socket."""
        return agent_socket(self.installation.kruxos.root)

    def run(self, load: Load) -> dict[str, float]:
        """The figures of a load."""
        return native.Runner(self.address, load).run().figures()


@contextmanager
def started(name: str) -> Generator[Target]:
    """The target of this name, running."""
    if name == "direct":
        yield Direct()
    elif name == OURS:
        with native_gateway(MODELS) as target:
            yield target
    else:
        running = harness.driver().Running(harness.driver().TARGETS[name])
        try:
            yield Rival(name, running, running.proc.pid, running.cold["first_ok_s"])
        finally:
            running.stop()


@contextmanager
def native_gateway(models: str, ready: tuple[str, ...] = ("mock",)) -> Generator[Native]:
    """Our gateway with these models, started when its keys are stored; its cold start ends with the first answer."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        installation = Installation.make(Path(home), models)
        names = [line.split(":")[0].strip() for line in models.splitlines() if line.startswith("  ")]
        with installation.serving():
            for name in names:
                installation.control("vault.add", name=f"model-provider:{name}", secret=KEY)
        began_at = time.monotonic()
        with installation.serving() as daemon:
            target = Native(installation, daemon.pid, 0.0)
            until(lambda: _first_answer(target.address), "the first answer")
            target.cold_s = time.monotonic() - began_at
            installation.wait_ready(*ready)
            yield target


def _first_answer(address: Path) -> bool:
    try:
        with BlockingClient(agent="bench", address=str(address)) as client:
            return bool(client.chat("Are you there?", timeout_s=10.0).text)
    except KruxosError:
        return False
