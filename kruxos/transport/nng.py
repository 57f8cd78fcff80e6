"""Doors and sessions on nng. The only importer of pynng.

nng is driven by its descriptors: a call that would wait says EAGAIN, then trio waits until the socket's descriptor is
readable. (pynng's own async calls start a callback through another thread for each message, and leak what a cancelled
send held.) A door is a raw REP socket: the header of a message is its return address, so any number of questions are
open at once. A session is a PAIR0 socket.

Two of nng's ways shape this file. Closing a listener closes its connections, so a session's listener stays, with its
path removed, and turns away whoever comes second. And connections come and go on nng's own threads: what they tell
crosses into trio through ``run_sync_soon``.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pynng
import trio
from pynng import ffi, lib

from kruxos.transport.base import (
    RECEIVE_BYTES_MAX,
    REPLIES_WAITING_MAX,
    REPLY_BYTES_WAITING_MAX,
    SESSION_MESSAGES_WAITING_MAX,
    AddressUnusableError,
    DoorStatistics,
    Inbound,
    NobodyDialledError,
    Peer,
    PeerGoneError,
    ReturnAddress,
)
from kruxos.transport.sockets import check_address

_THREADS = {  # as few as nng runs with; its default grows with the number of processors
    lib.NNG_INIT_NUM_TASK_THREADS: 2,
    lib.NNG_INIT_NUM_EXPIRE_THREADS: 1,
    lib.NNG_INIT_NUM_POLLER_THREADS: 1,
    lib.NNG_INIT_NUM_RESOLVER_THREADS: 1,
}
for _parameter, _value in _THREADS.items():
    lib.nng_init_set_parameter(_parameter, _value)  # counts only before the first socket of the process

_DOOR_MESSAGES_BUFFERED = 16
_TURNS_PER_CHECKPOINT = 16
_PIPE_ID_BYTES = 4
_PRIVATE_MODE = 0o600
_UMASK = 0o177


class _Socket:
    """An nng socket whose waits are trio's."""

    def __init__(self, opener: object, *, receive_bytes_max: int, buffered: int) -> None:
        self.closed = False
        self._nng = pynng.Socket(
            opener=opener,
            recv_max_size=receive_bytes_max,
            recv_buffer_size=buffered,
            send_buffer_size=buffered,
        )
        self.handle = self._nng.socket
        self._readable_fd = self._nng.recv_fd
        self._writable_fd: int | None = None
        self._turns = 0

    def on_pipes(
        self,
        before: Callable[[pynng.Pipe], None],
        after: Callable[[pynng.Pipe], None] | None,
        removed: Callable[[pynng.Pipe], None],
    ) -> None:
        """Says who is told of connections. All three run on nng's threads; ``before`` may close the pipe."""
        self._nng.add_pre_pipe_connect_cb(before)
        if after is not None:
            self._nng.add_post_pipe_connect_cb(after)
        self._nng.add_post_pipe_remove_cb(removed)

    def listen(self, path: str, mode: int, group: int | None) -> None:
        """Listens at ``path``, or closes. The socket file is born with mode 0600, and opened further then."""
        try:
            check_address(path)
            self._listen_privately(path)
            if group is not None:
                os.chown(path, -1, group, follow_symlinks=False)
            Path(path).chmod(mode)
        except BaseException:
            self.close()
            raise

    def _listen_privately(self, path: str) -> None:
        listener = ffi.new("nng_listener *")
        _check(lib.nng_listener_create(listener, self.handle, f"ipc://{path}".encode()))
        _check(lib.nng_listener_set_int(listener[0], b"ipc:permissions", _PRIVATE_MODE))
        umask = os.umask(_UMASK)
        try:
            code = lib.nng_listener_start(listener[0], 0)
        finally:
            os.umask(umask)
        if code:
            raise AddressUnusableError(f"cannot listen at {path}: {_explain(code)}")

    async def wait_receivable(self) -> None:
        await trio.lowlevel.wait_readable(self._readable_fd)

    async def wait_sendable(self) -> None:
        if self._writable_fd is None:  # two descriptors that most sockets never need
            self._writable_fd = self._nng.send_fd
        await trio.lowlevel.wait_readable(self._writable_fd)

    def wake_waiters(self) -> None:
        """Ends the waits above with ``ClosedResourceError``: a descriptor that is merely closed wakes nobody."""
        trio.lowlevel.notify_closing(self._readable_fd)
        if self._writable_fd is not None:
            trio.lowlevel.notify_closing(self._writable_fd)

    async def breathe(self) -> None:
        """The checkpoint of a call that did not have to wait: a whole one only now and then, it costs a turn."""
        self._turns += 1
        if self._turns % _TURNS_PER_CHECKPOINT:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.wake_waiters()
            self._nng.close()


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
        self._token = trio.lowlevel.current_trio_token()
        self._admit = admit
        self._gone = gone
        self._peers: dict[int, Peer] = {}  # written on nng's threads, one key at a time
        self._waiting: deque[tuple[ReturnAddress, bytes]] = deque()
        self._waiting_bytes = 0
        self._refused = self._requests = self._requests_dropped = self._replies = self._replies_dropped = 0
        self._socket = _Socket(
            lib.nng_rep0_open_raw, receive_bytes_max=receive_bytes_max, buffered=_DOOR_MESSAGES_BUFFERED
        )
        self._socket.on_pipes(self._pipe_arrives, None, self._pipe_is_gone)
        self.listen = self._socket.listen

    def _pipe_arrives(self, pipe: pynng.Pipe) -> None:
        peer, admitted = _peer_of(pipe), False
        try:
            admitted = self._admit(peer)
        finally:
            if admitted:
                self._peers[pipe.id] = peer
            else:
                self._refused += 1
                pipe.close()

    def _pipe_is_gone(self, pipe: pynng.Pipe) -> None:
        connection = pipe.id
        if self._peers.pop(connection, None) is not None and self._gone is not None:
            _tell(self._token, self._gone, connection)

    async def receive(self) -> Inbound:
        """The next question."""
        socket = self._socket
        while True:
            if socket.closed:
                raise trio.ClosedResourceError
            inbound = self._receive_now()
            if inbound is not None:
                await socket.breathe()
                return inbound
            await socket.wait_receivable()

    def _receive_now(self) -> Inbound | None:
        pointer = ffi.new("nng_msg **")
        while True:
            code = lib.nng_recvmsg(self._socket.handle, pointer, lib.NNG_FLAG_NONBLOCK)
            if code == lib.NNG_EAGAIN:
                return None
            _check(code)
            path, data = _take_message(pointer[0])
            connection = int.from_bytes(path[:_PIPE_ID_BYTES], "big")
            peer = self._peers.get(connection)
            if peer is not None:
                self._requests += 1
                return Inbound(peer, ReturnAddress(connection, path), data)
            self._requests_dropped += 1

    def reply(self, to: ReturnAddress, data: bytes) -> None:
        """Answers a question; never waits."""
        if self._socket.closed or to.connection not in self._peers:
            return
        if not self._waiting and self._send_now(to, data):
            return
        too_many = len(self._waiting) >= REPLIES_WAITING_MAX
        if too_many or self._waiting_bytes + len(data) > REPLY_BYTES_WAITING_MAX:
            self._replies_dropped += 1
            return
        if not self._waiting:
            self._nursery.start_soon(self._write)
        self._waiting.append((to, data))
        self._waiting_bytes += len(data)

    def _send_now(self, to: ReturnAddress, data: bytes) -> bool:
        message = _new_message(to.path, data)
        code = lib.nng_sendmsg(self._socket.handle, message, lib.NNG_FLAG_NONBLOCK)
        if code:
            lib.nng_msg_free(message)
            if code == lib.NNG_EAGAIN:
                return False
            _check(code)
        self._replies += 1
        return True

    async def _write(self) -> None:
        """The writer: sends what ``reply`` could not, then ends; there is never more than one."""
        while self._waiting and not self._socket.closed:
            to, data = self._waiting[0]
            if self._send_now(to, data):
                self._waiting.popleft()
                self._waiting_bytes -= len(data)
            else:
                with suppress(trio.ClosedResourceError):
                    await self._socket.wait_sendable()

    def statistics(self) -> DoorStatistics:
        """How the door fares now."""
        return DoorStatistics(
            connections=len(self._peers),
            refused=self._refused,
            requests=self._requests,
            requests_dropped=self._requests_dropped,
            replies=self._replies,
            replies_dropped=self._replies_dropped,
            replies_waiting=len(self._waiting),
            reply_bytes_waiting=self._waiting_bytes,
        )

    def close(self) -> None:
        """Closes the door and every connection at it, and removes its socket."""
        self._gone = None
        self._socket.close()


