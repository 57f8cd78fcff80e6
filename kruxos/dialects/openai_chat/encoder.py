"""Chat Completions from the other side: an answer as OpenAI writes it (OpenAI API reference: chat streaming).

Chunks of a stream carry one delta each; thinking goes out as ``reasoning_content``, the name that most clients read.
The usage chunk has no choices and comes only when ``stream_options.include_usage`` asked for it, then ``[DONE]``.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.base import Ending
from kruxos.dialects.openai_errors import error_body
from kruxos.dialects.text import body_bytes, parse_json
from kruxos.errors import KruxosError
from kruxos.events import Event, Start, State, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta

from .reasoning import DETAILS, FIELDS
from .response import FINISH_REASONS
from .usage import raw_usage

_REASONS = {"stop": "stop", "length": "length", "tool_call": "tool_calls", "content_filter": "content_filter"}

Wire = dict[str, Any]


class ChatEncoder:
    """Encodes one answer; ``created`` is in Unix seconds."""

    def __init__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> None:
        self.content_type = "text/event-stream; charset=utf-8" if stream else "application/json"
        self._stream = stream
        self._include_usage = _wants_usage(extra)
        self._head: Wire = {
            "id": call_id if call_id.startswith("chatcmpl-") else f"chatcmpl-{call_id}",
            "object": "chat.completion.chunk" if stream else "chat.completion",
            "created": created,
            "model": model,
        }
        self._begun = False
        self._calls: dict[int, int] = {}
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._thought_field = FIELDS[0]
        self._details: list[Any] = []
        self._whole_calls: dict[int, Wire] = {}
        self._arguments: dict[int, list[str]] = {}

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        if isinstance(event, Start):
            self._head["model"] = event.model
            return self._chunk({}) if self._stream else b""
        delta = self._delta(event)
        if delta is None:
            return b""
        if self._stream:
            return self._chunk(delta)
        self._collect(event, delta)
        return b""

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        if not self._stream:
            return body_bytes(self._whole(ending))
        refusal = self._chunk({"refusal": ending.refusal}) if ending.refusal else b""
        last = self._chunk({}, _reason(ending))
        return refusal + last + self._usage_chunk(ending) + b"data: [DONE]\n\n"

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began."""
        body = error_body(error)
        return b"data: %s\n\n" % body_bytes(body) if self._stream else body_bytes(body)

    def _delta(self, event: Event) -> Wire | None:
        match event:
            case TextDelta():
                return {"content": event.text}
            case ThinkingDelta():
                return {self._thought_field: event.text}
            case ToolCallBegin():
                index = self._calls.setdefault(event.index, len(self._calls))
                function = {"name": event.name, "arguments": ""}
                return {"tool_calls": [{"index": index, "id": event.id, "type": "function", "function": function}]}
            case ToolCallDelta() if event.index in self._calls:
                function = {"arguments": event.arguments}
                return {"tool_calls": [{"index": self._calls[event.index], "function": function}]}
            case State():
                return self._state(event)
            case _:
                return None

    def _state(self, event: State) -> Wire | None:
        if event.kind in FIELDS:
            self._thought_field = event.kind
        if event.kind != DETAILS:
            return None
        try:
            return {DETAILS: parse_json(event.data)}
        except ValueError:
            return None

    def _chunk(self, delta: Wire, reason: str | None = None) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": "", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        chunk = self._head | {"choices": [choice]} | ({"usage": None} if self._include_usage else {})
        return b"data: %s\n\n" % body_bytes(chunk)

    def _usage_chunk(self, ending: Ending) -> bytes:
        if not self._include_usage or ending.usage is None:
            return b""
        return b"data: %s\n\n" % body_bytes(self._head | {"choices": [], "usage": raw_usage(ending.usage)})

    def _collect(self, event: Event, delta: Wire) -> None:
        match event:
            case TextDelta():
                self._texts.append(event.text)
            case ThinkingDelta():
                self._thoughts.append(event.text)
            case ToolCallBegin():
                self._whole_calls[event.index] = delta["tool_calls"][0]
            case ToolCallDelta():
                self._arguments.setdefault(event.index, []).append(event.arguments)
            case _:
                self._details = delta[DETAILS]

    def _whole(self, ending: Ending) -> Wire:
        message: Wire = {"role": "assistant", "content": "".join(self._texts) or None, "refusal": ending.refusal}
        if self._thoughts:
            message[self._thought_field] = "".join(self._thoughts)
        if self._details:
            message[DETAILS] = self._details
        if self._whole_calls:
            message["tool_calls"] = [self._whole_call(index) for index in sorted(self._whole_calls)]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(ending)}
        usage = {"usage": raw_usage(ending.usage)} if ending.usage is not None else {}
        return self._head | {"choices": [choice]} | usage

    def _whole_call(self, index: int) -> Wire:
        call = self._whole_calls[index]
        function = {"name": call["function"]["name"], "arguments": "".join(self._arguments.get(index, [])) or "{}"}
        return {"id": call["id"], "type": "function", "function": function}


def _wants_usage(extra: dict[str, Any]) -> bool:
    options = extra.get("stream_options")
    return isinstance(options, dict) and cast("dict[str, Any]", options).get("include_usage") is True


def _reason(ending: Ending) -> str:
    raw = ending.raw_finish_reason or ""
    if raw in _REASONS.values() and FINISH_REASONS[raw] == ending.finish_reason:
        return raw
    return _REASONS.get(ending.finish_reason, "stop")
