"""The table of calls: binds each call's core to its agent on one side and the providers on the other.

Nothing here waits or knows a clock. A frame of an agent or a worker goes through the call's core, and the commands that
come out are frames for the other side, timers, and rows for the ledger. What it needs of the world comes in as ports:
``Clock``, ``Timers``, ``Providers``, ``Books`` and chance; so a simulated world can run it as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from kruxos import wire
from kruxos.cores import call_vocabulary as words
from kruxos.cores.call import CALL_WITHIN_S, Call
from kruxos.cores.conversations import Conversations, Thread, thread_of
from kruxos.cores.idempotency import KEY_CHARS_MAX, Entry, Idempotency, digest
from kruxos.cores.policing import Purse, Steward, permitted
from kruxos.cores.policy import Random, RetryBudget
from kruxos.cores.ports import Clock, Providers, Timer, Timers
from kruxos.cores.routing import AgentFacts, Plan, RoutingFacts, Wish, make_plan, stay
from kruxos.errors import (
    BY_CODE,
    BadRequestError,
    CancelledError,
    DrainingError,
    GatewayError,
    IdempotencyConflictError,
    KruxosError,
    OutcomeUnknownError,
    OverloadedError,
    SlowConsumerError,
    TooLargeError,
)
from kruxos.gauge import Gauge

SLOW_WITHIN_S = 60.0
CALLS_MAX = 20_000
OVERLOAD_PAUSE_S = 1.0


class Reader(Protocol):
    """Whoever reads a call's answer: a session's call, or a single question at the door."""

    def deliver(self, body: bytes) -> bool:
        """A run of events. True: the reader is behind, no more for now."""
        ...

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        """The last frame. ``drop``: what waits to be read is given up."""
        ...


@dataclass(slots=True)
class Running:
    """One call under way. ``readers`` is empty once its agent is gone, more than one where a key was joined.

    ``home``: the provider that stands first for it, wherever its conversation is now.
    """

    number: int
    core: Call
    purse: Purse
    frame: wire.Open
    agent: AgentFacts
    readers: list[Reader]
    started_at: float
    home: str = ""
    timer: Timer | None = None
    provider: str = ""
    dispatch: int = 0
    slow_timer: Timer | None = None
    behind: set[Reader] = field(default_factory=set[Reader])
    booked: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the table holds: calls under way, bytes of their requests, keys, bytes of kept answers."""

    calls: int
    request_bytes: int
    keys: int
    answer_bytes: int


class Books(Protocol):
    """What must be written down; nothing here waits for the disk."""

    def booked(self, running: Running, row: words.Row) -> None:
        """An attempt that may have cost something, or the call's outcome."""
        ...

    def persist(self, agent: str, key: str, digest: bytes, call_id: str, then: Callable[[], None]) -> None:
        """A key, before it is used; ``then`` once it is on disk."""
        ...

    def key_over(self, agent: str, key: str, *, kept: bool) -> None:
        """The key's call is over: its answer is kept, or the key is free again."""
        ...


