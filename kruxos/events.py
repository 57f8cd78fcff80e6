"""The common language, second half: what an agent gets. ``kruxos.messages`` is what it asks.

An answer is a run of events. Deltas name the part they belong to by ``index``, its place in the answer; deltas of
different parts may be interleaved. The body of an event frame is a run of concatenated msgpack maps, one an
event, so merging two bodies is joining their bytes. ``Assembler`` turns the run into typed parts, which go into the
next request as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, cast

import msgpack

from kruxos.attempts import Attempt
from kruxos.messages import Message, Part, ProviderState, Text, Thinking, ToolCall

FinishReason = Literal["stop", "length", "tool_call", "content_filter", "error"]


@dataclass(slots=True)
class Start:
    """The answer begins; ``model`` is the model as the provider names it, ``call_id`` the gateway's name for it."""

    type: ClassVar[str] = "start"
    provider: str
    model: str
    call_id: str = ""


@dataclass(slots=True)
class TextDelta:
    """A piece of visible text."""

    type: ClassVar[str] = "text"
    index: int
    text: str


@dataclass(slots=True)
class ThinkingDelta:
    """A piece of what the model shows of its thinking."""

    type: ClassVar[str] = "thinking"
    index: int
    text: str


@dataclass(slots=True)
class ToolCallBegin:
    """A tool call begins."""

    type: ClassVar[str] = "tool_call_begin"
    index: int
    id: str
    name: str


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of a tool call's arguments, as JSON text."""

    type: ClassVar[str] = "tool_call_delta"
    index: int
    arguments: str


@dataclass(slots=True)
class ToolCallEnd:
    """A tool call is whole."""

    type: ClassVar[str] = "tool_call_end"
    index: int


@dataclass(slots=True)
class State:
    """Provider state of the part ``index``; a part of its own where nothing else has that index."""

    type: ClassVar[str] = "state"
    index: int
    origin: str
    model: str
    kind: str
    data: bytes


@dataclass(slots=True)
class Notice:
    """Something about the call was changed or is worth knowing; ``code`` is stable, ``message`` is for people."""

    type: ClassVar[str] = "notice"
    code: str
    message: str
    data: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class Usage:
    """Tokens in disjoint buckets; None: the provider did not say.

    ``reasoning_tokens`` is within ``output_tokens``; ``cache_write_1h_tokens`` is within ``cache_write_tokens``.
    ``other_tokens`` holds what belongs to no bucket, by the provider's name for it.
    """

    uncached_input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    other_tokens: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def input_tokens(self) -> int:
        """The three inputs together."""
        return (self.uncached_input_tokens or 0) + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)

    def to_wire(self) -> dict[str, Any]:
        """As a map; what is None or empty is left out."""
        wire = {name: getattr(self, name) for name in _USAGE if getattr(self, name) is not None}
        if self.other_tokens:
            wire["other_tokens"] = self.other_tokens
        return wire

    @classmethod
    def from_wire(cls, value: dict[str, Any]) -> Usage:
        """The other way round."""
        return cls(**{name: value.get(name) for name in _USAGE}, other_tokens=dict(value.get("other_tokens") or {}))


_USAGE = (
    "uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
    "cache_write_1h_tokens",
)  # fmt: skip


@dataclass(slots=True)
class UsageUpdate:
    """What the call has used so far; the last one counts."""

    type: ClassVar[str] = "usage"
    usage: Usage


@dataclass(slots=True)
class Restart:
    """The answer starts again at another provider: forget the parts that came before."""

    type: ClassVar[str] = "restart"
    provider: str
    reason: str


@dataclass(slots=True)
class Raw:
    """The provider's own bytes, for an agent that asked for them (``raw_events``) in the protocol that it speaks.

    They stand in the place of the events that they mean. All together are the answer's body; each ends where an event
    of the stream does, unless that alone is very large. ``is_last``: the provider's own end, or error, is in it.
    """

    type: ClassVar[str] = "raw"
    data: bytes
    is_last: bool = False


Event: TypeAlias = (
    Start
    | Raw
    | TextDelta
    | ThinkingDelta
    | ToolCallBegin
    | ToolCallDelta
    | ToolCallEnd
    | State
    | Notice
    | UsageUpdate
    | Restart
)

CONTENT_EVENTS = (TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, State)
"""The events that commit a call: after one of these has gone out there is no other provider for it."""


def encode_event(event: Event) -> dict[str, Any]:  # noqa: PLR0911 - a table of all events
    """One event as a map with ``type``."""
    match event:
        case TextDelta() | ThinkingDelta():
            return {"type": event.type, "index": event.index, "text": event.text}
        case ToolCallDelta():
            return {"type": event.type, "index": event.index, "arguments": event.arguments}
        case ToolCallBegin():
            return {"type": event.type, "index": event.index, "id": event.id, "name": event.name}
        case ToolCallEnd():
            return {"type": event.type, "index": event.index}
        case Start():
            begins: dict[str, Any] = {"type": event.type, "provider": event.provider, "model": event.model}
            return begins | {"call_id": event.call_id} if event.call_id else begins
        case Raw():
            return {"type": event.type, "data": event.data, "is_last": event.is_last}
        case State():
            return {
                "type": event.type, "index": event.index, "origin": event.origin, "model": event.model,
                "kind": event.kind, "data": event.data,
            }  # fmt: skip
        case Notice():
            wire: dict[str, Any] = {"type": event.type, "code": event.code, "message": event.message}
            return wire | {"data": event.data} if event.data else wire
        case UsageUpdate():
            return {"type": event.type, **event.usage.to_wire()}
        case Restart():
            return {"type": event.type, "provider": event.provider, "reason": event.reason}


