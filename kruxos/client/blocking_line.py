"""One connection of the blocking client, shared by any number of threads.

Of the threads that wait for an answer one reads, for all of them; when its own answer is there it hands the reading on
to another that still waits. Two locks: ``_lock`` guards the session and all that is decided, and is never held while
something blocks; ``_sending`` keeps messages whole, and is taken first where both are needed.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from kruxos import wire
from kruxos.client.call import Call
from kruxos.client.session import QUIET_S, News, Session
from kruxos.client.sockets import receive_some, send_some, wait
from kruxos.errors import ConnectionLostError, DeadlineExceededError
from kruxos.events import Event, Reply

SEND_STALL_S = 30.0
"""A gateway that takes no byte for this long is given up."""
_TICK_S = QUIET_S / 2


class Line:
    """A session over a socket that is connected to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.lost = False
        self._pid = os.getpid()
        self._socket = connection
        self._session = Session()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: dict[int, threading.Condition] = {}
        self._reading = False
        self._users = 0
        self._send(self._session.greeting)

    def open(self, opening: wire.Open) -> Call:
        """Starts a call. Where the connection turned out dead, ``call.dispatched`` is false and ``lost`` true."""
        with self._lock:
            call, data = self._session.open(opening, time.monotonic())
        self._send(data, call)
        return call

    def next_event(self, call: Call) -> Event | None:
        """The next event, waiting for it; None at the end. Raises the call's error."""
        self._check_process()
        try:
            while True:
                with self._lock:
                    event = call.next_event()
                    if event is not None or call.over:
                        return event
                self._await_news(call, to_end=False)
        finally:
            self._hand_over()

    def reply(self, call: Call) -> Reply:
        """The whole answer, waiting for its end. Raises the call's error."""
        self._until_over(call)
        with self._lock:
            return call.reply()

    def result(self, call: Call) -> dict[str, Any]:
        """The answer to a verb. Raises its error."""
        self._until_over(call)
        with self._lock:
            return call.result()

    def _until_over(self, call: Call) -> None:
        self._check_process()
        try:
            while not call.over:
                self._await_news(call, to_end=True)
        finally:
            self._hand_over()

    def leave(self, call: Call) -> None:
        """The call is not wanted any more: it is cancelled unless it is over."""
        if self._pid == os.getpid():
            with self._lock:
                data = self._session.leave(call)
            self._send(data)

    def look(self) -> None:
        """Notices a connection that has ended while nobody was reading."""
        with self._lock:
            idle = not self._reading and not self.lost
            self._reading = self._reading or idle
        if idle:
            self._read(0)

    def close(self) -> None:
        """Ends the connection, and with it its calls."""
        if self._pid == os.getpid():
            self._lose("the client was closed")

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            raise ConnectionLostError("this call belongs to the process that this one was forked from")

    def _await_news(self, call: Call, *, to_end: bool) -> None:
        """Waits once, reading for everybody if nobody does; there may be news of the call (or its end) afterwards."""
        with self._lock:
            timeout_s = self._patience_s(call)
            if call.over or (call.ready and not to_end):
                return
            if self._reading:
                waiter = self._waiting[call.id] = threading.Condition(self._lock)
                try:
                    waiter.wait(timeout_s)
                finally:
                    self._waiting.pop(call.id, None)
                return
            self._reading = True
        self._read(timeout_s)

    def _patience_s(self, call: Call) -> float:
        """How long to wait at once; a call whose deadline is long past fails."""
        if call.give_up_at is None:
            return _TICK_S
        left_s = call.give_up_at - time.monotonic()
        if left_s <= 0:
            call.fail(DeadlineExceededError("the gateway did not end the call at its deadline"))
        return min(max(left_s, 0.0), _TICK_S)

    def _read(self, timeout_s: float) -> None:
        """Reads once, for everybody; whoever calls it has set ``_reading``."""
        try:
            with self._use():
                data = self._receive() if wait(self._socket, select.POLLIN, timeout_s) else None
        except BaseException:
            with self._lock:
                self._reading = False
            raise
        with self._lock:
            self._reading = False
            news = self._take(data)
        self._send(news.outgoing)
        if news.lost is not None:
            self._lose(news.lost)

    def _receive(self) -> bytes | None:
        try:
            return receive_some(self._socket)
        except OSError:
            return b""
        except BaseException:  # bytes may have been taken and dropped: what follows them would be misread
            self._lose("the process was interrupted while reading")
            raise

    def _take(self, data: bytes | None) -> News:
        now = time.monotonic()
        if data == b"":
            return News(lost="the gateway closed the connection")
        news = self._session.tick(now) if data is None else self._session.receive(data, now)
        for call in news.calls:
            self._wake(call.id)
        return news

    def _wake(self, number: int) -> None:
        waiter = self._waiting.pop(number, None)
        if waiter is not None:
            waiter.notify_all()

    def _hand_over(self) -> None:
        """Before a thread stops waiting: somebody else has to read."""
        with self._lock:
            if not self._reading and self._waiting:
                self._wake(next(iter(self._waiting)))

    def _send(self, data: bytes, call: Call | None = None) -> None:
        if not data:
            return
        with self._sending, self._use():
            unsent = memoryview(data)
            try:
                while unsent and not self.lost:
                    sent = self._send_some(unsent)
                    if sent and call is not None:
                        call.dispatched = True
                    unsent = unsent[sent:]
            except BaseException:  # half a message may have left: what follows it would be misread
                self._lose("the process was interrupted while sending")
                raise

    def _send_some(self, data: memoryview) -> int:
        try:
            sent = send_some(self._socket, data)
        except OSError as error:
            self._lose(f"the connection to the gateway broke: {error.strerror}")
            return 0
        if not sent and not wait(self._socket, select.POLLOUT, SEND_STALL_S):
            self._lose(f"the gateway has taken nothing for {SEND_STALL_S:.0f} s")
        return sent

    @contextmanager
    def _use(self) -> Generator[None, None, None]:
        """While a thread uses the descriptor nobody closes it: its number might be given to another file."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self.lost and not self._users:
            self._socket.close()

    def _lose(self, reason: str) -> None:
        with self._lock:
            if not self.lost:
                self.lost = True
                self._session.lose(reason)
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # ends the waits of other threads
            for number in list(self._waiting):
                self._wake(number)
            self._close_if_unused()
