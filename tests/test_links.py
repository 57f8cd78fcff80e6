"""Frames over a link: in order and whole, however long; a long body is not copied on its way out."""

from __future__ import annotations

import socket

import pytest
import trio

from kruxos import framing, wire
from kruxos.errors import TooLargeError
from kruxos.link import JOINED_BYTES_AIM, Link
from tests.links import link_bytes

SIZES = (0, 1, 65_535, 65_536, 65_537, JOINED_BYTES_AIM - 1, JOINED_BYTES_AIM + 1, 1_500_000)


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_reads_the_same_whether_its_body_is_a_piece_of_its_own_or_not(size: int) -> None:
    frame = wire.Open(id=2**40, body=b"b" * size, op="chat", model="m", deadline_s=3.5)
    assert framing.LinkDecoder().feed(link_bytes(frame)) == framing.decode_message(framing.encode(frame)) == [frame]


def test_a_long_body_is_handed_on_as_it_is() -> None:
    body = bytes(1_000_000)
    assert framing.encode_link(wire.Event(id=1, body=body))[-1] is body


def test_a_frame_over_the_cap_is_no_frame() -> None:
    with pytest.raises(TooLargeError):
        framing.encode_link(wire.Event(id=1, body=bytes(wire.MESSAGE_BYTES_MAX)))


async def _sent(link: Link, frames: list[wire.Frame]) -> None:
    for frame in frames:
        link.send(frame)
    await link.run_writer()


def test_short_and_long_frames_arrive_in_order() -> None:
    trio.run(_short_and_long)


async def _short_and_long() -> None:
    frames: list[wire.Frame] = [
        wire.Event(id=number, body=b"%d" % number + bytes(SIZES[number % len(SIZES)])) for number in range(30)
    ]
    here, there = (Link(end) for end in socket.socketpair())
    received: list[wire.Frame] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_sent, here, frames)
            while len(received) < len(frames):
                received += await there.receive() or []
            nursery.cancel_scope.cancel()
    assert received == frames
    assert here.queued.now == 0
    here.close()
    there.close()
