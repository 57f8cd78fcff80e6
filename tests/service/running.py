"""The real thing: a gateway, simulated providers and agents, each a process of its own.

Nothing here sleeps for luck: ``until`` asks again and again for what has to come about, the gateway's log tells of
changes of state, and the simulator's journal of connections.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self, TypeVar

from kruxos import BlockingClient
from kruxos.client import ControlClient
from kruxos.paths import agent_socket, control_socket
from tests.cli.running import ROOT, SERVE, Gateway, Kruxos

T = TypeVar("T")

WITHIN_S = 20.0
_PAUSE_S = 0.003
_NEVER = threading.Event()


def until(probe: Callable[[], T], what: str, within_s: float = WITHIN_S, pause_s: float = _PAUSE_S) -> T:
    """Asks until the answer is true, and gives it."""
    give_up_at = monotonic() + within_s
    while not (answer := probe()):
        assert monotonic() < give_up_at, f"{what} did not come about within {within_s:g} s"
        _NEVER.wait(pause_s)
    return answer


def wait_gone(pid: int, within_s: float = WITHIN_S) -> bool:
    """Waits until a process is gone; whether that came about in time. The kernel tells, also of others' children."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    finally:
        os.close(fd)


def kill(pid: int) -> None:
    """SIGKILL, for a process of ours."""
    os.kill(pid, signal.SIGKILL)


