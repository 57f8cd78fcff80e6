"""Simulated providers: what each makes of a request at a time, and what it would bill for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from kruxos import errors
from kruxos.errors import KruxosError
from tests.simworld.clock import World

Weather = Literal[
    "storm_429", "storm_429_named", "outage_500", "outage_refused", "overloaded", "flapping", "cut_before",
    "cut_after", "stall", "bad_gateway",
]  # fmt: skip
WEATHERS: tuple[Weather, ...] = (
    "storm_429", "storm_429_named", "outage_500", "outage_refused", "overloaded", "flapping", "cut_before",
    "cut_after", "stall", "bad_gateway",
)  # fmt: skip
FLAP_S = 20.0


@dataclass(slots=True)
class Post:
    """One request that reached the provider. ``billed``: it did work; ``events``: how much it would say in all.

    ``wait_until``: at ``told_at`` it asked to be left alone until then.
    """

    at: float
    provider: str
    model: str
    dispatch: int
    call_id: str
    body: bytes
    worker: int
    billed: bool = True
    events: int = 0
    told_at: float | None = None
    wait_until: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a request: seconds to the first word, then events; ``cut``: after how many it breaks off."""

    first_s: float
    events: int = 0
    cut: int | None = None
    error: KruxosError | None = None
    failure: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    stalls: bool = False

    @property
    def billed(self) -> bool:
        return self.failure not in ("refused", "never_sent", "final")


@dataclass(slots=True)
class Spell:
    """Bad weather for a while."""

    kind: Weather
    start: float
    end: float


class Upstream:
    """One provider on the far side of the network."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self.name = world, name
        self.spells: list[Spell] = []
        self.posts: list[Post] = []
        self.asked_at: list[float] = []
        """Every try to reach it, also those that were refused a connection."""
        self.kept: list[str] = []
        """Attempts that stood at the gate for longer than they may."""
        self.calm = False
        """Nothing goes wrong by itself any more."""

    def weather(self) -> Weather | None:
        now = self._world.time
        for spell in self.spells:
            if spell.start <= now < spell.end:
                if spell.kind == "flapping":
                    return "outage_500" if int((now - spell.start) // FLAP_S) % 2 == 0 else None
                return spell.kind
        return None

    def course(self) -> Course:
        """What becomes of a request that comes in now."""
        self.asked_at.append(self._world.time)
        chance, kind = self._world.chance, self.weather()
        if kind is not None:
            return _COURSES[kind](self._world)
        first_s, events = 0.05 + 2 * chance.random() ** 3, chance.randrange(1, 6)
        lot = 1.0 if self.calm else chance.random()
        if lot < 0.02:
            return Course(0.05, error=errors.ContextOverflowError("too long"), failure="final")
        if lot < 0.04:
            return Course(first_s, events, cut=chance.randrange(events))
        if lot < 0.2:
            left = chance.randrange(3)
            headers = {"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": str(left),
                       "x-ratelimit-reset-requests": f"{(3 - left) * 2}s"}  # fmt: skip
            return Course(first_s, events, headers=headers)
        return Course(first_s, events)


def _refused(error: type[KruxosError], *, named: bool = False) -> Callable[[World], Course]:
    def course(world: World) -> Course:
        until = world.unix() + world.chance.choice((1.0, 3.0, 10.0, 40.0)) if named else None
        return Course(0.02 + 0.2 * world.random(), error=error("no", retry_at=until), failure="refused")

    return course


def _unreachable(world: World) -> Course:
    delay_s = 10.0 if world.random() < 0.1 else 0.01
    return Course(delay_s, error=errors.ProviderUnreachableError("refused"), failure="never_sent")


def _cut_before(world: World) -> Course:
    return Course(0.1 + world.random(), 4, cut=0)


def _cut_after(world: World) -> Course:
    return Course(0.1 + world.random(), 5, cut=world.chance.randrange(1, 5))


def _stall(world: World) -> Course:
    return Course(0.1, 4, cut=world.chance.choice((0, 2)), stalls=True)


def _bad_gateway(_: World) -> Course:
    return Course(0.5, error=errors.ProviderFailedError("502", provider_status=502), failure="ambiguous")


_COURSES: dict[Weather, Callable[[World], Course]] = {
    "storm_429": _refused(errors.RateLimitedError),
    "storm_429_named": _refused(errors.RateLimitedError, named=True),
    "outage_500": _refused(errors.ProviderFailedError),
    "overloaded": _refused(errors.ProviderOverloadedError),
    "outage_refused": _unreachable,
    "cut_before": _cut_before,
    "cut_after": _cut_after,
    "stall": _stall,
    "bad_gateway": _bad_gateway,
}
