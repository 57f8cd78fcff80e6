"""Where agents come in: the door for hellos and single questions, and one session for each agent connection.

The door answers a hello with the address of a fresh session, and a single question with its whole answer. A session
carries as many calls as the agent likes, each as a stream. What a frame means is decided in ``kruxos.cores.session``;
what waits for the agent is kept in ``kruxos.cores.outbox``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import trio

from kruxos import __version__, framing, wire
from kruxos.cores import session as words
from kruxos.cores.outbox import CALL_BYTES_MAX, Outbox
from kruxos.cores.routing import AgentFacts
from kruxos.cores.session import BATCH_OPS, OPS
from kruxos.errors import (
    BadRequestError,
    DrainingError,
    InternalError,
    KruxosError,
    OverloadedError,
    UpgradeRequiredError,
)
from kruxos.gauge import Gauge
from kruxos.service.batch_desk import BatchDesk
from kruxos.service.calls import Calls
from kruxos.service.journal import tell_fault
from kruxos.transport import (
    AddressUnusableError,
    Door,
    Inbound,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
    Session,
)

DIAL_WITHIN_S = 5.0
FAREWELL_S = 1.0
"""How long an agent whose session ends is given to read why."""
SESSIONS_MAX = 8192
QUEUED_BYTES_MAX = 256 * 1024 * 1024
"""Answers that wait in all sessions together; over it every reader counts as behind."""

Identify = Callable[[str | None, str | None, Peer], AgentFacts]
"""Who asks: the name and token that were shown, and the process. Raises ``UnauthorizedError``."""


@dataclass(slots=True)
class Queued:
    """Bytes of answers that wait: in all sessions, and of the call that had most."""

    all: Gauge = field(default_factory=lambda: Gauge(QUEUED_BYTES_MAX))
    call: Gauge = field(default_factory=lambda: Gauge(CALL_BYTES_MAX))


class AgentSession:
    """The shell of one session."""

    def __init__(self, connection: Session, agent: AgentFacts, calls: Calls, queued: Queued, verbs: BatchDesk) -> None:
        self._connection, self.agent, self._calls, self._queued = connection, agent, calls, queued
        self._verbs = verbs
        self.core = words.Session(agent.name)
        self.outbox = Outbox()
        self.opened_at = trio.current_time()
        self._readers: dict[int, _SessionReader] = {}
        self._wake = trio.Event()
        self._unsent = b""
        self._parked = False
        self._scope = trio.CancelScope()
        self._told = False

    async def run(self) -> None:
        """Until the agent goes, breaks the rules, or ``end`` is called."""
        try:
            await self._connection.wait_peer(DIAL_WITHIN_S)
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    self._do(self.core.gone())
                    self._wake.set()
                    self._scope.deadline = trio.current_time() + FAREWELL_S
                    if self._told:
                        await self._hung_up()
        except (NobodyDialledError, PeerGoneError):
            pass
        finally:
            self._do(self.core.gone())
            self._queued.all.add(-self.outbox.queued_bytes)
            self._connection.close()

    def end(self, reason: str) -> None:
        """Says bye and ends the session."""
        self.send(wire.Bye(reason=reason))
        self._scope.deadline = trio.current_time() + FAREWELL_S

    async def _read(self) -> None:
        while self.core.state == "open":
            try:
                frames = framing.decode_message(await self._connection.receive())
            except PeerGoneError:
                return
            except KruxosError as error:
                self._do(self.core.broken(error))
                return
            for frame in frames:
                self._do(self.core.frame(frame))

    async def _hung_up(self) -> None:
        """Waits until the agent has read why and gone: closing at once can take back words that are on their way."""
        with suppress(PeerGoneError):
            while True:
                await self._connection.receive()

    async def _write(self) -> None:
        """Carries out what waits; ends by itself once the session is over and nothing waits."""
        try:
            while self.core.state == "open" or self.outbox or self._unsent:
                if not (self.outbox or self._unsent):
                    self._wake, self._parked = trio.Event(), True
                    await self._wake.wait()
                    self._parked = False
                    continue
                resumed = [] if self._unsent else self._take()
                await self._connection.send(self._unsent)
                self._unsent = b""
                for number in resumed:
                    self._caught_up(number)
        except PeerGoneError:
            self._scope.cancel()

    def _take(self) -> list[int]:
        """Makes a message of what waits; the calls that have room again."""
        before = self.outbox.queued_bytes
        self._unsent, resumed = self.outbox.take()
        self._queued.all.add(self.outbox.queued_bytes - before)
        return resumed

    def _went_out(self) -> bool:
        """Sends at once what waits, where the writer rests: waking it costs a turn of the scheduler."""
        if self._wake.is_set() or not self._parked or not self.outbox:
            return False
        self._take()
        if self._connection.send_now(self._unsent):
            self._unsent = b""
        return not (self._unsent or self.outbox)

    def _caught_up(self, number: int) -> None:
        reader = self._readers.get(number)
        if reader is not None:
            self._calls.caught_up(reader.call, reader)

    # Commands of the core

    def _do(self, commands: list[words.Command]) -> None:
        for command in commands:
            match command:
                case words.OpenCall(frame):
                    self._open(frame)
                case words.CancelCall(number):
                    self._cancel(number)
                case words.HoldCall(number):
                    self.outbox.hold(number)
                case words.ReleaseCall(number):
                    self._release(number)
                case words.Answer(frame):
                    self.send(frame)
                case words.End(error):
                    if error is not None:
                        self._told = True
                        self.send(wire.Error(error=error.to_wire(), failure="never_sent"))

    def _open(self, frame: wire.Open) -> None:
        reader = self._readers[frame.id] = _SessionReader(self, frame.id)
        if frame.op in BATCH_OPS:
            self._verbs.ask(frame, self.agent, reader)
            return
        reader.call = self._calls.open(frame, self.agent, reader)

    def _release(self, number: int) -> None:
        self.outbox.release(number)
        self._wake.set()

    def _cancel(self, number: int) -> None:
        self._release(number)
        reader = self._readers.get(number)
        if reader is None:
            return
        if self.core.state == "over":
            self._calls.leave(reader.call, reader)
        else:
            self._calls.cancel(reader.call)

    # What waits for the agent

    def send(self, frame: wire.Frame) -> None:
        """A frame that belongs to no call."""
        before = self.outbox.queued_bytes
        self.outbox.put(frame)
        self._queued.all.add(self.outbox.queued_bytes - before)
        self._wake.set()

    def deliver(self, number: int, body: bytes) -> bool:
        """A run of events of a call. True: no more of it for now."""
        self._queued.all.add(len(body))
        behind = self.outbox.put_events(number, body)
        self._queued.call.peak = max(self._queued.call.peak, self.outbox.call_bytes_peak)
        self._wake.set()
        return behind or (self._queued.all.now > QUEUED_BYTES_MAX and self.outbox.pause(number))

    def close_call(self, number: int, frame: wire.End | wire.Error, *, drop: bool) -> None:
        """A call's last frame."""
        before = self.outbox.queued_bytes
        if drop:
            self.outbox.drop_events(number)
            self.outbox.release(number)
        self.outbox.put_last(number, frame)
        self._queued.all.add(self.outbox.queued_bytes - before)
        self._readers.pop(number, None)
        self.core.call_over(number)
        if (
            self._readers or not self._went_out()
        ):  # of the only call under way nothing comes that could share the message
            self._wake.set()


