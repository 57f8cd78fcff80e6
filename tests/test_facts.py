"""What the design takes for granted of nng, pynng and trio. An upgrade that changes one fails by name.

The kernel's part is in test_kernel_facts.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pynng
import pytest
import trio
import trio.testing
from pynng import ffi, lib

from kruxos.client import sp
from tests.apart import run_apart

pytestmark = pytest.mark.real
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a fact of Linux")

WAIT_MS = 10_000


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "s.sock")


@pytest.fixture
def raw_rep(path: str) -> Iterator[pynng.Socket]:
    with pynng.Socket(opener=lib.nng_rep0_open_raw) as door:
        door.listen(f"ipc://{path}")
        yield door


@pytest.fixture
def pair(path: str) -> Iterator[pynng.Socket]:
    with pynng.Pair0() as listener:
        listener.listen(f"ipc://{path}")
        yield listener


class Peer:
    """The far end of a connection, in bytes."""

    def __init__(self, path: str, protocol: sp.Protocol) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_MS / 1000)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.socket.sendall(sp.greeting(protocol))
        self._decoder = sp.Decoder(protocol, message_bytes_max=1 << 26)
        self._messages = self._decoder.feed(self.socket.recv(8, socket.MSG_WAITALL))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: bytes) -> None:
        self.socket.sendall(sp.frame(message))

    def receive(self) -> bytes:
        while not self._messages:
            self._messages += self._decoder.feed(self.socket.recv(1 << 16))
        return self._messages.pop(0)

    def is_hung_up(self) -> bool:
        """Waits for the other end to close; the kernel says "reset" where something was left unread."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def readable(descriptor: int, wait_ms: int = WAIT_MS) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(wait_ms))


def receive_now(door: pynng.Socket) -> tuple[int, bytes, bytes, Any]:
    """nng's code, and the header, body and pipe of a message."""
    pointer = ffi.new("nng_msg **")
    code = lib.nng_recvmsg(door.socket, pointer, lib.NNG_FLAG_NONBLOCK)
    if code:
        return code, b"", b"", None
    message = pointer[0]
    header = ffi.buffer(lib.nng_msg_header(message), lib.nng_msg_header_len(message))[:]
    body = ffi.buffer(lib.nng_msg_body(message), lib.nng_msg_len(message))[:]
    pipe = lib.nng_msg_get_pipe(message)
    lib.nng_msg_free(message)
    return code, header, body, pipe


def reply_now(door: pynng.Socket, header: bytes, body: bytes) -> int:
    pointer = ffi.new("nng_msg **")
    lib.nng_msg_alloc(pointer, 0)
    lib.nng_msg_append(pointer[0], body, len(body))
    lib.nng_msg_header_append(pointer[0], header, len(header))
    code = int(lib.nng_sendmsg(door.socket, pointer[0], lib.NNG_FLAG_NONBLOCK))
    if code:
        lib.nng_msg_free(pointer[0])
    return code


def reply(door: pynng.Socket, header: bytes, body: bytes) -> None:
    while reply_now(door, header, body):
        assert readable(door.send_fd)


def send_until_it_would_wait(pair: pynng.Socket, message: bytes) -> int:
    """How many messages went; "would wait" means that nothing changes for a while."""
    for count in range(10_000):
        while lib.nng_send(pair.socket, message, len(message), lib.NNG_FLAG_NONBLOCK):
            if not readable(pair.send_fd, wait_ms=200):
                return count
    pytest.fail("it never pushed back")


# What a socket of nng does unless told otherwise.


def test_nng_takes_messages_of_any_size_unless_told() -> None:
    with pynng.Pair0() as pair, pynng.Socket(opener=lib.nng_rep0_open_raw) as door:
        assert (pair.recv_max_size, door.recv_max_size) == (0, 0)


