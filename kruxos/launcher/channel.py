"""What the supervisor and the launcher say to each other: small datagrams over a socketpair, descriptors beside them.

supervisor -> launcher    spawn N CAGED PORTS MEMORY, with two descriptors: the worker's end of its link, and its log
launcher -> supervisor    up PID                            once, when everything is imported
                          spawned N PID
                          failed N REASON
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TypeAlias

DATAGRAM_BYTES_MAX = 4096
DESCRIPTORS_PER_SPAWN = 2
MEMORY_BYTES = 2 * 1024**3
"""What a worker cannot have more of where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Spawn:
    """Fork worker ``ticket``. ``caged``: put the cage on it, with ``ports`` the only ones that it connects to.

    ``memory_bytes``: what it cannot have more of, whatever it does.
    """

    ticket: int
    caged: bool = True
    ports: tuple[int, ...] = ()
    memory_bytes: int = MEMORY_BYTES


@dataclass(frozen=True, slots=True)
class Up:
    """The launcher can fork."""

    pid: int


@dataclass(frozen=True, slots=True)
class Spawned:
    """Worker ``ticket`` exists; its parent is the supervisor."""

    ticket: int
    pid: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker ``ticket`` could not be forked."""

    ticket: int
    reason: str


Message: TypeAlias = Up | Spawned | Failed


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a channel. Boundaries of datagrams are kept, and the death of one end is seen by the other."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def encode(message: Message) -> bytes:
    """A message as a datagram."""
    match message:
        case Up():
            return f"up {message.pid}".encode()
        case Spawned():
            return f"spawned {message.ticket} {message.pid}".encode()
        case Failed():
            return f"failed {message.ticket} {message.reason}".encode()[:DATAGRAM_BYTES_MAX]


def decode(data: bytes) -> Message:
    """A datagram as a message. Raises ``ValueError`` for anything else."""
    kind, _, rest = data.decode().partition(" ")
    first, _, second = rest.partition(" ")
    match kind:
        case "up":
            return Up(int(first))
        case "spawned":
            return Spawned(int(first), int(second))
        case "failed":
            return Failed(int(first), second)
        case _:
            raise ValueError("not a launcher's message")


def ask_spawn(end: socket.socket, wanted: Spawn, descriptors: list[int]) -> None:
    """Asks for a worker. The descriptors may be closed here afterwards."""
    ports = ",".join(map(str, wanted.ports))
    socket.send_fds(
        end, [f"spawn {wanted.ticket} {int(wanted.caged)} {ports} {wanted.memory_bytes}".encode()], descriptors
    )


def next_spawn(end: socket.socket) -> tuple[Spawn, list[int]] | None:
    """Waits for the next request, with its descriptors; None once the supervisor is gone."""
    data, descriptors, _, _ = socket.recv_fds(end, DATAGRAM_BYTES_MAX, DESCRIPTORS_PER_SPAWN)
    if not data:
        return None
    kind, *words = data.decode().split(" ")
    if kind != "spawn" or len(words) != 4 or len(descriptors) != DESCRIPTORS_PER_SPAWN:
        raise ValueError("not a supervisor's message")
    ticket, caged, ports, memory_bytes = words
    reached = tuple(map(int, filter(None, ports.split(","))))
    return Spawn(int(ticket), caged == "1", reached, int(memory_bytes)), descriptors
