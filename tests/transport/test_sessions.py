"""What every transport's sessions must do, in every world."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
import trio.testing

from kruxos.transport import (
    NobodyDialledError,
    PeerGoneError,
    Session,
)
from tests.transport.scenes import connected_session, in_every_world
from tests.transport.worlds import World


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
async def test_what_cannot_be_sent_at_once_is_not_sent_and_what_was_arrives_in_order(world: World) -> None:
    session, far = await connected_session(world)
    sent = 0
    while session.send_now(b"%d\0" % sent + bytes(200_000)) and sent < 1000:
        sent += 1
    assert 0 < sent < 1000
    for number in range(sent):
        assert (await far.receive()).startswith(b"%d\0" % number)
    far.close()
    session.close()
    assert not session.send_now(b"after the end")


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
