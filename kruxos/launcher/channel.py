"""What the supervisor and the launcher say to each other: small datagrams over a socketpair, descriptors beside them.

supervisor -> launcher    spawn N CAGED PORTS, with two descriptors: the worker's end of its link, and its log
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


@dataclass(frozen=True, slots=True)
class Spawn:
    """Fork worker ``ticket``. ``caged``: put the cage on it, with ``ports`` the only ones that it connects to."""

    ticket: int
    caged: bool = True
    ports: tuple[int, ...] = ()


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
    socket.send_fds(end, [f"spawn {wanted.ticket} {int(wanted.caged)} {ports}".encode()], descriptors)


def next_spawn(end: socket.socket) -> tuple[Spawn, list[int]] | None:
    """Waits for the next request, with its descriptors; None once the supervisor is gone."""
    data, descriptors, _, _ = socket.recv_fds(end, DATAGRAM_BYTES_MAX, DESCRIPTORS_PER_SPAWN)
    if not data:
        return None
    kind, *words = data.decode().split(" ")
    if kind != "spawn" or len(words) != 3 or len(descriptors) != DESCRIPTORS_PER_SPAWN:
        raise ValueError("not a supervisor's message")
    ticket, caged, ports = words
    return Spawn(int(ticket), caged == "1", tuple(map(int, filter(None, ports.split(","))))), descriptors
