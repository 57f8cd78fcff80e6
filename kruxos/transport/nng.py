"""Doors and sessions on nng.

A door is a raw REP socket: the header of a message is its return address, so any number of questions are open at once.
A session is a PAIR0 socket. Closing an nng listener closes its connections; so a session's listener stays, with its
path removed, and turns away whoever comes second.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trio

from kruxos.gauge import Gauge
from kruxos.transport.base import (
    RECEIVE_BYTES_MAX,
    REPLIES_WAITING_MAX,
    REPLY_BYTES_WAITING_MAX,
    SESSION_MESSAGES_WAITING_MAX,
    SESSION_NAME,
    SESSION_WORD_BYTES,
    DoorStatistics,
    Inbound,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
)
from kruxos.transport.nng_socket import PAIR, PRIVATE_MODE, RAW_REP, NngSocket

_DOOR_MESSAGES_BUFFERED = 16
_PIPE_ID_BYTES = 4


class NngDoor:
    """``Door`` on a raw REP socket."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        admit: Callable[[Peer], bool],
        gone: Callable[[int], None] | None,
        receive_bytes_max: int,
    ) -> None:
        self._nursery = nursery
        self._admit = admit
        self._gone = gone
        self._peers: dict[int, Peer] = {}
        self._waiting: deque[tuple[ReturnAddress, bytes]] = deque()
        self._replies_waiting, self._bytes_waiting = Gauge(REPLIES_WAITING_MAX), Gauge(REPLY_BYTES_WAITING_MAX)
        self._connected = self._admitted = 0
        self._requests = self._requests_dropped = self._replies = self._replies_dropped = 0
        self._socket = NngSocket(RAW_REP, receive_bytes_max=receive_bytes_max, buffered=_DOOR_MESSAGES_BUFFERED)
        self._socket.on_connections(admit=self._on_connection, gone=self._on_gone)
        self.listen = self._socket.listen

    def _on_connection(self, connection: int, peer: Peer) -> bool:
        """On nng's thread, one connection at a time."""
        self._connected += 1
        admitted = self._admit(peer)
        if admitted:
            self._admitted += 1
            self._peers[connection] = peer
        return admitted

    def _on_gone(self, connection: int) -> None:
        if self._peers.pop(connection, None) is not None and self._gone is not None:
            self._gone(connection)

    async def receive(self) -> Inbound:
        """The next question."""
        await self._socket.breathe()
        while True:
            if self._socket.closed:
                raise trio.ClosedResourceError
            message = self._socket.receive_now()
            if message is None:
                await self._socket.wait_receivable()
                continue
            connection = int.from_bytes(message[0][:_PIPE_ID_BYTES], "big")
            peer = self._peers.get(connection)
            if peer is not None:
                self._requests += 1
                return Inbound(peer, ReturnAddress(connection, message[0]), message[1])
            self._requests_dropped += 1

    def reply(self, to: ReturnAddress, data: bytes) -> None:
        """Answers a question; never waits."""
        if self._socket.closed or to.connection not in self._peers:
            return
        if not self._waiting and self._send_now(to, data):
            return
        too_many = len(self._waiting) >= REPLIES_WAITING_MAX
        if too_many or self._bytes_waiting.now + len(data) > REPLY_BYTES_WAITING_MAX:
            self._replies_dropped += 1
            return
        if not self._waiting:
            self._nursery.start_soon(self._write)
        self._waiting.append((to, data))
        self._replies_waiting.add(1)
        self._bytes_waiting.add(len(data))

    def _send_now(self, to: ReturnAddress, data: bytes) -> bool:
        sent = self._socket.send_to_now(to.path, data)
        self._replies += sent
        return sent

    async def _write(self) -> None:
        """The writer: sends what ``reply`` could not, then ends; there is never more than one."""
        while self._waiting and not self._socket.closed:
            to, data = self._waiting[0]
            if self._send_now(to, data):
                self._waiting.popleft()
                self._replies_waiting.add(-1)
                self._bytes_waiting.add(-len(data))
            else:
                with suppress(trio.ClosedResourceError):
                    await self._socket.wait_sendable()

    def statistics(self) -> DoorStatistics:
        """How the door fares now."""
        return DoorStatistics(
            connections=len(self._peers),
            refused=self._connected - self._admitted,
            requests=self._requests,
            requests_dropped=self._requests_dropped,
            replies=self._replies,
            replies_dropped=self._replies_dropped,
            replies_waiting=self._replies_waiting.now,
            replies_waiting_peak=self._replies_waiting.peak,
            reply_bytes_waiting=self._bytes_waiting.now,
            reply_bytes_waiting_peak=self._bytes_waiting.peak,
        )

    def close(self) -> None:
        """Closes the door and every connection at it, and removes its socket."""
        self._gone = None
        self._socket.close()


