"""The stack of idle connections: who gets which, how many there are, which are not used again."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from kruxos.errors import DrainingError, OverloadedError, ProviderUnreachableError
from kruxos_workers.http.connection import Connection
from kruxos_workers.http.pool import Pool, PoolLimits
from kruxos_workers.http.scripted import END, REQUEST, Script, ScriptedStream
from kruxos_workers.http.timing import Timing
from tests.workers.http.helpers import OK, under_trio, with_clock


class Opener:
    """Opens connections that answer as often as asked; remembers their streams."""

    def __init__(self) -> None:
        self.streams: list[ScriptedStream] = []
        self.fail = False

    async def __call__(self) -> Connection:
        await trio.lowlevel.checkpoint()
        if self.fail:
            raise ProviderUnreachableError("not now")
        self.streams.append(ScriptedStream(Script([OK, REQUEST] * 20)))
        return Connection(self.streams[-1], trio.current_time())


async def used(connection: Connection) -> Connection:
    now = trio.current_time()
    await connection.ask("GET", b"GET / HTTP/1.1\r\n\r\n", b"", Timing(now), lambda: None)
    while await connection.receive_body():
        pass
    return connection


async def after_use(pool: Pool, number: int) -> list[Connection]:
    """So many connections were held at once, used, and given back in this order."""
    connections = [await used(await pool.acquire()) for _ in range(number)]
    for connection in connections:
        pool.release(connection)
    return connections


@under_trio
async def test_the_last_one_used_is_the_next_one_used() -> None:
    pool = Pool(Opener(), PoolLimits())
    first, second, third = await after_use(pool, 3)
    assert [pool.take_idle() for _ in range(4)] == [third, second, first, None]


@under_trio
async def test_a_connection_is_opened_only_where_no_idle_one_is_fit() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits())
    for _ in range(5):
        await after_use(pool, 2)
    assert len(opener.streams) == 2
    assert (pool.statistics.opened, pool.statistics.reused) == (2, 8)


@under_trio
async def test_idle_ones_over_the_bound_are_closed() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(idle_max=2))
    await after_use(pool, 3)
    assert [stream.closed for stream in opener.streams] == [None, None, "close"]


@with_clock
async def test_a_connection_that_was_idle_too_long_is_not_used() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(idle_s=30))
    await after_use(pool, 1)
    await trio.sleep(30)
    await after_use(pool, 1)
    await trio.sleep(30.001)
    assert pool.take_idle() is None
    assert opener.streams[0].closed == "close"


@with_clock
async def test_a_connection_that_is_too_old_is_not_used_however_busy_it_was() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(idle_s=30, age_s=100))
    for _ in range(5):
        await after_use(pool, 1)
        await trio.sleep(25)
    await after_use(pool, 1)
    assert len(opener.streams) == 2


@with_clock
async def test_stale_ones_can_be_dropped_without_a_request() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(idle_s=30))
    first, second = await after_use(pool, 2)
    await trio.sleep(20)
    assert pool.take_idle() is second
    pool.release(await used(second))
    await trio.sleep(20)
    pool.drop_stale()
    assert [stream.closed for stream in opener.streams] == ["close", None]
    assert pool.take_idle() is second
    assert first is not second


@with_clock
async def test_held_ones_never_exceed_the_bound_and_waiters_are_served_in_turn() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(connections_max=2))
    order: list[int] = []
    held_most = 0

    async def call(number: int) -> None:
        nonlocal held_most
        connection = await pool.acquire()
        order.append(number)
        held_most = max(held_most, pool.statistics.held)
        await trio.sleep(1 + number / 100)
        pool.release(await used(connection))

    async with trio.open_nursery() as nursery:
        for number in range(7):
            nursery.start_soon(call, number)
            await trio.testing.wait_all_tasks_blocked()
    assert order == list(range(7))
    assert held_most == 2
    assert len(opener.streams) == 2


@with_clock
async def test_who_comes_while_others_wait_waits_too() -> None:
    pool = Pool(Opener(), PoolLimits(connections_max=1))
    (connection,) = await after_use(pool, 1)
    assert pool.take_idle() is connection
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.acquire)
        await trio.testing.wait_all_tasks_blocked()
        assert pool.statistics.waiting == 1
        pool.release(await used(connection))
        assert pool.take_idle() is None


@under_trio
async def test_waiters_over_the_bound_are_turned_away_at_once() -> None:
    pool = Pool(Opener(), PoolLimits(connections_max=1, waiting_max=1))
    held = await pool.acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.acquire)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OverloadedError):
            await pool.acquire()
        pool.release(await used(held))


@under_trio
async def test_a_failure_to_open_gives_the_slot_back() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits(connections_max=1))
    opener.fail = True
    for _ in range(3):
        with pytest.raises(ProviderUnreachableError):
            await pool.acquire()
    opener.fail = False
    assert await pool.acquire() is not None


@with_clock
async def test_a_cancelled_wait_takes_no_slot() -> None:
    pool = Pool(Opener(), PoolLimits(connections_max=1))
    held = await pool.acquire()
    with trio.move_on_after(5) as scope:
        await pool.acquire()
    assert scope.cancelled_caught
    pool.release(await used(held))
    assert pool.take_idle() is held


@under_trio
async def test_a_connection_that_ended_while_idle_is_dropped_and_the_next_one_taken() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits())
    first, _ = await after_use(pool, 2)
    opener.streams[1]._steps[:] = [END]
    assert pool.take_idle() is first
    assert opener.streams[1].closed == "close"


@under_trio
async def test_after_closing_nothing_is_given_out() -> None:
    opener = Opener()
    pool = Pool(opener, PoolLimits())
    await after_use(pool, 2)
    pool.close()
    assert [stream.closed for stream in opener.streams] == ["close", "close"]
    with pytest.raises(DrainingError):
        await pool.acquire()
    assert pool.statistics.held == 0
