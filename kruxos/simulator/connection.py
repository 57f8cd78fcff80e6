"""One connection of the server: requests in by h11, steps out by hand, so that the socket does exactly what they say.

A response's bytes are collected and sent when a step waits or ends, or when enough have come together. While nothing
is sent the socket is watched: a client that leaves is noticed, noted, and ends the response. Every wait has a bound.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from enum import Enum

import h11
import trio

from .dispatch import refuse_large, respond
from .journal import Recorded
from .routes import body_limit
from .steps import Asked, Cut, Data, End, Head, Response, Step, Wait, whole
from .world import World

IDLE_S = 75.0
"""How long a connection may stay open between two requests."""
REQUEST_S = 60.0
"""How long a request may take to come in."""
SEND_S = 600.0
"""How long a client may read nothing while it is sent something."""
HEADER_BYTES_MAX = 64 * 1024
LINGER_S = 2.0
LINGER_BYTES_MAX = 64 * 1024 * 1024
"""After a refusal that came before the whole body: so much more is read, so that the refusal arrives."""
_FLUSH_BYTES = 64 * 1024
_RECEIVE_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)

Clock = Callable[[], float]


class _Left(Exception):  # noqa: N818 - not an error: clients do leave
    """The client closed the connection."""


class _After(Enum):
    """What becomes of the connection after a response."""

    NEXT = "next"
    CLOSED = "closed"


class Connection:
    """Serves one client until it leaves, or is cut off."""

    def __init__(self, sock: trio.socket.SocketType, world: World, clock: Clock) -> None:
        self._socket = sock
        self._world = world
        self._clock = clock
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_BYTES_MAX)
        self._out = bytearray()
        self._recorded: Recorded | None = None

    async def serve(self) -> None:
        """Answers requests one after the other."""
        try:
            while await self._serve_one() is _After.NEXT:
                self._http.start_next_cycle()
        except (_Left, OSError):
            self._note_left()
        except h11.RemoteProtocolError as error:
            await self._refuse_protocol(error)
        except trio.TooSlowError:
            self._note_cut()

    async def _serve_one(self) -> _After:
        self._recorded = None
        asked, is_whole = await self._receive()
        if not is_whole:
            response, self._recorded = refuse_large(self._world, asked, self._clock())
            await self._play(response)
            await self._linger()
            return _After.CLOSED
        response, self._recorded = respond(self._world, asked, self._clock())
        return await self._play(response)

    async def _receive(self) -> tuple[Asked, bool]:
        """The next request; False: its body is too large and was not read to its end."""
        with trio.fail_after(IDLE_S):
            request = await self._event()
        if not isinstance(request, h11.Request):
            raise _Left
        headers: dict[str, str] = {}
        for name, value in request.headers:
            key, text = name.decode("ascii"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        asked = Asked(request.method.decode("ascii"), request.target.decode("latin-1"), headers)
        body, limit = bytearray(), body_limit(asked)
        with trio.fail_after(REQUEST_S):
            while not isinstance(event := await self._event(), h11.EndOfMessage):
                if isinstance(event, h11.Data):
                    body += event.data
                if len(body) > limit:
                    return asked, False
        return Asked(asked.method, asked.target, headers, bytes(body)), True

    async def _event(self) -> h11.Event:
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                raise _Left
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._send(self._http.send(go_on) or b"")
            data = await self._socket.recv(_RECEIVE_BYTES)
            if not data and self._http.their_state is h11.IDLE:
                raise _Left
            self._http.receive_data(data)
        if isinstance(event, h11.ConnectionClosed):
            raise _Left
        return event

    async def _play(self, response: Response) -> _After:
        for step in response.steps:
            if await self._do(step):
                return _After.CLOSED
        await self._flush()
        self._note_finished()
        states = (self._http.our_state, self._http.their_state)
        return _After.NEXT if states == (h11.DONE, h11.DONE) else _After.CLOSED

    async def _do(self, step: Step) -> bool:
        """Carries one step out; True: the connection has ended."""
        match step:
            case Data():
                self._put(h11.Data(data=step.body))
                if self._recorded is not None:
                    self._recorded.sent_tokens += step.tokens
            case Wait():
                await self._flush()
                await self._wait(step.seconds)
            case Head():
                self._head(step)
            case End():
                self._put(h11.EndOfMessage())
            case Cut():
                await self._flush()
                self._cut(is_reset=step.is_reset)
                return True
        if len(self._out) > _FLUSH_BYTES:
            await self._flush()
        return False

    def _head(self, head: Head) -> None:
        framing = ("content-length", str(head.length)) if head.length is not None else ("transfer-encoding", "chunked")
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in (*head.headers, framing)]
        if self._recorded is not None:
            self._recorded.status = head.status
        self._put(h11.Response(status_code=head.status, headers=headers))

    def _put(self, event: h11.Event) -> None:
        self._out += self._http.send(event) or b""

    async def _flush(self) -> None:
        if self._out:
            data = bytes(self._out)
            self._out.clear()
            await self._send(data)
        else:
            await trio.lowlevel.checkpoint()

    async def _send(self, data: bytes) -> None:
        view = memoryview(data)
        with trio.fail_after(SEND_S):
            while view:
                sent = await self._socket.send(view)
                view = view[sent:]
                if self._recorded is not None:
                    self._recorded.sent_bytes += sent

    async def _wait(self, seconds: float) -> None:
        """Waits, and notices meanwhile if the client leaves. Raises ``_Left``."""
        deadline = trio.current_time() + seconds
        with trio.move_on_at(deadline):
            await trio.lowlevel.wait_readable(self._socket.fileno())
            if not await self._socket.recv(1, socket.MSG_PEEK):
                raise _Left
            await trio.sleep_until(deadline)  # it sent its next request already; that one waits

    def _cut(self, *, is_reset: bool) -> None:
        self._note_cut()
        if is_reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    async def _linger(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)
        left = LINGER_BYTES_MAX
        with trio.move_on_after(LINGER_S):
            while left > 0 and (data := await self._socket.recv(_RECEIVE_BYTES)):
                left -= len(data)

    async def _refuse_protocol(self, error: h11.RemoteProtocolError) -> None:
        """What is no HTTP gets a plain 400, where an answer is still possible."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"not HTTP as this server speaks it: {error}\n".encode()
        status = error.error_status_hint
        try:
            await self._play(Response(whole(status, (("content-type", "text/plain"), ("connection", "close")), body)))
            await self._linger()
        except (_Left, OSError, trio.TooSlowError):
            return

    def _note_left(self) -> None:
        if self._recorded is not None and self._recorded.finished_at is None:
            self._recorded.client_closed_at = self._clock()

    def _note_finished(self) -> None:
        if self._recorded is not None:
            self._recorded.finished_at = self._clock()

    def _note_cut(self) -> None:
        if self._recorded is not None:
            self._recorded.closed_at = self._clock()