class NngSession:
    """``Session`` on a PAIR0 socket."""

    def __init__(self, directory: str, expected: Peer, *, mode: int, group: int | None, receive_bytes_max: int) -> None:
        self._expected = expected
        self._claimed: int | None = None  # the one connection; set on nng's thread, and never again
        self._arrived = trio.Event()
        self._gone = False
        self._path = str(Path(directory, SESSION_NAME.format(secrets.token_hex(SESSION_WORD_BYTES))))
        self._socket = NngSocket(PAIR, receive_bytes_max=receive_bytes_max, buffered=SESSION_MESSAGES_WAITING_MAX)
        self._socket.on_connections(admit=self._on_connection, up=self._on_up, gone=self._on_gone)
        self._socket.listen(self._path, mode, group)

    @property
    def address(self) -> str:
        """Where the peer has to dial."""
        return f"ipc://{self._path}"

    def _on_connection(self, connection: int, peer: Peer) -> bool:
        """On nng's thread, one connection at a time."""
        if self._claimed is not None or peer != self._expected:
            return False
        self._claimed = connection
        return True

    def _on_up(self, _: int) -> None:
        self._remove_path()
        self._arrived.set()

    def _on_gone(self, _: int) -> None:
        self._gone = True
        self._remove_path()
        self._arrived.set()
        if not self._socket.closed:
            self._socket.wake_waiters()

    def _remove_path(self) -> None:
        with suppress(FileNotFoundError):
            Path(self._path).unlink()

    async def wait_peer(self, timeout_s: float) -> Peer:
        """Waits for the expected process."""
        with trio.move_on_after(timeout_s):
            await self._arrived.wait()
        if self._socket.closed:
            raise trio.ClosedResourceError
        if self._gone:
            raise PeerGoneError
        if not self._arrived.is_set():
            raise NobodyDialledError
        return self._expected

    async def receive(self) -> bytes:
        """The next message."""
        await self._socket.breathe()
        while True:
            if self._socket.closed:
                raise trio.ClosedResourceError
            message = self._socket.receive_now()
            if message is not None:
                return message[1]
            if self._gone:
                raise PeerGoneError
            with suppress(trio.ClosedResourceError):  # the peer left, or close: told apart above
                await self._socket.wait_receivable()

    async def send(self, data: bytes) -> None:
        """Sends one message; waits while the peer does not read."""
        await self._socket.breathe()
        while True:
            if self._socket.closed:
                raise trio.ClosedResourceError
            if self._gone:
                raise PeerGoneError
            if self._socket.send_now(data):
                return
            with suppress(trio.ClosedResourceError):
                await self._socket.wait_sendable()

    def send_now(self, data: bytes) -> bool:
        """Sends one message if that needs no waiting."""
        return not (self._socket.closed or self._gone) and self._socket.send_now(data)

    def close(self) -> None:
        """Ends the session and removes its socket."""
        self._socket.close()
        self._remove_path()
        self._arrived.set()


class NngTransport:
    """``Transport`` on nng over Unix sockets. Doors keep their writers in ``nursery``."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def open_door(
        self,
        path: str,
        *,
        admit: Callable[[Peer], bool],
        gone: Callable[[int], None] | None = None,
        mode: int = PRIVATE_MODE,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> NngDoor:
        """A door at ``path``."""
        door = NngDoor(self._nursery, admit=admit, gone=gone, receive_bytes_max=receive_bytes_max)
        door.listen(path, mode, group)
        return door

    def open_session(
        self,
        directory: str,
        expected: Peer,
        *,
        mode: int = PRIVATE_MODE,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> NngSession:
        """A session in ``directory`` for the process ``expected``."""
        return NngSession(directory, expected, mode=mode, group=group, receive_bytes_max=receive_bytes_max)
