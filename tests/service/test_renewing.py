"""The supervisor's part in renewing a login: it is on disk before it is used, and nobody is permitted in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Event

import pytest
import trio
import trio.testing

from kruxos import wire
from kruxos.errors import KruxosError, NeedsLoginError, VaultLockedError
from kruxos.login import Login
from kruxos.service.renewing import CHANGED, NOT_PERMITTED, Renewing

OLD = Login("access-1", "refresh-1", renewed_at=1.0)
NEW = Login("access-2", "refresh-2", renewed_at=2.0)


@dataclass
class Store:
    """A vault with one login. ``gate`` clear: storing waits, as for a slow disk."""

    record: bytes = OLD.to_record()
    refuses: KruxosError | None = None
    gate: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def lend_login(self, provider: str) -> bytes:
        if self.refuses is not None:
            raise self.refuses
        return self.record

    def store_login(self, provider: str, lent: bytes, record: bytes) -> bool:
        self.gate.wait(10)
        if self.refuses is not None:
            raise self.refuses
        if lent != self.record:
            return False
        self.record = record
        return True


@dataclass
class World:
    renewing: Renewing
    store: Store
    ended: list[int]
    sent: list[tuple[int, wire.Frame]] = field(default_factory=list[tuple[int, wire.Frame]])

    async def frame(self, number: int, frame: wire.Renew | wire.Renewed) -> None:
        """A frame of a process, and all that comes of it."""
        self.renewing.on_frame(number, frame, lambda answer: self.sent.append((number, answer)))
        await self.settled()

    async def settled(self) -> None:
        with trio.fail_after(5):
            while self.renewing.nursery.child_tasks:
                await trio.lowlevel.checkpoint()

    async def permitted(self, number: int) -> None:
        self.renewing.promoted(number)
        await self.frame(number, wire.Renew(id=1))
        assert self.sent.pop() == (number, wire.Renewal(id=1, body=self.store.record))


def run(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            store, ended = Store(), list[int]()
            await scenario(World(Renewing("p", store, nursery, ended.append), store, ended))

    trio.run(main)


def test_what_is_acknowledged_is_stored() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        await world.frame(1, wire.Renewed(id=1, body=NEW.to_record()))
        assert world.sent == [(1, wire.Stored(id=1))]
        assert world.store.record == NEW.to_record()

    run(scenario)


def test_a_login_that_has_ended_is_stored_and_told() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        await world.frame(1, wire.Renewed(id=1, body=OLD.over("refresh_token_reused").to_record()))
        assert world.ended == [1]
        assert b"refresh-1" not in world.store.record

    run(scenario)


def test_a_login_that_was_replaced_meanwhile_is_not_overwritten() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        world.store.record = b"another"
        await world.frame(1, wire.Renewed(id=1, body=NEW.to_record()))
        assert world.sent == [(1, wire.Stored(id=1, error=CHANGED))]
        assert world.store.record == b"another"

    run(scenario)


def test_what_cannot_be_stored_may_be_offered_again() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        world.store.refuses = VaultLockedError()
        await world.frame(1, wire.Renewed(id=1, body=NEW.to_record()))
        assert world.sent.pop() == (1, wire.Stored(id=1, error="vault_locked"))
        world.store.refuses = None
        await world.frame(1, wire.Renewed(id=1, body=NEW.to_record()))
        assert world.sent == [(1, wire.Stored(id=1))]

    run(scenario)


def test_a_worker_that_died_after_it_told_has_lost_nothing() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        world.renewing.promoted(2)
        world.store.gate.clear()
        world.renewing.on_frame(1, wire.Renewed(id=1, body=NEW.to_record()), lambda _: None)
        world.renewing.gone(1)
        world.renewing.on_frame(2, wire.Renew(id=9), lambda answer: world.sent.append((2, answer)))
        await trio.testing.wait_all_tasks_blocked()
        assert world.sent == []
        world.store.gate.set()
        await world.settled()
        assert world.sent == [(2, wire.Renewal(id=9, body=NEW.to_record()))]

    run(scenario)


def test_a_worker_that_died_before_it_told_leaves_the_login_as_it_was() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        world.renewing.gone(1)
        await world.permitted(2)
        assert world.store.record == OLD.to_record()

    run(scenario)


def test_who_was_not_permitted_stores_nothing() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        await world.frame(2, wire.Renewed(id=3, body=NEW.to_record()))
        assert world.sent == [(2, wire.Stored(id=3, error=NOT_PERMITTED))]
        assert world.store.record == OLD.to_record()

    run(scenario)


@pytest.mark.parametrize("record", [b"", b"{", b'{"access_token": "a"}'])
def test_what_is_no_login_is_not_stored(record: bytes) -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        await world.frame(1, wire.Renewed(id=1, body=record))
        assert world.store.record == OLD.to_record()
        assert all(isinstance(frame, wire.Stored) and frame.error for _, frame in world.sent)

    run(scenario)


def test_without_a_login_the_worker_is_told_and_so_is_the_supervisor() -> None:
    async def scenario(world: World) -> None:
        world.store.refuses = NeedsLoginError()
        world.renewing.promoted(1)
        await world.frame(1, wire.Renew(id=1))
        assert world.sent == [(1, wire.Renewal(id=1, error="needs_login"))]
        assert world.ended == [1]

    run(scenario)


def test_closing_waits_for_what_is_under_way_and_permits_nothing_more() -> None:
    async def scenario(world: World) -> None:
        await world.permitted(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.renewing.close)
            await trio.testing.wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            await world.frame(1, wire.Renewed(id=1, body=NEW.to_record()))
        await world.frame(1, wire.Renew(id=2))
        assert world.sent[-1] == (1, wire.Renewal(id=2, error=NOT_PERMITTED))

    run(scenario)
