"""The web process as the supervisor sees it: started by module name, watched, started again.

It is an ordinary client of the gateway's own sockets, and holds no secret of any provider. What it is told (where to
listen) and what it says (that it listens, and where) are single JSON messages over a socket that both ends watch: when
that closes, the other one is gone.

    off -> starting                 models.yaml (``http:``, ``telemetry:``), ``serve --http`` or the dashboard want it
    starting -> ready               it says where it listens
    starting -> backoff             it ended first, or says why it cannot listen
    ready -> starting | backoff     it ended; after a healthy run it is started again at once
    backoff -> starting             the wait is over, or its settings have changed
    any -> off                      nobody wants it any more
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import trio

from kruxos.config.model import Http, Telemetry
from kruxos.cores.exits import describe_exit
from kruxos.cores.policy import PROBE_EVERY_S, RestartRecord
from kruxos.errors import RefusedError
from kruxos.launcher.paths import import_paths
from kruxos.service.journal import LOG
from kruxos.service.launching import wait_exit

WebState = Literal["off", "starting", "ready", "backoff"]

READY_WITHIN_S = 15.0
LISTEN_AGAIN_S = 2.0
"""When an address that is taken is tried again."""
LEAVE_WITHIN_S = 6.0
"""How long answers under way may take when it is asked to go; then it is killed."""
MESSAGE_BYTES_MAX = 16 * 1024

_BOOT = (
    "import sys; fd, sys.path[:0] = int(sys.argv[1]), sys.argv[2:]; from importlib import import_module; "
    "import_module('kruxos.web.main').main(fd)"
)


@dataclass(frozen=True, slots=True)
class WebStatus:
    """The web process. ``address`` is a URL, ``socket`` a path; both are None until it listens there."""

    state: WebState = "off"
    reason: str = ""
    """Why it is not ready: its own words, or how it ended."""
    since: float = 0.0
    """When it came into this state, Unix seconds."""
    pid: int | None = None
    restarts: int = 0
    address: str | None = None
    socket: str | None = None
    doors: bool = False
    """Whether agents may call through it; the dashboard alone needs no doors."""


class WebProcess:
    """Keeps the process as it is wanted. ``run`` is its task; all else may be called at any time."""

    def __init__(self, data: Path, log_fd: int) -> None:
        self._data, self._log_fd = data, log_fd
        self._http, self._telemetry = Http(), Telemetry()
        self._is_shown = False
        self._changed = trio.Event()
        self._moved = trio.Event()
        self._record = RestartRecord()
        self.status = WebStatus(since=time.time())

    def configure(self, http: Http, telemetry: Telemetry) -> None:
        """What models.yaml and the command line say of it is in force from now on."""
        if (http, telemetry) != (self._http, self._telemetry):
            self._http, self._telemetry = http, telemetry
            self._change()

    @property
    def _is_wanted(self) -> bool:
        return self._is_shown or self._http.enabled or self._telemetry != Telemetry()

    async def start(self) -> WebStatus:
        """Has it run, for the dashboard, whatever models.yaml says; waits until it listens. Raises ``RefusedError``."""
        if self.status.state == "backoff" or not self._is_wanted:
            self._is_shown = True
            self._record.forgive()
            self._change()
            self._move("starting")
        with trio.move_on_after(READY_WITHIN_S):
            while self.status.state == "starting":
                await self._moved.wait()
        if self.status.state != "ready":
            raise RefusedError(f"the web process is not ready: {self.status.reason or 'it takes too long'}")
        return self.status

    def to_wire(self) -> dict[str, Any]:
        """Its status as plain values."""
        return asdict(self.status)

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _move(self, state: WebState, reason: str = "", **known: Any) -> None:
        before = self.status
        nothing: dict[str, Any] = {"pid": None, "address": None, "socket": None, "doors": self._http.enabled}
        self.status = replace(before, state=state, reason=reason, since=time.time(), **(nothing | known))
        if before.state != state:
            LOG.info("web: %s -> %s%s", before.state, state, f" ({reason})" if reason else "")
        self._moved.set()
        self._moved = trio.Event()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            changed = self._changed
            if not self._is_wanted:
                if self.status.state != "off":
                    self._move("off")
                await changed.wait()
                continue
            started_at = trio.current_time()
            said, reason = await self._live(changed)
            if changed.is_set():
                self._record.forgive()
                continue
            delay_s = self._pause_s(trio.current_time(), started_at, says_why=said)
            self.status = replace(self.status, restarts=self.status.restarts + 1)
            self._move("backoff" if delay_s != 0.0 else "starting", reason)
            with trio.move_on_after(PROBE_EVERY_S if delay_s is None else delay_s):
                await changed.wait()

    def _pause_s(self, now: float, started_at: float, *, says_why: bool) -> float | None:
        """Before the next start; None: it ended too often. A port that is taken may be free soon, and is no crash."""
        if says_why:
            return LISTEN_AGAIN_S
        return self._record.delay_s(now, now - started_at if self.status.state == "ready" else None, random.random)

    async def _live(self, changed: trio.Event) -> tuple[bool, str]:
        """One process from its start to its end; why it ended, and whether it said so itself."""
        self._move("starting")
        process, end = self._spawn()
        self.status = replace(self.status, pid=process.pid)
        told = [""]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_wait_then_cancel, changed, nursery.cancel_scope)
                await self._listen(end, process.pid, told)
                nursery.cancel_scope.cancel()
        finally:
            end.close()
            with trio.CancelScope(shield=True), trio.move_on_after(LEAVE_WITHIN_S if changed.is_set() else 0.5):
                await wait_exit(process.pid)
            with suppress(ProcessLookupError):
                process.kill()
            code = process.wait()
        return bool(told[0]), told[0] or describe_exit(code)

    def _spawn(self) -> tuple[subprocess.Popen[bytes], trio.socket.SocketType]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-S", "-c", _BOOT, str(theirs.fileno()), *import_paths()]
        # A session of its own: the passphrase that is shown at a terminal, or in the dashboard, unlocks that one alone.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, pass_fds=[theirs.fileno()], env={}, stdin=subprocess.DEVNULL, stdout=self._log_fd,
            stderr=self._log_fd, cwd="/", start_new_session=True,
        )  # fmt: skip
        theirs.close()
        ours.send(json.dumps({"data": str(self._data), **asdict(self._http), **asdict(self._telemetry)}).encode())
        return process, trio.socket.from_stdlib_socket(ours)

    async def _listen(self, end: trio.socket.SocketType, pid: int, told: list[str]) -> None:
        """Hears what it says until it is gone. One that does not come up in time is given up."""
        with trio.CancelScope(deadline=trio.current_time() + READY_WITHIN_S) as patience:
            while data := await _receive(end):
                message = cast("dict[str, Any]", json.loads(data))
                if "failed" in message:
                    told[0] = str(message["failed"])
                    continue
                patience.deadline = float("inf")
                self._move("ready", pid=pid, address=message["address"], socket=message["socket"])
        if patience.cancelled_caught:
            told[0] = "not ready in time"
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def _receive(end: trio.socket.SocketType) -> bytes:
    try:
        return await end.recv(MESSAGE_BYTES_MAX)
    except ConnectionError:
        return b""


async def _wait_then_cancel(changed: trio.Event, scope: trio.CancelScope) -> None:
    await changed.wait()
    scope.cancel()
