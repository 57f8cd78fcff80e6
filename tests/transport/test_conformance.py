"""What every transport must do, in every world."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from kruxos.transport import (
    AddressUnusableError,
    Door,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
    Session,
)
from kruxos.transport.base import REPLIES_UNREAD_MAX
from tests.transport.worlds import WORLDS, World

LIMIT_S = 20.0


def in_every_world(scenario: Callable[[World], Awaitable[None]]) -> Callable[..., Any]:
    """Runs the scenario once a world, each with a time limit and a nursery that is cancelled at the end."""

    @pytest.mark.parametrize("name", WORLDS)
    @wraps(scenario)
    def test(name: str, tmp_path: Path) -> None:
        async def main() -> None:
            with trio.fail_after(LIMIT_S):
                async with trio.open_nursery() as nursery:
                    await scenario(WORLDS[name](nursery, str(tmp_path)))
                    nursery.cancel_scope.cancel()

        trio.run(main)

    del test.__wrapped__  # pytest would look for fixtures named after the scenario's parameter
    return test


def open_door(world: World, **options: Any) -> tuple[str, Door]:
    path = f"{world.directory}/door.sock"
    options.setdefault("admit", lambda _: True)
    return path, world.transport.open_door(path, **options)


async def connected_session(world: World) -> tuple[Session, Any]:
    session = world.transport.open_session(world.directory, world.me)
    far = await world.dial(session.address)
    assert await session.wait_peer(5) == world.me
    return session, far


async def until(condition: Callable[[], bool]) -> None:
    """For what nng's threads tell: lets the loop turn until it is so; the test's time limit bounds it."""
    while not condition():
        await trio.lowlevel.checkpoint()


@in_every_world
async def test_a_question_arrives_with_the_askers_uid_and_pid_and_is_answered(world: World) -> None:
    path, door = open_door(world)
    caller = await world.connect(path)
    await caller.send(b"question")
    asked = await door.receive()
    assert (asked.data, asked.peer) == (b"question", world.me)
    door.reply(asked.to, b"answer")
    assert await caller.receive() == b"answer"
    caller.close()
    door.close()


@in_every_world
async def test_answers_find_their_asker_in_any_order(world: World) -> None:
    path, door = open_door(world)
    callers = [await world.connect(path) for _ in range(5)]
    for number, caller in enumerate(callers):
        await caller.send(b"%d" % number)
    questions = [await door.receive() for _ in callers]
    for asked in sorted(questions, key=lambda question: question.data, reverse=True):
        door.reply(asked.to, b"to " + asked.data)
    assert [await caller.receive() for caller in callers] == [b"to %d" % number for number in range(5)]
    for caller in callers:
        caller.close()
    door.close()


@in_every_world
async def test_one_connection_asks_again_and_again(world: World) -> None:
    path, door = open_door(world)
    caller = await world.connect(path)
    for size in (0, 1, 1000, 300_000):
        await caller.send(b"x" * size)
        asked = await door.receive()
        assert len(asked.data) == size
        door.reply(asked.to, asked.data)
        assert len(await caller.receive()) == size
    statistics = door.statistics()
    assert (statistics.requests, statistics.replies, statistics.connections) == (4, 4, 1)
    caller.close()
    door.close()


@in_every_world
async def test_the_door_tells_which_connection_has_ended(world: World) -> None:
    ended: list[int] = []
    path, door = open_door(world, gone=ended.append)
    caller = await world.connect(path)
    await caller.send(b"question")
    asked = await door.receive()
    assert ended == []
    caller.close()
    await until(lambda: ended == [asked.to.connection])
    assert door.statistics().connections == 0
    door.close()


@in_every_world
async def test_a_reply_to_a_peer_that_has_left_is_dropped(world: World) -> None:
    ended: list[int] = []
    path, door = open_door(world, gone=ended.append)
    caller = await world.connect(path)
    await caller.send(b"question")
    asked = await door.receive()
    caller.close()
    await until(lambda: ended != [])
    door.reply(asked.to, b"answer")
    door.reply(ReturnAddress(0, b"no such connection"), b"answer")
    assert door.statistics().replies == 0
    door.close()


@in_every_world
async def test_who_is_not_admitted_is_not_heard(world: World) -> None:
    seen: list[Peer] = []

    def admit(peer: Peer) -> bool:
        seen.append(peer)
        return False

    path, door = open_door(world, admit=admit)
    caller = await world.connect(path)
    await caller.lost()
    assert seen[0] == world.me
    assert (door.statistics().connections, door.statistics().requests) == (0, 0)
    assert door.statistics().refused >= 1
    caller.close()
    door.close()


@in_every_world
async def test_a_message_over_the_cap_costs_its_sender_the_connection_and_nobody_else(world: World) -> None:
    path, door = open_door(world, receive_bytes_max=10_000)
    good, bad = await world.connect(path), await world.connect(path)
    with suppress(trio.BrokenResourceError):  # it may notice while it is still sending
        await bad.send(b"x" * 20_000)
    await bad.lost()
    await good.send(b"x" * 9_000)
    assert len((await door.receive()).data) == 9_000
    good.close()
    bad.close()
    door.close()


@in_every_world
async def test_only_one_task_may_wait_at_a_door(world: World) -> None:
    _, door = open_door(world)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await door.receive()
        nursery.cancel_scope.cancel()
    door.close()


@in_every_world
async def test_closing_a_door_wakes_who_waits_at_it(world: World) -> None:
    path, door = open_door(world)
    caller = await world.connect(path)

    async def waiting() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await door.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting)
        await trio.testing.wait_all_tasks_blocked()
        door.close()
    await caller.lost()
    with pytest.raises(trio.ClosedResourceError):
        await door.receive()
    with pytest.raises(ConnectionRefusedError):
        await world.connect(path)
    caller.close()
    door.close()


@in_every_world
async def test_a_door_can_be_opened_again_where_one_was_closed_but_not_beside_one(world: World) -> None:
    path, door = open_door(world)
    with pytest.raises(AddressUnusableError, match="in use"):
        open_door(world)
    caller = await world.connect(path)
    await caller.send(b"still here")
    assert (await door.receive()).data == b"still here"
    caller.close()
    door.close()
    path, door = open_door(world)
    caller = await world.connect(path)
    await caller.send(b"here again")
    assert (await door.receive()).data == b"here again"
    caller.close()
    door.close()


@in_every_world
async def test_a_session_carries_messages_both_ways_in_order(world: World) -> None:
    session, far = await connected_session(world)
    chance = random.Random(7)
    messages = [chance.randbytes(chance.choice((0, 1, 50, 5_000, 200_000))) + b"." for _ in range(60)]

    async def send_all(send: Callable[[bytes], Awaitable[None]]) -> None:
        for message in messages:
            await send(message)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, session.send)
        nursery.start_soon(send_all, far.send)
        assert [await session.receive() for _ in messages] == messages
        assert [await far.receive() for _ in messages] == messages
    far.close()
    session.close()


@in_every_world
async def test_a_session_takes_only_the_expected_process(world: World) -> None:
    session = world.transport.open_session(world.directory, world.me)
    assert not await world.stranger_is_let_in(session.address)
    with pytest.raises(NobodyDialledError):
        await session.wait_peer(0.05)
    far = await world.dial(session.address)
    await session.wait_peer(5)
    await far.send(b"it is me")
    assert await session.receive() == b"it is me"
    far.close()
    session.close()


@in_every_world
async def test_nobody_follows_the_first_peer_of_a_session(world: World) -> None:
    session, far = await connected_session(world)
    with pytest.raises(ConnectionRefusedError):
        await world.dial(session.address)
    far.close()
    with pytest.raises(PeerGoneError):
        await session.receive()
    with pytest.raises(ConnectionRefusedError):
        await world.dial(session.address)
    session.close()


@in_every_world
async def test_every_session_has_an_address_of_its_own(world: World) -> None:
    sessions = [world.transport.open_session(world.directory, world.me) for _ in range(5)]
    assert len({session.address for session in sessions}) == 5
    assert all(session.address.startswith("ipc://") for session in sessions)
    for session in sessions:
        session.close()


@in_every_world
async def test_a_closed_session_cannot_be_dialled(world: World) -> None:
    session = world.transport.open_session(world.directory, world.me)
    session.close()
    with pytest.raises(ConnectionRefusedError):
        await world.dial(session.address)
    with pytest.raises(trio.ClosedResourceError):
        await session.wait_peer(5)


@in_every_world
async def test_what_a_peer_said_before_it_left_is_read_first(world: World) -> None:
    session, far = await connected_session(world)
    for number in range(5):
        await far.send(b"%d" % number)
    assert await session.receive() == b"0"
    far.close()
    with pytest.raises(PeerGoneError):
        await _read_until_gone(session)
    with pytest.raises(PeerGoneError):
        await session.send(b"too late")
    session.close()


async def _read_until_gone(session: Session) -> None:
    while True:
        assert await session.receive() in (b"1", b"2", b"3", b"4")


@in_every_world
async def test_a_sender_waits_while_its_peer_does_not_read_and_nothing_is_lost(world: World) -> None:
    session, far = await connected_session(world)
    message = bytes(100_000)
    sent = 0

    async def send_forever() -> None:
        nonlocal sent
        while sent < 200:
            await session.send(message + b"%d" % sent)
            sent += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_forever)
        await stalled(lambda: sent)
        assert 0 < sent < 200
        assert [await far.receive() for _ in range(200)] == [message + b"%d" % number for number in range(200)]
    far.close()
    session.close()


async def stalled(progress: Callable[[], int]) -> None:
    """Until a number no longer grows while every task waits."""
    before = -1
    while progress() != before:
        before = progress()
        await trio.testing.wait_all_tasks_blocked(0.05)


async def send_for_ever(session: Session) -> None:
    while True:
        await session.send(bytes(100_000))


@in_every_world
async def test_a_sender_that_waits_notices_that_its_peer_has_left(world: World) -> None:
    session, far = await connected_session(world)

    async def send_until_gone() -> None:
        with pytest.raises(PeerGoneError):
            await send_for_ever(session)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_until_gone)
        await trio.testing.wait_all_tasks_blocked(0.05)
        far.close()
    session.close()


@in_every_world
async def test_a_receiver_that_waits_notices_that_its_peer_has_left(world: World) -> None:
    session, far = await connected_session(world)

    async def waiting() -> None:
        with pytest.raises(PeerGoneError):
            await session.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiting)
        await trio.testing.wait_all_tasks_blocked()
        far.close()
    session.close()


@in_every_world
async def test_closing_a_session_wakes_both_its_tasks_and_the_peer(world: World) -> None:
    session, far = await connected_session(world)

    async def receiving() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await session.receive()

    async def sending() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await send_for_ever(session)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiving)
        nursery.start_soon(sending)
        await trio.testing.wait_all_tasks_blocked(0.05)
        session.close()
    await far.lost()
    far.close()
    session.close()


@in_every_world
async def test_only_one_task_may_wait_to_receive(world: World) -> None:
    session, far = await connected_session(world)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.receive()
        nursery.cancel_scope.cancel()
    far.close()
    session.close()


@in_every_world
async def test_a_cancelled_receive_loses_nothing(world: World) -> None:
    session, far = await connected_session(world)
    for number in range(50):
        await far.send(b"%d" % number)
        with trio.move_on_after(0) as scope:
            await session.receive()
        assert scope.cancelled_caught
        assert await session.receive() == b"%d" % number
    far.close()
    session.close()


@in_every_world
async def test_a_cancelled_send_has_sent_nothing(world: World) -> None:
    session, far = await connected_session(world)
    for number in range(50):
        with trio.move_on_after(0) as scope:
            await session.send(b"never")
        assert scope.cancelled_caught
        await session.send(b"%d" % number)
        assert await far.receive() == b"%d" % number
    far.close()
    session.close()


@in_every_world
async def test_a_session_message_over_the_cap_ends_the_session(world: World) -> None:
    session = world.transport.open_session(world.directory, world.me, receive_bytes_max=10_000)
    far = await world.dial(session.address)
    await session.wait_peer(5)
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await far.send(bytes(20_000))
    with pytest.raises(PeerGoneError):
        await session.receive()
    far.close()
    session.close()


@in_every_world
async def test_replies_that_one_peer_leaves_unread_do_not_hold_up_another(world: World) -> None:
    path, door = open_door(world)
    lazy, diligent = await world.connect(path), await world.connect(path)
    await lazy.send(b"many, please")
    many = await door.receive()
    for _ in range(REPLIES_UNREAD_MAX * 4):
        door.reply(many.to, bytes(50_000))
    await diligent.send(b"one, please")
    one = await door.receive()
    door.reply(one.to, b"here")
    assert await diligent.receive() == b"here"
    lazy.close()
    diligent.close()
    door.close()
