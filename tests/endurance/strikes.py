"""One worker is struck at one step of its work: when that is found, what its call gets, when calls are answered.

    idle         nothing to do                        sending      a request that its provider does not take
    first byte   sent, nothing has come               mid stream   content has come
    draining     its successor is there, a stream is open
    starting     a crash's successor, before it is ready
    successor    a hand-over's successor, before it is ready

``kill``, ``stop`` (SIGSTOP), ``spin`` (its own loop), ``leak`` (over its cap, below twice), ``flood`` (all it gets).
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from kruxos import BlockingClient, KruxosError
from kruxos.client import BlockingEventStream
from tests.endurance.holding import Holding, prompt
from tests.rogue.deeds import FLOOD, LEAK, SPIN
from tests.service.running import Installation, kill, wait_gone

KINDS = ("kill", "stop", "spin", "leak", "flood")
FOUND_WITHIN_S = 30.0
"""A worker that hangs before it is ready is given 20 s by design."""
_PAUSE_S = 0.05
_BIG = "x" * 12_000_000
_DEEDS = {"spin": SPIN, "leak": LEAK, "flood": FLOOD}
_never = threading.Event()


@dataclass
class Struck:
    """How one run went. ``found_s`` and ``answered_s`` after the strike; ``problem``: what was not as designed."""

    victim: str
    step: str
    kind: str
    found_s: float | None = None
    answered_s: float | None = None
    outcome: str = ""
    problem: str = ""


@dataclass
class Victim:
    """One provider whose worker is struck, from one thread."""

    name: str
    installation: Installation
    holding: Holding
    client: BlockingClient
    _starts: int = 0
    _hit_pid: int = 0
    _struck_at: float = 0.0
    _run: Struck = field(default_factory=lambda: Struck("", "", ""))

    def strike(self, step: str, kind: str) -> Struck:
        """One run; what is not as designed is told in it."""
        self._run = Struck(self.name, step, kind)
        try:
            self.installation.control("worker.start", provider=self.name)
            pid = self._pid_of_ready()
            _STEPS[step](self, pid, kind)
            self._wait_answered()
        except Exception as fault:  # noqa: BLE001 - whatever it is, this run did not go as designed
            self._run.problem = f"{self.name} {kind} {step}: {fault!r}"[:300]
        return self._run

    # Steps

    def _idle(self, pid: int, kind: str) -> None:
        seen = len(self.installation.gateway.lines)
        self._hit(pid, kind)
        self._wait_found(pid, kind, seen)

    def _first_byte(self, pid: int, kind: str) -> None:
        self._in_call("first", pid, kind)

    def _mid_stream(self, pid: int, kind: str) -> None:
        self._in_call("middle", pid, kind)

    def _in_call(self, where: str, pid: int, kind: str) -> None:
        text, seen = prompt(self.name, where, for_ever=kind != "leak"), len(self.installation.gateway.lines)
        with self._stream(text) as events:
            self.holding.wait(self.name)
            if where == "middle":
                next(events)
            self._hit(pid, kind)
            self._expect(_rest(events), "answered" if kind == "leak" else "worker_lost")
        self._wait_found(pid, kind, seen)

    def _sending(self, pid: int, kind: str) -> None:
        seen = len(self.installation.gateway.lines)
        with self._stream(_BIG) as events:
            self.holding.wait(self.name)
            self._hit(pid, kind)
            if kind == "leak":  # the call is left; only then the old worker can go
                self.installation.gateway.wait_line(f"provider {self.name}: its worker is replaced", seen)
            else:
                self._expect(_rest(events), "worker_lost")
        self._wait_found(pid, kind, seen)

    def _draining(self, pid: int, kind: str) -> None:
        with self._stream(prompt(self.name, "middle", for_ever=True)) as events:
            self.holding.wait(self.name)
            next(events)
            self.installation.control("worker.restart", provider=self.name)
            self._poll(lambda: self.installation.workers().get(self.name, pid) != pid, "a successor")
            self._hit(pid, kind)
            self._expect(_rest(events), "worker_lost")
        self._wait_gone(pid)

    def _starting(self, pid: int, kind: str) -> None:
        self._starts = len(self._started())
        kill(pid)
        self._hit_starting(kind)

    def _successor(self, _pid: int, kind: str) -> None:
        self._starts = len(self._started())
        self.installation.control("worker.restart", provider=self.name)
        self._hit_starting(kind)

    def _hit_starting(self, kind: str) -> None:
        pid = self._poll(lambda: next(iter(self._started()[self._starts :]), None), "one that starts")
        self._hit(pid, kind)
        self._wait_gone(pid)

    # What they share

    def _stream(self, text: str) -> BlockingEventStream:
        return self.client.stream(text, provider=self.name, fallback="none")

    def _hit(self, pid: int, kind: str) -> None:
        self._hit_pid, self._struck_at = pid, monotonic()
        if kind in _DEEDS:
            _DEEDS[kind].have_done(pid)
        else:
            os.kill(pid, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)

    def _expect(self, outcome: str, expected: str) -> None:
        self._run.outcome = outcome
        assert outcome == expected, f"the call ended as {outcome}, not {expected}"

    def _wait_found(self, pid: int, kind: str, seen: int) -> None:
        """Until the gateway says so; one that floods may be found over its cap first, and then far over it."""
        if kind == "flood":
            self._wait_gone(pid)
            return
        words = "its worker is replaced" if kind == "leak" else r"ready -> \w+ \("
        _, at = self.installation.gateway.wait_line(f"provider {re.escape(self.name)}: {words}", seen)
        self._run.found_s = at - self._struck_at
        assert wait_gone(pid), "it is still there"

    def _wait_gone(self, pid: int) -> None:
        assert wait_gone(pid, FOUND_WITHIN_S), "it is still there"
        self._run.found_s = monotonic() - self._struck_at

    def _wait_answered(self) -> None:
        """Until a call is answered again, by any other process than the one that was struck."""
        self._poll(lambda: self.installation.workers().get(self.name, self._hit_pid) != self._hit_pid, "another worker")
        if self.name not in self.holding.sinks:  # those answer nobody
            with self._stream("Hello") as events:
                outcome = _rest(events)
            assert outcome == "answered", f"the next call ended as {outcome}"
        self._run.answered_s = monotonic() - self._struck_at

    def _pid_of_ready(self) -> int:
        def found() -> int | None:
            worker = self.installation.worker(self.name)
            return worker["pid"] if worker["state"] == "ready" and not worker["draining"] else None

        return self._poll(found, "a worker that is ready")

    def _started(self) -> list[int]:
        """The pids of all that have begun so far: a slow one says so in its log."""
        log = (self.installation.kruxos.root / "logs" / f"{self.name}.log").read_text()
        return [int(each) for each in re.findall(r"^starting (\d+)$", log, re.MULTILINE)]

    def _poll(self, probe: Callable[[], int | None], what: str) -> int:
        """As ``until``, but seldom: the gateway has other things to do, and they are measured."""
        give_up_at = monotonic() + FOUND_WITHIN_S
        while not (answer := probe()):
            assert monotonic() < give_up_at, f"{what} did not come about"
            _never.wait(_PAUSE_S)
        return answer


def _rest(events: BlockingEventStream) -> str:
    try:
        for _ in events:
            pass
    except KruxosError as error:
        return error.code
    return "answered"


_STEPS: dict[str, Callable[[Victim, int, str], None]] = {
    "idle": Victim._idle, "first byte": Victim._first_byte, "mid stream": Victim._mid_stream,
    "sending": Victim._sending, "draining": Victim._draining, "starting": Victim._starting,
    "successor": Victim._successor,
}  # fmt: skip
