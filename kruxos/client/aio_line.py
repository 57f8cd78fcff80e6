"""One connection of the asynchronous client, for asyncio and trio alike.

A task of its own reads all the time, however slowly the agent takes its events. Sending never waits: what the socket
does not take at once goes out through a second task, so a cancelled call can still say that it was cancelled.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from kruxos import wire
from kruxos.client import sp
from kruxos.client.address import session_path, unreachable
from kruxos.client.session import HELLO_S, QUIET_S, News, Session, read_welcome
from kruxos.client.sockets import (
    CONNECT_ATTEMPTS,
    CONNECT_PAUSE_S,
    connect_once,
    exchange,
    hung_up,
    no_room,
    not_a_gateway,
    receive_some,
    send_some,
)
from kruxos.errors import DeadlineExceededError, GatewayUnreachableError, OverloadedError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from kruxos.client.call import Call
    from kruxos.events import Event, Reply

UNSENT_BYTES_MAX = wire.BODIES_BYTES_MAX
"""Requests that may wait for the gateway to read them; past that a new call fails as ``overloaded``."""
_EVENTS_PER_CHECKPOINT = 16
_RESUME_SHARE = 4


async def open_line(path: str, hello: bytes, tasks: TaskGroup, hold_bytes: int | None = None) -> Line:
    """Says hello at the door and dials the session that it gives; the connection's tasks run in ``tasks``.

    A call with more than ``hold_bytes`` of unread events is held back by the gateway, until most were read.
    """
    answer = None
    with anyio.move_on_after(HELLO_S):
        answer = await _ask(path, hello)
    if answer is None:
        raise GatewayUnreachableError(f"the gateway at {path} did not answer within {HELLO_S:.0f} s")
    line = Line(await _connect(session_path(read_welcome(answer).session)), hold_bytes)
    await tasks.start(line.run)
    return line


async def _connect(path: str) -> socket.socket:
    for _ in range(CONNECT_ATTEMPTS):
        connection = connect_once(path)
        if connection is not None:
            return connection
        await anyio.sleep(CONNECT_PAUSE_S)
    raise no_room(path)


async def _ask(path: str, question: bytes) -> bytes:
    talk = exchange(question)
    unsent = memoryview(talk.outgoing)
    with await _connect(path) as connection:
        try:
            while unsent:
                await anyio.wait_writable(connection)
                unsent = unsent[send_some(connection, unsent) :]
            while True:
                await anyio.wait_readable(connection)
                data = receive_some(connection)
                answer = talk.feed(data or b"")
                if answer is not None:
                    return answer
                if data == b"":
                    raise hung_up(path)
        except OSError as error:
            raise unreachable(path, error) from error
        except sp.SpError as error:
            raise not_a_gateway(path, error) from None


class Line:
    """A session over a socket that is connected to it. ``run`` is its task."""

    def __init__(self, connection: socket.socket, hold_bytes: int | None = None) -> None:
        self.lost = False
        self._hold_bytes = hold_bytes
        self._socket = connection
        self._session = Session()
        self._wakes: dict[int, anyio.Event] = {}
        self._unsent: deque[tuple[Call | None, memoryview]] = deque()
        self._unsent_bytes = 0
        self._events_given = 0
        self._tasks: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Reads until the connection ends or the task is cancelled."""
        try:
            async with anyio.create_task_group() as self._tasks:
                self._send(self._session.greeting)
                self._tasks.start_soon(self._watch)
                task_status.started()
                await self._read()
                self._tasks.cancel_scope.cancel()
        finally:
            self.lose("the client was closed")
            self._socket.close()

    def open(self, opening: wire.Open) -> Call:
        """Starts a call. Where the connection turned out dead, ``call.dispatched`` is false and ``lost`` true.

        Raises ``OverloadedError`` where too much waits to be sent.
        """
        if self._unsent_bytes > UNSENT_BYTES_MAX:
            raise OverloadedError("too many requests of this client wait for the gateway to read them")
        call, data = self._session.open(opening, time.monotonic())
        self._send(data, call)
        return call

    async def next_event(self, call: Call) -> Event | None:
        """The next event, waiting for it; None at the end. Raises the call's error."""
        await self._breathe()
        while True:
            event = call.next_event()
            self._resume_read(call)
            if event is not None or call.over:
                return event
            await self._await_news(call)

    async def next_run(self, call: Call) -> list[Event]:
        """The next events that came together, waiting for them; empty at the end. Raises the call's error."""
        while True:
            run = call.next_run()
            self._resume_read(call)
            if run or call.over:
                return run
            await self._await_news(call)

    def _resume_read(self, call: Call) -> None:
        if call.held and call.unread_bytes <= (self._hold_bytes or 0) // _RESUME_SHARE:
            self._send(self._session.resume(call))

    async def reply(self, call: Call) -> Reply:
        """The whole answer, waiting for its end. Raises the call's error."""
        await self._until_over(call)
        return call.reply()

    async def result(self, call: Call) -> dict[str, Any]:
        """The answer to a verb. Raises its error."""
        await self._until_over(call)
        return call.result()

    async def _until_over(self, call: Call) -> None:
        while not call.over:
            await self._await_news(call)

    def leave(self, call: Call) -> None:
        """The call is not wanted any more: it is cancelled unless it is over. Never waits."""
        self._send(self._session.leave(call))

    def lose(self, reason: str) -> None:
        """The connection is gone, or has to go: its calls fail, its tasks end."""
        if not self.lost:
            self.lost = True
            self._unsent.clear()
            for call in self._session.lose(reason):
                self._wake(call)
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader; the descriptor is closed after its end

    async def _breathe(self) -> None:
        """A checkpoint now and then, so that a long run of events neither starves the reader nor hides a cancel.

        It comes before an event is taken: a cancelled task has lost none.
        """
        self._events_given += 1
        if self._events_given % _EVENTS_PER_CHECKPOINT == 0:
            await anyio.lowlevel.checkpoint()

    async def _await_news(self, call: Call) -> None:
        if call.id in self._wakes:
            raise RuntimeError("another task is waiting for this call's events")
        event = self._wakes[call.id] = anyio.Event()
        patience_s = inf if call.give_up_at is None else max(call.give_up_at - time.monotonic(), 0.0)
        try:
            with anyio.move_on_after(patience_s):
                await event.wait()
        finally:
            self._wakes.pop(call.id, None)
        if not event.is_set():
            call.fail(DeadlineExceededError("the gateway did not end the call at its deadline"))

    def _wake(self, call: Call) -> None:
        event = self._wakes.pop(call.id, None)
        if event is not None:
            event.set()

    async def _read(self) -> None:
        while not self.lost:
            await anyio.wait_readable(self._socket)
            try:
                data = receive_some(self._socket)
            except OSError as error:
                self.lose(f"the connection to the gateway broke: {error.strerror}")
                return
            if data:
                self._take(self._session.receive(data, time.monotonic()))
            elif data is not None:
                self.lose("the gateway closed the connection")

    async def _watch(self) -> None:
        while True:
            await anyio.sleep(QUIET_S / 2)
            self._take(self._session.tick(time.monotonic()))

    def _take(self, news: News) -> None:
        for call in news.calls:
            self._wake(call)
            if self._hold_bytes is not None and not (call.held or call.over) and call.unread_bytes > self._hold_bytes:
                self._send(self._session.hold(call))
        self._send(news.outgoing)
        if news.lost is not None:
            self.lose(news.lost)

    def _send(self, data: bytes, call: Call | None = None) -> None:
        if not data or self.lost:
            return
        rest = memoryview(data)
        if not self._unsent:
            rest = self._send_now(rest, call)
        if rest and self._tasks is not None:
            if not self._unsent:
                self._tasks.start_soon(self._write)
            self._unsent.append((call, rest))
            self._unsent_bytes += len(rest)

    def _send_now(self, data: memoryview, call: Call | None) -> memoryview:
        """Sends what the socket takes, and gives back the rest."""
        try:
            sent = send_some(self._socket, data)
        except OSError as error:
            self.lose(f"the connection to the gateway broke: {error.strerror}")
            return memoryview(b"")
        if sent and call is not None:
            call.dispatched = True
        return data[sent:]

    async def _write(self) -> None:
        """Sends what did not go out at once, then ends; there is never more than one."""
        while self._unsent:
            await anyio.wait_writable(self._socket)
            if not self._unsent:
                return
            call, data = self._unsent[0]
            rest = self._send_now(data, call)
            self._unsent_bytes -= len(data) - len(rest)
            if not self._unsent:  # the connection broke
                return
            if rest:
                self._unsent[0] = (call, rest)
            else:
                self._unsent.popleft()