class CallTable:
    """All calls. ``facts`` is replaced whole when the configuration changes."""

    def __init__(
        self, providers: Providers, timers: Timers, facts: RoutingFacts, books: Books, clock: Clock, random: Random
    ) -> None:
        self._providers, self._timers, self._books = providers, timers, books
        self._clock, self._random = clock, random
        self._calls: dict[int, Running] = {}
        self._count = 0
        self.under_way = Gauge(CALLS_MAX)
        self.request_bytes = Gauge(wire.BODIES_BYTES_MAX)
        self.shed = 0
        """Calls that were refused as ``overloaded`` before anything was begun for them."""
        self.facts = facts
        self.keys = Idempotency()
        self.conversations = Conversations()
        self.budget = RetryBudget()
        self.steward = Steward()
        self.draining = False

    # From agents

    def open(self, frame: wire.Open, agent: AgentFacts, reader: Reader) -> int:
        """Starts a call, or joins the one with its key; its number names it in ``leave``. 0: it is over already."""
        try:
            self._admit(frame)
            wish = Wish(frame.provider, frame.model, frame.role, frame.strict_model, frame.fallback)
            plan = permitted(make_plan(wish, agent, self.facts), agent, self.steward.prices, self._clock.unix())
            if frame.key is not None:
                return self._open_keyed(frame, frame.key, plan, agent, reader)
            self._shed(frame, plan)
        except KruxosError as error:
            self.shed += isinstance(error, OverloadedError)
            reader.close(wire.Error(error=error.to_wire(), failure="never_sent"))
            return 0
        running = self._add(frame, plan, agent, reader)
        self._step(running, words.Begin())
        return running.number

    def _admit(self, frame: wire.Open) -> None:
        if len(frame.body) > wire.REQUEST_BYTES_MAX:
            raise TooLargeError(f"a request of {len(frame.body)} bytes is over the cap of {wire.REQUEST_BYTES_MAX}")
        if frame.key is not None and not 0 < len(frame.key) <= KEY_CHARS_MAX:
            raise BadRequestError(f"a key has 1 to {KEY_CHARS_MAX} characters", field="key")
        if self.draining:
            raise DrainingError("the gateway is stopping")
        full = self.request_bytes.now + len(frame.body) > wire.BODIES_BYTES_MAX
        if full or len(self._calls) >= CALLS_MAX:
            raise OverloadedError("the gateway holds as much as it may", retry_at=self._clock.unix() + OVERLOAD_PAUSE_S)

    def _shed(self, frame: wire.Open, plan: Plan) -> None:
        """In overload most calls end here, so it costs little: nothing is begun, and nothing written down.

        Who said to wait for a place does so as any other call. Raises ``OverloadedError``.
        """
        if not plan.candidates or frame.wait_s:
            return
        outlooks = [self._providers.outlook(each.provider, each.model) for each in plan.candidates]
        if all(outlook.standing == "full" for outlook in outlooks):
            names = " and ".join(candidate.provider for candidate in plan.candidates)
            retry_at = self._clock.unix() + OVERLOAD_PAUSE_S
            raise OverloadedError(f"as many calls wait for {names} as may", retry_at=retry_at)

    def _open_keyed(self, frame: wire.Open, key: str, plan: Plan, agent: AgentFacts, reader: Reader) -> int:
        strict = "strict" if frame.strict_model else None
        request = digest(frame.body, frame.op, frame.provider, frame.model, frame.role, frame.fallback, strict)
        claim, entry = self.keys.claim(agent.name, key, request, self._count + 1, self._clock.now())
        match claim:
            case "conflict":
                raise IdempotencyConflictError("this key was used with another request")
            case "unknown":
                raise OutcomeUnknownError("a call with this key was made; its answer is not known any more")
            case "replay":
                _replay(entry, reader)
                return 0
            case "join":
                return self._join(entry, reader)
            case "fresh":
                running = self._add(frame, plan, agent, reader)
                begin = partial(self._step, running, words.Begin())
                self._books.persist(agent.name, key, request, running.core.terms.call_id, begin)
                return running.number

    def _join(self, entry: Entry, reader: Reader) -> int:
        running = self._calls[entry.call or 0]
        for body in entry.bodies:
            reader.deliver(body)
        running.readers.append(reader)
        return running.number

    def _add(self, frame: wire.Open, plan: Plan, agent: AgentFacts, reader: Reader) -> Running:
        now, unix = self._clock.now(), self._clock.unix()
        self._count += 1
        within_s = CALL_WITHIN_S if frame.deadline_s is None else max(0.0, frame.deadline_s)
        stays_with = self.conversations.stays_with(_thread(frame, agent), now)
        terms = words.Terms(
            call_id=new_call_id(unix, self._random),
            plan=stay(plan, stays_with),
            stream=frame.stream,
            deadline_at=now + within_s,
            wait_until=None if frame.wait_s is None else now + frame.wait_s,
            at_most_once=frame.at_most_once or (frame.key is not None and not frame.retry_ambiguous),
            restart_on_interrupt=frame.on_interrupt == "restart",
            unix_offset_s=unix - now,
        )
        purse = Purse(self.steward, self._providers, agent, frame, self._clock.unix)
        core = Call(terms, purse, self._random, now, self.budget)
        home = plan.candidates[0].provider if plan.candidates else ""
        if agent.role and not frame.role:
            frame = replace(frame, role=agent.role)  # workers know no agents
        running = Running(self._count, core, purse, frame, agent, [reader], unix, home)
        self._calls[running.number] = running
        self.under_way.set(len(self._calls))
        self.request_bytes.add(len(frame.body))
        return running

    def leave(self, number: int, reader: Reader) -> None:
        """The reader is gone. A call that nobody reads any more is cancelled, unless it has a key."""
        running = self._calls.get(number)
        if running is None or reader not in running.readers:
            return
        running.readers.remove(reader)
        running.behind.discard(reader)
        if not running.readers and running.frame.key is None:
            self._step(running, words.Stop(CancelledError("the agent is gone")))

    def cancel(self, number: int) -> None:
        """The agent cancels the call."""
        running = self._calls.get(number)
        if running is not None:
            self._step(running, words.Stop(CancelledError("cancelled by the agent")))

    def caught_up(self, number: int, reader: Reader) -> None:
        """A reader that was behind has room again."""
        running = self._calls.get(number)
        if running is None:
            return
        running.behind.discard(reader)
        if not running.behind and running.slow_timer is not None:
            running.slow_timer.cancel()
            running.slow_timer = None
            self._providers.resume(running.provider, running.dispatch)

    # Through the core

    def _step(self, running: Running, event: words.Event) -> None:
        for command in running.core.step(event, self._clock.now()):
            self._do(running, command)
        if running.core.state == "over":
            self._remove(running)
        elif running.timer is None or running.timer.at != running.core.wake_at:
            if running.timer is not None:
                running.timer.cancel()
            running.timer = self._timers.at(running.core.wake_at, partial(self._tick, running))

    def _tick(self, running: Running) -> None:
        running.timer = None
        self._step(running, words.Tick())

    def _do(self, running: Running, command: words.Command) -> None:
        match command:
            case words.Deliver():
                self._deliver(running, command.body)
            case words.Dispatch():
                self._dispatch(running, command)
            case words.CancelAttempt():
                self._providers.cancel(command.provider, running.dispatch)
            case words.Close():
                self._close(running, command.frame)
            case words.Book():
                self._books.booked(running, running.purse.booked(command.row))

    def _dispatch(self, running: Running, command: words.Dispatch) -> None:
        policy = running.agent.policy
        frame = replace(
            running.frame,
            agent=running.agent.name or None,
            model=command.candidate.model,
            deadline_s=command.deadline_s,
            wait_s=command.wait_s,
            call_id=running.core.terms.call_id,
            thinking_effort=running.agent.effort,
            compaction=dict(policy.compaction) if policy else {},
        )
        running.purse.dispatched(command.candidate)
        running.provider = command.candidate.provider
        running.dispatch = self._providers.next_number()
        number = running.dispatch
        self._providers.dispatch(running.provider, number, frame, _Attempt(self, running, number))
        if running.behind and running.dispatch == number:
            self._providers.pause(running.provider, number)

    def _deliver(self, running: Running, body: bytes) -> None:
        if running.frame.key is not None:
            self.keys.add(running.agent.name, running.frame.key, body)
        for reader in running.readers:
            if reader.deliver(body):
                running.behind.add(reader)
        if running.behind and running.slow_timer is None:
            self._providers.pause(running.provider, running.dispatch)
            at = self._clock.now() + SLOW_WITHIN_S
            running.slow_timer = self._timers.at(at, partial(self._too_slow, running))

    def _too_slow(self, running: Running) -> None:
        error = SlowConsumerError(f"the answer was not read for {SLOW_WITHIN_S:g} s")
        self._step(running, words.Stop(error))

    def _close(self, running: Running, frame: wire.End | wire.Error) -> None:
        drop = isinstance(frame, wire.Error) and frame.error.get("code") == SlowConsumerError.code
        if isinstance(frame, wire.End):
            frame = running.purse.answered(frame)
        if running.frame.key is not None:
            self._close_key(running, running.frame.key, frame)
        self._settle_conversation(running, frame)
        for reader in running.readers:
            reader.close(frame, drop=drop)
        running.readers.clear()

    def _settle_conversation(self, running: Running, frame: wire.End | wire.Error) -> None:
        """Where the conversation is from now on."""
        thread = _thread(running.frame, running.agent)
        if isinstance(frame, wire.End) and frame.provider != running.home:
            facts = self.facts.providers.get(frame.provider)
            lifetime_s = 0.0 if facts is None else facts.cache_lifetime_s
            self.conversations.moved(thread, frame.provider, self._clock.now() + lifetime_s)
        elif isinstance(frame, wire.End) or _moves_on(frame):
            self.conversations.back(thread)

    def _close_key(self, running: Running, key: str, frame: wire.End | wire.Error) -> None:
        billed = isinstance(frame, wire.End) or bool(frame.error.get("billed_maybe")) or bool(frame.usage)
        attempts = frame.attempts if isinstance(frame, wire.End) else frame.error.get("attempts", [])
        kept = billed or any(attempt.get("billed_maybe") for attempt in attempts)
        if kept:
            self.keys.finish(running.agent.name, key, frame)
        else:
            self.keys.release(running.agent.name, key)
        self._books.key_over(running.agent.name, key, kept=kept)

    def _remove(self, running: Running) -> None:
        for timer in (running.timer, running.slow_timer):
            if timer is not None:
                timer.cancel()
        running.purse.close()
        if self._calls.pop(running.number, None) is not None:
            self.under_way.set(len(self._calls))
            self.request_bytes.add(-len(running.frame.body))
        if self.draining and not self._calls:
            self.emptied()

    def emptied(self) -> None:
        """The table is empty while it drains. For a shell that waits for that."""

    # From workers

    def on_attempt(self, running: Running, number: int, frame: wire.Frame) -> None:
        """A frame about one attempt; attempts that are not the running one any more are not heard."""
        if running.dispatch != number:
            return
        match frame:
            case wire.Event():
                self._step(running, words.Progress(frame.body, frame.committed))
            case wire.Sent():
                self._step(running, words.Sent())
            case wire.Step():
                self._step(running, words.Stepped(frame))
            case wire.End():
                self._step(running, words.Answered(frame))
            case wire.Error():
                running.purse.failed(frame)
                self._step(running, words.Failed(frame))
            case _:
                pass

    def on_attempt_lost(self, running: Running, number: int, reason: str) -> None:
        """The worker of an attempt is gone."""
        if running.dispatch == number:
            running.purse.lost(was_sent=running.core.was_sent)
            self._step(running, words.Lost(reason))

    def statistics(self) -> Statistics:
        """What the table holds now."""
        return Statistics(len(self._calls), self.request_bytes.now, len(self.keys), self.keys.held_bytes.now)

    def in_flight_of(self, agent: str) -> int:
        """How many calls of the agent are under way."""
        return sum(running.agent.name == agent for running in self._calls.values())


@dataclass(slots=True)
class _Attempt:
    """The sink of one dispatch."""

    calls: CallTable
    running: Running
    number: int

    def on_frame(self, frame: wire.Frame) -> None:
        self.calls.on_attempt(self.running, self.number, frame)

    def on_lost(self, reason: str) -> None:
        self.calls.on_attempt_lost(self.running, self.number, reason)


def _thread(frame: wire.Open, agent: AgentFacts) -> Thread:
    wished = frame.model or frame.provider or agent.model
    return thread_of(agent.name, wished, frame.conversation, frame.prefixes)


def _moves_on(frame: wire.Error) -> bool:
    """Whether the error says something about providers, and not about the call."""
    cls = BY_CODE.get(str(frame.error.get("code")))
    return cls is not None and (cls.moves_on or issubclass(cls, GatewayError))


def _replay(entry: Entry, reader: Reader) -> None:
    assert entry.last is not None
    for body in entry.bodies:
        reader.deliver(body)
    reader.close(entry.last)


def new_call_id(unix: float, random: Random) -> str:
    """A name for a call that sorts by time: ``call_`` and 24 hexadecimal digits."""
    return f"call_{int(unix * 1000):012x}{int(random() * 2**48):012x}"
