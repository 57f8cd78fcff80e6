"""Unix sockets for clients: connecting, one question and its answer, and what a fork does to them.

A forked child shares its parent's connections: one byte that it sends or reads there breaks both. So every socket made
here is closed in the child as soon as it is born. The child's copy of the descriptor goes, the connection does not
notice, and whoever holds the socket object finds it closed.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from weakref import WeakSet

from kruxos.client import sp
from kruxos.client.address import unreachable
from kruxos.errors import GatewayUnreachableError
from kruxos.wire import MESSAGE_BYTES_MAX

RECEIVE_BYTES = 64 * 1024
"""A larger buffer is one that the allocator asks the kernel for and gives back, at every receive."""
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
"""For ``send``: a peer that left is an error, never a SIGPIPE, whatever the agent does with its signals."""
CONNECT_ATTEMPTS = 100
CONNECT_PAUSE_S = 0.02
"""A listener whose queue is full answers EAGAIN at once; the only way to wait for it is to try again."""

_open: WeakSet[socket.socket] = WeakSet()


def _close_in_child() -> None:
    for each in list(_open):
        descriptor = each.detach()  # the object forgets the number, so that it never closes somebody else's
        if descriptor >= 0:
            os.close(descriptor)
    _open.clear()


os.register_at_fork(after_in_child=_close_in_child)


def connect_once(path: str) -> socket.socket | None:
    """A non-blocking socket connected to ``path``; None when its listener has no room now.

    Raises ``GatewayUnreachableError``.
    """
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise unreachable(path, error) from error
    try:
        connection.settimeout(0)
        connection.connect(path)
    except BlockingIOError:
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise unreachable(path, error) from error
    _open.add(connection)
    return connection


def no_room(path: str) -> GatewayUnreachableError:
    """The error when ``connect_once`` has said None ``CONNECT_ATTEMPTS`` times."""
    return unreachable(path, OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))


def hung_up(path: str) -> GatewayUnreachableError:
    """The error when a connection closes before its answer came."""
    return unreachable(path, OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


def not_a_gateway(path: str, error: sp.SpError) -> GatewayUnreachableError:
    """The error when something else answers."""
    return GatewayUnreachableError(f"what answers at {path} is not a gateway: {error}")


def exchange(question: bytes) -> sp.Exchange:
    """One question and its answer, as bytes."""
    return sp.Exchange(question, message_bytes_max=MESSAGE_BYTES_MAX + 64 * 1024)


def connect(path: str) -> socket.socket:
    """A non-blocking socket connected to ``path``; waits for room. Raises ``GatewayUnreachableError``."""
    for _ in range(CONNECT_ATTEMPTS):
        connection = connect_once(path)
        if connection is not None:
            return connection
        time.sleep(CONNECT_PAUSE_S)
    raise no_room(path)


def wait(connection: socket.socket, events: int, timeout_s: float | None) -> bool:
    """Waits until one of the poll ``events`` is there; False when the time is over."""
    poll = select.poll()
    poll.register(connection, events)
    return bool(poll.poll(None if timeout_s is None else max(timeout_s, 0.0) * 1000))


def ask(path: str, question: bytes, *, timeout_s: float | None) -> bytes:
    """Asks at a door and waits for the answer. Raises ``TimeoutError``, ``GatewayUnreachableError``."""
    give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
    talk = exchange(question)
    unsent = memoryview(talk.outgoing)
    with connect(path) as connection:
        while True:
            left_s = None if give_up_at is None else give_up_at - time.monotonic()
            if not wait(connection, select.POLLIN | (select.POLLOUT if unsent else 0), left_s):
                raise TimeoutError
            try:
                unsent = unsent[send_some(connection, unsent) :]
                data = receive_some(connection)
                answer = None if data is None else talk.feed(data)
            except OSError as error:
                raise unreachable(path, error) from error
            except sp.SpError as error:
                raise not_a_gateway(path, error) from None
            if answer is not None:
                return answer
            if data == b"":
                raise hung_up(path)


def send_some(connection: socket.socket, data: memoryview) -> int:
    """Sends what the socket takes now: the number of bytes."""
    try:
        return connection.send(data, NO_SIGNAL) if data else 0
    except BlockingIOError:
        return 0


def receive_some(connection: socket.socket) -> bytes | None:
    """What there is to receive now; None for nothing, empty where the other end has closed."""
    try:
        return connection.recv(RECEIVE_BYTES)
    except BlockingIOError:
        return None
