"""The parts of an answer whose provider does not number them: text or thinking goes on while nothing else comes.

A dialect's decoder says what it found, piece by piece; indexes, the start of the answer and split surrogates are kept
here.
"""

from __future__ import annotations

from typing import Any

from kruxos.events import TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import compact_json

from .base import EncodedRequest, Target
from .decoding import AnswerDecoder
from .text import Joiner, as_text, scrub, whole
from .tool_names import made_up_id

TEXT, THINKING, CALL, OTHER = "text", "thinking", "call", "other"


class PartsDecoder(AnswerDecoder):
    """A decoder of unnumbered parts. ``_model`` and ``_response_id`` are what the answer says of itself."""

    __slots__ = ("_has_calls", "_index", "_joiner", "_kind", "_model", "_response_id")

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        super().__init__(target, encoded, content_type)
        self._kind = ""
        self._index = 0
        self._joiner = Joiner()
        self._model = ""
        self._response_id: str | None = None
        self._has_calls = False

    def _name(self) -> str:
        """The model that answers, or the one that was asked."""
        return self._model or self._target.model

    def _text(self, piece: str) -> None:
        if self._kind != TEXT:
            self._open(TEXT)
        piece = self._joiner.feed(piece)
        if piece:
            self._out.append(TextDelta(self._index, piece))

    def _thinking(self, piece: str, state: str = "") -> None:
        """A piece of thinking; ``state`` is the kind of the empty state that marks a new part as its provider's."""
        if self._kind != THINKING:
            self._open(THINKING)
            if state:
                self._state(self._index, self._name(), state, b"")
        piece = self._joiner.feed(piece)
        if piece:
            self._out.append(ThinkingDelta(self._index, piece))

    def _whole_call(self, call_id: Any, name: Any, arguments: Any) -> None:
        """A tool call that came in one piece; the part stays open for a state."""
        self._open(OTHER)
        self._has_calls = True
        sent = as_text(name)
        given_id = as_text(call_id) or self._made_up_id(sent)
        self._out.append(ToolCallBegin(self._index, given_id, self._encoded.tool_names.get(sent, sent)))
        if arguments:
            text = whole(arguments) if isinstance(arguments, str) else compact_json(scrub(arguments))
            self._out.append(ToolCallDelta(self._index, text))

    def _end_call(self) -> None:
        self._out.append(ToolCallEnd(self._index))

    def _made_up_id(self, name: str) -> str:
        return made_up_id(self._response_id or str(self._target.now), self._index, name)

    def _open(self, kind: str) -> None:
        """A part of another kind begins: what was held of the last one goes out. Calls number themselves."""
        self._start(self._name())
        self._flush()
        if kind != CALL:
            self._index = self._new_part()
        self._kind = kind

    def _flush(self) -> None:
        rest = self._joiner.finish()
        if rest:
            self._out.append((TextDelta if self._kind == TEXT else ThinkingDelta)(self._index, rest))
