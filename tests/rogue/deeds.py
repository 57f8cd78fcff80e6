"""What a rogue worker does, each at a signal of its own."""

from __future__ import annotations

import os
import signal
import struct
from dataclasses import dataclass

import msgpack

from kruxos import wire
from tests.links import link_bytes

MEMORY_MAX = "128MiB"
"""The cap that is meant to be set for rogue workers."""
HELD_BYTES = 130 * 1024 * 1024
"""With what it holds anyway over that cap, and under twice."""
STEP_BYTES = 10 * 1024 * 1024
SLOW_START_S = 0.3


@dataclass(frozen=True)
class Deed:
    """One. ``data`` is what it writes on its link."""

    name: str
    number: int
    data: bytes = b""

    @property
    def signal(self) -> int:
        """The signal at which it is done."""
        return signal.SIGRTMIN + self.number

    def have_done(self, pid: int) -> None:
        """Has a worker do it."""
        os.kill(pid, self.signal)


def _framed(value: object) -> bytes:
    data = msgpack.packb(value)
    return struct.pack(">I", len(data)) + data


SPIN = Deed("spin", 1)
LEAK = Deed("leak", 2)
"""Takes more than its cap, and stays below twice of it."""
FLOOD = Deed("flood", 3)
"""Takes all that it gets."""
GARBAGE = (
    Deed("garbage", 4, b"\xff" * 64),
    Deed("no msgpack", 5, struct.pack(">I", 4) + b"\xc1" * 4),
    Deed("oversized", 6, struct.pack(">I", wire.MESSAGE_BYTES_MAX + 1)),
    Deed("a frame of agents", 7, link_bytes(wire.Open(id=1, body=b"x"))),
    Deed("a header of wrong types", 8, _framed(["beat", 0, {"rss_bytes": "much"}, b""])),
)
DEEDS = (SPIN, LEAK, FLOOD, *GARBAGE)
