"""What the gateway tells its journal: beginnings, not floods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing

from kruxos.config.directory import DataDirectory
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.supervision import Outgrown
from kruxos.ledger.journal import Journal, read_entries
from kruxos.service.telling import FLOOD_WINDOW_S, Teller


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    made = DataDirectory(tmp_path_factory.mktemp("k") / "data")
    made.create()
    return made


@pytest.fixture
def teller(data: DataDirectory) -> Iterator[Teller]:
    with Journal.open(data) as journal:
        yield Teller(journal)


def row(provider: str, outcome: str = "answered", *tried: tuple[str, str], last: bool = True) -> Row:
    attempts: list[dict[str, Any]] = [{"provider": name, "outcome": how} for name, how in tried]
    return Row(provider, "m", outcome, False, {}, {}, {}, None, None, 0, 0, 0.0, attempts, last)


def test_a_cooldown_is_told_when_it_begins_and_not_when_it_grows(teller: Teller, data: DataDirectory) -> None:
    until = time.time() + 100
    first = {"": (until, "rate_limited")}
    teller.cooling("p", {}, first)
    teller.cooling("p", first, {"": (until + 10, "rate_limited")})
    teller.cooling("p", {}, {"m": (1.0, "rate_limited")})
    (entry,) = read_entries(data.events)
    assert (entry["kind"], entry["subject"], entry["until"], entry["reason"]) == (
        "cooldown",
        "p",
        until,
        "rate_limited",
    )


def test_a_worker_that_is_replaced_for_its_memory_is_told(teller: Teller, data: DataDirectory) -> None:
    teller.changed("p", Outgrown("memory over its cap (1025 of 1024 MiB)"))
    (entry,) = read_entries(data.events)
    assert (entry["kind"], entry["subject"], entry["outcome"], entry["reason"]) == (
        "memory",
        "p",
        "its worker is replaced",
        "memory over its cap (1025 of 1024 MiB)",
    )


async def _calls(teller: Teller, count: int, *, provider: str = "q") -> None:
    for _ in range(count):
        teller.booked("a", row(provider, "answered", ("p", "rate_limited"), (provider, "answered")))


def test_calls_that_keep_moving_are_told_once_and_then_counted(teller: Teller, data: DataDirectory) -> None:
    async def run() -> None:
        await _calls(teller, 500)
        await _calls(teller, 1, provider="r")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(teller.run)
            await trio.sleep(FLOOD_WINDOW_S + 2)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.01))
    told = [(entry["subject"], entry["to"], entry["calls"]) for entry in read_entries(data.events)]
    assert told == [("p", "q", 1), ("p", "r", 1), ("p", "q", 499)]


@pytest.mark.parametrize(
    "booked",
    [
        row("p", "answered", ("p", "answered")),
        row("q", "answered", ("p", "skipped"), ("q", "answered")),
        row("p", "answered", ("p", "provider_timeout"), ("p", "answered")),
        row("p", "rate_limited", ("p", "rate_limited")),
        row("p", "provider_timeout", ("p", "provider_timeout"), last=False),
    ],
)
def test_calls_that_did_not_move_are_not_told(teller: Teller, data: DataDirectory, booked: Row) -> None:
    async def run() -> None:
        await trio.lowlevel.checkpoint()
        teller.booked("a", booked)

    trio.run(run)
    assert read_entries(data.events) == []
