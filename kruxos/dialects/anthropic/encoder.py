"""Anthropic Messages from the other side: an answer as Anthropic writes it (Anthropic docs: streaming).

Blocks follow each other in a stream: a block is open until something of another part comes. Text and thinking close
at once then. A tool call closes at its own end, and what comes of other parts meanwhile waits for it; so parallel calls
whose pieces arrive mixed leave one after the other. A whole answer is put together from the same blocks.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.base import Ending
from kruxos.dialects.text import body_bytes
from kruxos.errors import KruxosError
from kruxos.events import Event, Start, State, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import ProviderState, parse_arguments

from .errors import error_body
from .response import FINISH_REASONS
from .state import CITATIONS, SIGNATURE, block_of, json_of
from .usage import raw_usage

PING = {"type": "ping"}
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_call": "tool_use", "content_filter": "refusal"}

# The types of deltas: which field of its block one grows, and where it holds the piece.
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("input", "partial_json"),
}
_PIECES = "pieces"

Block = dict[str, Any]


class MessagesEncoder:
    """Encodes one answer. With ``ping`` in ``extra`` a stream begins with the event that keeps clients awake."""

    def __init__(self, *, stream: bool, model: str, call_id: str, created: int, extra: dict[str, Any]) -> None:
        del created  # its answers have no date
        self.content_type = "text/event-stream; charset=utf-8" if stream else "application/json"
        self._stream = stream
        self._message: dict[str, Any] = {
            "id": call_id if call_id.startswith("msg_") else f"msg_{call_id}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        self._ping = bool(extra.get("ping"))
        self._blocks = _Blocks()
        self._begun = False

    def feed(self, event: Event) -> bytes:
        """The bytes for one event; empty while an answer that is not streamed is being collected."""
        if isinstance(event, Start):
            self._message["model"] = event.model
            return self._begin() if self._stream else b""
        self._blocks.feed(event)
        return self._begin() + _joined(self._blocks.take()) if self._stream else b""

    def finish(self, ending: Ending) -> bytes:
        """The rest of the answer."""
        self._blocks.finish()
        if not self._stream:
            return body_bytes(self._whole(ending))
        begin = self._begin()
        delta = {"type": "message_delta", "delta": _stop(ending), "usage": raw_usage(ending.usage)}
        return begin + _joined([*self._blocks.take(), delta, {"type": "message_stop"}])

    def fail(self, error: KruxosError) -> bytes:
        """The rest of a stream that breaks off with an error after it began."""
        body = error_body(error)
        return _joined([body]) if self._stream else body_bytes(body)

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = self._message | {"usage": {"input_tokens": 0, "output_tokens": 0}}
        return _joined([{"type": "message_start", "message": message}, *([PING] if self._ping else [])])

    def _whole(self, ending: Ending) -> dict[str, Any]:
        content: list[Block] = []
        for event in self._blocks.take():
            if event["type"] == "content_block_start":
                content.append(event["content_block"])
            elif event["type"] == "content_block_delta":
                _grow(content[-1], event["delta"])
        for block in content:
            for name, pieces in block.pop(_PIECES, {}).items():
                grown = "".join(pieces)
                block[name] = parse_arguments(grown) if name == "input" else grown
        return self._message | {"content": content} | _stop(ending) | {"usage": raw_usage(ending.usage)}


class _Blocks:
    """The events of a stream's content, one block after the other."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._waiting: list[Event] = []
        self._part: int | None = None
        self._type = ""
        self._count = 0
        self._is_open = False

    def take(self) -> list[dict[str, Any]]:
        events, self._events = self._events, []
        return events

    def feed(self, event: Event) -> None:
        if self._is_open and self._type == "tool_use" and getattr(event, "index", self._part) != self._part:
            self._waiting.append(event)
            return
        match event:
            case TextDelta():
                self._grow(event.index, {"type": "text", "text": ""}, {"type": "text_delta", "text": event.text})
            case ThinkingDelta():
                block = {"type": "thinking", "thinking": "", "signature": ""}
                self._grow(event.index, block, {"type": "thinking_delta", "thinking": event.text})
            case ToolCallBegin():
                self._open(event.index, {"type": "tool_use", "id": event.id, "name": event.name, "input": {}})
            case ToolCallDelta():
                self._delta({"type": "input_json_delta", "partial_json": event.arguments})
            case ToolCallEnd():
                self._close()
                self._release()
            case State():
                self._state(event)
            case _:
                pass

    def finish(self) -> None:
        while self._is_open or self._waiting:
            self._close()
            self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.feed(event)

    def _grow(self, part: int, block: Block, delta: Block) -> None:
        if not (self._is_open and self._part == part):
            self._open(part, block)
        self._delta(delta)

    def _open(self, part: int, block: Block) -> None:
        self._close()
        self._events.append({"type": "content_block_start", "index": self._count, "content_block": block})
        self._part, self._type, self._is_open = part, block["type"], True

    def _delta(self, delta: Block) -> None:
        if self._is_open:
            self._events.append({"type": "content_block_delta", "index": self._count, "delta": delta})

    def _close(self) -> None:
        if self._is_open:
            self._events.append({"type": "content_block_stop", "index": self._count})
            self._count += 1
        self._is_open = False

    def _state(self, event: State) -> None:
        state = ProviderState(event.origin, event.model, event.kind, event.data)
        is_beside = self._is_open and self._part == event.index
        if event.kind == SIGNATURE and is_beside and self._type == "thinking":
            self._delta({"type": "signature_delta", "signature": event.data.decode("utf-8", "replace")})
        elif event.kind == CITATIONS and is_beside and self._type == "text":
            for citation in cast("list[Any]", json_of(state, list) or []):
                self._delta({"type": "citations_delta", "citation": citation})
        elif not is_beside and (block := block_of(state)) is not None:
            self._open(event.index, block)
            self._close()


def _grow(block: Block, delta: Block) -> None:
    """Adds a delta to its block, in an answer that is collected; texts are joined in the end."""
    if delta["type"] == "citations_delta":
        block.setdefault("citations", []).append(delta["citation"])
        return
    name, field = _DELTAS[delta["type"]]
    block.setdefault(_PIECES, {}).setdefault(name, []).append(delta[field])


def _stop(ending: Ending) -> dict[str, Any]:
    raw, detail = ending.raw_finish_reason, ending.stop_detail
    reason = raw if raw in FINISH_REASONS else _STOP_REASONS.get(ending.finish_reason, "end_turn")
    stop = {"stop_reason": reason, "stop_sequence": detail if isinstance(detail, str) else None}
    return stop | ({"stop_details": detail} if isinstance(detail, dict) else {})


def _joined(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), body_bytes(event)) for event in events)
