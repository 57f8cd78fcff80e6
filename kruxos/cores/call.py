"""The whole story of one call, from its opening to its last word.

Theory of operation. A call has a plan (its candidates in order) and at most one attempt at a time. Only here is
anything tried again. Nothing that a provider said reaches the agent before its content begins: until that commit
point a failed attempt is followed by the next candidate, and the agent sees only the answer and a list of attempts.
After the commit point there is no splicing: the call ends with a typed error and what had come, or, where the agent
asked for it (``on_interrupt: restart``), a restart event and the next candidate from the top.

A failure is one of four kinds. ``never_sent`` and ``refused`` are free to repeat. ``ambiguous`` (sent, no clean answer)
may have cost money: the next candidate is tried and the attempt is labelled, unless the call is at most once; then it
ends with ``outcome_unknown``. ``final`` would be the same anywhere.

    routing    -> attempting | waiting | over
    attempting -> committed | routing | stopping | settling | over
    committed  -> routing (restart) | settling | over
    waiting    -> routing | over                              before trying again: a jittered pause, or until a
                                                              provider takes calls again, if the call may wait
    stopping   -> settling | over                             given up, and for a moment it is not known whether the
                                                              attempt was sent: only the worker can say
    settling   -> over                                        the agent has its answer; the worker owes a last word

One deadline and one number of retries hold for the whole call, and one budget of repeats for all calls together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from kruxos import events, wire
from kruxos.attempts import Attempt
from kruxos.cores.call_vocabulary import (
    Answered,
    Begin,
    Book,
    CancelAttempt,
    Close,
    Command,
    Deliver,
    Dispatch,
    Event,
    Failed,
    Lost,
    Progress,
    Row,
    Sent,
    Stepped,
    Stop,
    Terms,
    Tick,
    row_of_step,
)
from kruxos.cores.policy import RETRIES_MAX, RETRY_BASE_S, Random, RetryBudget, full_jitter_s
from kruxos.cores.routing import Candidate, HealthView, Skip, choose, others_ready
from kruxos.cores.verdict import verdict
from kruxos.errors import (
    BY_CODE,
    CancelledError,
    DeadlineExceededError,
    KruxosError,
    OutcomeUnknownError,
    WorkerLostError,
    from_wire,
)

CallState = Literal["routing", "attempting", "committed", "waiting", "stopping", "settling", "over"]

CALL_WITHIN_S = 600.0
SETTLE_WITHIN_S = 5.0
STOP_WITHIN_S = 0.02
"""A worker is given this long to say whether the given-up attempt was sent; silent, it counts as sent."""
RETRY_CEILING_S = 2.0
RETURN_PAUSE_S = 0.01
PATIENCE_S = 1.0


@dataclass(slots=True)
class Call:
    """The state machine of one call. ``step`` is the only way in; it ends in state ``over``."""

    terms: Terms
    health: HealthView
    random: Random
    opened_at: float
    budget: RetryBudget = field(default_factory=RetryBudget)
    state: CallState = "routing"
    candidate: Candidate | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    wake_at: float = 0.0
    _sent: bool = False
    _attempt_at: float = 0.0
    _tried: set[str] = field(default_factory=set[str])
    _again: Candidate | None = None
    _retries: int = 0
    _waited_s: float = 0.0
    _upstream_us: int = 0
    _last: KruxosError | None = None
    _failures: list[KruxosError] = field(default_factory=list[KruxosError])
    _stop_error: KruxosError | None = None

    def __post_init__(self) -> None:
        self.attempts += [_skipped(skip) for skip in self.terms.plan.skipped]
        self.wake_at = self.terms.deadline_at

    @property
    def was_sent(self) -> bool:
        """Whether the provider may have the running attempt."""
        return self._sent

    def step(self, event: Event, now: float) -> list[Command]:
        """Takes one event, gives what has to be done. Whatever comes after the end changes nothing."""
        if self.state == "over":
            return []
        if self.state == "stopping":
            return self._stopped(event, now)
        if self.state == "settling":
            return self._settle(event, now)
        match event:
            case Begin():
                self.budget.opened(now)
                return self._route(now)
            case Stop():
                return self._stop(event.error, now)
            case Tick():
                return self._tick(now)
            case _:
                return self._on_worker(event, now)

    def _on_worker(self, event: Sent | Progress | Stepped | Answered | Failed | Lost, now: float) -> list[Command]:
        if self.candidate is None:
            return []
        match event:
            case Sent():
                self._sent = True
                return []
            case Progress():
                return self._progress(event)
            case Stepped():
                self._sent = False
                return self._book_step(event.step, self.candidate, now)
            case Answered():
                return self._answered(event.end, self.candidate, now)
            case Failed():
                return self._failed(event.error, self.candidate, now)
            case Lost():
                return self._lost(event.reason, self.candidate, now)

    # Choosing

    def _route(self, now: float) -> list[Command]:
        candidate, skipped = choose(self.terms.plan, frozenset(self._tried), self.health, self.random)
        known = {(attempt.provider, attempt.outcome) for attempt in self.attempts}
        for skip in skipped:
            if (skip.provider, skip.code) not in known:
                self.attempts.append(_skipped(skip))
        if candidate is not None:
            return self._attempt(candidate, now)
        return self._wait_for_least_bad(skipped, now)

    def _wait_for_least_bad(self, skipped: list[Skip], now: float) -> list[Command]:
        """Nobody can answer now: whoever can first, if the call may wait so long and the repeat is not too many."""
        return_at, again_at = self._return_at(skipped, now), self._again_at(now)
        if again_at is not None and (return_at is None or again_at <= return_at) and self._may_repeat(again_at, now):
            assert self._again is not None
            self._retries += 1
            self._tried.discard(self._again.provider)
            self._pause_until(again_at, now)
        elif return_at is not None:
            self._pause_until(return_at, now)
        else:
            return self._close_with(verdict(self.attempts, self._failures, now + self.terms.unix_offset_s), now)
        return []

    def _return_at(self, skipped: list[Skip], now: float) -> float | None:
        """When the first of those that were passed over takes calls again, if this call may wait so long."""
        times = [skip.retry_at - self.terms.unix_offset_s for skip in skipped if skip.retry_at is not None]
        patient_until = self._patient_until(now)
        if not times or now >= patient_until or min(times) > patient_until:
            return None
        return_at = max(min(times), now + RETURN_PAUSE_S)  # clocks differ: a little late, never at once again
        return None if return_at >= self.terms.deadline_at else return_at

    def _again_at(self, now: float) -> float | None:
        """When the provider that failed last may be asked again: after a jittered pause, or when it said."""
        if self._again is None or self._retries >= RETRIES_MAX:
            return None
        ceiling_s = RETRY_CEILING_S
        pause_s = full_jitter_s(self._retries + 1, self.random, base_s=RETRY_BASE_S, ceiling_s=ceiling_s)
        again_at = now + pause_s
        retry_at = self._last.retry_at if self._last is not None else None
        if retry_at is not None:
            again_at = max(again_at, retry_at - self.terms.unix_offset_s)
            if again_at > max(now + pause_s, self._patient_until(now)):
                return None
        return None if again_at >= self.terms.deadline_at else again_at

    def _may_repeat(self, again_at: float, now: float) -> bool:
        """Repeats draw on the gateway's budget; one that comes when the provider said, and waited for, does not."""
        said = self._last is not None and self._last.retry_at is not None
        return (said and again_at <= self._patient_until(now)) or self.budget.take(now)

    def _patient_until(self, now: float) -> float:
        return now if self.terms.wait_until is None else self.terms.wait_until

    def _pause_until(self, at: float, now: float) -> None:
        self.state, self.wake_at = "waiting", at
        self._waited_s += at - now

    def _attempt(self, candidate: Candidate, now: float) -> list[Command]:
        self.state, self.candidate, self._sent, self._attempt_at = "attempting", candidate, False, now
        self._tried.add(candidate.provider)
        self.wake_at = self.terms.deadline_at
        return [Dispatch(candidate, self.terms.deadline_at - now, self._wait_s(now))]

    def _wait_s(self, now: float) -> float | None:
        """How long the worker may let it wait. Who did not say waits little while another can answer, else at will."""
        if self.terms.wait_until is not None:
            return max(0.0, self.terms.wait_until - now)
        return PATIENCE_S if others_ready(self.terms.plan, frozenset(self._tried), self.health) else None

    # What the worker says

    def _progress(self, event: Progress) -> list[Command]:
        self._sent = True
        if event.committed:
            self.state = "committed"
        return [Deliver(event.body)] if self.terms.stream else []

    def _answered(self, end: wire.End, candidate: Candidate, now: float) -> list[Command]:
        self._upstream_us += end.upstream_us
        self.attempts.append(self._record("answered", now))
        overhead_us = self._overhead_us(now)
        attempts = [attempt.to_wire() for attempt in self.attempts]
        frame = replace(
            end,
            id=0,
            provider=candidate.provider,
            call_id=self.terms.call_id,
            notices=[*candidate.notices, *end.notices],
            attempts=attempts,
            overhead_us=overhead_us,
        )
        self.state = "over"
        row = Row(
            candidate.provider,
            end.model,
            "answered",
            billed_maybe=False,
            usage=end.usage,
            raw_usage=end.raw_usage,
            cost=end.cost,
            finish_reason=end.finish_reason,
            upstream_request_id=end.upstream_request_id,
            upstream_us=end.upstream_us,
            overhead_us=overhead_us,
            elapsed_s=now - self.opened_at,
            attempts=attempts,
            last=True,
        )
        return [Close(frame), Book(row)]

    def _book_step(self, step: wire.Step, candidate: Candidate, now: float) -> list[Command]:
        """A step before the answer: it was paid for, whatever comes."""
        self._upstream_us += step.upstream_us
        overhead_us, elapsed_s = self._overhead_us(now), now - self.opened_at
        attempts = [attempt.to_wire() for attempt in self.attempts]
        return [Book(row_of_step(step, candidate.provider, overhead_us, elapsed_s, attempts))]

    def _failed(self, frame: wire.Error, candidate: Candidate, now: float) -> list[Command]:
        error = from_wire(frame.error)
        error.detail.provider = candidate.provider
        self._upstream_us += frame.upstream_us
        ambiguous = frame.failure == "ambiguous"
        error.detail.billed_maybe = error.detail.billed_maybe or ambiguous
        if self.state == "committed":
            return self._interrupted(error, frame, now)
        moves_on = frame.failure != "final" and error.moves_on
        if moves_on and ambiguous and self.terms.at_most_once:
            moves_on = False
            error = self._unknown(error)
        if not moves_on:
            return self._close_with(error, now, frame)
        return [*self._book(error, frame, now, last=False), *self._move_on(error, now, repeatable=not ambiguous)]

    def _lost(self, reason: str, candidate: Candidate, now: float) -> list[Command]:
        sent = self._sent
        error = WorkerLostError(f"the worker ended: {reason}", billed_maybe=sent)
        failure = "ambiguous" if sent else "never_sent"
        return self._failed(wire.Error(error=error.to_wire(), failure=failure), candidate, now)

    def _move_on(self, error: KruxosError, now: float, *, repeatable: bool) -> list[Command]:
        self.attempts.append(self._record(error.code, now, error))
        self._last = error
        self._failures.append(error)
        if repeatable and error.retryable:
            self._again = self.candidate
        elif self._again is not None and self.candidate is not None and self._again.provider == self.candidate.provider:
            self._again = None
        self.candidate, self.state = None, "routing"
        return self._route(now)

    def _interrupted(self, error: KruxosError, frame: wire.Error, now: float) -> list[Command]:
        """A failure after the commit point."""
        candidate, _ = choose(self.terms.plan, frozenset(self._tried), self.health)
        if not self.terms.restart_on_interrupt or not error.moves_on or self.terms.at_most_once or candidate is None:
            return self._close_with(error, now, frame)
        booked = self._book(error, frame, now, last=False)
        commands = self._move_on(error, now, repeatable=False)
        provider = self.candidate.provider if self.candidate is not None else candidate.provider
        restart = events.encode_events([events.Restart(provider, error.code)])
        return [*booked, Deliver(restart), *commands]

    def _unknown(self, error: KruxosError) -> KruxosError:
        message = f"the call was sent and no clean answer came ({error.code}); it is not repeated by itself"
        return OutcomeUnknownError(message, billed_maybe=True, provider=error.detail.provider)

    # Ends

    def _stop(self, error: KruxosError, now: float) -> list[Command]:
        if self.candidate is None:
            return self._close_with(error, now)
        error.detail.provider = self.candidate.provider
        self._stop_error = error
        if self._sent:
            return [CancelAttempt(self.candidate.provider), self._close_stopped(now)]
        self.state, self.wake_at = "stopping", now + STOP_WITHIN_S
        return [CancelAttempt(self.candidate.provider)]

    def _stopped(self, event: Event, now: float) -> list[Command]:
        """Given up; what the worker says now tells whether it may have cost something."""
        match event:
            case Stepped(step) if self.candidate is not None:
                return self._book_step(step, self.candidate, now)
            case Sent() | Progress() | Answered():
                self._sent = True
            case Failed(error):
                self._sent = error.failure == "ambiguous"
            case Lost():
                pass
            case Tick() if now >= self.wake_at:
                self._sent = True
            case _:
                return []
        close = self._close_stopped(now)
        return [close, *self._settle(event, now)] if not isinstance(event, Tick) else [close]

    def _close_stopped(self, now: float) -> Close:
        assert self._stop_error is not None
        self._stop_error.detail.billed_maybe = self._sent
        self.attempts.append(self._record(self._stop_error.code, now, self._stop_error))
        frame = self._error_frame(self._stop_error, now, None)
        self.state, self.wake_at = "settling", now + SETTLE_WITHIN_S
        return Close(frame)

    def _settle(self, event: Event, now: float) -> list[Command]:
        """The agent is answered; what the attempt cost is still to be booked."""
        frame = wire.Error()
        match event:
            case Stepped(step) if self.candidate is not None:
                return self._book_step(step, self.candidate, now)
            case Answered(end):
                frame = wire.Error(usage=end.usage, raw_usage=end.raw_usage, cost=end.cost, upstream_us=end.upstream_us)
            case Failed(error):
                frame = error
            case Lost():
                pass
            case Tick() if now >= self.wake_at:
                pass
            case _:
                return []
        self.state = "over"
        code = CancelledError.code if self._stop_error is None else self._stop_error.code
        cause = BY_CODE.get(code, CancelledError)("", billed_maybe=self._sent)
        return self._book(cause, frame, now, last=True)

    def _close_with(self, error: KruxosError, now: float, source: wire.Error | None = None) -> list[Command]:
        if self.candidate is not None:
            self.attempts.append(self._record(error.code, now, error))
        frame = self._error_frame(error, now, source)
        booked = self._book(error, source or wire.Error(), now, last=True)
        self.state = "over"
        return [Close(frame), *booked]

    def _tick(self, now: float) -> list[Command]:
        if now >= self.terms.deadline_at:
            return self._stop(DeadlineExceededError("the call's deadline passed"), now)
        if self.state == "waiting" and now >= self.wake_at:
            self.state, self.wake_at = "routing", self.terms.deadline_at
            return self._route(now)
        return []

    # What is written down

    def _record(self, outcome: str, now: float, error: KruxosError | None = None) -> Attempt:
        assert self.candidate is not None
        return Attempt(
            self.candidate.provider,
            self.candidate.model,
            outcome,
            message="" if error is None else error.message,
            billed_maybe=error is not None and error.detail.billed_maybe,
            retry_at=None if error is None else error.retry_at,
            elapsed_ms=round((now - self._attempt_at) * 1000),
        )

    def _error_frame(self, error: KruxosError, now: float, source: wire.Error | None) -> wire.Error:
        error.detail.call_id = self.terms.call_id
        error.detail.attempts = list(self.attempts)
        base = source or wire.Error()
        return replace(base, id=0, error=error.to_wire(), overhead_us=self._overhead_us(now))

    def _book(self, error: KruxosError, frame: wire.Error, now: float, *, last: bool) -> list[Command]:
        """A row for the ledger: always for the call's outcome, else only where something may have been paid."""
        if not last and not frame.usage and not error.billed_maybe:
            return []
        row = Row(
            provider=self.candidate.provider if self.candidate is not None else error.detail.provider or "",
            model=(self.candidate.model if self.candidate is not None else None) or error.detail.model or "",
            outcome=error.code,
            billed_maybe=error.detail.billed_maybe,
            usage=frame.usage,
            raw_usage=frame.raw_usage,
            cost=frame.cost,
            finish_reason=None,
            upstream_request_id=error.detail.request_id,
            upstream_us=frame.upstream_us,
            overhead_us=self._overhead_us(now),
            elapsed_s=now - self.opened_at,
            attempts=[attempt.to_wire() for attempt in self.attempts],
            last=last,
        )
        return [Book(row)]

    def _overhead_us(self, now: float) -> int:
        return max(0, round((now - self.opened_at - self._waited_s) * 1e6) - self._upstream_us)


def _skipped(skip: Skip) -> Attempt:
    return Attempt(skip.provider, skip.model, skip.code, message=f"skipped: {skip.reason}", retry_at=skip.retry_at)
