"""The table of calls in overload: who is refused before anything is begun, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from kruxos import wire
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.calls import OVERLOAD_PAUSE_S, CallTable, Running
from kruxos.cores.ports import Sink
from kruxos.cores.routing import AgentFacts, Outlook, ProviderFacts, RoutingFacts

UNIX = 1_000_000.0
FULL = Outlook("full", "overloaded", "as many calls wait for it as may", UNIX + 1.0)
AGENT = AgentFacts("a")
FACTS = RoutingFacts(
    {"one": ProviderFacts("one", model="m"), "two": ProviderFacts("two", model="n")},
    {"chat": "one", "fallback": "two"},
)


@dataclass
class World:
    """Clock, timers, providers and books; it remembers what it was told."""

    outlooks: dict[str, Outlook] = field(default_factory=dict[str, Outlook])
    dispatched: list[str] = field(default_factory=list[str])
    rows: list[Row] = field(default_factory=list[Row])
    kept: list[str] = field(default_factory=list[str])

    def now(self) -> float:
        return 0.0

    def unix(self) -> float:
        return UNIX

    def at(self, when: float, action: Callable[[], None]) -> Waking:
        return Waking(when)

    def next_number(self) -> int:
        return len(self.dispatched) + 1

    def dispatch(self, name: str, number: int, frame: wire.Open, sink: Sink) -> None:
        self.dispatched.append(name)

    def cancel(self, name: str, number: int) -> None:
        raise AssertionError

    pause = resume = cancel

    def outlook(self, provider: str, model: str | None) -> Outlook:
        return self.outlooks.get(provider, Outlook("ready"))

    def booked(self, running: Running, row: Row) -> None:
        self.rows.append(row)

    def persist(self, agent: str, key: str, digest: bytes, call_id: str, then: Callable[[], None]) -> None:
        then()

    def key_over(self, agent: str, key: str, *, kept: bool) -> None:
        self.kept.append(key)


@dataclass
class Waking:
    at: float

    def cancel(self) -> None:
        """Nobody will be woken."""


@dataclass(eq=False)
class Reader:
    last: wire.End | wire.Error | None = None

    def deliver(self, body: bytes) -> bool:
        return False

    def close(self, frame: wire.End | wire.Error, *, drop: bool = False) -> None:
        self.last = frame


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def table(world: World) -> CallTable:
    return CallTable(world, world, FACTS, world, world, lambda: 0.5)


def asked(table: CallTable, frame: wire.Open) -> wire.End | wire.Error | None:
    reader = Reader()
    table.open(frame, AGENT, reader)
    return reader.last


def test_a_call_all_of_whose_candidates_are_full_is_refused_and_nothing_is_written(
    world: World, table: CallTable
) -> None:
    world.outlooks = {"one": FULL, "two": FULL}
    last = asked(table, wire.Open(id=1))
    assert isinstance(last, wire.Error)
    assert (last.error["code"], last.error["retry_at"], last.failure) == (
        "overloaded", UNIX + OVERLOAD_PAUSE_S, "never_sent",
    )  # fmt: skip
    assert (table.shed, table.statistics().calls, world.rows, world.dispatched) == (1, 0, [], [])


def test_where_one_candidate_is_full_the_next_one_answers(world: World, table: CallTable) -> None:
    world.outlooks = {"one": FULL}
    assert asked(table, wire.Open(id=1)) is None
    assert world.dispatched == ["two"]


def test_a_call_that_waits_and_one_with_a_key_are_calls_as_any_other(world: World, table: CallTable) -> None:
    world.outlooks = {"one": FULL, "two": FULL}
    assert asked(table, wire.Open(id=1, wait_s=5.0)) is None
    last = asked(table, wire.Open(id=2, key="k"))
    assert isinstance(last, wire.Error)
    assert world.kept == ["k"]
    assert (table.shed, table.statistics().calls) == (0, 1)


def test_the_peaks_stay_when_the_calls_are_over(world: World, table: CallTable) -> None:
    number = table.open(wire.Open(id=1, body=b"12345"), AGENT, Reader())
    table.on_attempt(table._calls[number], 1, wire.End())
    assert (table.under_way.now, table.under_way.peak) == (0, 1)
    assert (table.request_bytes.now, table.request_bytes.peak) == (0, 5)