class NngSession:
    """``Session`` on a PAIR0 socket."""

    def __init__(self, directory: str, expected: Peer, *, mode: int, group: int | None, receive_bytes_max: int) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._expected = expected
        self._claimed: int | None = None  # the pipe of the one peer; set on an nng thread, and never again
        self._arrived = trio.Event()
        self._gone = False
        self._path = str(Path(directory, f"s-{secrets.token_hex(8)}.sock"))
        self._socket = _Socket(
            lib.nng_pair0_open, receive_bytes_max=receive_bytes_max, buffered=SESSION_MESSAGES_WAITING_MAX
        )
        self._socket.on_pipes(self._pipe_arrives, self._pipe_is_up, self._pipe_is_gone)
        self._socket.listen(self._path, mode, group)

    @property
    def address(self) -> str:
        """Where the peer has to dial."""
        return f"ipc://{self._path}"

    def _pipe_arrives(self, pipe: pynng.Pipe) -> None:
        if self._claimed is None and _peer_of(pipe) == self._expected:
            self._claimed = pipe.id
        else:
            pipe.close()

    def _pipe_is_up(self, pipe: pynng.Pipe) -> None:
        if pipe.id == self._claimed:
            _tell(self._token, self._peer_is_here)

    def _pipe_is_gone(self, pipe: pynng.Pipe) -> None:
        if pipe.id == self._claimed:
            _tell(self._token, self._peer_is_gone)

    def _peer_is_here(self) -> None:
        self._remove_path()
        self._arrived.set()

    def _peer_is_gone(self) -> None:
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
        while True:
            if self._socket.closed:
                raise trio.ClosedResourceError
            data = self._receive_now()
            if data is not None:
                await self._socket.breathe()
                return data
            if self._gone:
                raise PeerGoneError
            with suppress(trio.ClosedResourceError):  # the peer left, or close: told apart above
                await self._socket.wait_receivable()

    def _receive_now(self) -> bytes | None:
        pointer = ffi.new("nng_msg **")
        code = lib.nng_recvmsg(self._socket.handle, pointer, lib.NNG_FLAG_NONBLOCK)
        if code == lib.NNG_EAGAIN:
            return None
        _check(code)
        return _take_message(pointer[0])[1]

    async def send(self, data: bytes) -> None:
        """Sends one message; waits while the peer does not read."""
        while True:
            if self._socket.closed:
                raise trio.ClosedResourceError
            if self._gone:
                raise PeerGoneError
            code = lib.nng_send(self._socket.handle, data, len(data), lib.NNG_FLAG_NONBLOCK)
            if code != lib.NNG_EAGAIN:
                _check(code)
                await self._socket.breathe()
                return
            with suppress(trio.ClosedResourceError):
                await self._socket.wait_sendable()

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
        mode: int = _PRIVATE_MODE,
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
        mode: int = _PRIVATE_MODE,
        group: int | None = None,
        receive_bytes_max: int = RECEIVE_BYTES_MAX,
    ) -> NngSession:
        """A session in ``directory`` for the process ``expected``."""
        return NngSession(directory, expected, mode=mode, group=group, receive_bytes_max=receive_bytes_max)


