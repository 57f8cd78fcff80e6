"""Doors and sessions in memory: the twin of ``kruxos.transport.nng`` for tests and simulation.

Deterministic: no thread, no file, no clock but trio's. Beside the contract it has the other side: ``connect`` is what
an agent's REQ socket does at a door, ``dial`` what its PAIR0 socket does at a session's address.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import count

import trio

from kruxos.transport.base import (
    RECEIVE_BYTES_MAX,
    REPLIES_UNREAD_MAX,
    SESSION_MESSAGES_WAITING_MAX,
    AddressUnusableError,
    DoorStatistics,
    Inbound,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
)

_QUESTIONS_WAITING_MAX = 16


class MemoryDoor:
    """``Door`` in memory."""

    def __init__(
        self,
        admit: Callable[[Peer], bool],
        gone: Callable[[int], None] | None,
        receive_bytes_max: int,
        forget: Callable[[], object],
    ) -> None:
        self.receive_bytes_max = receive_bytes_max
        self.questions, self._questions = trio.open_memory_channel[Inbound](_QUESTIONS_WAITING_MAX)
        self._forget = forget
        self._admit = admit
        self._gone = gone
        self._callers: dict[int, MemoryCaller] = {}
        self._refused = self._requests = self._requests_dropped = self._replies = 0
        self._receiving = trio.StrictFIFOLock()

    def arrive(self, caller: MemoryCaller) -> None:
        """A caller connects; one that is not admitted finds its connection closed."""
        if self._admit(caller.peer):
            self._callers[caller.connection] = caller
        else:
            self._refused += 1
            caller.hang_up()

    def leave(self, caller: MemoryCaller) -> None:
        """A caller's connection ends."""
        if self._callers.pop(caller.connection, None) is not None and self._gone is not None:
            self._gone(caller.connection)

    async def receive(self) -> Inbound:
        """The next question."""
        with _only_one(self._receiving):
            while True:
                inbound = await self._questions.receive()
                if inbound.to.connection in self._callers:
                    self._requests += 1
                    return inbound
                self._requests_dropped += 1

    def reply(self, to: ReturnAddress, data: bytes) -> None:
        """Answers a question; never waits."""
        caller = self._callers.get(to.connection)
        if caller is not None:
            self._replies += 1
            with suppress(trio.WouldBlock):
                caller.replies.send_nowait(data)

    def statistics(self) -> DoorStatistics:
        """How the door fares now."""
        return DoorStatistics(
            connections=len(self._callers),
            refused=self._refused,
            requests=self._requests,
            requests_dropped=self._requests_dropped,
            replies=self._replies,
            replies_dropped=0,
            replies_waiting=0,
            replies_waiting_peak=0,
            reply_bytes_waiting=0,
            reply_bytes_waiting_peak=0,
        )

    def close(self) -> None:
        """Closes the door and every connection at it."""
        self._gone = None
        self._forget()
        self._questions.close()
        for caller in list(self._callers.values()):
            caller.hang_up()
        self._callers.clear()


class MemoryCaller:
    """An agent's connection to a door: any number of questions may be open."""

    def __init__(self, door: MemoryDoor, peer: Peer, connection: int) -> None:
        self.peer = peer
        self.connection = connection
        self.replies, self._replies = trio.open_memory_channel[bytes](REPLIES_UNREAD_MAX)
        self._door = door
        self._open = True

    async def send(self, data: bytes) -> None:
        """Asks. Raises ``PeerGoneError`` where the door has closed the connection, as it does over its cap."""
        if len(data) > self._door.receive_bytes_max:
            self.close()
        if not self._open:
            raise PeerGoneError
        question = Inbound(self.peer, ReturnAddress(self.connection, b""), data)
        try:
            await self._door.questions.send(question)
        except trio.BrokenResourceError:
            raise PeerGoneError from None

    async def receive(self) -> bytes:
        """The next reply. Raises ``PeerGoneError`` where the connection has ended."""
        try:
            return await self._replies.receive()
        except trio.EndOfChannel:
            raise PeerGoneError from None

    def hang_up(self) -> None:
        """The door ends the connection."""
        self._open = False
        self.replies.close()

    def close(self) -> None:
        """Leaves."""
        self.hang_up()
        self._door.leave(self)