def test_nng_hangs_up_on_a_message_over_its_cap(path: str) -> None:
    with pynng.Pair0(recv_max_size=100) as pair:
        pair.listen(f"ipc://{path}")
        with Peer(path, sp.Protocol.PAIR0) as peer:
            peer.send(bytes(100))
            assert pair.recv() == bytes(100)
            peer.send(bytes(101))
            assert peer.is_hung_up()


def test_nngs_req_sends_again_after_a_minute_unless_told_never_to() -> None:
    value = ffi.new("nng_duration *")
    with pynng.Req0() as ordinary, pynng.Req0(resend_time=-1) as ours:
        lib.nng_socket_get_ms(ordinary.socket, b"req:resend-time", value)
        assert value[0] == 60_000
        lib.nng_socket_get_ms(ours.socket, b"req:resend-time", value)
        assert value[0] == -1


# Its socket files.


def test_nngs_socket_file_is_as_open_as_the_umask_lets_it_be(path: str) -> None:
    umask = os.umask(0o022)
    try:
        with pynng.Pair0() as pair:
            pair.listen(f"ipc://{path}")
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o755
    finally:
        os.umask(umask)


def test_nng_sets_the_mode_that_it_is_told_before_it_listens(path: str) -> None:
    with pynng.Pair0() as pair:
        listener = ffi.new("nng_listener *")
        assert lib.nng_listener_create(listener, pair.socket, f"ipc://{path}".encode()) == 0
        assert lib.nng_listener_set_int(listener[0], b"ipc:permissions", 0o600) == 0
        assert not Path(path).exists()
        assert lib.nng_listener_start(listener[0], 0) == 0
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert lib.nng_listener_set_int(listener[0], b"ipc:permissions", 0o666) == lib.NNG_EBUSY


def test_nng_deletes_a_file_at_its_path(path: str) -> None:
    Path(path).write_text("precious")
    with pynng.Pair0() as pair:
        pair.listen(f"ipc://{path}")
        assert stat.S_ISSOCK(Path(path).stat().st_mode)


