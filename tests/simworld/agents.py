"""Simulated agents: sessions with the real session core and outbox, and what each agent saw.

``Session`` mirrors ``kruxos.service.doors.AgentSession``; behind it an agent reads at its own pace.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from kruxos import framing, wire
from kruxos.cores import session as words
from kruxos.cores.outbox import Outbox
from kruxos.cores.routing import AgentFacts
from kruxos.events import Restart, TextDelta, decode_events
from tests.simworld.clock import World
from tests.simworld.gateway import Gateway

READ_S = 0.002


@dataclass(slots=True)
class Seen:
    """One call as its agent saw it: what it asked, the events that came, the last frame."""

    agent: str
    facts: AgentFacts
    frame: wire.Open
    opened_at: float
    life: int
    running: int = 0
    call_id: str = ""
    events: list[TextDelta | Restart] = field(default_factory=list[TextDelta | Restart])
    last: list[wire.End | wire.Error] = field(default_factory=list[wire.End | wire.Error])
    closed_at: float | None = None
    left: bool = False
    cancelled: bool = False
    late: int = 0
    """Frames that came after the last one."""
    begun_at: float | None = None
    """When the call that answers it was opened, where it joined one."""


class Session:
    """One agent's connection, both ends."""

    def __init__(self, world: World, gateway: Gateway, facts: AgentFacts, read_s: float = READ_S) -> None:
        self.world, self.gateway, self.facts, self.read_s = world, gateway, facts, read_s
        self.core = words.Session(facts.name)
        self.outbox = Outbox()
        self.seen: dict[int, Seen] = {}
        self.gone = False
        self._readers: dict[int, Reader] = {}
        self._reading = False

    # The agent's side

    def open(self, frame: wire.Open) -> Seen:
        seen = self.seen[frame.id] = Seen(
            self.facts.name, self.facts, frame, self.world.time, self.gateway.life
        )  # fmt: skip
        self.world.log("open", self.facts.name, frame.id, "key", frame.key, "model", frame.model)
        self.arrive(frame)
        return seen

    def arrive(self, frame: wire.Frame) -> None:
        """A frame of the agent reaches the gateway."""
        if not self.gone:
            self._do(self.core.frame(frame))

    def leave(self) -> None:
        """The agent is gone, by a bye or without a word."""
        if self.gone:
            return
        self._do(self.core.gone())
        self.cut()

    def cut(self) -> None:
        """The connection is gone, with whatever end."""
        self.gone = True
        for seen in self.seen.values():
            seen.left = seen.left or not seen.last
        self.outbox = Outbox()

    def _read(self) -> None:
        self._reading = False
        if self.gone or not self.outbox:
            return
        message, resumed = self.outbox.take()
        for frame in framing.decode_message(message):
            self._hear(frame)
        for number in resumed:
            reader = self._readers.get(number)
            if reader is not None:
                self.gateway.calls.caught_up(reader.call, reader)
        self._wake()

    def _hear(self, frame: wire.Frame) -> None:
        seen = self.seen.get(frame.id)
        if seen is None or not isinstance(frame, (wire.Event, wire.End, wire.Error)):
            return
        seen.late += bool(seen.last)
        if isinstance(frame, (wire.Event, wire.End)):
            seen.events += [each for each in decode_events(frame.body) if isinstance(each, (TextDelta, Restart))]
        if not isinstance(frame, wire.Event):
            seen.last.append(frame)
            what = frame.error.get("code") if isinstance(frame, wire.Error) else f"answered by {frame.provider}"
            self.world.log("heard", self.facts.name, frame.id, what, len(seen.events))

    def _wake(self) -> None:
        if not self._reading and self.outbox and not self.gone:
            self._reading = True
            self.world.after(self.read_s * (0.5 + self.world.random()), self._read)

    # The gateway's side

    def _do(self, commands: list[words.Command]) -> None:
        for command in commands:
            match command:
                case words.OpenCall(frame):
                    reader = self._readers[frame.id] = Reader(self, frame.id)
                    reader.call = self.gateway.calls.open(frame, self.facts, reader)
                    self._note_open(frame.id, reader)
                case words.HoldCall() | words.ReleaseCall():
                    pass  # these agents hold nothing back
                case words.CancelCall(number):
                    self._cancel(number)
                case words.Answer(frame):
                    self.outbox.put(frame)
                case words.End():
                    pass
        self._wake()

    def _note_open(self, number: int, reader: Reader) -> None:
        seen = self.seen[number]
        running = self.gateway.calls._calls.get(reader.call)
        seen.running = reader.call
        if running is not None:
            seen.call_id, seen.begun_at = running.core.terms.call_id, running.core.opened_at

    def _cancel(self, number: int) -> None:
        reader = self._readers.get(number)
        if reader is None:
            return
        if self.core.state == "over":
            self.gateway.calls.leave(reader.call, reader)
        else:
            self.gateway.calls.cancel(reader.call)

    def deliver(self, number: int, body: bytes) -> bool:
        behind = self.outbox.put_events(number, body)
        self._wake()
        return behind

    def close_call(self, number: int, frame: wire.End | wire.Error, *, drop: bool) -> None:
        if drop:
            self.outbox.drop_events(number)
        self.outbox.put_last(number, replace(frame, id=number))
        self._readers.pop(number, None)
        self.core.call_over(number)
        self.seen[number].closed_at = self.world.time
        self._wake()