class Simulator:
    """``kruxos simulate`` as a process."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kruxos.simulator", "--port", "0", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.root = self._process.stdout.readline().strip()
        self._address = self.root.removeprefix("http://")
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(WITHIN_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def requests(self, model: str | None = None) -> list[dict[str, Any]]:
        """What it was asked lately, oldest first."""
        every = self._ask("GET", "/simulator/requests")["requests"]
        return [each for each in every if model is None or each["model"] == model]

    def counts(self) -> dict[str, int]:
        """How many requests each model has had."""
        models = [each["model"] for each in self.requests()]
        return {model: models.count(model) for model in models}

    def wait_left(self, model: str, after: int = 0) -> dict[str, Any]:
        """Waits until a client has left in the middle of an answer; the request's line."""

        def left() -> dict[str, Any] | None:
            return next((each for each in self.requests(model)[after:] if each["client_closed_at"]), None)

        found = until(left, f"the end of the connection for {model}")
        assert found is not None
        return found

    def batches(self, **ways: float) -> dict[str, Any]:
        """What batches do there, changed where ``ways`` says so; and all that were made."""
        method, body = ("POST", json.dumps(ways)) if ways else ("GET", None)
        found: dict[str, Any] = self._ask(method, "/simulator/batches", body)
        return found

    def switch_faults(self, *faults: str) -> None:
        """These faults are on from now on; none: all is well again."""
        self._ask("POST", "/simulator/faults", json.dumps({"faults": list(faults)}))

    def reset(self) -> None:
        """As at the start."""
        self._ask("POST", "/simulator/reset")

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        connection = http.client.HTTPConnection(self._address, timeout=WITHIN_S)
        try:
            connection.request(method, path, body)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class Daemon(Gateway):
    """A running gateway that can be hurt. What its log says is kept with the moment when it came."""

    log: str

    def __init__(self, kruxos: Kruxos, words: Sequence[str] = SERVE) -> None:
        self.lines: list[tuple[float, str]] = []
        super().__init__(kruxos, words)

    def __exit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        super().__exit__(*error)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the supervisor."""
        self._process.send_signal(number)

    def wait_end(self) -> int:
        """Waits for its end; the exit code."""
        code = self._process.wait(WITHIN_S)
        self._reader.join()
        return code

    def wait_line(self, words: str, after: int = 0) -> tuple[int, float]:
        """Waits for a line with these words (a regular expression) behind the first ``after`` ones.

        How many lines there are up to it, and when it came.
        """
        read = after

        def found() -> float | None:
            nonlocal read
            while read < len(self.lines):
                when, line = self.lines[read]
                read += 1
                if re.search(words, line):
                    return when
            return None

        with self._news:
            came_at = self._news.wait_for(found, WITHIN_S)
        assert came_at is not None, f"{words!r} did not come within {WITHIN_S:g} s"
        return read, came_at

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.lines.append((monotonic(), line))
                self.log += line
                self._news.notify_all()


@dataclass
class Installation:
    """A data directory, and the gateway that runs in it while ``serving`` lasts."""

    kruxos: Kruxos
    serve_words: Sequence[str] = SERVE
    """What Python runs as the gateway."""
    daemon: Daemon | None = None
    logs: list[str] = field(default_factory=list[str])
    """What ended gateways said."""

    @classmethod
    def make(cls, home: Path, models: str) -> Installation:
        """A fresh one."""
        command = Kruxos(home / "data", home)
        command.write_models(models)
        return cls(command)

    @property
    def gateway(self) -> Daemon:
        """The gateway that runs."""
        assert self.daemon is not None
        return self.daemon

    def start(self) -> Daemon:
        """Starts the gateway and waits until it listens."""
        self.daemon = Daemon(self.kruxos, self.serve_words)
        return self.daemon.__enter__()

    def stop(self) -> None:
        """Ends the gateway, if it runs."""
        if self.daemon is not None:
            self.daemon.__exit__()
            self.logs.append(self.daemon.log)
            self.daemon = None

    @contextmanager
    def serving(self) -> Generator[Daemon]:
        """The gateway for the length of the block."""
        try:
            yield self.start()
        finally:
            self.stop()

    def control(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Has an operation done in the gateway."""
        return ControlClient(address=control_socket(self.kruxos.root)).call(op, arguments)

    def store_keys(self, names: Iterable[str], key: str = "a-made-up-key") -> None:
        """Puts a key into the vault for each of these, and waits until their workers take calls."""
        for name in names:
            self.control("vault.add", name=f"model-provider:{name}", secret=key)
        self.wait_ready(*names)

    def status(self) -> dict[str, Any]:
        """The gateway's status."""
        return self.control("status")

    def worker(self, name: str) -> dict[str, Any]:
        """A provider's line in the status."""
        return next(each for each in self.status()["workers"] if each["provider"] == name)

    def workers(self) -> dict[str, int]:
        """The pids of the workers that take calls."""
        return {each["provider"]: each["pid"] for each in self.status()["workers"] if each["pid"] is not None}

    def wait_worker(self, name: str, **wanted: Any) -> dict[str, Any]:
        """Waits until a provider's line says this."""

        def has_come() -> dict[str, Any] | None:
            found = self.worker(name)
            return found if all(found[key] == value for key, value in wanted.items()) else None

        found = until(has_come, f"{wanted} of {name}")
        assert found is not None
        return found

    def wait_ready(self, *names: str) -> None:
        """Waits until these providers take calls: those of many may start with the first one."""
        for name in names:
            until(partial(self._takes_calls, name), f"readiness of {name}")

    def _takes_calls(self, name: str) -> bool:
        return self.worker(name)["state"] in ("ready", "idle")

    def wait_other(self, name: str, pid: int | None) -> int:
        """Waits until another process than ``pid`` takes a provider's calls; its pid."""

        def found() -> int:
            now = self.workers().get(name, 0)
            return 0 if now == pid else now

        return until(found, f"another worker of {name}")

    def wait_idle(self) -> None:
        """Waits until nothing is in flight, in the supervisor and in the workers."""

        def is_idle() -> bool:
            status = self.status()
            return status["calls"] == 0 and not any(each["in_flight"] for each in status["workers"])

        until(is_idle, "an idle gateway")

    def client(self, agent: str = "tester", token: str | None = None) -> BlockingClient:
        """An agent's client."""
        return BlockingClient(agent=agent, token=token, address=str(agent_socket(self.kruxos.root)))

    def agent_process(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """An agent as a process of its own; it writes to a pipe and reads from one."""
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env=self.kruxos.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
