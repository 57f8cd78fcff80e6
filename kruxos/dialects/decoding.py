"""What the decoders of all dialects have in common: a body of bytes becomes JSON values, and an end.

Theory of operation. The first byte that is not white space tells a stream of events from one JSON body: no JSON
begins like a field of an event stream. Servers ignore ``stream``, answer a stream with one JSON error, mark a stream
as text, or send blank lines for minutes before the body; all of that is one decision here, ``_framing``, and a
dialect whose streams look otherwise decides it itself. A dialect's decoder then gets values: ``_event`` for each of a
stream, ``_answer`` for a whole body, ``_closed`` at the end.

Whatever is wrong becomes ``error``, once; the first one counts. After it a stream is still read for what comes behind
an error (usage does), but gives no more content.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol, cast

from kruxos import errors
from kruxos.attempts import Detail
from kruxos.errors import KruxosError
from kruxos.events import Event, Notice, Start, State, Usage, UsageUpdate

from . import failures, verdicts
from .base import EncodedRequest, Ending, Target
from .sse import EventStream, ServerSentEvent
from .text import Balance, parse_json

BODY_BYTES_MAX = 64 * 1024 * 1024
"""A whole answer that is not streamed."""
BALANCED_BYTES_MAX = 1024 * 1024
HELD_CHARS_MAX = 16 * 1024 * 1024
"""What a decoder may hold back of one answer until it is complete: signatures, unknown blocks, reasoning details."""
PARTS_MAX = 10_000
"""Parts of one answer."""

_BLANK = b" \t\r\n\xef\xbb\xbf"
_FIELDS = frozenset(b":dierDIER")
_BODIES = frozenset(b"{[<")
DONE = "[DONE]"


class Framing(Protocol):
    """How the values of a stream stand in its bytes. ``feed`` raises ``ProviderProtocolError`` for what has no end."""

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """The values that are whole now, as text."""
        ...

    def finish(self) -> Iterator[ServerSentEvent]:
        """The values that the end of the body completes, or cuts off."""
        ...


class AnswerDecoder(ABC):
    """The decoder of one answer; see ``base.Decoder`` for its contract."""

    __slots__ = (
        "_body", "_broken", "_content_type", "_encoded", "_events", "_held_chars", "_out", "_parts", "_started",
        "_target", "ending", "error", "raw_usage", "usage",
    )  # fmt: skip

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        self.ending: Ending | None = None
        self.error: KruxosError | None = None
        self.usage: Usage | None = None
        self.raw_usage: dict[str, Any] = {}
        self._target = target
        self._encoded = encoded
        self._content_type = content_type.partition(";")[0].strip().lower()
        self._events: Framing | None = None
        self._body: bytearray | None = None
        self._broken = False
        self._started = False
        self._out: list[Event] = []
        self._parts = 0
        self._held_chars = 0

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        out = self._out = list[Event]()
        if self._broken:
            return out
        try:
            if self._events is not None:
                for name, text in self._events.feed(data):
                    self._take(name, text)
            elif self._body is not None:
                self._collect(self._body, data)
            else:
                self._begin(data)
        except errors.ProviderProtocolError as error:
            self._break(error)
        except RecursionError:
            self._break(_too_deep())
        return out

    def finish(self) -> list[Event]:
        """The events that the end of the body completes."""
        out = self._out = list[Event]()
        if not self._broken:
            try:
                self._finish()
            except errors.ProviderProtocolError as error:
                self._break(error)
            except RecursionError:
                self._break(_too_deep())
        if self.ending is None and self.error is None:
            self._fail(self._interrupted())
        self._broken = True
        return out

    def _begin(self, data: bytes) -> None:
        data = data.lstrip(_BLANK)
        if not data:
            return
        self._events = self._framing(data[0])
        if self._events is None:
            self._body = bytearray()
            self._collect(self._body, data)
            return
        for name, text in self._events.feed(data):
            self._take(name, text)

    def _framing(self, first: int) -> Framing | None:
        """How the stream that begins with this byte is framed; None where the body is one value."""
        return None if self._is_body(first) else EventStream()

    def _is_body(self, first: int) -> bool:
        if first in _BODIES or self._content_type == "text/html":
            return True
        return first not in _FIELDS and self._content_type != "text/event-stream"

    def _collect(self, body: bytearray, data: bytes) -> None:
        body += data
        if len(body) > BODY_BYTES_MAX:
            raise errors.ProviderProtocolError(f"the provider's answer is over the cap of {BODY_BYTES_MAX} bytes")

    def _take(self, name: str, text: str) -> None:
        if self.ending is not None or not text:
            return
        if text[0] == "[" and text.strip() == DONE:
            self._done()
            return
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise errors.ProviderProtocolError("an event of the provider's stream is not JSON") from None
        if isinstance(value, list):  # errors may come in a list of one (Gemini's compatible surface)
            value = next(iter(cast("list[Any]", value)), None)
        if not isinstance(value, dict):
            return
        if self.error is None:
            self._event(name, cast("dict[str, Any]", value))
        else:
            self._late(cast("dict[str, Any]", value))

    def _finish(self) -> None:
        if self._events is not None:
            for name, text in self._events.finish():
                self._take_cut(name, text)
            if self.ending is None and self.error is None:
                self._closed()
        elif self._body is not None:
            self._whole(bytes(self._body))

    def _take_cut(self, name: str, text: str) -> None:
        """The last event, where the body ends without a blank line: it may be cut off itself."""
        if text.strip() != DONE:
            try:
                parse_json(text)
            except ValueError:
                return
        self._take(name, text)

    def _whole(self, body: bytes) -> None:
        try:
            value = parse_json(body)
        except ValueError:
            value = None
        if isinstance(value, list):
            value = next(iter(cast("list[Any]", value)), None)
        if isinstance(value, dict):
            self._answer(cast("dict[str, Any]", value))
            return
        self._fail(self._interrupted() if _is_cut_off(body) else self._not_an_answer(body))

    @abstractmethod
    def _event(self, name: str, value: dict[str, Any]) -> None:
        """One event of a stream; ``name`` is the stream's own, often empty."""

    @abstractmethod
    def _answer(self, value: dict[str, Any]) -> None:
        """A whole answer that was not streamed, or an error in its place."""

    def _late(self, value: dict[str, Any]) -> None:
        """An event after an error."""
        return

    def _done(self) -> None:
        """The marker ``[DONE]``; protocols that have another terminal event pass it over."""
        return

    def _closed(self) -> None:
        """The end of a stream that has not ended by its own word."""
        return

    def _start(self, model: Any) -> None:
        if not self._started:
            self._started = True
            name = model if isinstance(model, str) and model else self._target.model
            self._out.append(Start(self._target.provider, name))

    def _new_part(self) -> int:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise errors.ProviderProtocolError(f"the provider's answer has more than {PARTS_MAX} parts")
        return self._parts - 1

    def _hold(self, chars: int) -> None:
        self._held_chars += chars
        if self._held_chars > HELD_CHARS_MAX:
            raise errors.ProviderProtocolError(f"the provider's answer has over {HELD_CHARS_MAX} characters of state")

    def _state(self, index: int, model: str, kind: str, data: bytes) -> None:
        self._out.append(State(index, self._target.origin, model, kind, data))

    def _used(self, usage: Usage) -> None:
        self.usage = usage

    def _conclude(self, ending: Ending, notice: Notice | None = None) -> None:
        """The provider's own end has come: tells the usage and sets the ending."""
        if self.error is not None:
            return
        if notice is not None:
            self._out.append(notice)
        if self.usage is not None:
            self._out.append(UsageUpdate(self.usage))
        ending.usage = self.usage
        ending.raw_usage = self.raw_usage
        self.ending = ending

    def _refused(self, value: Any, kinds: verdicts.Codes | None = None) -> None:
        """An error that the provider tells inside its answer."""
        failure = failures.failure_of(value)
        kind = verdicts.kind_of(failure, kinds)
        self._fail(
            verdicts.error_of(kind, failure, self._target, sent=self._encoded.http.body, billed_maybe=self._started)
        )

    def _fail(self, error: KruxosError) -> None:
        if self.error is None and self.ending is None:
            self.error = error

    def _break(self, error: KruxosError) -> None:
        """What came can't be read on."""
        error.detail.provider, error.detail.model = self._target.provider, self._target.model
        error.detail.billed_maybe = True
        self._fail(error)
        self._broken = True

    def _interrupted(self) -> KruxosError:
        detail = Detail(provider=self._target.provider, model=self._target.model, billed_maybe=True)
        return errors.StreamInterruptedError("the provider's answer broke off before its end", detail=detail)

    def _not_an_answer(self, body: bytes) -> KruxosError:
        failure = failures.read_failure(body)
        what = f"the provider answered with {self._content_type or 'something'} that is not an answer in its protocol"
        error = verdicts.error_of(errors.ProviderProtocolError, failure, self._target, sent=self._encoded.http.body)
        return errors.ProviderProtocolError(f"{what}: {errors.ProviderProtocolError.recovery}", detail=error.detail)


def _is_cut_off(body: bytes) -> bool:
    """Whether a body that is no JSON is the beginning of some. A long one goes by its end: brackets take time."""
    if len(body) > BALANCED_BYTES_MAX:
        return body[:1] in (b"{", b"[") and not body.rstrip().endswith((b"}", b"]"))
    balance = Balance()
    balance.feed(body.decode("utf-8", "replace"))
    return body[:1] in (b"{", b"[") and not balance.is_whole


def _too_deep() -> errors.ProviderProtocolError:
    return errors.ProviderProtocolError("the provider's answer is nested too deep")
