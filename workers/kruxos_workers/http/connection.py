"""One HTTP/1.1 connection: it carries one exchange after another, as long as each ends where it should."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import trio

from kruxos.errors import ProviderProtocolError, StreamInterruptedError

from .failures import BodyFailure
from .network import Stream, StreamBroken, StreamReset
from .parsing import AnswerParser, Head, Truncated
from .request import StreamedBody
from .timing import Timing

ONE_SEND_BYTES_MAX = 128 * 1024
"""A larger request is sent while its answer is awaited: a server may refuse it before it has read it all."""
SETTLE_BYTES_MAX = 64 * 1024
"""How much of an answer that nobody reads any more is taken to keep its connection."""
KEEP_ALIVE_MARGIN_S = 1.0
"""How much earlier than the server says an idle connection is too old."""

_KEEP_ALIVE_TIMEOUT = re.compile(r"\btimeout=(\d{1,6})\b")

NoHead = (StreamBroken, Truncated, ProviderProtocolError)
"""What ``Connection.ask`` raises where no answer's head came."""


class Connection:
    """A stream and the exchange it carries. Its pool opens, keeps and closes it."""

    __slots__ = ("_body", "_idle_since", "_keep_alive_s", "_opened_at", "_parser", "_sent", "_stream", "_timing")

    def __init__(self, stream: Stream, now: float) -> None:
        self._stream = stream
        self._opened_at = now
        self._idle_since = now
        self._keep_alive_s = math.inf
        self._parser = AnswerParser("GET")
        self._timing = Timing(now)
        self._body = b""
        self._sent = False

    async def ask(
        self, method: str, head: bytes, body: bytes | StreamedBody, timing: Timing, on_sent: Callable[[], None]
    ) -> Head:
        """Send a request and receive its answer's head; ``on_sent`` is called right before the first byte goes out.

        Raises one of ``NoHead``. A request that could not be sent whole may have been answered all the same.
        """
        self._parser, self._timing, self._body, self._sent = AnswerParser(method), timing, b"", False
        timing.request_started_at = trio.current_time()
        on_sent()
        if isinstance(body, bytes) and len(head) + len(body) <= ONE_SEND_BYTES_MAX:
            await self._send(head + body)
            answer = await self._receive_head()
        else:
            answer = await self._receive_head_while_sending(head, body)
        self._heed_keep_alive(answer)
        return answer

    async def receive_body(self) -> bytes:
        """The next bytes of the body, all that one receive brought; empty at its end. Raises ``BodyFailure``."""
        body, self._body = self._body, b""
        try:
            while not (body or self._parser.complete):
                if self._parser.failure is not None:
                    raise self._parser.failure
                body = await self._receive()
        except StreamReset as error:
            raise BodyFailure("reset", StreamInterruptedError(f"the answer broke off: {error}")) from None
        except (StreamBroken, Truncated):
            raise BodyFailure("truncated", StreamInterruptedError("the answer broke off before its end")) from None
        except ProviderProtocolError as error:
            raise BodyFailure("protocol", error) from None
        return body

    async def settle(self, seconds: float) -> None:
        """Take the rest of an answer, if it comes soon and is short, so that the connection can be used again."""
        if self._parser.complete:
            return
        taken = 0
        with trio.move_on_after(seconds):
            try:
                while taken <= SETTLE_BYTES_MAX and (body := await self.receive_body()):
                    taken += len(body)
            except BodyFailure:
                return

    @property
    def usable(self) -> bool:
        """Whether another exchange may follow."""
        return self._sent and self._parser.reusable

    @property
    def surplus(self) -> bool:
        """Whether bytes came after the answer's end."""
        return self._parser.surplus

    def rest(self, now: float) -> None:
        """It is idle from now on."""
        self._idle_since = now

    def is_stale(self, now: float, idle_s: float, age_s: float) -> bool:
        """Whether an idle connection is better not used: too long idle, too old, or it has something to say."""
        idle_too_long = now - self._idle_since > min(idle_s, self._keep_alive_s)
        return idle_too_long or now - self._opened_at > age_s or self._stream.is_readable()

    def discard(self) -> None:
        """Close it: in peace after a whole answer, else so that the provider knows at once."""
        if self._parser.complete:
            self._stream.close()
        else:
            self._stream.abort()

    async def _send(self, data: bytes) -> None:
        """Send; where that breaks, the answer or its absence tells more than the error."""
        try:
            await self._stream.send_all(data)
        except StreamBroken:
            return
        self._sent = True

    async def _receive_head(self) -> Head:
        while self._parser.head is None:
            self._body = await self._receive()
        return self._parser.head

    async def _send_streamed(self, head: bytes, body: StreamedBody) -> None:
        """The same for a body that is read while it goes out; one that its reader cuts short leaves the request so."""
        try:
            await self._stream.send_all(head)
            async for piece in body.pieces():
                await self._stream.send_all(piece)
        except StreamBroken:
            return
        self._sent = True

    async def _receive_head_while_sending(self, head: bytes, body: bytes | StreamedBody) -> Head:
        async with trio.open_nursery() as nursery:
            if isinstance(body, bytes):
                nursery.start_soon(self._send, head + body)
            else:
                nursery.start_soon(self._send_streamed, head, body)
            result = await self._head_or_failure()
            nursery.cancel_scope.cancel()
        if isinstance(result, Exception):
            raise result
        return result

    async def _head_or_failure(self) -> Head | Exception:
        """As a value: a nursery would wrap what is raised within it."""
        try:
            return await self._receive_head()
        except NoHead as failure:
            return failure

    async def _receive(self) -> bytes:
        data = await self._stream.receive_some()
        if not data:
            self._parser.feed_end()
            return b""
        now = trio.current_time()
        self._timing.last_byte_at = now
        if self._timing.first_byte_at is None:
            self._timing.first_byte_at = now
        return self._parser.feed(data)

    def _heed_keep_alive(self, answer: Head) -> None:
        found = _KEEP_ALIVE_TIMEOUT.search(answer.headers.get("keep-alive", ""))
        if found is not None:
            self._keep_alive_s = max(0.0, int(found[1]) - KEEP_ALIVE_MARGIN_S)
