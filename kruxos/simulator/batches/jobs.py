"""Jobs and files of all batch services: how far a job is goes by the clock alone. Pure.

A job of n requests does one after the other, evenly over ``seconds``. What is not done when it is cancelled, or when
its time is over, is not done at all. Results come in an order of their own, which the seed decides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

Kind = Literal["done", "cancelled", "expired"]
WINDOW_S = 24 * 3600.0


@dataclass(slots=True)
class Ways:
    """What batches do here. ``seconds``: how long one takes; ``window_s``: when it expires.

    Faults are used up. ``lost_answers``: so many batches are made, and their answers lost; ``hidden_lists``: so many
    lists show nothing.
    """

    seconds: float = 2.0
    window_s: float = WINDOW_S
    lost_answers: int = 0
    hidden_lists: int = 0

    def use(self, name: Literal["lost_answers", "hidden_lists"]) -> bool:
        """Whether this fault strikes now."""
        left: int = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return left > 0


@dataclass(slots=True)
class Item:
    """One request of a job: its name, where it would go alone, and its body."""

    name: str
    path: str
    body: bytes


@dataclass(slots=True)
class Job:
    """One batch. ``key`` is whose it is; ``about`` what its provider tells with it."""

    id: str
    provider: str
    key: str
    created_at: float
    seconds: float
    window_s: float
    items: list[Item]
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    cancelled_at: float | None = None

    @property
    def _stops_at(self) -> float:
        return min(self.created_at + self.window_s, self.cancelled_at if self.cancelled_at is not None else 1e18)

    @property
    def ends_at(self) -> float:
        """When nothing more will be done."""
        return min(self.created_at + self.seconds, self._stops_at)

    def has_ended(self, now: float) -> bool:
        """Whether its results are there."""
        return now >= self.ends_at

    def done(self, now: float) -> int:
        """How many requests are done."""
        until = min(now, self.ends_at)
        if until >= self.created_at + self.seconds:  # not by division: Unix seconds are no exact numbers
            return len(self.items)
        return min(len(self.items), int(len(self.items) * (until - self.created_at) / self.seconds + 1e-9))

    def kinds(self, now: float) -> list[Kind]:
        """What became of each request of a job that has ended."""
        done = self.done(now)
        rest: Kind = "cancelled" if self.cancelled_at is not None and self._stops_at == self.cancelled_at else "expired"
        return ["done" if place < done else rest for place in range(len(self.items))]

    def order(self, seed: int) -> list[int]:
        """In which order its results are told."""
        places = list(range(len(self.items)))
        Random(f"{seed} {self.id}").shuffle(places)  # noqa: S311 - not for secrets
        return places

    def to_json(self, now: float) -> dict[str, Any]:
        """For the operator."""
        names = hashlib.sha256("\n".join(item.name for item in self.items).encode()).hexdigest()[:16]
        return {
            "id": self.id, "provider": self.provider, "requests": len(self.items), "names": names,
            "created_at": self.created_at, "done": self.done(now), "ended": self.has_ended(now),
        }  # fmt: skip


class Jobs:
    """All jobs and files of one simulator."""

    def __init__(self, seed: int, seconds: float) -> None:
        self._seed, self._seconds = seed, seconds
        self.reset()

    def reset(self) -> None:
        """As at the start."""
        self.ways = Ways(self._seconds)
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, bytes] = {}

    def name(self, what: str, count: int) -> str:
        """A fresh name for the provider to dress up."""
        return hashlib.sha256(f"{self._seed} {what} {count}".encode()).hexdigest()[:24]

    def add_file(self, data: bytes, prefix: str) -> str:
        """Keeps a file; its id."""
        name = f"{prefix}{self.name('file', len(self.files))}"
        self.files[name] = data
        return name

    def add(self, prefix: str, provider: str, key: str, now: float, items: list[Item], **about: Any) -> Job:
        """A new job."""
        name = f"{prefix}{self.name('job', len(self.jobs))}"
        job = Job(name, provider, key, now, self.ways.seconds, self.ways.window_s, items, about)
        self.jobs[name] = job
        return job

    def of(self, provider: str, key: str) -> list[Job]:
        """A key's jobs at a provider, the newest first; none where a fault hides them."""
        if self.ways.use("hidden_lists"):
            return []
        return [job for job in reversed(self.jobs.values()) if (job.provider, job.key) == (provider, key)]

    @property
    def seed(self) -> int:
        """What decides what is not said."""
        return self._seed
