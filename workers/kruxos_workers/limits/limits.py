"""Who may ask the provider now: admitted at once, waiting until a time, or refused with the time to come back.

A call needs all of these: that the provider and the model are not cooling, that every known limit has room for it, and
a place in the window of calls under way. What it may use is taken when it is admitted, and set right by what the
answer says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from kruxos.errors import (
    BY_CODE,
    KruxosError,
    OverloadedError,
    ProviderOverloadedError,
    RateLimitedError,
)

from .bucket import Bucket
from .cooling import Cooling, scope_of
from .headers import Reading, readings
from .waiting import Ask, Waiter, WaitingRoom
from .window import MOST, Window

WAITING_MAX = 1000
"""Calls that wait; more are refused."""
COME_BACK_S = 1.0
LOOK_EVERY_S = 1.0
"""How often those are looked at that stand behind others and did not say how long they wait."""
LEFT_ALONE = "left alone for a while"
MODELS_MAX = 64
_PROVIDER = ""
_CONFIGURED = "limits"


@dataclass(frozen=True, slots=True)
class Configured:
    """``limits:`` of models.yaml."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


class Admitted(NamedTuple):
    """The call may be sent."""

    id: int


class Waiting(NamedTuple):
    """The call waits; a verdict comes."""

    id: int


class Refused(NamedTuple):
    """The call was not sent, and won't be."""

    id: int
    error: KruxosError


Verdict = Admitted | Refused


@dataclass(slots=True)
class _Flight:
    ask: Ask
    sent_at: float
    probes: tuple[str, ...] = ()
    heard: bool = False


@dataclass(slots=True)
class _Unheard:
    """What calls to one model may use that no answer has told of yet."""

    calls: int = 0
    tokens: int = 0

    def add(self, tokens: int, calls: int = 1) -> None:
        self.calls += calls
        self.tokens += calls * tokens


class _Obstacle(NamedTuple):
    """What keeps a call back, until when at least (None: until another one ends)."""

    error: type[KruxosError]
    message: str
    until: float | None


_BEHIND = _Obstacle(RateLimitedError, "others wait before it", None)


