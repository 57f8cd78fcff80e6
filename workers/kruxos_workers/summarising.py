"""How a request becomes short enough: natively, by a summary at hand, or by one that the model is asked for now.

The question for a summary is an attempt of its own (``Exchange``): it passes the gate, is asked once, and what it cost
is told in a ``step`` frame before the answer is asked for. Where it fails for a reason that is the provider's, the
whole attempt fails so. Calls of one conversation ask one by one: who comes second finds the first one's summary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgpack
import trio

from kruxos import wire
from kruxos.codec import encode_request
from kruxos.dialects.base import NativeCompaction
from kruxos.errors import CallerError, from_wire
from kruxos.events import Assembler, Notice, decode_events
from kruxos.messages import Request, Text
from kruxos_workers.compaction import Length, Needed, Ready, Wish, read_wish
from kruxos_workers.compaction.compactor import window_of
from kruxos_workers.compaction.native import has_native, native_compaction, since_compaction
from kruxos_workers.estimate import estimate_range, estimate_tokens
from kruxos_workers.failed import FailedStep
from kruxos_workers.worker import Outlet, Worker

SUMMARISE = "summarise"


class Attempt(Protocol):
    """An attempt at a question (``Exchange``)."""

    async def run(self) -> None:
        """Asks, and sends frames until the last one."""
        ...

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        ...


@dataclass(slots=True)
class Shape:
    """A request as it is sent. ``counted`` is what of it the model has to read: what a provider compacted is not.

    ``estimate``: the tokens of that.
    """

    request: Request
    counted: Request
    estimate: int
    notices: list[Notice] = field(default_factory=list[Notice])
    native: NativeCompaction | None = None


@dataclass(slots=True)
class Listener:
    """Takes an attempt's frames: what was sent goes on to the supervisor, the last one is kept."""

    outlet: Outlet
    on_sent: Callable[[], None]
    last: wire.End | wire.Error | None = None

    def send(self, frame: wire.Frame) -> None:
        """Takes a frame."""
        match frame:
            case wire.Sent():
                self.on_sent()
                self.outlet.send(frame)
            case wire.End() | wire.Error():
                self.last = frame
            case _:
                pass

    def flush(self) -> bool:
        """See ``Outlet``."""
        return self.outlet.flush()

    async def room(self) -> None:
        """See ``Outlet``."""
        await self.outlet.room()


@dataclass(frozen=True, slots=True)
class Shaping:
    """Makes the request of one attempt as short as it has to be.

    ``on_sent``: a question for a summary leaves this machine; ``attempt`` makes what asks it.
    """

    worker: Worker
    frame: wire.Open
    on_sent: Callable[[], None]
    attempt: Callable[[Worker, wire.Open], Attempt]

    async def shape(self, request: Request, model: str) -> Shape:
        """The request as it is to be sent. Raises ``CallerError`` for wishes that make no sense, ``FailedStep``."""
        settings, (estimate, most) = self.worker.settings, estimate_range(request, model)
        wish = read_wish(request.compaction, read_wish(self.frame.compaction, settings.compaction))
        row = settings.shelf.lookup(model)
        window = window_of(row, request) or wish.at_tokens
        is_native_words = request.native is not None and request.native.dialect == settings.dialect.name
        if not wish.enabled or window is None or is_native_words:
            return Shape(request, request, estimate)
        corrections = self.worker.preflight.corrections
        length = Length(model, most, window, corrections.long_ratio(model), corrections.caution(model, estimate))
        native = native_compaction(settings, row, wish, length)
        if native is not None:
            counted = since_compaction(request, settings.origin)
            rest = estimate if counted is request else estimate_tokens(counted, model)
            if rest * length.ratio < window:
                return Shape(request, counted, rest, native=native)
        ready = await self._ready(request, length, wish)
        notices = [] if ready.notice is None else [ready.notice]
        if wish.clear_tool_results and not has_native(settings, row):
            name = "compaction.clear_tool_results"
            notices.append(
                Notice("parameter_dropped", f"{name} was not sent: {model} has no such edit", {"name": name})
            )
        if ready.request is request:
            return Shape(request, request, estimate, notices)
        return Shape(ready.request, ready.request, estimate_tokens(ready.request, model), notices)

    async def _ready(self, request: Request, length: Length, wish: Wish) -> Ready:
        worker, agent = self.worker, self.frame.agent or ""
        decided = worker.compactor.decide(request, length, wish, agent)
        if isinstance(decided, Ready):
            return decided
        async with worker.turns.of(decided.conversation):
            decided = worker.compactor.decide(request, length, wish, agent)
            return await self._summarise(decided) if isinstance(decided, Needed) else decided

    async def _summarise(self, needed: Needed) -> Ready:
        """Asks for the summary, tells what it cost, and gives the request with it."""
        last = await self._ask(needed)
        if isinstance(last, wire.Error) and not _is_about_the_question(last):
            raise FailedStep(last)
        if isinstance(last, wire.Error):
            return _unchanged(needed, "the provider refused to write a summary")
        self.worker.outlet.send(_step(last))
        text = _text(last)
        if not text:
            return _unchanged(needed, "the model wrote no summary")
        ready = self.worker.compactor.settle(needed, text, usage=last.usage, cost=last.cost)
        self.worker.tell_state()  # it was paid for: no crash should lose it
        return ready

    async def _ask(self, needed: Needed) -> wire.End | wire.Error:
        own, frame = copy.copy(self.worker), self.frame
        own.outlet = listener = Listener(self.worker.outlet, self.on_sent)
        ask = replace(needed.ask, compaction={"enabled": False})
        question = wire.Open(
            id=frame.id, body=msgpack.packb(encode_request(ask)), agent=frame.agent, role=frame.role,
            model=needed.length.model, wait_s=frame.wait_s, call_id=frame.call_id,
        )  # fmt: skip
        asking = self.attempt(own, question)
        try:
            await asking.run()
        except trio.Cancelled:
            asking.abandon()
            raise
        assert listener.last is not None
        return listener.last


def _unchanged(needed: Needed, why: str) -> Ready:
    return Ready(needed.request, Notice("not_compacted", f"the conversation stays as it is: {why}"))


def _is_about_the_question(frame: wire.Error) -> bool:
    """Whether the provider has something against the text: the conversation itself may pass."""
    return frame.failure == "final" and isinstance(from_wire(frame.error), CallerError)


def _step(end: wire.End) -> wire.Step:
    return wire.Step(
        id=end.id, op=SUMMARISE, model=end.model, finish_reason=end.finish_reason, usage=end.usage,
        raw_usage=end.raw_usage, cost=end.cost, upstream_request_id=end.upstream_request_id,
        upstream_us=end.upstream_us,
    )  # fmt: skip


def _text(end: wire.End) -> str:
    assembler = Assembler()
    for event in decode_events(end.body):
        assembler.feed(event)
    return "".join(part.text for part in assembler.parts() if isinstance(part, Text)).strip()
