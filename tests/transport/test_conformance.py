"""What every transport must do, in every world."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
import trio.testing

from kruxos.transport import (
    AddressUnusableError,
    Peer,
    ReturnAddress,
)
from kruxos.transport.base import REPLIES_UNREAD_MAX
from tests.transport.scenes import in_every_world, open_door, until
from tests.transport.worlds import World


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