def pack_event(event: Event) -> bytes:
    """One event as bytes: the shortest run."""
    return _PACKER.pack(encode_event(event))


def encode_events(events: Iterable[Event]) -> bytes:
    """A run of events as the body of a frame."""
    return b"".join([pack_event(event) for event in events])


_PACKER = msgpack.Packer()


def decode_event(value: dict[str, Any]) -> Event | None:
    """One event from its map; None for a type that this version does not know."""
    read = _READERS.get(cast("str", value.get("type")))
    return None if read is None else read(value)


_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "text": lambda value: TextDelta(value["index"], value["text"]),
    "thinking": lambda value: ThinkingDelta(value["index"], value["text"]),
    "tool_call_begin": lambda value: ToolCallBegin(value["index"], value["id"], value["name"]),
    "tool_call_delta": lambda value: ToolCallDelta(value["index"], value["arguments"]),
    "tool_call_end": lambda value: ToolCallEnd(value["index"]),
    "start": lambda value: Start(value["provider"], value["model"], value.get("call_id") or ""),
    "raw": lambda value: Raw(value["data"], bool(value.get("is_last"))),
    "state": lambda value: State(value["index"], value["origin"], value["model"], value["kind"], value["data"]),
    "notice": lambda value: Notice(value["code"], value["message"], value.get("data") or {}),
    "usage": lambda value: UsageUpdate(Usage.from_wire(value)),
    "restart": lambda value: Restart(value["provider"], value["reason"]),
}


def decode_events(body: bytes) -> Iterator[Event]:
    """The events of a frame's body, in order; unknown ones are passed over."""
    unpacker = msgpack.Unpacker(max_buffer_size=max(len(body), 1))
    unpacker.feed(body)
    for value in unpacker:
        event = decode_event(value)
        if event is not None:
            yield event


@dataclass(slots=True)
class Reply:
    """A whole answer. ``cost`` is decimal text with its currency and price row, or None where a price is unknown.

    ``parts`` go into the next request as they are: ``messages.append(reply.message())``.
    """

    parts: list[Part] = field(default_factory=list[Part])
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    provider: str = ""
    model: str = ""
    call_id: str = ""
    usage: Usage | None = None
    raw_usage: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    notices: list[Notice] = field(default_factory=list[Notice])
    overhead_us: int | None = None
    upstream_request_id: str | None = None

    @property
    def text(self) -> str:
        """All visible text, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        """All shown thinking, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that the agent has to run."""
        return [part for part in self.parts if isinstance(part, ToolCall)]

    def message(self) -> Message:
        """The answer as a turn for the next request."""
        return Message("assistant", list(self.parts))


class Assembler:
    """Collects a run of events into parts. Fed events one by one; ``parts()`` may be asked at any time."""

    __slots__ = ("_order", "_pieces", "_states", "model", "notices", "provider", "usage")

    def __init__(self) -> None:
        self.provider = ""
        self.model = ""
        self.usage: Usage | None = None
        self.notices: list[Notice] = []
        self._order: list[int] = []
        self._pieces: dict[int, tuple[type, list[str]]] = {}
        self._states: dict[int, ProviderState] = {}

    def feed(self, event: Event) -> None:
        """Takes one event in."""
        match event:
            case TextDelta():
                self._piece(event.index, Text).append(event.text)
            case ThinkingDelta():
                self._piece(event.index, Thinking).append(event.text)
            case ToolCallBegin():
                self._piece(event.index, ToolCall)[:] = [event.id, event.name]
            case ToolCallDelta():
                self._piece(event.index, ToolCall).append(event.arguments)
            case State():
                self._piece(event.index, ProviderState)
                self._states[event.index] = ProviderState(event.origin, event.model, event.kind, event.data)
            case Start():
                self.provider, self.model = event.provider, event.model
            case UsageUpdate():
                self.usage = event.usage
            case Notice():
                self.notices.append(event)
            case Restart():
                self._order, self._pieces, self._states = [], {}, {}
            case ToolCallEnd() | Raw():
                pass

    def _piece(self, index: int, kind: type) -> list[str]:
        known = self._pieces.get(index)
        if known is None:
            self._order.append(index)
        elif kind is ProviderState or known[0] is kind:
            return known[1]
        # A state that came before the first delta of its part gives way to the part.
        pieces: list[str] = []
        self._pieces[index] = (kind, pieces)
        return pieces

    def parts(self) -> list[Part]:
        """The parts so far, in the order of their indexes."""
        return [self._part(index) for index in sorted(self._order)]

    def _part(self, index: int) -> Part:
        kind, pieces = self._pieces[index]
        state = self._states.get(index)
        if kind is ToolCall:
            return ToolCall(pieces[0], pieces[1], arguments_json="".join(pieces[2:]) or "{}", state=state)
        if kind is Text:
            return Text("".join(pieces), state)
        if kind is Thinking:
            return Thinking("".join(pieces), state)
        return self._states[index]