def test_nng_deletes_a_symlink_at_its_path(path: str, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    Path(path).symlink_to(target)
    with pynng.Pair0() as pair:
        pair.listen(f"ipc://{path}")
        assert not Path(path).is_symlink()
    assert target.read_text() == "precious"


def test_nng_does_not_replace_a_socket_that_somebody_serves(path: str, pair: pynng.Socket) -> None:
    with pynng.Pair0() as second, pytest.raises(pynng.AddressInUse):
        second.listen(f"ipc://{path}")
    with Peer(path, sp.Protocol.PAIR0) as peer:
        peer.send(b"still served")
        assert pair.recv() == b"still served"


@linux_only
def test_a_sockets_path_has_at_most_107_bytes(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * max(1, 60 - len(str(tmp_path))))
    directory.mkdir()
    fits = str(directory / ("x" * (107 - len(str(directory)) - 1)))
    with pynng.Pair0() as pair:
        pair.listen(f"ipc://{fits}")
        with pytest.raises(pynng.NNGException):
            pair.listen(f"ipc://{fits}x")


# A raw REP socket by its descriptors.


def test_a_raw_rep_socket_is_driven_by_its_descriptor(path: str, raw_rep: pynng.Socket) -> None:
    assert receive_now(raw_rep)[0] == lib.NNG_EAGAIN
    assert not readable(raw_rep.recv_fd, wait_ms=0)
    with Peer(path, sp.Protocol.REQ0) as peer:
        peer.send(sp.request_id(1) + b"question")
        assert readable(raw_rep.recv_fd)
        code, header, body, _ = receive_now(raw_rep)
        assert (code, body) == (0, b"question")
        assert not readable(raw_rep.recv_fd, wait_ms=0)
        assert reply_now(raw_rep, header, b"answer") == 0
        assert peer.receive() == sp.request_id(1) + b"answer"


def test_a_raw_messages_header_is_its_return_address(path: str, raw_rep: pynng.Socket) -> None:
    with Peer(path, sp.Protocol.REQ0) as peer:
        for number in (1, 2, 3):
            peer.send(sp.request_id(number) + b"question")
        headers = [_next_header(raw_rep) for _ in range(3)]
        assert [header[4:] for header in headers] == [sp.request_id(number) for number in (1, 2, 3)]
        assert len({header[:4] for header in headers}) == 1, "the first four bytes are the connection"
        for header in reversed(headers):
            reply(raw_rep, header, b"")
        assert [peer.receive() for _ in range(3)] == [sp.request_id(number) for number in (3, 2, 1)]


def _next_header(door: pynng.Socket) -> bytes:
    assert readable(door.recv_fd)
    return receive_now(door)[1]


def test_a_messages_pipe_names_the_uid_and_pid_of_its_sender(path: str, raw_rep: pynng.Socket) -> None:
    with Peer(path, sp.Protocol.REQ0) as peer:
        peer.send(sp.request_id(1))
        assert readable(raw_rep.recv_fd)
        pipe = receive_now(raw_rep)[3]
        value = ffi.new("uint64_t *")
        assert (lib.nng_pipe_get_uint64(pipe, b"ipc:peer-uid", value), value[0]) == (0, os.getuid())
        assert (lib.nng_pipe_get_uint64(pipe, b"ipc:peer-pid", value), value[0]) == (0, os.getpid())


def test_a_reply_to_nobody_is_dropped_without_a_word(raw_rep: pynng.Socket) -> None:
    assert reply_now(raw_rep, b"\0\0\0\7" + sp.request_id(1), b"answer") == 0


def test_raw_rep_drops_replies_that_one_peer_leaves_unread(path: str, raw_rep: pynng.Socket) -> None:
    """Past its socket buffer and 64 replies more: so a door is for single answers only."""
    replies, big = 400, bytes(100_000)
    with Peer(path, sp.Protocol.REQ0) as peer:
        peer.send(sp.request_id(1))
        header = _next_header(raw_rep)
        for _ in range(replies):
            reply(raw_rep, header, big)
        with Peer(path, sp.Protocol.REQ0) as other:  # all replies before this one have been sorted
            other.send(sp.request_id(2))
            reply(raw_rep, _next_header(raw_rep), b"sorted")
            assert other.receive() == sp.request_id(2) + b"sorted"
        peer.send(sp.request_id(3))
        last = _next_header(raw_rep)
        arrived = [peer.receive() for _ in range(64)]  # as many are sure to come, and make room
        reply(raw_rep, last, b"no more")
        while arrived[-1] != sp.request_id(3) + b"no more":
            arrived.append(peer.receive())
        assert len(arrived) < replies


# PAIR sockets.


def test_pair_pushes_back_and_loses_nothing(path: str, pair: pynng.Socket) -> None:
    with Peer(path, sp.Protocol.PAIR0) as peer:
        peer.send(b"here")
        assert pair.recv() == b"here"
        count = send_until_it_would_wait(pair, bytes(10_000))
        assert 0 < count < 1000
        assert [peer.receive() for _ in range(count)] == [bytes(10_000)] * count
        assert readable(pair.send_fd), "and it takes more"


def test_pair_hands_what_one_peer_left_unread_to_the_next(path: str) -> None:
    """So a session's socket is never used for a second peer."""
    with pynng.Pair0(send_buffer_size=8) as pair:
        pair.listen(f"ipc://{path}")
        gone = threading.Event()
        pair.add_post_pipe_remove_cb(lambda _: gone.set())
        with Peer(path, sp.Protocol.PAIR0) as first:
            first.send(b"here")
            assert pair.recv() == b"here"
            send_until_it_would_wait(pair, b"private to the first".ljust(100_000))
        assert gone.wait(10)
        with Peer(path, sp.Protocol.PAIR0) as second:
            assert second.receive().startswith(b"private to the first")


def test_a_second_peer_of_a_pair_is_turned_away(path: str, pair: pynng.Socket) -> None:
    with Peer(path, sp.Protocol.PAIR0) as first:
        first.send(b"mine")
        assert pair.recv() == b"mine"
        with Peer(path, sp.Protocol.PAIR0) as second:
            assert second.is_hung_up()
        first.send(b"still mine")
        assert pair.recv() == b"still mine"


def test_closing_a_listener_closes_its_connections(path: str, pair: pynng.Socket) -> None:
    """So a session removes its path instead, and turns away whoever connected meanwhile."""
    with Peer(path, sp.Protocol.PAIR0) as peer:
        peer.send(b"here")
        assert pair.recv() == b"here"
        for listener in pair.listeners:
            listener.close()
        assert peer.is_hung_up()


def test_a_removed_path_leaves_the_connection_and_lets_nobody_in(path: str, pair: pynng.Socket) -> None:
    with Peer(path, sp.Protocol.PAIR0) as peer:
        peer.send(b"here")
        assert pair.recv() == b"here"
        Path(path).unlink()
        with pytest.raises(FileNotFoundError):
            Peer(path, sp.Protocol.PAIR0)
        peer.send(b"still here")
        assert pair.recv() == b"still here"


def test_closing_a_pipe_before_it_is_up_turns_its_peer_away(path: str) -> None:
    threads: list[int] = []

    def refuse(pipe: pynng.Pipe) -> None:
        threads.append(threading.get_ident())
        pipe.close()

    with pynng.Pair0() as pair:
        pair.add_pre_pipe_connect_cb(refuse)
        pair.listen(f"ipc://{path}")
        with Peer(path, sp.Protocol.PAIR0) as peer:
            assert peer.is_hung_up()
    assert threads != []
    assert threading.get_ident() not in threads, "connections are told of on nng's own threads"


# Processes and threads with nng in them.


def test_nng_aborts_a_child_that_is_forked_from_it() -> None:
    done = run_apart("""
        import os, pynng
        socket = pynng.Pair0()
        pid = os.fork()
        if pid == 0:
            pynng.Pair0()
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """)
    assert int(done.stdout) == -signal.SIGABRT


@linux_only
def test_nngs_thread_pools_can_be_small_if_that_is_said_before_the_first_socket() -> None:
    script = """
        import os, sys, pynng
        from pynng import lib
        for name in ("TASK", "EXPIRE", "POLLER", "RESOLVER"):
            lib.nng_init_set_parameter(getattr(lib, f"NNG_INIT_NUM_{name}_THREADS"), int(sys.argv[1]))
        socket = pynng.Pair0()
        print(len(os.listdir("/proc/self/task")) - 1)
    """
    small, large = (int(run_apart(script, number).stdout) for number in ("1", "4"))
    assert small < large
    assert small <= 6


# What trio does with descriptors.


def run_trio(scenario: Callable[[], Any]) -> None:
    async def main() -> None:
        with trio.fail_after(10):
            await scenario()

    trio.run(main)


def test_two_tasks_cannot_wait_for_one_descriptor() -> None:
    async def scenario() -> None:
        one, other = trio.socket.socketpair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.wait_readable, one.fileno())
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await trio.lowlevel.wait_readable(one.fileno())
            nursery.cancel_scope.cancel()
        one.close()
        other.close()

    run_trio(scenario)


def test_a_descriptor_that_is_merely_closed_wakes_nobody_but_notice_does() -> None:
    async def scenario() -> None:
        woken = trio.Event()

        async def wait(descriptor: int) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await trio.lowlevel.wait_readable(descriptor)
            woken.set()

        one, other = socket.socketpair()
        async with trio.open_nursery() as nursery:
            descriptor = one.fileno()
            nursery.start_soon(wait, descriptor)
            await trio.testing.wait_all_tasks_blocked()
            one.close()
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert not woken.is_set()
            trio.lowlevel.notify_closing(descriptor)
            await woken.wait()
        other.close()

    run_trio(scenario)
