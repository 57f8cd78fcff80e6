"""The supervisor's shell around providers, simulated: real supervision and dispatching, simulated processes.

It mirrors ``kruxos.service.fleet``: how commands are carried out, and which frame becomes which event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from kruxos import wire
from kruxos.cores import supervision
from kruxos.cores.dispatching import Desk
from kruxos.cores.exits import EXIT_CONFIGURATION, describe_exit
from kruxos.cores.ports import Sink
from kruxos.cores.routing import Outlook
from kruxos.cores.supervision import Supervision
from tests.simworld.clock import Link, Waking, World
from tests.simworld.upstream import Upstream
from tests.simworld.worker import Worker

MODEL = "big"


class Outlink:
    """The supervisor's end of a link to a worker."""

    full = False

    def __init__(self, world: World, deliver: Callable[[wire.Frame], None]) -> None:
        self._link = Link(world, deliver)

    def send(self, frame: wire.Frame) -> None:
        self._link.send(frame)


@dataclass(slots=True, eq=False)
class Process:
    """One worker process as the supervisor knows it."""

    number: int
    worker: Worker
    link: Outlink
    inbound: Link
    in_flight: dict[int, Sink] = field(default_factory=dict[int, Sink])
    killed: bool = False
    spawned: bool = False
    ended: bool = False
    forgotten: bool = False


@dataclass(slots=True)
class Provider(Desk[Process]):
    """One provider, and when its core wakes."""

    timer: Waking | None = None


@dataclass(slots=True)
class Faults:
    """What is wrong with starting processes."""

    launcher_down: bool = False
    vault_locked: bool = False
    bad_starts: dict[str, str] = field(default_factory=dict[str, str])


