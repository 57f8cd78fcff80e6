"""Rate limits as providers keep them: a bucket for each thing that is counted, refilled all the time.

A bucket holds a minute's worth and is full again ``reset_s`` after now (Anthropic docs: rate limits, token bucket;
OpenAI docs: the reset headers tell the time until full). No clock here: ``now`` is given, in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .settings import RateLimits

KEYS_MAX = 1024
"""Pairs of key and model whose use is remembered; the one unused for longest is forgotten."""
_MINUTE_S = 60.0


@dataclass(slots=True)
class Bucket:
    """What is left of one limit. ``left`` falls below nothing when something cost more than was left."""

    per_minute: int
    left: float
    at: float

    def refill(self, now: float) -> None:
        """Brings it up to ``now``; a clock that went back changes nothing."""
        passed = max(0.0, now - self.at)
        self.left = min(float(self.per_minute), self.left + passed * self.per_minute / _MINUTE_S)
        self.at = max(self.at, now)

    def wait_s(self, wanted: float) -> float:
        """How long until so much is there. What is more than the whole limit needs the whole bucket."""
        missing = min(wanted, self.per_minute) - self.left
        return max(0.0, missing * _MINUTE_S / self.per_minute)

    @property
    def remaining(self) -> int:
        """What is left, as headers tell it."""
        return max(0, int(self.left))

    @property
    def reset_s(self) -> float:
        """Seconds until it is full."""
        return self.wait_s(self.per_minute)


@dataclass(slots=True)
class Meters:
    """The buckets of one key and model."""

    requests: Bucket
    input: Bucket
    output: Bucket
    tokens: Bucket

    def refill(self, now: float) -> None:
        """Brings all up to ``now``."""
        for bucket in (self.requests, self.input, self.output, self.tokens):
            bucket.refill(now)

    def spend(self, output_tokens: int) -> None:
        """Charges an answer that was made."""
        self.output.left -= output_tokens


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request takes: tokens in, and all tokens that a provider charges in advance that counts them together.

    What an answer takes is charged when it was made (``Meters.spend``).
    """

    input_tokens: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that a request would break. ``name`` says which; ``wait_s`` is how long until it would not.

    What asks for more than a whole minute's limit is refused for good, whatever the wait says.
    """

    name: str
    limit: int
    used: int
    requested: int
    wait_s: float


class Limiter:
    """The meters of all keys and models."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._meters: OrderedDict[tuple[str, ...], Meters] = OrderedDict()

    def reset(self) -> None:
        """All buckets are full."""
        self._meters.clear()

    def meters(self, who: tuple[str, ...], now: float) -> Meters:
        """The buckets of a key and model, as they are now."""
        meters = self._meters.pop(who, None) or self._full(now)
        meters.refill(now)
        self._meters[who] = meters
        if len(self._meters) > KEYS_MAX:
            self._meters.popitem(last=False)
        return meters

    def _full(self, now: float) -> Meters:
        limits = self._limits
        counts = (limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute)
        buckets = [Bucket(count, count, now) for count in (*counts, counts[1] + counts[2])]
        return Meters(*buckets)


_Row: TypeAlias = tuple[str, Callable[[Meters], Bucket], int, int]


def take_apart(meters: Meters, cost: Cost) -> Exceeded | None:
    """Takes a request's cost where tokens of each direction have a limit of their own (Anthropic).

    Output counts when it was made, so a request passes while there is any left.
    """
    rows: tuple[_Row, ...] = (
        ("requests", lambda each: each.requests, 1, 1),
        ("input tokens", lambda each: each.input, cost.input_tokens, cost.input_tokens),
        ("output tokens", lambda each: each.output, 1, 0),
    )
    return _take(meters, rows)


def take_together(meters: Meters, cost: Cost) -> Exceeded | None:
    """Takes a request's cost where all tokens are counted together, before they are used (OpenAI)."""
    rows: tuple[_Row, ...] = (
        ("requests", lambda each: each.requests, 1, 1),
        ("tokens", lambda each: each.tokens, cost.tokens, cost.tokens),
    )
    return _take(meters, rows)


def take_input(meters: Meters, cost: Cost) -> Exceeded | None:
    """Takes a request's cost where only what comes in is counted (Gemini)."""
    rows: tuple[_Row, ...] = (
        ("requests", lambda each: each.requests, 1, 1),
        ("input tokens", lambda each: each.input, cost.input_tokens, cost.input_tokens),
    )
    return _take(meters, rows)


def take_nothing(_meters: Meters, _cost: Cost) -> None:
    """A server of one's own has no limits (Ollama)."""
    return


def _take(meters: Meters, rows: tuple[_Row, ...]) -> Exceeded | None:
    """``rows``: name, bucket, what must be there, what is taken. All or nothing."""
    for name, bucket_of, needed, _ in rows:
        bucket = bucket_of(meters)
        wait_s = bucket.wait_s(needed)
        if wait_s > 0 or needed > bucket.per_minute:
            used = bucket.per_minute - bucket.remaining
            return Exceeded(name, bucket.per_minute, used, needed, wait_s)
    for _, bucket_of, _, taken in rows:
        bucket_of(meters).left -= taken
    return None
