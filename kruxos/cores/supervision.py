"""One provider's worker over its whole life: start, readiness, death, restart, hand-over.

Theory of operation. A provider has at most one worker that takes calls (``current``), at most one on its way up
(``successor``), and any number that finish what they have. Readiness is the worker's own message; life is
its beats; death is its exit, reported by the shell once the link is drained. A worker never leaves by itself: it is
asked to drain, says when it has, and is told to go.

The provider's state and its only moves:

    stopped  -> starting              somebody starts it
    starting -> ready                 the worker says so
    starting -> backoff | failed      it ended first, or could not be started
    starting -> stopped               somebody stops it
    ready    -> starting              it ended after a healthy run: at once again
    ready    -> backoff | failed      it ended too soon, or too often
    ready    -> failed                it says that it cannot go on as things are
    ready    -> stopped               somebody stops it
    backoff  -> starting | stopped    the wait is over; or somebody starts or stops it
    failed   -> starting | stopped    the probe every five minutes; or somebody starts or stops it
    stopped  -> idle                  it has no process until somebody asks for it
    ready    -> idle                  nobody has asked for it for long
    idle     -> starting | stopped    somebody asks for it; or somebody stops it

A restart by an operator is a hand-over: the provider stays ``ready`` while the successor starts; when that is ready
it becomes current and the old worker drains. A successor that cannot start leaves the old worker as it was.

A worker whose memory is over its cap is replaced in the same way, as a restart that counts: with the pause that a crash
at that age would have had, and once that came too often, every five minutes. Over twice its cap it is killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kruxos.cores.children import DRAIN_WITHIN_S, END_WITHIN_S, MEMORY_HARD_FACTOR, Worker, heaviness
from kruxos.cores.exits import EXIT_CONFIGURATION, describe_exit
from kruxos.cores.policy import FORGIVEN_AFTER_S, PROBE_EVERY_S, Random, RestartRecord

ProviderState = Literal["stopped", "starting", "ready", "backoff", "failed", "idle"]

MOVES: dict[ProviderState, frozenset[ProviderState]] = {
    "stopped": frozenset({"starting", "failed", "idle"}),
    "starting": frozenset({"ready", "backoff", "failed", "stopped", "starting"}),
    "ready": frozenset({"starting", "backoff", "failed", "stopped", "idle"}),
    "backoff": frozenset({"starting", "stopped", "failed"}),
    "failed": frozenset({"starting", "stopped", "failed"}),
    "idle": frozenset({"starting", "stopped"}),
}

LATE_TICK_S = 2.0
"""A gap between ticks longer than this was the supervisor's own: no worker is blamed for it."""
TICK_EVERY_S = 1.0


# Events


@dataclass(frozen=True, slots=True)
class Start:
    """Start, whatever happened before: an operator, or the gateway's own start."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop: ``now`` cuts calls, otherwise they finish."""

    now: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """Nobody asks for it: no process until somebody does. Of a provider that starts or fails it changes nothing."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Replace the worker: by hand-over, or with ``now`` at once."""

    now: bool = False
    reason: str = "restarted by operator"


@dataclass(frozen=True, slots=True)
class Spawned:
    """The process exists."""

    number: int
    pid: int


@dataclass(frozen=True, slots=True)
class SpawnRefused:
    """There is no use in starting it until something is changed: ``reason`` is an error code such as vault_locked."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class BecameReady:
    """The worker's ready frame."""

    number: int


@dataclass(frozen=True, slots=True)
class Beaten:
    """The worker's beat."""

    number: int


@dataclass(frozen=True, slots=True)
class Drained:
    """The worker has nothing left in flight."""

    number: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The process is gone and its link is read to the end. ``code`` is negative for a signal, None where unknown."""

    number: int
    code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """The worker breaks the rules, as by garbage on its link: it is killed."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """How much memory the worker holds, and how much it may."""

    number: int
    rss_bytes: int
    cap_bytes: int


@dataclass(frozen=True, slots=True)
class Unfit:
    """The worker only finishes what it has, and no other is started: ``reason`` is a code such as needs_login."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


OfWorker: TypeAlias = Spawned | SpawnRefused | BecameReady | Beaten | Drained | Exited | Broken | Weighed | Unfit
Event: TypeAlias = Start | Stop | Rest | Restart | OfWorker | Tick


# Commands


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process for worker ``number``."""

    number: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End it now, by SIGKILL."""

    number: int


@dataclass(frozen=True, slots=True)
class AskToDrain:
    """Tell it to finish what it has."""

    number: int


@dataclass(frozen=True, slots=True)
class SendBye:
    """Tell it to go."""

    number: int


