"""What the supervisor knows of the border: doors and sessions.

A door is a fixed address. Whoever is admitted may ask there; a question is one message, its answer is one message, and
answers may be given in any order. A session is a fresh address for one expected process: the first connection of that
process is the session, nobody follows it, and when it goes the session is over.

Both ends belong to one task each way: a second task that waits in ``receive`` (or ``send``) while another does gets
``trio.BusyResourceError``. After ``close`` every method that waits raises ``trio.ClosedResourceError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kruxos.wire import MESSAGE_BYTES_MAX

RECEIVE_BYTES_MAX = MESSAGE_BYTES_MAX + 64 * 1024
"""A message over this costs its sender the connection. ``wire`` answers ``too_large`` well below it."""
REPLIES_WAITING_MAX = 1024
REPLY_BYTES_WAITING_MAX = 128 * 1024 * 1024
"""Replies that a door holds while the transport takes none; past either bound a reply is dropped."""
REPLIES_UNREAD_MAX = 64
"""Replies that one peer may leave unread; further ones are dropped (nng's raw REP: its queue per connection)."""
SESSION_MESSAGES_WAITING_MAX = 8
"""Messages that a session holds each way before the sender has to wait."""
PATH_BYTES_MAX = 99
"""A socket's path must be shorter than 100 bytes: macOS takes 103, Linux 107."""
SESSION_NAME = "s-{}.sock"
"""A session's socket; in the braces ``SESSION_WORD_BYTES`` random bytes in hexadecimal."""
SESSION_WORD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel names it; None where it does not."""

    uid: int | None
    pid: int | None


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where a reply goes. ``connection`` numbers the asker's connection; ``path`` is the transport's own."""

    connection: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Inbound:
    """One question at a door."""

    peer: Peer
    to: ReturnAddress
    data: bytes


@dataclass(frozen=True, slots=True)
class DoorStatistics:
    """How a door fares.

    ``connections`` are open now. ``refused`` connections were not admitted. ``requests`` and ``replies`` went through.
    ``requests_dropped`` came from peers that had left; ``replies_dropped`` were over the door's bounds.
    ``replies_waiting`` and ``reply_bytes_waiting`` are held now; their peaks were the most so far.
    """

    connections: int
    refused: int
    requests: int
    requests_dropped: int
    replies: int
    replies_dropped: int
    replies_waiting: int
    replies_waiting_peak: int
    reply_bytes_waiting: int
    reply_bytes_waiting_peak: int


class PeerGoneError(Exception):
    """The session's peer has left; nothing more will come from it or reach it."""


class NobodyDialledError(Exception):
    """The expected process did not dial its session in time."""


class AddressUnusableError(Exception):
    """A socket cannot stand at this path; the message says why and what to do."""


class Door(Protocol):
    """A fixed address where peers ask and are answered."""

    async def receive(self) -> Inbound:
        """The next question."""
        ...

    def reply(self, to: ReturnAddress, data: bytes) -> None:
        """Answers a question, without ever waiting: a reply to a peer that has left, or over a bound, is dropped."""
        ...

    def statistics(self) -> DoorStatistics:
        """How the door fares now."""
        ...

    def close(self) -> None:
        """Closes the door and every connection at it, and removes its socket."""
        ...


class Session(Protocol):
    """A private connection with one expected process, both ways, in order, nothing lost while it lasts.

    It has to be read all the time: that a peer has left is seen only behind what it had said before.
    """

    @property
    def address(self) -> str:
        """Where the peer has to dial: ``ipc://`` and a path."""
        ...

    async def wait_peer(self, timeout_s: float) -> Peer:
        """Waits for the expected process; from then on the address leads nowhere.

        Raises ``NobodyDialledError`` when the time is over, ``PeerGoneError`` when the peer came and has left.
        """
        ...

    async def receive(self) -> bytes:
        """The next message. Raises ``PeerGoneError`` when the peer has left and its last words were read.

        Of what it said before it left, ``SESSION_MESSAGES_WAITING_MAX`` messages are kept.
        """
        ...

    async def send(self, data: bytes) -> None:
        """Sends one message; waits while the peer does not read. Raises ``PeerGoneError`` when it has left."""
        ...

    def send_now(self, data: bytes) -> bool:
        """Sends one message while no ``send`` is waiting; False where that cannot be done at once: nothing was sent."""
        ...

    def close(self) -> None:
        """Ends the session and removes its socket. What the peer has not read yet may be lost."""
        ...


class Transport(Protocol):
    """Opens doors and sessions."""

    def open_door(
        self,
        path: str,
        *,
        admit: Callable[[Peer], bool],
        gone: Callable[[int], None] | None = None,
        mode: int = 0o600,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> Door:
        """A door at ``path``.

        ``admit`` says who may connect; it may run on a foreign thread, so it only looks at its argument and at values
        that do not change. ``gone`` is told the number of every connection that has ended, in the caller's thread.
        ``mode`` and ``group`` are the socket file's. Raises ``AddressUnusableError``.
        """
        ...

    def open_session(
        self,
        directory: str,
        expected: Peer,
        *,
        mode: int = 0o600,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> Session:
        """A session in ``directory`` for the process ``expected``.

        ``mode`` and ``group`` are the socket file's: a peer of another user must be able to reach it, and is checked
        all the same. Raises ``AddressUnusableError``.
        """
        ...
