"""Who keeps a worker's login: calls wait for it, frames answer it, and what can't be had is told with its reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest
import trio
import trio.testing

from kruxos import wire
from kruxos.errors import KruxosError, NeedsLoginError, ProviderUnreachableError, VaultLockedError
from kruxos.login import Login
from kruxos_workers.oauth.keeper import WAIT_S, Keeper
from kruxos_workers.oauth.life import Life
from kruxos_workers.oauth.protocol import Later, Over

ENDED = Login("access-1", "refresh-1", "account", 1000.0, 1.0)
NEW = Login("access-2", "refresh-2", "account", 9e9, 2000.0)
NOW = 2000.0


@dataclass
class Issuer:
    answer: Login | Over | Later = NEW
    asked: list[Login] = field(default_factory=list[Login])

    async def refresh(self, login: Login, now: float) -> Login | Over | Later:
        self.asked.append(login)
        await trio.lowlevel.checkpoint()
        return self.answer


@dataclass
class World:
    keeper: Keeper
    issuer: Issuer
    sent: list[wire.Frame]
    used: list[Login]
    settled: list[bool]

    async def token(self, into: list[str | KruxosError]) -> None:
        try:
            into.append(await self.keeper.token())
        except KruxosError as error:
            into.append(error)

    def answer(self, frame: wire.Renewal | wire.Stored) -> None:
        self.keeper.on_frame(frame)


def run(scenario: Callable[[World, trio.Nursery], Awaitable[None]], login: Login = ENDED) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sent, used, settled, issuer = list[wire.Frame](), list[Login](), list[bool](), Issuer()
            keeper = Keeper(
                "p", Life(login, lambda: 1.0), issuer, sent.append, used.append, nursery,
                lambda: settled.append(True), clock=lambda: NOW,
            )  # fmt: skip
            await scenario(World(keeper, issuer, sent, used, settled), nursery)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.0))


async def permitted(world: World) -> None:
    world.answer(wire.Renewal(id=1, body=ENDED.to_record()))
    await trio.testing.wait_all_tasks_blocked()


def test_a_call_waits_until_the_new_login_is_stored() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        tokens: list[str | KruxosError] = []
        nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        assert world.sent == [wire.Renew(id=1)]
        await permitted(world)
        assert world.issuer.asked == [ENDED]
        assert world.sent[1:] == [wire.Renewed(id=1, body=NEW.to_record())]
        assert (tokens, world.used) == ([], [])
        world.answer(wire.Stored(id=1))
        await trio.testing.wait_all_tasks_blocked()
        assert (tokens, world.used, world.settled) == (["access-2"], [NEW], [True])

    run(scenario)


def test_calls_that_come_together_are_one_renewal() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        tokens: list[str | KruxosError] = []
        for _ in range(5):
            nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        await permitted(world)
        world.answer(wire.Stored(id=1))
        await trio.testing.wait_all_tasks_blocked()
        assert tokens == ["access-2"] * 5
        assert len(world.issuer.asked) == 1

    run(scenario)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (wire.Renewal(id=1, error="needs_login"), NeedsLoginError),
        (wire.Renewal(id=1, error="vault_locked"), VaultLockedError),
        (wire.Renewal(id=1, error="not_permitted"), ProviderUnreachableError),
        (wire.Renewal(id=1, body=b"no login"), KruxosError),
    ],
)
def test_a_call_whose_login_cannot_be_renewed_is_told_why(frame: wire.Renewal, kind: type[KruxosError]) -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        tokens: list[str | KruxosError] = []
        nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        world.answer(frame)
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(tokens[0], kind)
        assert "access-1" not in tokens[0].message

    run(scenario)


def test_an_issuer_that_is_down_is_told_with_when_it_is_asked_again() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        world.issuer.answer = Later("status 503")
        tokens: list[str | KruxosError] = []
        nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        await permitted(world)
        assert world.sent[1:] == [wire.Renewed(id=1)]
        (error,) = tokens
        assert isinstance(error, ProviderUnreachableError)
        assert (error.retry_at, "status 503" in error.message) == (NOW + 1, True)

    run(scenario)


def test_an_issuer_that_refuses_for_good_has_the_end_stored() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        world.issuer.answer = Over("refresh_token_reused")
        tokens: list[str | KruxosError] = []
        nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        await permitted(world)
        assert world.sent[1:] == [wire.Renewed(id=1, body=ENDED.over("refresh_token_reused").to_record())]
        assert isinstance(tokens[0], NeedsLoginError)
        assert "kruxos model login p" in tokens[0].message
        assert not await renewed(world, "access-1")

    run(scenario)


def test_a_refused_token_that_cannot_be_renewed_just_now_does_not_need_a_login() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        world.issuer.answer = Later("status 503")
        errors: list[KruxosError] = []

        async def call() -> None:
            try:
                await world.keeper.renewed("access-1")
            except KruxosError as error:
                errors.append(error)

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        world.answer(wire.Renewal(id=1, body=world.keeper.core.login.to_record()))
        await trio.testing.wait_all_tasks_blocked()
        world.keeper.drain()
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        assert [type(error) for error in errors] == [ProviderUnreachableError] * 2

    run(scenario, replace(ENDED, expires_at=9e9))


def test_a_predecessor_leaves_a_refused_token_to_its_successor() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        world.keeper.drain()
        with pytest.raises(ProviderUnreachableError, match="successor"):
            await world.keeper.renewed("access-1")
        assert world.sent == []

    run(scenario, replace(ENDED, expires_at=9e9))


async def renewed(world: World, token: str) -> bool:
    try:
        return await world.keeper.renewed(token)
    except NeedsLoginError:
        return False


def test_a_supervisor_that_says_nothing_does_not_hold_a_call_for_ever() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        tokens: list[str | KruxosError] = []
        began = trio.current_time()
        await world.token(tokens)
        assert trio.current_time() - began == pytest.approx(WAIT_S)
        assert isinstance(tokens[0], ProviderUnreachableError)

    run(scenario)


def test_a_late_answer_to_an_earlier_question_changes_nothing() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        tokens: list[str | KruxosError] = []
        nursery.start_soon(world.token, tokens)
        await trio.testing.wait_all_tasks_blocked()
        world.answer(wire.Renewal(id=7, body=ENDED.to_record()))
        await trio.testing.wait_all_tasks_blocked()
        assert world.issuer.asked == []

    run(scenario)


def test_it_renews_by_itself_when_the_time_has_come() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        nursery.start_soon(world.keeper.run)
        await trio.testing.wait_all_tasks_blocked()
        assert world.sent == [wire.Renew(id=1)]

    run(scenario, replace(ENDED, expires_at=NOW + 250))


def test_a_worker_that_is_replaced_asks_for_nothing_more() -> None:
    async def scenario(world: World, nursery: trio.Nursery) -> None:
        world.keeper.drain()
        tokens: list[str | KruxosError] = []
        await world.token(tokens)
        assert world.sent == []
        assert isinstance(tokens[0], ProviderUnreachableError)

    run(scenario)