@dataclass(frozen=True, slots=True)
class Announce:
    """The provider's state changed; for the journal, the log and whoever waits."""

    before: ProviderState
    after: ProviderState
    reason: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Worker ``number`` takes new calls from now on."""

    number: int


@dataclass(frozen=True, slots=True)
class Outgrown:
    """The worker that takes calls is too heavy, and its successor is on its way; for the journal and the log."""

    reason: str


Command: TypeAlias = Spawn | Kill | AskToDrain | SendBye | Announce | Promote | Outgrown


@dataclass(slots=True)
class Supervision:
    """The state machine of one provider. ``step`` is the only way in."""

    random: Random
    state: ProviderState = "stopped"
    reason: str = ""
    since: float = 0.0
    restarts: int = 0
    last_exit: str = ""
    workers: dict[int, Worker] = field(default_factory=dict[int, Worker])
    current: int | None = None
    successor: int | None = None
    start_at: float | None = None
    _record: RestartRecord = field(default_factory=RestartRecord)
    _probing: bool = False
    _outgrows: bool = False
    """Whether workers became too heavy so often that replacing them is of little use."""
    _count: int = 0
    _ticked_at: float = 0.0

    def step(self, event: Event, now: float) -> list[Command]:
        """Takes one event, gives what has to be done. Events of workers that are gone change nothing."""
        match event:
            case Start():
                return self._on_start(now)
            case Stop():
                return self._on_stop(event, now)
            case Rest():
                return self._on_rest(now)
            case Restart():
                return self._on_restart(event, now)
            case Tick():
                return self._on_tick(now)
            case _:
                worker = self.workers.get(event.number)
                return [] if worker is None else self._on_worker(worker, event, now)

    def _on_worker(self, worker: Worker, event: OfWorker, now: float) -> list[Command]:
        match event:
            case Spawned():
                worker.pid = event.pid
                return []
            case Beaten():
                worker.beat_at = now
                return []
            case BecameReady():
                return self._on_ready(worker, now)
            case Drained():
                return self._let_go(worker, now) if worker.state == "draining" else []
            case SpawnRefused():
                del self.workers[worker.number]
                return self._gone(worker, event.reason, now, final=True)
            case Exited():
                del self.workers[worker.number]
                return self._on_exit(worker, event, now)
            case Broken():
                return self._doom(worker, event.reason, now)
            case Weighed():
                return self._on_weighed(worker, event, now)
            case Unfit():
                return self._on_unfit(worker, event, now)

    # What is asked from outside

    def _on_start(self, now: float) -> list[Command]:
        self._forgive()
        if self.state in ("ready", "starting"):
            return []
        return [*self._move("starting", "", now), *self._spawn(now)]

    def _on_stop(self, event: Stop, now: float) -> list[Command]:
        commands: list[Command] = []
        for worker in list(self.workers.values()):
            commands += self._doom(worker, "stopped", now) if event.now else self._retire(worker, now)
        self.current = self.successor = self.start_at = None
        return [*self._move("stopped", "stopped by operator", now), *commands]

    def _on_rest(self, now: float) -> list[Command]:
        if self.state not in ("stopped", "ready") or self.successor is not None:
            return []
        retired = [command for worker in self.workers.values() for command in self._retire(worker, now)]
        self.current = None
        return [*self._move("idle", "started when it is asked for", now), *retired]

    def _on_restart(self, event: Restart, now: float) -> list[Command]:
        self._forgive()
        if self.current is None or self.state != "ready":
            stale = [kill for worker in self.workers.values() for kill in self._doom(worker, event.reason, now)]
            return [*self._move("starting", event.reason, now), *stale, *self._spawn(now)]
        self.restarts += 1
        self.last_exit = event.reason
        if event.now:
            doomed = self._doom(self.workers[self.current], event.reason, now)
            self.current = None
            return [*self._move("starting", event.reason, now), *doomed, *self._spawn(now)]
        return [] if self.successor is not None else self._spawn(now)

    # What happens to workers

    def _on_ready(self, worker: Worker, now: float) -> list[Command]:
        if worker.state != "starting" or worker.doomed:
            return []
        worker.state, worker.ready_at, worker.beat_at = "ready", now, now
        old = self.workers.get(self.current) if self.current is not None else None
        self.current, self.successor, self._probing = worker.number, None, False
        commands: list[Command] = [Promote(worker.number)]
        if self.state != "ready":
            commands += self._move("ready", "", now)
        if old is not None:
            commands += self._retire(old, now)
        return commands

    def _on_exit(self, worker: Worker, event: Exited, now: float) -> list[Command]:
        reason = worker.doomed or event.reason or describe_exit(event.code)
        if worker.number not in (self.current, self.successor):
            return []
        return self._gone(worker, reason, now, final=event.code == EXIT_CONFIGURATION)

    def _gone(self, worker: Worker, reason: str, now: float, *, final: bool) -> list[Command]:
        if worker.number == self.successor:
            self.successor = None
            if self.current is not None:  # the hand-over failed; the old worker goes on
                self.reason = f"replacement failed: {reason}"
                return []
        elif worker.number == self.current:
            self.current = None
            if self.successor is not None:  # the replacement is on its way already
                return self._move("starting", reason, now)
        else:
            return []
        self.restarts += 1
        self.last_exit = reason
        if final:
            self.start_at = None
            return self._move("failed", reason, now)
        return self._again(reason, worker.ready_for_s(now), now)

    def _again(self, reason: str, ready_for_s: float | None, now: float) -> list[Command]:
        delay_s = None if self._probing else self._record.delay_s(now, ready_for_s, self.random)
        if delay_s is None:
            self.start_at = now + PROBE_EVERY_S
            return self._move("failed", reason, now)
        if delay_s == 0.0:
            return [*self._move("starting", reason, now), *self._spawn(now)]
        self.start_at = now + delay_s
        return self._move("backoff", reason, now)

    def _on_weighed(self, worker: Worker, event: Weighed, now: float) -> list[Command]:
        if worker.doomed or event.rss_bytes <= event.cap_bytes:
            return []
        reason = heaviness(event.rss_bytes, event.cap_bytes)
        if event.rss_bytes > MEMORY_HARD_FACTOR * event.cap_bytes:
            return self._doom(worker, reason, now)
        if worker.number != self.current:
            return []
        if worker.replace_at is None:
            worker.replace_at = now + self._patience_s(worker.ready_for_s(now), now)
        if now < worker.replace_at or self.successor is not None:
            return []
        worker.replace_at = now + self._patience_s(None, now)  # should this successor not come up
        self.restarts += 1
        self.last_exit = reason
        return [Outgrown(reason), *self._spawn(now)]

    def _patience_s(self, ready_for_s: float | None, now: float) -> float:
        """How long one that is too heavy stays, after having been ready and light for so long."""
        if self._outgrows and (ready_for_s is None or ready_for_s < FORGIVEN_AFTER_S):
            return PROBE_EVERY_S
        delay_s = self._record.delay_s(now, ready_for_s, self.random)
        self._outgrows = delay_s is None
        return PROBE_EVERY_S if delay_s is None else delay_s

    def _on_unfit(self, worker: Worker, event: Unfit, now: float) -> list[Command]:
        if worker.number != self.current or self.successor is not None:  # the successor finds out for itself
            return []
        self.current, self.start_at, self.last_exit = None, None, event.reason
        return [*self._move("failed", event.reason, now), *self._retire(worker, now)]

    # Time

    def _on_tick(self, now: float) -> list[Command]:
        if now - self._ticked_at > LATE_TICK_S:
            for worker in self.workers.values():
                worker.beat_at = max(worker.beat_at, now)
        self._ticked_at = now
        commands: list[Command] = []
        if self.start_at is not None and now >= self.start_at and self.state in ("backoff", "failed"):
            self._probing = self.state == "failed"
            commands += [*self._move("starting", self.reason, now), *self._spawn(now)]
        for worker in list(self.workers.values()):
            reason = worker.overdue(now)
            commands += [] if reason is None else self._doom(worker, reason, now)
        return commands

    def next_wake(self, now: float) -> float:
        """When the next tick is due: while there are workers a second after the last, whatever else happens."""
        times = [] if self.start_at is None else [self.start_at]
        if self.workers:
            times.append(max(now, self._ticked_at + TICK_EVERY_S))
        return min(times, default=now + PROBE_EVERY_S)

    # Moves

    def _forgive(self) -> None:
        self._record.forgive()
        self._probing = self._outgrows = False

    def _spawn(self, now: float) -> list[Command]:
        self._count += 1
        self.start_at = None
        self.workers[self._count] = Worker(self._count, now, beat_at=now)
        self.successor = self._count
        return [Spawn(self._count)]

    def _retire(self, worker: Worker, now: float) -> list[Command]:
        if worker.state == "starting":
            return self._doom(worker, "not needed", now)
        if worker.state != "ready":
            return []
        worker.state, worker.leave_by = "draining", now + DRAIN_WITHIN_S
        return [AskToDrain(worker.number)]

    def _let_go(self, worker: Worker, now: float) -> list[Command]:
        worker.state, worker.leave_by = "ending", now + END_WITHIN_S
        return [SendBye(worker.number)]

    def _doom(self, worker: Worker, reason: str, now: float) -> list[Command]:
        worker.doomed = worker.doomed or reason
        worker.leave_by = now + END_WITHIN_S  # the kill is repeated until the exit is seen
        return [Kill(worker.number)]

    def _move(self, after: ProviderState, reason: str, now: float) -> list[Command]:
        before = self.state
        assert after == before or after in MOVES[before], f"{before} -> {after}"
        self.state, self.reason = after, reason
        if after != before:
            self.since = now
        return [Announce(before, after, reason)]
