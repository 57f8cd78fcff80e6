"""Tells an operator: runs a command, or has a webhook called, for what ``kruxos.cores.alerting`` lets through.

Each alert is a process of its own with nothing of ours: no environment but a path, no descriptor, the alert as JSON on
its standard input, killed with its children after ``WITHIN_S``. The gateway speaks no HTTP, so a webhook is called by a
helper. What came of it is in the log and the journal. A call never waits for any of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from kruxos.config.model import Alerts
from kruxos.cores.alerting import Alert, Alerting, Kind
from kruxos.cores.budgets import Crossing
from kruxos.cores.calendar import at_text
from kruxos.cores.supervision import Announce
from kruxos.launcher.paths import module_command
from kruxos.service.journal import LOG
from kruxos.service.telling import Teller

HELPER = "kruxos_workers.webhook"
WITHIN_S = 15.0
WAITING_MAX = 64
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SENT = "sent"


@dataclass(frozen=True, slots=True)
class _Way:
    """How an alert goes out: ``name`` is command or webhook."""

    name: str
    words: list[str]
    told: bytes


@dataclass(slots=True)
class AlertDesk:
    """Takes what happens, and sends what is to be told. ``run`` does the sending; nothing else here waits."""

    teller: Teller
    settings: Alerts | None = None
    pids: set[int] = field(default_factory=set[int])
    """Processes that are waited for here."""
    _core: Alerting = field(default_factory=Alerting)
    _waiting: deque[Alert] = field(default_factory=deque[Alert])
    _more: trio.Event = field(default_factory=trio.Event)

    def configure(self, settings: Alerts | None) -> None:
        """What models.yaml says now."""
        self.settings = settings
        self._core.on = settings.on if settings is not None else frozenset()
        self._core.repeat_s = settings.repeat_s if settings is not None else 0.0

    # What happens

    def changed(self, provider: str, change: Announce) -> None:
        """A provider's state changed."""
        subject = f"provider {provider}"
        if change.after == "failed":
            kind: Kind = "needs_login" if change.reason == "needs_login" else "failed"
            self._wrong(kind, subject, f"{provider} has failed: {change.reason or 'no reason is known'}")
        elif change.after in ("ready", "stopped"):
            self._over(subject, f"{provider} is {change.after}")

    def crossed(self, crossing: Crossing) -> None:
        """A budget came near its end, or to it."""
        share, resets = f"{crossing.share * 100:.0f} %", at_text(crossing.resets_at)
        message = f"{share} of {crossing.cap} of {crossing.owner} is used; it resets at {resets}"
        self._wrong("budget", f"{crossing.owner} {crossing.cap} {share}", message)

    def unanswered(self, code: str) -> None:
        """A call found nobody who could answer."""
        self._wrong("all_unavailable", GATEWAY, f"no provider could answer a call: {code}")

    def answered(self) -> None:
        """A call was answered."""
        if self._core.is_told(GATEWAY):
            self._over(GATEWAY, "calls are answered again")

    def _wrong(self, kind: Kind, subject: str, message: str) -> None:
        self._put(self._core.wrong(kind, subject, message, time.time()))

    def _over(self, subject: str, message: str) -> None:
        self._put(self._core.over(subject, message, time.time()))

    def _put(self, alert: Alert | None) -> None:
        if alert is None:
            return
        if len(self._waiting) >= WAITING_MAX:
            self._tell(alert, "every way", "too many alerts wait")
            return
        self._waiting.append(alert)
        self._more.set()

    # Sending

    async def run(self) -> None:
        """Sends, one after the other, for ever."""
        while True:
            if not self._waiting:
                self._more = trio.Event()
                await self._more.wait()
            await self.send(self._waiting.popleft())

    async def send(self, alert: Alert) -> dict[str, str]:
        """Sends one by every way there is; what came of each."""
        came: dict[str, str] = {}
        for way in _ways(self.settings, alert):
            came[way.name] = await self._sent(way)
            self._tell(alert, way.name, came[way.name])
        return came

    async def _sent(self, way: _Way) -> str:
        try:
            process = await trio.lowlevel.open_process(
                way.words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={"PATH": PATH}, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"cannot be started: {(error.strerror or 'failed').lower()}"
        self.pids.add(process.pid)
        try:
            return await _waited(process, way.told)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with trio.CancelScope(shield=True):
                await process.wait()
            self.pids.discard(process.pid)

    def _tell(self, alert: Alert, way: str, outcome: str) -> None:
        if outcome != SENT:
            LOG.warning("alert %s of %s was not sent by %s: %s", alert.kind, alert.subject, way, outcome)
        self.teller.tell("alert", alert.subject, alert=alert.kind, by=way, outcome=outcome)


GATEWAY = "gateway"


async def _waited(process: trio.Process, told: bytes) -> str:
    with trio.move_on_after(WITHIN_S):
        assert process.stdin is not None
        with suppress(trio.BrokenResourceError):  # it did not care to read
            await process.stdin.send_all(told)
        await process.stdin.aclose()
        code = await process.wait()
        return SENT if code == 0 else f"ended with {code}" if code > 0 else f"was killed by signal {-code}"
    return f"took longer than {WITHIN_S:.0f} s"


def _ways(settings: Alerts | None, alert: Alert) -> list[_Way]:
    if settings is None:
        return []
    ways: list[_Way] = []
    body = json.dumps(alert.to_wire()).encode() + b"\n"
    if settings.command:
        ways.append(_Way("command", list(settings.command), body))
    if settings.webhook is not None:
        asked = {
            "url": settings.webhook, "proxy": settings.proxy, "ca_bundle": settings.ca_bundle, "alert": alert.to_wire(),
        }  # fmt: skip
        ways.append(_Way("webhook", module_command(HELPER), json.dumps(asked).encode() + b"\n"))
    return ways
