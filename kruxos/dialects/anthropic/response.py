"""Anthropic Messages: the answer, streamed or whole (Anthropic docs: streaming, Messages API).

Theory of operation. An answer is a list of blocks; a block begins, grows by deltas of its own index, and stops. A
whole answer is read as a stream in which every block begins complete, so there is one way through this file. Text,
thinking and tool calls become events at once. What only Anthropic understands is held until its block stops and
becomes ``State``: the signature of thinking, redacted thinking, citations, and every block of a kind that we have no
word for, as JSON, so that it can be sent back as it came.

    message_start  (content_block_start  content_block_delta*  content_block_stop)*  message_delta+  message_stop
    ``ping`` anywhere; ``error`` ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, Ending, Target
from kruxos.dialects.decoding import AnswerDecoder
from kruxos.dialects.text import Joiner, as_text, json_bytes, scrub, whole
from kruxos.dialects.usage import merge
from kruxos.errors import ProviderProtocolError
from kruxos.events import FinishReason, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import compact_json, parse_arguments

from .state import CITATIONS, REDACTED, SIGNATURE, kind_of_block
from .usage import usage_of

FINISH_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}


@dataclass(slots=True)
class _Block:
    """One block that has begun. ``raw`` is how it began; ``pieces``, by field, are held back until it stops."""

    index: int
    kind: str
    raw: dict[str, Any]
    joiner: Joiner = field(default_factory=Joiner)
    pieces: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    citations: list[Any] = field(default_factory=list[Any])
    has_arguments: bool = False


class MessagesDecoder(AnswerDecoder):
    """Decodes one answer of the Messages API."""

    __slots__ = ("_blocks", "_model", "_response_id", "_stop_detail", "_stop_reason")

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        super().__init__(target, encoded, content_type)
        self._blocks: dict[int, _Block] = {}
        self._model = target.model
        self._response_id: str | None = None
        self._stop_reason: str | None = None
        self._stop_detail: Any = None

    def _event(self, name: str, value: dict[str, Any]) -> None:
        kind = value.get("type")
        if kind == "content_block_delta":
            self._delta(value)
        elif kind == "content_block_start":
            self._block_start(value)
        elif kind == "content_block_stop":
            block = self._blocks.pop(_index(value), None)
            if block is not None:
                self._block_stop(block)
        elif kind == "message_start":
            self._message_start(value.get("message"))
        elif kind == "message_delta":
            self._message_delta(value.get("delta"), value.get("usage"))
        elif kind == "message_stop":
            self._message_stop()
        elif kind == "error" or name == "error" or "error" in value:
            self._refused(value)

    def _late(self, value: dict[str, Any]) -> None:
        if value.get("type") == "message_delta":
            self._merge_usage(value.get("usage"))

    def _answer(self, value: dict[str, Any]) -> None:
        blocks = value.get("content")
        if value.get("type") == "error" or value.get("error") or not isinstance(blocks, list):
            self._refused(value)
            return
        self._message_start(value)
        for index, block in enumerate(cast("list[Any]", blocks)):
            self._block_start({"index": index, "content_block": block})
            self._block_stop(self._blocks.pop(index))
        self._message_delta(value, None)
        self._message_stop()

    def _message_start(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise ProviderProtocolError("the provider's message_start has no message")
        fields = cast("dict[str, Any]", message)
        self._model = _text(fields, "model") or self._target.model
        self._response_id = _text(fields, "id") or None
        self._start(self._model)
        self._merge_usage(fields.get("usage"))

    def _message_delta(self, delta: Any, usage: Any) -> None:
        self._merge_usage(usage)
        if not isinstance(delta, dict):
            return
        fields = cast("dict[str, Any]", delta)
        self._stop_reason = _text(fields, "stop_reason") or self._stop_reason
        for name in ("stop_sequence", "stop_details"):
            if fields.get(name) is not None:
                self._stop_detail = scrub(fields[name])

    def _merge_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            merge(self.raw_usage, scrub(cast("dict[str, Any]", usage)))
            self._used(usage_of(self.raw_usage))

    def _message_stop(self) -> None:
        for index in list(self._blocks):  # some compatible servers do not stop their blocks
            self._block_stop(self._blocks.pop(index))
        self._start(self._model)
        self._conclude(
            Ending(
                finish_reason=FINISH_REASONS.get(self._stop_reason or "", "stop"),
                raw_finish_reason=self._stop_reason,
                model=self._model,
                response_id=self._response_id,
                stop_detail=self._stop_detail,
            )
        )

    def _block_start(self, value: dict[str, Any]) -> None:
        raw = value.get("content_block")
        if not isinstance(raw, dict):
            raise ProviderProtocolError("a block of the provider's answer is not a map")
        self._start(self._model)
        fields = cast("dict[str, Any]", raw)
        index = _index(value)
        if index in self._blocks:
            self._block_stop(self._blocks.pop(index))
        block = self._blocks[index] = _Block(self._new_part(), _text(fields, "type"), fields)
        if block.kind == "text":
            self._text(block, fields.get("text"))
            citations = fields.get("citations")
            block.citations += cast("list[Any]", citations) if isinstance(citations, list) else []
        elif block.kind == "thinking":
            self._thinking(block, fields.get("thinking"))
            self._hold_piece(block, "signature", fields.get("signature"))
        elif block.kind == "tool_use":
            name = _text(fields, "name")
            name = self._encoded.tool_names.get(name, name)
            call_id = _text(fields, "id") or f"toolu_{self._response_id or 'kruxos'}_{block.index}"
            self._out.append(ToolCallBegin(block.index, call_id, name))
        else:
            self._hold(len(str(fields)))

    def _delta(self, value: dict[str, Any]) -> None:
        block = self._blocks.get(_index(value))
        delta = value.get("delta")
        if block is None or not isinstance(delta, dict):
            raise ProviderProtocolError("a delta of the provider's stream belongs to no block")
        fields = cast("dict[str, Any]", delta)
        kind = fields.get("type")
        if kind == "text_delta" and block.kind == "text":
            self._text(block, fields.get("text"))
        elif kind == "input_json_delta" and block.kind == "tool_use":
            self._arguments(block, fields.get("partial_json"))
        elif kind == "thinking_delta" and block.kind == "thinking":
            self._thinking(block, fields.get("thinking"))
        elif kind == "citations_delta":
            self._hold(len(str(fields)))
            block.citations.append(fields.get("citation"))
        else:
            for name, piece in fields.items():
                self._hold_piece(block, name, piece)

    def _text(self, block: _Block, piece: Any) -> None:
        if isinstance(piece, str) and (piece := block.joiner.feed(piece)):
            self._out.append(TextDelta(block.index, piece))

    def _thinking(self, block: _Block, piece: Any) -> None:
        if isinstance(piece, str) and (piece := block.joiner.feed(piece)):
            self._out.append(ThinkingDelta(block.index, piece))

    def _arguments(self, block: _Block, piece: Any) -> None:
        if isinstance(piece, str) and (piece := block.joiner.feed(piece)):
            block.has_arguments = True
            self._out.append(ToolCallDelta(block.index, piece))

    def _hold_piece(self, block: _Block, name: str, piece: Any) -> None:
        if isinstance(piece, str) and name != "type":
            self._hold(len(piece))
            block.pieces.setdefault(name, []).append(piece)

    def _block_stop(self, block: _Block) -> None:
        match block.kind:
            case "text":
                self._stop_text(block)
            case "thinking":
                self._stop_thinking(block)
            case "redacted_thinking":
                self._state(block.index, self._model, REDACTED, _text(block.raw, "data").encode())
            case "tool_use":
                self._stop_tool(block)
            case _:
                self._stop_other(block)

    def _stop_text(self, block: _Block) -> None:
        if rest := block.joiner.finish():
            self._out.append(TextDelta(block.index, rest))
        if block.citations:
            self._state(block.index, self._model, CITATIONS, json_bytes(block.citations))

    def _stop_thinking(self, block: _Block) -> None:
        if rest := block.joiner.finish():
            self._out.append(ThinkingDelta(block.index, rest))
        if signature := whole("".join(block.pieces.get("signature", ()))):
            self._state(block.index, self._model, SIGNATURE, signature.encode())

    def _stop_tool(self, block: _Block) -> None:
        given = block.raw.get("input")
        if rest := block.joiner.finish():
            self._out.append(ToolCallDelta(block.index, rest))
        elif given and not block.has_arguments:
            self._out.append(ToolCallDelta(block.index, compact_json(scrub(given))))
        self._out.append(ToolCallEnd(block.index))

    def _stop_other(self, block: _Block) -> None:
        for name, pieces in block.pieces.items():
            grown = "".join(pieces)
            if name == "partial_json":
                block.raw["input"] = parse_arguments(grown)
            else:
                block.raw[name] = _text(block.raw, name) + grown
        self._state(block.index, self._model, kind_of_block(block.kind), json_bytes(block.raw))


def _index(value: dict[str, Any]) -> int:
    index = value.get("index", 0)
    if not isinstance(index, int):
        raise ProviderProtocolError("the index of a block in the provider's stream is not a number")
    return index


def _text(fields: dict[str, Any], name: str) -> str:
    return as_text(fields.get(name))
