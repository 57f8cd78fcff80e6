"""Gemini from the other side: an answer as Google writes it (Gemini docs: generateContent, streamGenerateContent).

Every value of a stream holds only new parts; a tool call leaves whole, at its end. A signature that comes behind text
that is already out goes into a part with empty text, as Google itself does. A stream is server-sent events, or one JSON
array where ``alt`` asks for ``json``.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.base import Ending
from kruxos.dialects.text import body_bytes
from kruxos.dialects.whole_calls import WholeCall, WholeCalls
from kruxos.errors import KruxosError
from kruxos.events import (
    Event,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
)
from kruxos.messages import ProviderState

from .errors import error_body
from .response import FINISH_REASONS
from .state import GROUNDING, PART, SIGNATURE, map_of
from .usage import raw_usage

_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "error": "OTHER", "tool_call": "STOP"}

Wire = dict[str, Any]


class GeminiEncoder:
    """Encodes one answer; ``created`` is in Unix seconds. ``extra``: ``alt`` as the request's address had it."""

    def __init__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> None:
        self._stream = stream
        self._is_array = extra.get("alt") == "json"
        is_events = stream and not self._is_array
        self.content_type = "text/event-stream" if is_events else "application/json; charset=UTF-8"
        self._model, self._id, self._created = model, call_id, created
        self._calls = WholeCalls()
        self._parts: list[Wire] = []
        self._part: int | None = None
        self._beside: Wire = {}
        self._begun = False

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        if isinstance(event, Start):
            self._model = event.model
            return b""
        part = self._part_of(event)
        if part is None:
            return b""
        if self._stream:
            return self._write({"candidates": [_candidate([part])]})
        self._collect(event, part)
        return b""

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        late = [_call_part(call) for call in self._calls.finish()]
        parts = late or [{"text": ""}] if self._stream else self._parts + late
        candidate = _candidate(parts) | {"finishReason": _reason(ending)} | self._beside
        if isinstance(ending.stop_detail, str):
            candidate["finishMessage"] = ending.stop_detail
        value: Wire = {"candidates": [candidate]}
        if ending.usage is not None:
            value["usageMetadata"] = raw_usage(ending.usage)
        return self._write(value) + (b"]" if self._stream and self._is_array else b"")

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began."""
        return self._framed(error_body(error, self._created)) + (b"]" if self._stream and self._is_array else b"")

    def _part_of(self, event: Event) -> Wire | None:
        match event:
            case TextDelta():
                return {"text": event.text}
            case ThinkingDelta():
                return {"text": event.text, "thought": True}
            case ToolCallBegin() | ToolCallDelta() | ToolCallEnd():
                call = self._calls.feed(event)
                return None if call is None else _call_part(call)
            case State():
                return None if self._calls.adopt(event) else self._state(event)
            case _:
                return None

    def _state(self, event: State) -> Wire | None:
        state = ProviderState(event.origin, event.model, event.kind, event.data)
        if event.kind == GROUNDING:
            self._beside = map_of(state) or {}
        if event.kind == PART:
            return map_of(state)
        return {"text": "", "thoughtSignature": _text(event)} if event.kind == SIGNATURE else None

    def _collect(self, event: Event, part: Wire) -> None:
        """Adds to a whole answer: pieces of one part are one part, and its signature stands on it."""
        index = getattr(event, "index", None)
        is_same = index == self._part and bool(self._parts)
        self._part = index
        if is_same and isinstance(event, (TextDelta, ThinkingDelta)):
            self._parts[-1]["text"] += part["text"]
        elif is_same and isinstance(event, State) and event.kind == SIGNATURE:
            self._parts[-1]["thoughtSignature"] = part["thoughtSignature"]
        else:
            self._parts.append(part)

    def _write(self, value: Wire) -> bytes:
        return self._framed(value | {"modelVersion": self._model, "responseId": self._id})

    def _framed(self, value: Wire) -> bytes:
        body = body_bytes(value)
        if not self._stream:
            return body
        if not self._is_array:
            return b"data: %s\r\n\r\n" % body
        head, self._begun = (b"\n,\n" if self._begun else b"["), True
        return head + body


def _candidate(parts: list[Wire]) -> Wire:
    return {"content": {"parts": parts, "role": "model"}, "index": 0}


def _call_part(call: WholeCall) -> Wire:
    part: Wire = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
    for state in call.states:
        if state.kind == SIGNATURE:
            part["thoughtSignature"] = _text(state)
    return part


def _text(state: State) -> str:
    return state.data.decode("utf-8", "replace")


def _reason(ending: Ending) -> str:
    raw, plain = ending.raw_finish_reason or "", ending.finish_reason
    if FINISH_REASONS.get(raw) == ("stop" if plain == "tool_call" else plain):
        return raw
    return _REASONS.get(plain, "STOP")