@dataclass(slots=True)
class Limits:
    """The limits of one provider, as far as they are known."""

    random: Callable[[], float]
    configured: Configured = Configured()
    window: Window = field(init=False)
    places: dict[str, Cooling] = field(default_factory=dict[str, Cooling])
    buckets: dict[str, dict[str, Bucket]] = field(default_factory=dict[str, dict[str, Bucket]])
    news: bool = False
    """Something that the supervisor should know at once; whoever tells it clears this."""
    learned: bool = False
    """Something that a successor should know, soon; likewise."""
    _own: dict[str, Bucket] = field(default_factory=dict[str, Bucket])
    waiting: WaitingRoom = field(default_factory=WaitingRoom)
    _flights: dict[int, _Flight] = field(default_factory=dict[int, _Flight])
    _unheard: dict[str, _Unheard] = field(default_factory=dict[str, _Unheard])
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.window = Window(most=float(self.configured.concurrency or MOST))

    # Calls

    def ask(self, ask: Ask, now: float) -> Admitted | Waiting | Refused:
        """A call wants in."""
        if len(self.waiting) >= WAITING_MAX:
            message = f"{WAITING_MAX} calls wait for this provider, as many as may"
            return Refused(ask.id, OverloadedError(message, retry_at=now + COME_BACK_S))
        waiter = Waiter(ask, now)
        verdict = self._queued(waiter, now) if len(self.waiting) else self._judge(waiter, now)
        if verdict is None:
            self.waiting.add(waiter)
            return Waiting(ask.id)
        return verdict

    def _queued(self, waiter: Waiter, now: float) -> Verdict | None:
        """Others wait: it stands behind those that wait for the same model, unless it can't wait at all."""
        obstacle = self._obstacle(waiter.ask, now)
        if obstacle is not None:
            return self._refusal(waiter, obstacle, now)
        return None if waiter.ask.model in self.waiting.models else self._judge(waiter, now)

    def cancel(self, ask: Ask) -> None:
        """A call that waits is not wanted any more."""
        waiter = self.waiting.find(ask.id)
        if waiter is not None:
            self.waiting.remove(waiter)

    def verdicts(self, now: float) -> list[Verdict]:
        """What became of waiting calls. To be asked after every event, and at ``next_wake``."""
        found: list[Verdict] = []
        while (verdict := self._next(now)) is not None:
            found.append(verdict)
        return [*found, *self._overdue(now)]

    def _next(self, now: float) -> Verdict | None:
        """The first in turn that need not wait. A small call does not overtake a big one before the same limit."""
        for waiter in self.waiting.heads():
            verdict = self._judge(waiter, now)
            if verdict is not None:
                self.waiting.take(waiter)
                return verdict
        return None

    def _overdue(self, now: float) -> list[Verdict]:
        """Those behind others whose own time is over: they do not wait as long as the ones before them may."""
        found: list[Verdict] = []
        for waiter in [*self.waiting.over(now), *self._vague(now)]:
            obstacle = self._obstacle(waiter.ask, now) or _BEHIND
            refused = self._refusal(waiter, obstacle, now)
            if refused is not None and self.waiting.find(waiter.ask.id) is waiter:
                self.waiting.remove(waiter)
                found.append(refused)
        return found

    def _vague(self, now: float) -> list[Waiter]:
        """Those that did not say how long they wait: how long they do depends on what for, so now and then all."""
        if not self.waiting.vague or now < self._looked_at + LOOK_EVERY_S:
            return []
        self._looked_at = now
        return [each for each in self.waiting if each.ask.wait_s is None and now >= each.ends_at(timed=True)]

    def next_wake(self, now: float) -> float | None:
        """When to ask for verdicts again, if nothing happens before."""
        times = [self._wake_of(waiter, now) for waiter in self.waiting.heads()]
        end = self.waiting.next_end()
        return min([*times, *([] if end is None else [end])], default=None)

    def _wake_of(self, waiter: Waiter, now: float) -> float:
        """When to look again at one that all others of its model stand behind."""
        obstacle = self._obstacle(waiter.ask, now)
        if obstacle is None:
            return now
        timed = obstacle.until is not None
        ends_at = waiter.ends_at(timed=timed)
        if obstacle.until is not None:
            ends_at = min(ends_at, obstacle.until)
        others_vague = self.waiting.vague > (waiter.ask.wait_s is None)
        return min(ends_at, max(now, self._looked_at) + LOOK_EVERY_S) if timed and others_vague else ends_at

    # Verdicts

    def _judge(self, waiter: Waiter, now: float) -> Verdict | None:
        obstacle = self._obstacle(waiter.ask, now)
        if obstacle is not None:
            return self._refusal(waiter, obstacle, now)
        ask = waiter.ask
        probes = tuple(name for name in (_PROVIDER, ask.model) if name in self.places and self.places[name].enter())
        for name, bucket in self._limits_of(ask.model):
            bucket.take(_cost(name, ask.tokens), now)
        self._flights[ask.id] = _Flight(ask, now, probes)
        self._unheard.setdefault(ask.model, _Unheard()).add(ask.tokens)
        return Admitted(ask.id)

    @staticmethod
    def _refusal(waiter: Waiter, obstacle: _Obstacle, now: float) -> Refused | None:
        """None: the call waits."""
        ends_at = waiter.ends_at(timed=obstacle.until is not None)
        if obstacle.until is None:
            if ends_at > now:
                return None
        elif obstacle.until <= ends_at:
            return None
        until = now + COME_BACK_S if obstacle.until is None else obstacle.until
        return Refused(waiter.ask.id, obstacle.error(obstacle.message, retry_at=until))

    def _obstacle(self, ask: Ask, now: float) -> _Obstacle | None:
        for name in (_PROVIDER, ask.model):
            place = self.places.get(name)
            if place is None or place.until is None:
                continue
            if place.until > now:
                error = BY_CODE.get(place.reason, RateLimitedError)
                return _Obstacle(
                    error,
                    "the provider asked to wait" if error is RateLimitedError else LEFT_ALONE,
                    place.until,
                )
            if place.probing:
                return _Obstacle(ProviderOverloadedError, "it is being tried again with another call", None)
        if len(self._flights) >= self.window.calls:
            return _Obstacle(RateLimitedError, f"{len(self._flights)} calls are under way, as many as it takes", None)
        for name, bucket in self._limits_of(ask.model):
            ready_at = bucket.ready_at(_cost(name, ask.tokens), now)
            if ready_at > now:
                return _Obstacle(RateLimitedError, f"its limit of {name.replace('-', ' ')} is used up", ready_at)
        return None

    def _limits_of(self, model: str) -> list[tuple[str, Bucket]]:
        return [*self._own.items(), *self.buckets.get(model, {}).items()]

    # What answers say

    def heard(self, call_id: int, headers: Mapping[str, str], now: float, *, accepted: bool = True) -> None:
        """An answer's head has come, with what it says of limits; ``accepted``: it is no refusal."""
        flight = self._flights.get(call_id)
        if flight is None:
            return
        self._hear(flight)
        if accepted:
            self.window.accepted(len(self._flights))
        told = readings(headers, now)
        if not told:
            return
        self.learned, model = True, flight.ask.model
        unheard = self._unheard.get(model, _Unheard())
        buckets = self.buckets.setdefault(model, {})
        for reading in told:
            self._read(buckets, reading, unheard, now)
        while len(self.buckets) > MODELS_MAX:
            del self.buckets[next(iter(self.buckets))]

    @staticmethod
    def _read(buckets: dict[str, Bucket], reading: Reading, unheard: _Unheard, now: float) -> None:
        bucket = buckets.get(reading.name)
        if bucket is None:
            bucket = buckets[reading.name] = Bucket.full(reading.limit, reading.window_s, now)
        bucket.read(reading.limit, reading.remaining, reading.full_at, now)
        if unheard.calls:  # they are on their way, and may not be counted yet
            bucket.take(_cost(reading.name, unheard.tokens, unheard.calls), now)

    def _hear(self, flight: _Flight) -> None:
        """The provider has told of this call, or never will."""
        if flight.heard:
            return
        flight.heard, unheard = True, self._unheard[flight.ask.model]
        unheard.add(flight.ask.tokens, -1)
        if not unheard.calls:
            del self._unheard[flight.ask.model]

    def _land(self, call_id: int) -> _Flight | None:
        """The call is not under way any more."""
        flight = self._flights.pop(call_id, None)
        if flight is not None:
            self._hear(flight)
        return flight

    def worked(self, call_id: int, tokens: int | None, now: float) -> None:
        """A call was answered; ``tokens``: what it used, as far as told."""
        in_flight = len(self._flights)
        flight = self._land(call_id)
        if flight is None:
            return
        self.window.worked(in_flight)
        own = self._own.get("tokens-per-minute")
        if own is not None and tokens is not None:
            own.take(tokens - flight.ask.tokens, now)
        for name in (_PROVIDER, flight.ask.model):
            place = self.places.get(name)
            if place is None or (flight.sent_at < place.since and name not in flight.probes):
                continue  # it was let in before the provider asked to wait: it says nothing of now
            if place.worked():
                self.news = True

    def failed(self, call_id: int, error: KruxosError, now: float) -> None:
        """A call failed."""
        in_flight = len(self._flights)
        flight = self._land(call_id)
        if flight is None:
            return
        scope = scope_of(error)
        if scope is None:
            self._leave(flight)
            return
        if _says_too_many(error):
            self.window.refused(flight.sent_at, in_flight, now)
        concerned = flight.ask.model if scope == "model" else _PROVIDER
        for name in dict.fromkeys((concerned, *flight.probes)):
            place = self.places.setdefault(name, Cooling())
            if place.failed(error, now, self.random, was_probe=name in flight.probes):
                self.news = True

    def left(self, call_id: int) -> None:
        """A call ended that tells nothing of the provider."""
        flight = self._land(call_id)
        if flight is not None:
            self._leave(flight)

    def _leave(self, flight: _Flight) -> None:
        for name in flight.probes:
            self.places[name].leave()

    # What others want to know

    def cooling(self, now: float) -> tuple[float, str] | None:
        """Until when, and why, for people: the provider's own cooling, else that of the model that cools longest."""
        found = [(name != _PROVIDER, -(place.cooling_until(now) or 0.0), place) for name, place in self.places.items()]
        found = [each for each in found if each[1]]
        if not found:
            return None
        _, until, place = min(found, key=lambda each: each[:2])
        return -until, place.reason

    def state(self, now: float) -> dict[str, Any]:
        """What the successor of this worker has to know, and routing: ``places`` by model, "" for all of them."""
        places = {name: place.state() for name, place in self.places.items() if place.cooling_until(now) is not None}
        buckets = {
            model: {name: bucket.state() for name, bucket in buckets.items()} for model, buckets in self.buckets.items()
        }
        return {"places": places, "buckets": buckets, "window": self.window.size}

    def restore(self, state: Mapping[str, Any], now: float) -> None:
        """Takes over what a forerunner knew; what makes no sense is passed over."""
        self._own = self._fresh(now)
        for name, value in _items(state.get("places")):
            place = Cooling.from_state(value, now)
            if place is not None:
                self.places[name] = place
        for model, buckets in _items(state.get("buckets"))[:MODELS_MAX]:
            known = {name: bucket for name, value in _items(buckets) if (bucket := Bucket.from_state(value))}
            if known:
                self.buckets[model] = known
        size = state.get("window")
        if isinstance(size, (int, float)) and size >= 1:
            self.window.size = min(float(size), self.window.most)

    def _fresh(self, now: float) -> dict[str, Bucket]:
        """The limits of models.yaml, full."""
        limits = {
            "requests-per-minute": self.configured.requests_per_minute,
            "tokens-per-minute": self.configured.tokens_per_minute,
        }
        return {name: Bucket.full(float(limit), 60.0, now) for name, limit in limits.items() if limit}


def _says_too_many(error: KruxosError) -> bool:
    """Whether fewer calls at once would help: a rate limit that names its end is one of time."""
    return isinstance(error, ProviderOverloadedError) or (
        isinstance(error, RateLimitedError) and error.retry_at is None
    )


def _cost(name: str, tokens: int, calls: int = 1) -> float:
    """What calls take of a limit: their input; the output is not known, and settled by the next answer."""
    if name.startswith("output"):
        return 0.0
    return float(tokens if "tokens" in name else calls)


def _items(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return []
    return [(str(name), each) for name, each in cast("dict[Any, Any]", value).items()]
