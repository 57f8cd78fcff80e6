"""Ollama from the other side: an answer as its server writes it (Ollama docs: API).

One line of JSON for every piece, a tool call whole in its line; the last one is ``done``, with reason and counts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kruxos.dialects.base import Ending
from kruxos.dialects.text import body_bytes
from kruxos.dialects.whole_calls import WholeCall, WholeCalls
from kruxos.errors import KruxosError
from kruxos.events import Event, Start, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd

from .errors import error_body
from .response import FINISH_REASONS
from .usage import raw_usage

_REASONS = {"length": "length"}

Wire = dict[str, Any]


class OllamaEncoder:
    """Encodes one answer; ``created`` is in Unix seconds."""

    def __init__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> None:
        self.content_type = "application/x-ndjson" if stream else "application/json; charset=utf-8"
        self._stream = stream
        self._model = model
        self._created_at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._calls = WholeCalls()
        self._count = 0
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._done_calls: list[Wire] = []

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        if isinstance(event, Start):
            self._model = event.model
            return b""
        piece = self._piece(event)
        if piece is None:
            return b""
        if self._stream:
            return self._line({"message": {"role": "assistant", "content": "", **piece}, "done": False})
        self._texts.append(piece.get("content", ""))
        self._thoughts.append(piece.get("thinking", ""))
        self._done_calls += piece.get("tool_calls", [])
        return b""

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        self._done_calls += [self._call(call) for call in self._calls.finish()]
        message: Wire = {"role": "assistant", "content": "".join(self._texts)}
        if any(self._thoughts):
            message["thinking"] = "".join(self._thoughts)
        if self._done_calls:
            message["tool_calls"] = self._done_calls
        return self._line({"message": message, "done": True, "done_reason": _reason(ending), **raw_usage(ending.usage)})

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began."""
        return body_bytes(error_body(error)) + (b"\n" if self._stream else b"")

    def _piece(self, event: Event) -> Wire | None:
        match event:
            case TextDelta():
                return {"content": event.text}
            case ThinkingDelta():
                return {"thinking": event.text}
            case ToolCallBegin() | ToolCallDelta() | ToolCallEnd():
                call = self._calls.feed(event)
                return None if call is None else {"tool_calls": [self._call(call)]}
            case _:
                return None

    def _call(self, call: WholeCall) -> Wire:
        self._count += 1
        function = {"index": self._count - 1, "name": call.name, "arguments": call.arguments}
        return {"id": call.id, "function": function}

    def _line(self, value: Wire) -> bytes:
        body = body_bytes({"model": self._model, "created_at": self._created_at, **value})
        return body + b"\n" if self._stream else body


def _reason(ending: Ending) -> str:
    raw = ending.raw_finish_reason
    return raw if raw in FINISH_REASONS else _REASONS.get(ending.finish_reason, "stop")
