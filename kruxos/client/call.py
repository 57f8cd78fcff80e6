"""One call as its agent sees it: events come out as they came in, then the reply or the error. No I/O.

    bodies of frames --> unread --> next_event() --> Assembler --> reply()

A body is a run of events and stays bytes until somebody asks for its events; merged or not, the agent gets one object
for each event that the provider sent. The error of a call comes after everything that arrived before it, and holds the
part of the answer that had come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import msgpack
import msgpack.exceptions

from kruxos import errors, wire
from kruxos.attempts import Attempt
from kruxos.events import Assembler, Event, FinishReason, Notice, Reply, Usage, decode_events

UNREAD_BYTES_MAX = 64 * 1024 * 1024
"""Events that a call holds for an agent that does not look at them; past that the call ends as ``slow_consumer``."""

_UNDECODABLE = (ValueError, TypeError, KeyError, AttributeError, msgpack.exceptions.UnpackException)


class Call:
    """A call in flight, or over.

    ``dispatched``: its first byte has left, so the provider may be asked, and paid. ``give_up_at`` (monotonic
    seconds): when the gateway should long have ended it. ``held``: the gateway was asked to hold its events back.
    """

    __slots__ = (
        "_assembler",
        "_end",
        "_error",
        "_events",
        "_unread",
        "_unread_bytes",
        "dispatched",
        "give_up_at",
        "held",
        "id",
    )

    def __init__(self, number: int, *, give_up_at: float | None = None) -> None:
        self.id = number
        self.dispatched = False
        self.held = False
        self.give_up_at = give_up_at
        self._assembler = Assembler()
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._events: Iterator[Event] = iter(())
        self._end: wire.End | wire.Error | None = None
        self._error: errors.KruxosError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._end is not None or self._error is not None

    @property
    def unread_bytes(self) -> int:
        """Bytes of events that nobody has looked at."""
        return self._unread_bytes

    @property
    def ready(self) -> bool:
        """Whether ``next_event`` has something to say without waiting."""
        return bool(self._unread) or self.over

    def take(self, frame: wire.Event | wire.End | wire.Error) -> None:
        """Takes a frame of this call in."""
        if self.over:
            return
        if frame.body:
            self._unread.append(frame.body)
            self._unread_bytes += len(frame.body)
        if isinstance(frame, wire.Event):
            if self._unread_bytes > UNREAD_BYTES_MAX:
                self.fail(errors.SlowConsumerError(f"more than {UNREAD_BYTES_MAX} bytes of events were left unread"))
            return
        self._end = frame
        if isinstance(frame, wire.Error):
            self._error = errors.from_wire(frame.error)

    def fail(self, error: errors.KruxosError) -> None:
        """Ends the call from this side; what came before stays readable."""
        if not self.over:
            self._error = error

    def next_event(self) -> Event | None:
        """The next event; None when there is none now, or none any more (``over`` tells).

        Raises the call's error once everything before it was read.
        """
        while True:
            event = self._decode_next()
            if event is not None:
                self._assembler.feed(event)
                return event
            if not self._unread:
                if self._error is not None:
                    raise self._with_reply(self._error)
                return None
            body = self._unread.popleft()
            self._unread_bytes -= len(body)
            self._events = decode_events(body)

    def next_run(self) -> list[Event]:
        """The next event and all that came with it; otherwise as ``next_event``, with an empty list for None."""
        event = self.next_event()
        run: list[Event] = []
        while event is not None:
            run.append(event)
            event = self._decode_next()
            if event is not None:
                self._assembler.feed(event)
        return run

    def _decode_next(self) -> Event | None:
        try:
            return next(self._events, None)
        except _UNDECODABLE as error:
            self._events = iter(())
            self._unread.clear()
            self._end = None
            self._error = errors.InternalError(f"the gateway sent an event that cannot be read: {type(error).__name__}")
            return None

    def reply(self) -> Reply:
        """The whole answer, for a call that is over; raises its error. Events not yet looked at are read now."""
        if not self.over:
            raise RuntimeError("the answer has not ended: read its events first")
        while self.next_event() is not None:
            pass
        end, reply = self._end, self._reply(self._end)
        assert isinstance(end, wire.End)  # an error would have been raised
        reply.provider = end.provider or reply.provider
        reply.model = end.model or reply.model
        reply.finish_reason = cast("FinishReason | None", end.finish_reason)
        reply.raw_finish_reason = end.raw_finish_reason
        reply.call_id = end.call_id or ""
        reply.attempts = [Attempt.from_wire(attempt) for attempt in end.attempts]
        reply.upstream_request_id = end.upstream_request_id
        return reply

    def result(self) -> dict[str, Any]:
        """The answer to a verb, for a call that is over: a map, no events. Raises its error."""
        if self._error is not None:
            raise self._error
        assert isinstance(self._end, wire.End)
        return cast("dict[str, Any]", msgpack.unpackb(self._end.body)) if self._end.body else {}

    def _with_reply(self, error: errors.KruxosError) -> errors.KruxosError:
        if error.reply is None:
            reply = self._reply(self._end)
            if reply.parts or reply.usage is not None or reply.cost is not None:
                detail = error.detail
                reply.finish_reason = "error"
                reply.provider = reply.provider or detail.provider or ""
                reply.model = reply.model or detail.model or ""
                reply.call_id = detail.call_id or ""
                reply.attempts = detail.attempts
                reply.upstream_request_id = detail.request_id
                error.reply = reply
        return error

    def _reply(self, end: wire.End | wire.Error | None) -> Reply:
        """What both endings have in common."""
        heard = self._assembler
        reply = Reply(heard.parts(), provider=heard.provider, model=heard.model, usage=heard.usage)
        reply.notices = list(heard.notices)
        if end is not None:
            if end.usage:
                reply.usage = Usage.from_wire(end.usage)
            reply.raw_usage = end.raw_usage or None
            reply.cost = end.cost or None
            reply.overhead_us = end.overhead_us
            told = [_notice(notice) for notice in end.notices]
            reply.notices += [notice for notice in told if notice not in heard.notices]
        return reply


def _notice(value: dict[str, Any]) -> Notice:
    return Notice(str(value.get("code", "")), str(value.get("message", "")), value.get("data") or {})


class TokenCount(int):
    """A number of input tokens. ``is_estimate``: the provider does not count, and ``notices`` say how far it is off."""

    provider: str
    model: str
    notices: list[Notice]

    @property
    def is_estimate(self) -> bool:
        """Whether it is not the provider's own count."""
        return any(notice.code == "estimated" for notice in self.notices)


def token_count(reply: Reply) -> TokenCount:
    """The answer to ``count_tokens``."""
    if reply.usage is None:
        raise errors.InternalError("the gateway's count holds no usage")
    count = TokenCount(reply.usage.input_tokens)
    count.provider, count.model, count.notices = reply.provider, reply.model, reply.notices
    return count
