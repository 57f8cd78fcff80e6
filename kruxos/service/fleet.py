"""All providers and their worker processes: carries out what the supervision cores command.

A dispatch is one attempt of one call, handed to whichever worker of its provider takes calls. Its sink hears every
frame about it and in the end exactly one of: an end frame, an error frame, ``on_lost``.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import trio

from kruxos import wire
from kruxos.cores import supervision
from kruxos.cores.children import MEMORY_HARD_FACTOR
from kruxos.cores.dispatching import Cooling, cooling_of
from kruxos.cores.exits import describe_exit
from kruxos.cores.ports import Sink
from kruxos.cores.routing import Outlook
from kruxos.cores.supervision import Supervision
from kruxos.errors import BY_CODE, KruxosError, NeedsLoginError, NoProviderError
from kruxos.launcher import linux
from kruxos.launcher.cage import WHOLE
from kruxos.link import Link
from kruxos.service.journal import LOG, tell_fault
from kruxos.service.launching import Launching, Request, wait_exit
from kruxos.service.names import Asker, Names
from kruxos.service.providers import Process, Provider, Setup
from kruxos.service.renewing import LoginStore, Renewing
from kruxos.service.timers import Timers

REST_AFTER_S = 300.0
"""A provider on demand that nobody has asked for so long is stopped until somebody does."""
EXIT_WITHIN_S = 2.0
"""A worker whose link ended is given this long to be gone before it is killed."""


class Fleet:
    """All providers. Everything here runs in the supervisor's one thread; methods never wait."""

    def __init__(
        self,
        launching: Launching,
        timers: Timers,
        nursery: trio.Nursery,
        setup_of: Callable[[str], Setup],
        log_of: Callable[[str], int],
        tell: Callable[[str, supervision.Announce | supervision.Outgrown], None],
        logins: LoginStore,
        names: Names | None = None,
        cooled: Callable[[str, Cooling, Cooling], None] | None = None,
    ) -> None:
        self._launching, self._timers, self._nursery = launching, timers, nursery
        self._setup_of, self._log_of, self._tell, self._logins = setup_of, log_of, tell, logins
        self._names = names or Names(nursery)
        self._cooled = cooled
        self._dispatches = 0
        self.providers: dict[str, Provider] = {}

    # What the configuration says

    def configure(
        self, enabled: Mapping[str, bool], changed: set[str], on_demand: frozenset[str] = frozenset()
    ) -> None:
        """Brings the fleet in line: starts what is new, hands over what changed, stops what is gone or disabled.

        What an operator stopped stays stopped. ``on_demand``: those that are started when somebody asks for them.
        """
        for name in [name for name in self.providers if name not in enabled]:
            self.apply(name, supervision.Stop(now=True))
            self.providers.pop(name)
        for name, wanted in enabled.items():
            provider = self.providers.get(name)
            if provider is None:
                provider = self.providers[name] = self._new_provider(name)
            was_enabled, provider.enabled = provider.enabled, wanted
            provider.on_demand = name in on_demand
            if not wanted:
                if provider.core.state != "stopped":
                    self.apply(name, supervision.Stop())
            elif not was_enabled or (provider.core.state == "idle" and not provider.on_demand):
                self.apply(name, supervision.Rest() if provider.on_demand else supervision.Start())
            elif name in changed and provider.has_process:
                self.apply(name, supervision.Restart(reason="settings changed"))

    def forget_limits(self, name: str) -> None:
        """What was learned of a provider's limits is dropped; its worker is replaced by one that knows nothing."""
        provider = self.providers[name]
        provider.forget_limits()
        if provider.has_process:
            self.apply(name, supervision.Restart(reason="limits cleared by operator"))

    def _new_provider(self, name: str) -> Provider:
        def login_ended(number: int) -> None:
            self._step(provider, supervision.Unfit(number, NeedsLoginError.code))

        renewing = Renewing(name, self._logins, self._nursery, login_ended)
        provider = Provider(name, Supervision(random.random), renewing=renewing)
        return provider

    # Calls

    def next_number(self) -> int:
        """A number for a dispatch to come."""
        self._dispatches += 1
        return self._dispatches

    def dispatch(self, name: str, number: int, frame: wire.Open, sink: Sink) -> None:
        """Hands one attempt to the provider; ``number`` names it in ``cancel`` and the others.

        The sink may be told of the loss before this returns.
        """
        provider = self.providers.get(name)
        if provider is None:
            sink.on_lost("not running")
            return
        provider.asked_at = trio.current_time()
        if provider.core.state == "idle":
            self.apply(name, supervision.Start())
        provider.dispatch(number, frame, sink)

    def _rest(self, provider: Provider) -> None:
        """Stops a provider on demand that nobody needs any more."""
        since_s = trio.current_time() - max(provider.asked_at, provider.core.since)
        if provider.on_demand and provider.core.state == "ready" and not provider.busy and since_s >= REST_AFTER_S:
            self._step(provider, supervision.Rest())

    def cancel(self, name: str, number: int) -> None:
        """The attempt is not wanted any more; its sink still hears how it ended."""
        self.tell(name, number, wire.Cancel(id=number))

    def pause(self, name: str, number: int) -> None:
        """The attempt's reader is slow."""
        self.tell(name, number, wire.Pause(id=number))

    def resume(self, name: str, number: int) -> None:
        """The attempt's reader has caught up."""
        self.tell(name, number, wire.Resume(id=number))

    def tell(self, name: str, number: int, frame: wire.Frame) -> None:
        """Something about an attempt, for whichever process has it."""
        provider = self.providers.get(name)
        if provider is not None:
            provider.tell(number, frame)

    def why_not(self, name: str) -> str:
        """Why a provider takes nothing now, as an error code; empty where it does, or only its worker died."""
        provider = self.providers.get(name)
        if provider is None or not provider.enabled:
            return NoProviderError.code
        return provider.core.reason if provider.core.reason in BY_CODE else ""

    def outlook(self, provider: str, model: str | None) -> Outlook:
        """How things stand with a provider (``kruxos.cores.routing.HealthView``)."""
        known = self.providers.get(provider)
        if known is None:
            return Outlook("stopped", "no_provider", "not running")
        return known.outlook(model, trio.current_time(), time.time())

    # Supervision

    def apply(self, name: str, event: supervision.Event) -> None:
        """Gives one event to a provider's core and carries out what it commands."""
        self._step(self.providers[name], event)

    def _step(self, provider: Provider, event: supervision.Event) -> None:
        for command in provider.core.step(event, trio.current_time()):
            self._do(provider, command)
        if provider.timer is not None:
            provider.timer.cancel()
        if self.providers.get(provider.name) is provider or provider.processes:
            wake_at = provider.core.next_wake(trio.current_time())
            provider.timer = self._timers.at(wake_at, partial(self._tick, provider))

    def _tick(self, provider: Provider) -> None:
        for process in list(provider.processes.values()):
            self._weigh(provider, process)
        self._step(provider, supervision.Tick())

    def _weigh(self, provider: Provider, process: Process) -> None:
        """Memory as the kernel tells it: a worker that leaks may do other things wrong too. Else as it says itself."""
        held = None if process.pid is None else linux.resident_bytes(process.pid)
        process.rss_bytes = process.said_rss_bytes if held is None else held
        weighed = supervision.Weighed(process.number, process.rss_bytes, process.memory_max_bytes)
        self._step(provider, weighed)

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
                provider.renewing.promoted(number)
                provider.promote(provider.processes[number])
            case supervision.Announce():
                provider.announced(command)
                self._tell(provider.name, command)
            case supervision.Outgrown():
                self._tell(provider.name, command)

    def _to_worker(self, provider: Provider, number: int, frame: wire.Frame) -> None:
        process = provider.processes.get(number)
        if process is not None:
            process.link.send(frame)

    # Processes

    def _spawn(self, provider: Provider, number: int) -> None:
        try:
            setup = self._setup_of(provider.name)
            log_fd = self._log_of(provider.name)
        except KruxosError as error:
            self._nursery.start_soon(self._refuse, provider, number, error.code)
            return
        provider.model = str(setup.settings.get("model") or "")
        ours, theirs = socket.socketpair()
        link = Link(ours)
        asker = Asker(provider.name, self._names, setup.names, link)
        process = provider.processes[number] = Process(
            number, link, asker, trio.current_time(), memory_max_bytes=setup.memory_max_bytes
        )

        def on_result(pid: int | None, reason: str) -> None:
            os.close(log_fd)
            process.pid = pid
            process.pid_known.set()
            if pid is None:
                process.link.close()
                self._ended(provider, process, None, reason)
                return
            self._step(provider, supervision.Spawned(number, pid))
            if process.killed:
                self._kill(provider, number)

        caged = setup.isolation != "off"
        memory_bytes = MEMORY_HARD_FACTOR * setup.memory_max_bytes
        wanted = Request(theirs, log_fd, on_result, caged=caged, ports=setup.ports, memory_bytes=memory_bytes)
        self._launching.spawn(wanted)
        self._nursery.start_soon(self._run, provider, process, setup)

    async def _refuse(self, provider: Provider, number: int, code: str) -> None:
        await trio.lowlevel.checkpoint()
        self._step(provider, supervision.SpawnRefused(number, code))

    def _kill(self, provider: Provider, number: int) -> None:
        process = provider.processes.get(number)
        if process is None:
            return
        process.killed = True
        if process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    async def _run(self, provider: Provider, process: Process, setup: Setup) -> None:
        """One worker from its hello to its exit."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_write, process.link)
            reason = await self._read(provider, process, setup)
            nursery.cancel_scope.cancel()
        process.link.close()
        await process.pid_known.wait()
        if process.pid is None:
            return
        code = None
        with trio.move_on_after(EXIT_WITHIN_S) as patience:
            code = await wait_exit(process.pid)
        if patience.cancelled_caught:
            self._kill(provider, process.number)
            code = await wait_exit(process.pid)
        self._ended(provider, process, code, reason)

    async def _read(self, provider: Provider, process: Process, setup: Setup) -> str:
        """Until the end of the link; gives the reason where it is the worker's fault."""
        try:
            while True:
                frames = await process.link.receive()
                if frames is None:
                    return ""
                for frame in frames:
                    self._on_frame(provider, process, frame, setup)
        except KruxosError as error:
            self._step(provider, supervision.Broken(process.number, f"garbage on its link: {error.message}"))
            return "garbage on its link"
        except (OSError, trio.ClosedResourceError):
            return ""
        except Exception as fault:  # noqa: BLE001 - a fault around one worker must not end the others
            tell_fault(f"the link of {provider.name}", fault)
            self._step(provider, supervision.Broken(process.number, "a fault of the gateway"))
            return "a fault of the gateway"

    def _ended(self, provider: Provider, process: Process, code: int | None, reason: str) -> None:
        provider.removed(process.number, process)
        self._step(provider, supervision.Exited(process.number, code, reason))
        provider.renewing.gone(process.number)
        provider.lose(process, reason or describe_exit(code))

    # Frames

    def _on_frame(self, provider: Provider, process: Process, frame: wire.Frame, setup: Setup) -> None:
        match frame:
            case wire.Event() | wire.Sent() | wire.Step() | wire.End() | wire.Spool():
                provider.on_call_frame(process, frame)
            case wire.Error():
                if frame.error.get("code") not in ("cancelled", "bad_request"):
                    provider.last_error = str(frame.error.get("code", ""))
                    provider.last_error_at = time.time()
                provider.on_call_frame(process, frame)
            case wire.Beat():
                process.said_rss_bytes = frame.rss_bytes
                if frame.calls_max and process is provider.current:
                    provider.calls_max = frame.calls_max
                provider.waiting_now, provider.waiting_peak = (
                    frame.waiting,
                    max(provider.waiting_peak, frame.waiting_peak),
                )
                self._step(provider, supervision.Beaten(process.number))
                self._rest(provider)
            case wire.Health():
                before = cooling_of(provider.health)
                provider.on_health(process, frame, time.time())
                if self._cooled is not None:
                    self._cooled(provider.name, before, cooling_of(provider.health))
            case _:
                self._on_life(provider, process, frame, setup)

    def _on_life(self, provider: Provider, process: Process, frame: wire.Frame, setup: Setup) -> None:
        match frame:
            case wire.Hello():
                self._greet(provider, process, frame, setup)
            case wire.Resolve():
                process.asker.ask(frame)
            case wire.Ready():
                self._step(provider, supervision.BecameReady(process.number))
            case wire.Renew() | wire.Renewed():
                provider.renewing.on_frame(process.number, frame, process.link.send)
            case wire.Drained():
                self._step(provider, supervision.Drained(process.number))
            case _:
                self._step(provider, supervision.Broken(process.number, f"sent a {frame.kind} frame"))

    def _greet(self, provider: Provider, process: Process, hello: wire.Hello, setup: Setup) -> None:
        if hello.version != wire.VERSION:
            self._step(provider, supervision.SpawnRefused(process.number, "restart_gateway"))
            self._kill(provider, process.number)
            return
        provider.isolation = hello.isolation
        if setup.isolation == "required" and hello.isolation.get("level") != WHOLE:
            missing = ", ".join(map(str, hello.isolation.get("missing", ["everything"])))
            LOG.error("provider %s: isolation is required, and cannot be had here: %s", provider.name, missing)
            self._step(provider, supervision.SpawnRefused(process.number, "isolation_unavailable"))
            self._kill(provider, process.number)
            return
        process.link.send(
            wire.Configure(
                provider=provider.name, settings=setup.settings, body=setup.secret, state=provider.health.state
            )
        )
        process.link.flush()


async def _write(link: Link) -> None:
    try:
        await link.run_writer()
    except (OSError, trio.ClosedResourceError):
        return  # the reader sees the same end, with what the worker wrote before it
