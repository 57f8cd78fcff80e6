"""One provider's calls: which of its workers has which, what waits for one to be ready, and how things stand.

A dispatch is one attempt of one call, handed to whichever worker takes calls. While the provider starts it waits here.
Its sink hears every frame about it, and in the end exactly one of: an end frame, an error frame, ``on_lost``. When a
worker starts, ends or takes over is decided in ``kruxos.cores.supervision``; this is what that means for calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from kruxos import wire
from kruxos.cores.ports import Sink
from kruxos.cores.recovery import Recovery
from kruxos.cores.routing import Outlook
from kruxos.cores.supervision import Announce, Supervision
from kruxos.errors import BY_CODE, OverloadedError
from kruxos.fields import Fields

CALLS_MAX = 1064
"""What a worker takes that has not told yet: a thousand that wait, and its first window of calls at once."""
FULL_PAUSE_S = 1.0
"""One whose worker is full may be asked again after this."""
FEW = 4
"""So many calls at once are no rush: one that recovers takes them without a lot, and a single one as its probe."""


class Outlink(Protocol):
    """The supervisor's end of a worker's link."""

    @property
    def full(self) -> bool:
        """Whether the worker is so far behind that it gets nothing more."""
        ...

    def send(self, frame: wire.Frame) -> None:
        """Queues a frame."""
        ...


class Carrier(Protocol):
    """One worker process, as far as calls are concerned. ``forgotten``: what it knows of limits is not wanted."""

    forgotten: bool

    @property
    def link(self) -> Outlink:
        """How frames reach it."""
        ...

    @property
    def in_flight(self) -> dict[int, Sink]:
        """The dispatches that it has, each with who waits for it."""
        ...


Cooling: TypeAlias = dict[str, tuple[float, str]]
"""Until when (Unix seconds), and why, each model is left alone, "" for all of them."""
CarrierT = TypeVar("CarrierT", bound=Carrier)


@dataclass(slots=True)
class Desk(Generic[CarrierT]):
    """The calls of one provider. ``current`` is the process that takes new ones, at most ``calls_max`` at once."""

    name: str
    core: Supervision
    enabled: bool = False
    model: str = ""
    processes: dict[int, CarrierT] = field(default_factory=dict[int, CarrierT])
    current: CarrierT | None = None
    waiting: dict[int, tuple[wire.Open, Sink]] = field(default_factory=dict[int, tuple[wire.Open, Sink]])
    health: wire.Health = field(default_factory=wire.Health)
    recovery: Recovery = field(default_factory=Recovery)
    calls_max: int = CALLS_MAX
    probes: dict[str, int] = field(default_factory=dict[str, int])
    """By place that is half open, the call that tries it."""

    # Calls

    def dispatch(self, number: int, frame: wire.Open, sink: Sink) -> None:
        """Hands one attempt to the provider; ``number`` names it. The sink may hear of its loss before this returns."""
        if self.core.state not in ("ready", "starting"):
            sink.on_lost("not running")
            return
        for name in ("", frame.model or self.model):
            if name in self.recovery.pauses and not self._is_tried(name):
                self.probes[name] = number
        if self.current is None:
            self.waiting[number] = (frame, sink)
        else:
            _send_open(self.current, number, frame, sink)

    def tell(self, number: int, frame: wire.Frame) -> None:
        """Something about an attempt for whichever process has it; one that still waits is taken back."""
        waiting = self.waiting.get(number)
        if waiting is not None:
            if isinstance(frame, wire.Cancel):
                del self.waiting[number]
                waiting[1].on_lost("cancelled before it was sent")
            return
        for process in self.processes.values():
            if number in process.in_flight:
                process.link.send(frame)

    # Processes

    def promote(self, process: CarrierT) -> None:
        """The process takes calls from now on, first of all those that wait."""
        self.current = process
        waiting, self.waiting = self.waiting, {}
        for number, (frame, sink) in waiting.items():
            _send_open(process, number, frame, sink)

    def announced(self, change: Announce) -> None:
        """The provider's state changed: nobody waits for one that is not on its way."""
        if change.after != "ready":
            self.current = None
        if change.after in ("backoff", "failed", "stopped"):
            waiting, self.waiting = self.waiting, {}
            for _, sink in waiting.values():
                sink.on_lost(change.reason)

    def removed(self, number: int, process: CarrierT) -> None:
        """The process is gone, its link read to the end. ``lose`` follows once supervision knows."""
        self.processes.pop(number, None)
        if self.current is process:
            self.current = None

    @staticmethod
    def lose(process: CarrierT, told: str) -> None:
        """Fails what the process had."""
        in_flight = dict(process.in_flight)
        process.in_flight.clear()
        for sink in in_flight.values():
            sink.on_lost(told)

    # Frames

    @staticmethod
    def on_call_frame(
        process: CarrierT, frame: wire.Event | wire.Sent | wire.Step | wire.Spool | wire.End | wire.Error
    ) -> None:
        """A frame about one attempt; those that nobody waits for any more are not heard."""
        if isinstance(frame, (wire.End, wire.Error)):
            sink = process.in_flight.pop(frame.id, None)
        else:
            sink = process.in_flight.get(frame.id)
        if sink is not None:
            sink.on_frame(frame)

    def on_health(self, process: CarrierT, frame: wire.Health, unix: float) -> None:
        """What limits the provider now. A predecessor that drains knows less than its successor.

        Raises ``BadRequestError``.
        """
        if (self.current is process or self.current is None) and not process.forgotten:
            self.recovery.told(cooling_of(frame), unix)
            self.probes = {name: number for name, number in self.probes.items() if name in self.recovery.pauses}
            self.health = frame

    def forget_limits(self) -> None:
        """What was learned of the provider's limits is dropped, and what its processes still say of them."""
        self.health, self.recovery, self.probes = wire.Health(), Recovery(), {}
        for process in self.processes.values():
            process.forgotten = True

    def _is_tried(self, name: str) -> bool:
        """Whether a call is under way whose end tells if the place is well again."""
        number = self.probes.get(name)
        return number in self.waiting or any(number in process.in_flight for process in self.processes.values())

    @property
    def busy(self) -> int:
        """How many attempts it has, those that wait for a worker among them."""
        return len(self.waiting) + sum(len(process.in_flight) for process in self.processes.values())

    def _held(self) -> int:
        """How many attempts wait for a worker, or are with the one that takes calls."""
        return len(self.waiting) if self.current is None else len(self.current.in_flight)

    def outlook(self, model: str | None, now: float, unix: float) -> Outlook:
        """How things stand with the provider (``kruxos.cores.routing.HealthView``)."""
        core = self.core
        if core.state in ("ready", "starting") and self._held() >= self.calls_max:
            return Outlook("full", OverloadedError.code, "as many calls wait for it as may", unix + FULL_PAUSE_S)
        match core.state:
            case "ready" | "idle":
                return self._ready_outlook(("", model or self.model), unix)
            case "starting":
                return Outlook("starting")
            case state:
                code = core.reason if core.reason in BY_CODE else "worker_lost"
                retry_at = None if core.start_at is None else unix + max(0.0, core.start_at - now)
                return Outlook(state, code, core.reason or state, retry_at)

    def _ready_outlook(self, places: tuple[str, str], unix: float) -> Outlook:
        for name in places:
            pause = self.recovery.cooling(name, unix)
            if pause is not None:
                return Outlook("cooling", pause.reason, "asked to wait", pause.until)
        tried = [self.recovery.pauses[name] for name in places if name in self.recovery.pauses and self._is_tried(name)]
        if tried:  # whoever came behind its probe would wait for how that ends
            return Outlook("ready", tried[0].reason, "it is being tried again with another call", share=0.0)
        share, code = min(self.recovery.share(name, unix) for name in places)
        few = 1 if any(name in self.recovery.pauses for name in places) else FEW
        if share >= 1.0 or self.busy < few:
            return Outlook("ready")
        return Outlook("ready", code, "it recovers, and takes a growing share of the calls", share=share)


def _send_open(process: Carrier, number: int, frame: wire.Open, sink: Sink) -> None:
    if process.link.full:
        sink.on_lost("it is too far behind")
        return
    process.in_flight[number] = sink
    process.link.send(wire.Open(
        id=number, body=frame.body, op=frame.op, stream=frame.stream, agent=frame.agent, role=frame.role,
        model=frame.model, deadline_s=frame.deadline_s, wait_s=frame.wait_s, conversation=frame.conversation,
        call_id=frame.call_id, thinking_effort=frame.thinking_effort,
    ))  # fmt: skip


def cooling_of(health: wire.Health) -> Cooling:
    """Until when, and why, each model is left alone, "" for all of them. Raises ``BadRequestError``."""
    places: Mapping[str, object] = Fields(health.state).object("places")
    fields = Fields(places)
    found: Cooling = {}
    for name in places:
        place = Fields(fields.object(name))
        until = place.maybe_number("until")
        if until is not None:
            found[name] = until, place.maybe_text("reason") or "rate_limited"
    return found
