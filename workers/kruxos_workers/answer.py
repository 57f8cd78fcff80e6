"""One answer on its way from the provider's decoder to the supervisor: what goes out when. Pure.

Until content begins nothing leaves: the preamble (start and notices) waits, so that an attempt that fails early leaves
no trace with the agent. From the first content event on, all that one read brought leaves as one frame. An answer that
is not streamed leaves whole, with its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kruxos import catalog, wire
from kruxos.catalog import Shelf
from kruxos.dialects.base import Decoder, Ending
from kruxos.errors import KruxosError
from kruxos.events import CONTENT_EVENTS, Event, Raw, Start, ToolCallEnd, Usage, encode_events, pack_event


class Answer:
    """The answer to the dispatch ``number``. ``model`` is the one that gives it, as far as that is known.

    ``flat``: a subscription pays for it.
    """

    def __init__(
        self, number: int, *, provider: str, shelf: Shelf, model: str, stream: bool, call_id: str = "",
        flat: bool = False,
    ) -> None:  # fmt: skip
        self._number, self._call_id = number, call_id
        self._provider, self._shelf, self._stream = provider, shelf, stream
        self.model = model
        self._flat = flat
        self._held: list[Event] = []
        self.committed = False

    def take(self, events: Iterable[Event], raw: list[Raw] | None = None) -> list[wire.Frame]:
        """Events from the decoder, or notices of our own; gives the frames that may leave now.

        ``raw``: the bytes that these events stand for, which leave in the place of content.
        """
        fresh = list(events)
        begins_content = any(isinstance(event, CONTENT_EVENTS) for event in fresh)
        if raw is not None:
            fresh = [*(event for event in fresh if not isinstance(event, (*CONTENT_EVENTS, ToolCallEnd))), *raw]
        if not fresh:
            return []
        for event in fresh:
            if isinstance(event, Start):
                self.model, event.call_id = event.model or self.model, self._call_id
        if not self._stream:
            self._held += fresh
            return []
        if not (self.committed or begins_content):
            self._held += fresh
            return []
        held, self._held, self.committed = self._held, [], True
        return list(_event_frames(self._number, [*_start_first(held), *fresh]))

    def end(self, ending: Ending, *, request_id: str | None, upstream_us: int, now: float) -> wire.End:
        """The last frame of a whole answer; ``now`` in Unix seconds, for the price."""
        usage = ending.usage
        return wire.End(
            id=self._number,
            body=encode_events(_start_first(self._held)),
            provider=self._provider,
            model=ending.model or self.model,
            finish_reason=ending.finish_reason,
            raw_finish_reason=ending.raw_finish_reason,
            usage={} if usage is None else usage.to_wire(),
            raw_usage=ending.raw_usage,
            cost=self._cost(ending.model or self.model, usage, ending.raw_usage, now),
            upstream_request_id=request_id,
            upstream_us=upstream_us,
        )

    def fail(
        self,
        error: KruxosError,
        failure: str,
        decoder: Decoder | None,
        *,
        raw: bytes = b"",
        upstream_us: int = 0,
        now: float = 0.0,
    ) -> wire.Error:
        """The last frame of an answer that failed; what was used until then goes with it, and the error as it came."""
        usage = None if decoder is None else decoder.usage
        error.detail.provider = self._provider
        error.detail.model = error.detail.model or self.model
        return wire.Error(
            id=self._number,
            body=encode_events([Raw(raw, is_last=True)]) if raw else b"",
            error=error.to_wire(),
            failure=failure,
            usage={} if usage is None else usage.to_wire(),
            raw_usage={} if decoder is None else decoder.raw_usage,
            cost=self._cost(self.model, usage, {} if decoder is None else decoder.raw_usage, now),
            upstream_us=upstream_us,
        )

    def _cost(self, model: str, usage: Usage | None, raw: dict[str, Any], now: float) -> dict[str, Any]:
        row = None if usage is None else self._shelf.priced(model, catalog.day_of(now))
        cost = None if usage is None or row is None else catalog.price(usage, row, at=now)
        if self._flat:
            return {} if cost is None else dict(catalog.flat(cost))
        return dict(catalog.with_reported(cost, raw) or {})


def _start_first(held: list[Event]) -> list[Event]:
    """The start event, then the rest: our own notices were there before the provider's first word."""
    return [event for event in held if isinstance(event, Start)] + [
        event for event in held if not isinstance(event, Start)
    ]


def _event_frames(number: int, events: list[Event]) -> Iterable[wire.Frame]:
    """The events in frames of at most about ``wire.EVENT_BYTES_AIM``."""
    bodies: list[bytes] = []
    size = 0
    for event in events:
        body = pack_event(event)
        if bodies and size + len(body) > wire.EVENT_BYTES_AIM:
            yield wire.Event(id=number, body=b"".join(bodies))
            bodies, size = [], 0
        bodies.append(body)
        size += len(body)
    yield wire.Event(id=number, body=b"".join(bodies))