@dataclass(slots=True, eq=False)
class _SessionReader:
    """One call of a session, as the table of calls sees it."""

    session: AgentSession
    number: int
    call: int = 0

    def deliver(self, body: bytes) -> bool:
        return self.session.deliver(self.number, body)

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        self.session.close_call(self.number, frame, drop=drop)


@dataclass(slots=True)
class AgentDoor:
    """The fixed address that agents know. ``open_session`` makes a session for a process."""

    calls: Calls
    verbs: BatchDesk
    identify: Identify
    open_session: Callable[[Peer], Session]
    nursery: trio.Nursery
    sessions: set[AgentSession] = field(default_factory=set[AgentSession])
    open_sessions: Gauge = field(default_factory=lambda: Gauge(SESSIONS_MAX))
    queued: Queued = field(default_factory=Queued)
    draining: bool = False
    empty: trio.Event = field(default_factory=trio.Event)
    door: Door = field(init=False)
    _asking: dict[ReturnAddress, _DoorReader] = field(default_factory=dict[ReturnAddress, "_DoorReader"])

    async def serve(self, door: Door) -> None:
        """Takes questions at the door until it is closed."""
        self.door = door
        while True:
            inbound = await door.receive()
            try:
                frames = framing.decode_message(inbound.data)
                if len(frames) != 1:
                    raise BadRequestError("a question at the door is exactly one frame")
                self._on_frame(inbound, frames[0])
            except KruxosError as error:
                self.reply(inbound.to, wire.Error(error=error.to_wire(), failure="never_sent"))
            except Exception as fault:  # noqa: BLE001 - a fault around one question must not close the door
                tell_fault("the agents' door", fault)
                told = InternalError("this question met a fault of the gateway")
                self.reply(inbound.to, wire.Error(error=told.to_wire(), failure="never_sent"))

    def _on_frame(self, inbound: Inbound, frame: wire.Frame) -> None:
        match frame:
            case wire.Hello():
                self._hello(inbound, frame)
            case wire.Open():
                self._question(inbound, frame)
            case wire.Ping():
                self.reply(inbound.to, wire.Pong(id=frame.id, body=frame.body))
            case _:
                raise BadRequestError(f"the door takes hello, open and ping frames, not {frame.kind}")

    def _hello(self, inbound: Inbound, frame: wire.Hello) -> None:
        if frame.version != wire.VERSION:
            raise UpgradeRequiredError(
                f"this gateway speaks frame version {wire.VERSION} (kruxos {__version__}), the client {frame.version}"
            )
        if self.draining:
            raise DrainingError("the gateway is stopping")
        if len(self.sessions) >= SESSIONS_MAX:
            raise OverloadedError(f"{SESSIONS_MAX} sessions are open")
        agent = self.identify(frame.agent, frame.token, inbound.peer)
        try:
            connection = self.open_session(inbound.peer)
        except (AddressUnusableError, OSError) as error:
            raise OverloadedError(f"no session can be opened: {error}") from None
        session = AgentSession(connection, agent, self.calls, self.queued, self.verbs)
        self.sessions.add(session)
        self.open_sessions.set(len(self.sessions))
        self.nursery.start_soon(self._run_session, session)
        self.reply(
            inbound.to,
            wire.Welcome(
                package=__version__, agent=agent.name, session=connection.address, dial_within_s=DIAL_WITHIN_S
            ),
        )

    async def _run_session(self, session: AgentSession) -> None:
        try:
            await session.run()
        except Exception as fault:  # noqa: BLE001 - a fault around one agent must not end the others
            tell_fault("a session", fault)
        finally:
            self.sessions.discard(session)
            self.open_sessions.set(len(self.sessions))
            if self.draining and not self.sessions:
                self.empty.set()

    def drain(self, reason: str) -> trio.Event:
        """Ends the sessions, each with a word of why; the event tells when they are gone."""
        self.draining = True
        for session in self.sessions:
            session.end(reason)
        if not self.sessions:
            self.empty.set()
        return self.empty

    def _question(self, inbound: Inbound, frame: wire.Open) -> None:
        """A single question: its answer is one message. The same question again, while it runs, changes nothing."""
        if inbound.to in self._asking:
            return
        if frame.op not in OPS:
            raise BadRequestError(f"unknown operation; there are {', '.join(OPS)}", field="op")
        agent = self.identify(frame.agent, frame.token, inbound.peer)
        reader = self._asking[inbound.to] = _DoorReader(self, inbound.to, frame.id)
        if frame.op in BATCH_OPS:
            self.verbs.ask(frame, agent, reader)
            return
        reader.call = self.calls.open(replace(frame, stream=False), agent, reader)

    def gone(self, connection: int) -> None:
        """A connection at the door ended: its questions are not wanted any more."""
        for to, reader in list(self._asking.items()):
            if to.connection == connection:
                del self._asking[to]
                self.calls.leave(reader.call, reader)

    def reply(self, to: ReturnAddress, frame: wire.Frame) -> None:
        """Answers a question."""
        self.answer(to, frame, frame.id)

    def answer(self, to: ReturnAddress, frame: wire.Frame, number: int) -> None:
        """The same for a frame whose id is another there."""
        self._asking.pop(to, None)
        self.door.reply(to, framing.encode(frame, number))


@dataclass(slots=True, eq=False)
class _DoorReader:
    """One question, as the table of calls sees it."""

    door: AgentDoor
    to: ReturnAddress
    number: int
    call: int = 0

    def deliver(self, body: bytes) -> bool:
        assert not body, "a single question is answered whole"
        return False

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        self.door.answer(self.to, frame, self.number)