@dataclass(slots=True, eq=False)
class Reader:
    """One call of a session, as the table of calls sees it."""

    session: Session
    number: int
    call: int = 0

    def deliver(self, body: bytes) -> bool:
        return self.session.deliver(self.number, body)

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        self.session.close_call(self.number, frame, drop=drop)


class Agent:
    """One agent over its sessions: opens calls of all kinds, by chance."""

    def __init__(self, world: World, facts: AgentFacts, models: list[str]) -> None:
        self.world, self.facts, self.models = world, facts, models
        self.session: Session | None = None
        self.sessions: list[Session] = []
        self.keys: list[wire.Open] = []
        self._calls = 0

    def connect(self, gateway: Gateway, read_s: float = READ_S) -> Session:
        self.session = Session(self.world, gateway, self.facts, read_s)
        self.sessions.append(self.session)
        return self.session

    def call(self) -> None:
        """Opens one call, unless the agent is away."""
        session, chance = self.session, self.world.chance
        if session is None or session.gone:
            return
        frame = self._frame()
        session.open(frame)
        if chance.random() < 0.04:
            self.world.after(chance.random(), partial(self._repeat, session, frame))
        if chance.random() < 0.06:
            self.world.after(3 * chance.random() ** 2, partial(self._cancel, session, frame.id))

    def _repeat(self, session: Session, frame: wire.Open) -> None:
        """The same frame again while the call is under way: it is the same call."""
        if session.seen[frame.id].closed_at is None:
            self.world.fault("duplicate_open", self.facts.name, frame.id)
            session.arrive(frame)

    def _cancel(self, session: Session, number: int) -> None:
        if session.gone or session.seen[number].last:
            return
        self.world.fault("cancel", self.facts.name, number)
        session.seen[number].cancelled = True
        session.arrive(wire.Cancel(id=number))

    def _frame(self) -> wire.Open:
        chance = self.world.chance
        self._calls += 1
        number = self._calls
        if self.keys and chance.random() < 0.15:
            return replace(chance.choice(self.keys), id=number, deadline_s=chance.choice([10.0, 60.0]))
        key = f"key{number}" if chance.random() < 0.2 else None
        frame = wire.Open(
            id=number,
            body=f"{self.facts.name} {number}".encode(),
            stream=key is not None or chance.random() < 0.8,
            model=chance.choice([None, None, None, *self.models]),
            strict_model=chance.random() < 0.1,
            fallback=chance.choice(["local_only", "none", "same_billing"]) if chance.random() < 0.15 else None,
            deadline_s=chance.choice([2.0, 10.0, 30.0, 60.0, 60.0]),
            wait_s=chance.choice([None, None, 0.0, 5.0, 30.0]),
            key=key,
            at_most_once=chance.random() < 0.1,
            retry_ambiguous=key is not None and chance.random() < 0.2,
            on_interrupt="restart" if chance.random() < 0.25 else None,
            conversation="talk" if chance.random() < 0.3 else None,
        )
        if key is not None:
            self.keys.append(frame)
        return frame