def _check(code: int) -> None:
    """For calls that fail only through a fault of ours, or for want of memory."""
    if code:
        raise RuntimeError(f"nng: {_explain(code)}")


def _explain(code: int) -> str:
    return str(ffi.string(lib.nng_strerror(code)), "ascii")


def _tell(token: trio.lowlevel.TrioToken, function: Callable[..., None], *args: object) -> None:
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(function, *args)


def _peer_of(pipe: pynng.Pipe) -> Peer:
    return Peer(_credential(pipe, b"ipc:peer-uid"), _credential(pipe, b"ipc:peer-pid"))


def _credential(pipe: pynng.Pipe, name: bytes) -> int | None:
    value = ffi.new("uint64_t *")
    return int(value[0]) if lib.nng_pipe_get_uint64(pipe.pipe, name, value) == 0 else None


def _take_message(message: object) -> tuple[bytes, bytes]:
    """Header and body of an nng message, which is freed."""
    try:
        header = ffi.buffer(lib.nng_msg_header(message), lib.nng_msg_header_len(message))[:]
        return header, ffi.buffer(lib.nng_msg_body(message), lib.nng_msg_len(message))[:]
    finally:
        lib.nng_msg_free(message)


def _new_message(header: bytes, body: bytes) -> object:
    pointer = ffi.new("nng_msg **")
    _check(lib.nng_msg_alloc(pointer, len(body)))
    message = pointer[0]
    ffi.memmove(lib.nng_msg_body(message), body, len(body))
    _check(lib.nng_msg_header_append(message, header, len(header)))
    return message
