"""nng by its descriptors: a socket whose waits are trio's. The only importer of pynng.

A call that would wait says EAGAIN; then trio waits until the socket's descriptor is readable. pynng's own async calls
start a callback through another thread for each message, and leak what a cancelled send held.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynng
import trio
from pynng import ffi, lib

from kruxos.transport.base import AddressUnusableError, Peer
from kruxos.transport.sockets import check_address

_THREADS = {  # as few as nng runs with; its default grows with the number of processors
    lib.NNG_INIT_NUM_TASK_THREADS: 2,
    lib.NNG_INIT_NUM_EXPIRE_THREADS: 1,
    lib.NNG_INIT_NUM_POLLER_THREADS: 1,
    lib.NNG_INIT_NUM_RESOLVER_THREADS: 1,
}
for _parameter, _value in _THREADS.items():
    lib.nng_init_set_parameter(_parameter, _value)  # counts only before the first socket of the process

RAW_REP = lib.nng_rep0_open_raw
PAIR = lib.nng_pair0_open
PRIVATE_MODE = 0o600
_UMASK = 0o177
_TURNS_PER_CHECKPOINT = 16


class NngSocket:
    """An nng socket for trio. One task may wait to receive, one to send."""

    def __init__(self, opener: object, *, receive_bytes_max: int, buffered: int) -> None:
        self.closed = False
        self._token = trio.lowlevel.current_trio_token()
        self._nng = pynng.Socket(
            opener=opener,
            recv_max_size=receive_bytes_max,
            recv_buffer_size=buffered,
            send_buffer_size=buffered,
        )
        self._handle = self._nng.socket
        self._readable_fd = self._nng.recv_fd
        self._writable_fd: int | None = None
        self._turns = 0

    def on_connections(
        self,
        *,
        admit: Callable[[int, Peer], bool],
        up: Callable[[int], None] | None = None,
        gone: Callable[[int], None],
    ) -> None:
        """Says who is told of connections, by number: before anybody listens.

        ``admit`` runs on nng's thread, before the connection can say a word; an exception is a refusal. ``up`` and
        ``gone`` run in trio, for connections that were admitted; ``gone`` may come alone.
        """

        def before(pipe: pynng.Pipe) -> None:
            admitted = False
            try:
                admitted = admit(pipe.id, _peer_of(pipe))
            finally:
                if not admitted:
                    pipe.close()

        self._nng.add_pre_pipe_connect_cb(before)
        if up is not None:
            self._nng.add_post_pipe_connect_cb(lambda pipe: self._tell(up, pipe.id))
        self._nng.add_post_pipe_remove_cb(lambda pipe: self._tell(gone, pipe.id))

    def _tell(self, function: Callable[[int], None], connection: int) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(function, connection)

    def listen(self, path: str, mode: int, group: int | None) -> None:
        """Listens at ``path``, or closes. The socket file is born with mode 0600, and opened further then.

        Raises ``AddressUnusableError``, or ``OSError`` where the file cannot be given to its group.
        """
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
        check(lib.nng_listener_create(listener, self._handle, f"ipc://{path}".encode()))
        check(lib.nng_listener_set_int(listener[0], b"ipc:permissions", PRIVATE_MODE))
        umask = os.umask(_UMASK)
        try:
            code = lib.nng_listener_start(listener[0], 0)
        finally:
            os.umask(umask)
        if code:
            raise AddressUnusableError(f"cannot listen at {path}: {_explain(code)}")

    def receive_now(self) -> tuple[bytes, bytes] | None:
        """Header and body of the next message; None when there is none now."""
        pointer = ffi.new("nng_msg **")
        code = lib.nng_recvmsg(self._handle, pointer, lib.NNG_FLAG_NONBLOCK)
        if code == lib.NNG_EAGAIN:
            return None
        check(code)
        message = pointer[0]
        header = ffi.buffer(lib.nng_msg_header(message), lib.nng_msg_header_len(message))[:]
        body = ffi.buffer(lib.nng_msg_body(message), lib.nng_msg_len(message))[:]
        lib.nng_msg_free(message)
        return header, body

    def send_now(self, body: bytes) -> bool:
        """Sends a message without a header; False when it would have to wait."""
        return self._sent(lib.nng_send(self._handle, body, len(body), lib.NNG_FLAG_NONBLOCK))

    def send_to_now(self, header: bytes, body: bytes) -> bool:
        """Sends a message with a header, in raw mode the address; False when it would have to wait."""
        pointer = ffi.new("nng_msg **")
        check(lib.nng_msg_alloc(pointer, len(body)))
        message: Any = pointer[0]
        ffi.memmove(lib.nng_msg_body(message), body, len(body))
        check(lib.nng_msg_header_append(message, header, len(header)))
        code = lib.nng_sendmsg(self._handle, message, lib.NNG_FLAG_NONBLOCK)
        if code:
            lib.nng_msg_free(message)
        return self._sent(code)

    @staticmethod
    def _sent(code: int) -> bool:
        if code == lib.NNG_EAGAIN:
            return False
        check(code)
        return True

    async def wait_receivable(self) -> None:
        """Waits until ``receive_now`` may have something. Raises ``ClosedResourceError`` after ``wake_waiters``."""
        await trio.lowlevel.wait_readable(self._readable_fd)

    async def wait_sendable(self) -> None:
        """Waits until a message may be sent; likewise."""
        if self._writable_fd is None:  # two descriptors that most sockets never need
            self._writable_fd = self._nng.send_fd
        await trio.lowlevel.wait_readable(self._writable_fd)

    def wake_waiters(self) -> None:
        """Ends the waits above: a descriptor that is merely closed wakes nobody."""
        trio.lowlevel.notify_closing(self._readable_fd)
        if self._writable_fd is not None:
            trio.lowlevel.notify_closing(self._writable_fd)

    async def breathe(self) -> None:
        """The checkpoint of a call that may not have to wait: a whole one only now and then, it costs a turn.

        It comes before anything is taken or sent, so that a cancelled call has done nothing.
        """
        self._turns += 1
        if self._turns % _TURNS_PER_CHECKPOINT:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Closes the socket with its connections and its file."""
        if not self.closed:
            self.closed = True
            self.wake_waiters()
            self._nng.close()


def check(code: int) -> None:
    """For calls that fail only through a fault of ours, or for want of memory."""
    if code:
        raise RuntimeError(f"nng: {_explain(code)}")


def _explain(code: int) -> str:
    return str(ffi.string(lib.nng_strerror(code)), "ascii")


def _peer_of(pipe: pynng.Pipe) -> Peer:
    return Peer(_credential(pipe, b"ipc:peer-uid"), _credential(pipe, b"ipc:peer-pid"))


def _credential(pipe: pynng.Pipe, name: bytes) -> int | None:
    value = ffi.new("uint64_t *")
    return int(value[0]) if lib.nng_pipe_get_uint64(pipe.pipe, name, value) == 0 else None