class Fleet:
    """All providers (``kruxos.cores.ports.Providers``)."""

    def __init__(self, world: World, upstreams: dict[str, Upstream], faults: Faults) -> None:
        self.world, self.upstreams, self.faults = world, upstreams, faults
        self.providers = {name: Provider(name, Supervision(world.random), model=MODEL) for name in upstreams}
        self.on_dispatch: Callable[[str, int, wire.Open], None] = lambda *_: None
        self.on_committed: Callable[[int], None] = lambda _: None
        self.on_sent: Callable[[int], None] = lambda _: None
        self.on_ended: Callable[[list[int]], None] = lambda _: None
        self.waiting_for_nobody: list[str] = []
        self.dead = False
        self._numbers = 0
        self.first_number = 0

    # For the table of calls

    def next_number(self) -> int:
        self._numbers += 1
        return self.first_number + self._numbers

    def dispatch(self, name: str, number: int, frame: wire.Open, sink: Sink) -> None:
        self.on_dispatch(name, number, frame)
        self.providers[name].dispatch(number, frame, sink)

    def cancel(self, name: str, number: int) -> None:
        self._tell(name, number, wire.Cancel(id=number))

    def pause(self, name: str, number: int) -> None:
        self._tell(name, number, wire.Pause(id=number))

    def resume(self, name: str, number: int) -> None:
        self._tell(name, number, wire.Resume(id=number))

    def _tell(self, name: str, number: int, frame: wire.Frame) -> None:
        if name in self.providers:
            self.providers[name].tell(number, frame)

    def outlook(self, provider: str, model: str | None) -> Outlook:
        known = self.providers.get(provider)
        if known is None:
            return Outlook("stopped", "no_provider", "not running")
        return known.outlook(model, self.world.now(), self.world.unix())

    # Supervision

    def apply(self, name: str, event: supervision.Event) -> None:
        self._step(self.providers[name], event)

    def forget_limits(self, name: str) -> None:
        self.providers[name].forget_limits()
        if self.providers[name].core.state != "stopped":
            self.apply(name, supervision.Restart(reason="limits cleared by operator"))

    def _step(self, provider: Provider, event: supervision.Event) -> None:
        if self.dead:
            return
        for command in provider.core.step(event, self.world.now()):
            self._do(provider, command)
        if provider.waiting and provider.core.state not in ("starting", "ready"):
            self.waiting_for_nobody.append(f"{provider.name} is {provider.core.state} at {self.world.time:g}")
        if provider.timer is not None:
            provider.timer.cancel()
        wake_at = provider.core.next_wake(self.world.now())
        provider.timer = self.world.at(wake_at, partial(self._step, provider, supervision.Tick()))

    def _do(self, provider: Provider, command: supervision.Command) -> None:
        match command:
            case supervision.Spawn(number):
                self._spawn(provider, number)
            case supervision.Kill(number):
                self._kill(provider, number)
            case supervision.AskToDrain(number):
                self._to_worker(provider, number, wire.Drain())
            case supervision.SendBye(number):
                self._to_worker(provider, number, wire.Bye())
            case supervision.Promote(number):
                provider.promote(provider.processes[number])
            case supervision.Announce():
                if command.before != command.after:
                    self.world.log("state", provider.name, command.before, "->", command.after, command.reason)
                provider.announced(command)
            case supervision.Outgrown():
                pass  # for the journal and the log

    def _to_worker(self, provider: Provider, number: int, frame: wire.Frame) -> None:
        process = provider.processes.get(number)
        if process is not None:
            process.link.send(frame)

    # Processes

    def _spawn(self, provider: Provider, number: int) -> None:
        if self.faults.vault_locked:
            refused = supervision.SpawnRefused(number, "vault_locked")
            self.world.after(0.0, partial(self._step, provider, refused))
            return
        inbound = Link(self.world, lambda frame: self._on_frame(provider, process, frame))
        worker = Worker(self.world, self.upstreams[provider.name], number, provider.model, inbound)
        process = Process(number, worker, Outlink(self.world, worker.on_frame), inbound)
        provider.processes[number] = process
        worker.on_end = partial(self._exited, provider, process)
        if self.faults.launcher_down:
            self.world.after(0.002, partial(self._ended, provider, process, None, "the launcher ended"))
            worker.alive = False
            return
        self.world.after(0.002 + 0.01 * self.world.random(), partial(self._forked, provider, process))

    def _forked(self, provider: Provider, process: Process) -> None:
        process.spawned = True
        self._step(provider, supervision.Spawned(process.number, process.number))
        if process.killed:
            self._kill(provider, process.number)
            return
        match self.faults.bad_starts.pop(provider.name, ""):
            case "exit":
                process.worker.end(1)
            case "configuration":
                process.worker.end(EXIT_CONFIGURATION)
            case "hang":
                process.worker.hung = True
            case _:
                process.worker.send(wire.Hello())

    def _kill(self, provider: Provider, number: int) -> None:
        process = provider.processes.get(number)
        if process is None:
            return
        process.killed = True
        if process.spawned:
            process.worker.end(-9)

    def _exited(self, provider: Provider, process: Process, code: int) -> None:
        """The process is gone: its link is read to the end, then that is known."""
        at = max(self.world.time, process.inbound.last_at) + 0.0005
        self.world.at(at, partial(self._ended, provider, process, code, ""))

    def _ended(self, provider: Provider, process: Process, code: int | None, reason: str) -> None:
        if process.ended or self.dead:
            return
        process.ended = True
        self.world.log("exit", provider.name, process.number, code)
        provider.removed(process.number, process)
        self._step(provider, supervision.Exited(process.number, code, reason))
        numbers = list(process.in_flight)
        provider.lose(process, reason or describe_exit(code))
        self.on_ended(numbers)

    # Frames

    def _on_frame(self, provider: Provider, process: Process, frame: wire.Frame) -> None:
        if self.dead or process.ended:
            return
        match frame:
            case wire.Event() | wire.Sent() | wire.End() | wire.Error():
                if frame.id in process.in_flight and isinstance(frame, wire.Event) and frame.committed:
                    self.on_committed(frame.id)
                if isinstance(frame, wire.Sent):
                    self.on_sent(frame.id)
                provider.on_call_frame(process, frame)
            case wire.Beat():
                self._step(provider, supervision.Beaten(process.number))
            case wire.Health():
                provider.on_health(process, frame, self.world.unix())
            case wire.Hello():
                configure = wire.Configure(provider=provider.name, state=provider.health.state)
                process.link.send(configure)
            case wire.Ready():
                self._step(provider, supervision.BecameReady(process.number))
            case wire.Drained():
                self._step(provider, supervision.Drained(process.number))
            case _:
                self._step(provider, supervision.Broken(process.number, f"sent a {frame.kind} frame"))

    def crash(self) -> None:
        """The supervisor is gone, and all its workers with it."""
        self.dead = True
        for provider in self.providers.values():
            for process in provider.processes.values():
                process.worker.alive = False