class MemorySession:
    """``Session`` in memory."""

    def __init__(
        self, address: str, expected: Peer, receive_bytes_max: int, sessions: dict[str, MemorySession]
    ) -> None:
        self.address = address
        self.receive_bytes_max = receive_bytes_max
        self.expected = expected
        self._sessions = sessions
        self._end, self._far_end = _pair()
        self._arrived = trio.Event()

    def arrive(self) -> _End:
        """The expected process dials: from now on the address leads nowhere."""
        del self._sessions[self.address]
        self._arrived.set()
        return self._far_end

    async def wait_peer(self, timeout_s: float) -> Peer:
        """Waits for the expected process."""
        with trio.move_on_after(timeout_s):
            await self._arrived.wait()
        if self._end.closed:
            raise trio.ClosedResourceError
        if self._far_end.closed:
            raise PeerGoneError
        if not self._arrived.is_set():
            raise NobodyDialledError
        return self.expected

    async def receive(self) -> bytes:
        """The next message."""
        return await self._end.receive()

    async def send(self, data: bytes) -> None:
        """Sends one message; waits while the peer does not read."""
        await self._end.send(data)

    def send_now(self, data: bytes) -> bool:
        """Sends one message if that needs no waiting."""
        return self._end.send_now(data)

    def close(self) -> None:
        """Ends the session and removes its address."""
        self._sessions.pop(self.address, None)
        self._end.close()
        self._arrived.set()


class MemoryDialler:
    """The agent's end of a session."""

    def __init__(self, end: _End, send_bytes_max: int) -> None:
        self._end = end
        self._send_bytes_max = send_bytes_max

    async def send(self, data: bytes) -> None:
        """Sends one message; over the session's cap that ends the connection, as nng does."""
        if len(data) > self._send_bytes_max:
            self.close()
        await self._end.send(data)

    async def receive(self) -> bytes:
        """The next message."""
        return await self._end.receive()

    def close(self) -> None:
        """Leaves."""
        self._end.close()


class _End:
    """One end of a pair of channels."""

    def __init__(self, outgoing: trio.MemorySendChannel[bytes], incoming: trio.MemoryReceiveChannel[bytes]) -> None:
        self.closed = False
        self._outgoing = outgoing
        self._incoming = incoming
        self._sending = trio.StrictFIFOLock()
        self._receiving = trio.StrictFIFOLock()

    async def send(self, data: bytes) -> None:
        with _only_one(self._sending):
            try:
                await self._outgoing.send(data)
            except trio.BrokenResourceError:
                raise PeerGoneError from None

    def send_now(self, data: bytes) -> bool:
        try:
            self._outgoing.send_nowait(data)
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    async def receive(self) -> bytes:
        with _only_one(self._receiving):
            try:
                return await self._incoming.receive()
            except trio.EndOfChannel:
                raise PeerGoneError from None

    def close(self) -> None:
        self.closed = True
        self._outgoing.close()
        self._incoming.close()


def _pair() -> tuple[_End, _End]:
    there, here = trio.open_memory_channel[bytes](SESSION_MESSAGES_WAITING_MAX)
    back, away = trio.open_memory_channel[bytes](SESSION_MESSAGES_WAITING_MAX)
    return _End(there, away), _End(back, here)


@contextmanager
def _only_one(lock: trio.StrictFIFOLock) -> Generator[None, None, None]:
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        raise trio.BusyResourceError("another task is waiting here") from None
    try:
        yield
    finally:
        lock.release()


class MemoryTransport:
    """``Transport`` in memory, with the far side: ``connect`` and ``dial``."""

    def __init__(self) -> None:
        self._doors: dict[str, MemoryDoor] = {}
        self._sessions: dict[str, MemorySession] = {}
        self._numbers = count(1)

    def open_door(
        self,
        path: str,
        *,
        admit: Callable[[Peer], bool],
        gone: Callable[[int], None] | None = None,
        mode: int = 0o600,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> MemoryDoor:
        """A door at ``path``; there is no file, so ``mode`` and ``group`` do nothing."""
        del mode, group
        if path in self._doors:
            raise AddressUnusableError(f"{path} is in use")
        door = self._doors[path] = MemoryDoor(admit, gone, receive_bytes_max, lambda: self._doors.pop(path, None))
        return door

    def open_session(
        self,
        directory: str,
        expected: Peer,
        *,
        mode: int = 0o600,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> MemorySession:
        """A session for the process ``expected``."""
        del mode, group
        address = f"ipc://{directory}/s-{next(self._numbers)}.sock"
        session = self._sessions[address] = MemorySession(address, expected, receive_bytes_max, self._sessions)
        return session

    def connect(self, path: str, peer: Peer) -> MemoryCaller:
        """``peer`` connects to a door. Raises ``ConnectionRefusedError`` where there is none."""
        door = self._doors.get(path)
        if door is None:
            raise ConnectionRefusedError(path)
        caller = MemoryCaller(door, peer, next(self._numbers))
        door.arrive(caller)
        return caller

    def dial(self, address: str, peer: Peer) -> MemoryDialler:
        """``peer`` dials a session. Raises ``ConnectionRefusedError`` where there is none, or not for this process."""
        session = self._sessions.get(address)
        if session is None or peer != session.expected:
            raise ConnectionRefusedError(address)
        return MemoryDialler(session.arrive(), session.receive_bytes_max)
