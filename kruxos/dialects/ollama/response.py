"""Ollama's /api/chat and /api/generate: the answer, streamed or whole (Ollama docs: API; recorded streams).

Theory of operation. A stream is NDJSON: each line a message that holds only what is new, the last one ``done`` with
its reason and the counts. A whole answer is one such line, so there is one way through this file. A tool call comes
whole in one line, and its end is told as ``stop``: that a tool is called stands in the calls. An error within a stream
is a line of its own.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects import failures
from kruxos.dialects.base import Ending
from kruxos.dialects.decoding import Framing
from kruxos.dialects.json_stream import ObjectStream
from kruxos.dialects.parts import PartsDecoder
from kruxos.dialects.text import as_text
from kruxos.dialects.usage import merge
from kruxos.dialects.verdicts import Codes
from kruxos.events import FinishReason

from .errors import error_of
from .state import THINKING
from .usage import raw_of, usage_of

FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
_OBJECT_BEGINS = ord("{")


class OllamaDecoder(PartsDecoder):
    """Decodes one answer of a native Ollama server."""

    __slots__ = ()

    def _framing(self, first: int) -> Framing | None:
        """A whole answer is a stream of one line."""
        return ObjectStream() if first == _OBJECT_BEGINS else super()._framing(first)

    def _event(self, name: str, value: dict[str, Any]) -> None:
        if value.get("error") or name == "error" or isinstance(value.get("message") or value.get("detail"), str):
            self._refused(value)
            return
        self._identify(value)
        message = value.get("message")
        if isinstance(message, dict):
            self._message(cast("dict[str, Any]", message), "content")
        else:  # /api/generate has both beside each other
            self._message(value, "response")
        if value.get("done") is True:
            self._end(value)

    def _answer(self, value: dict[str, Any]) -> None:
        self._event("", value)

    def _refused(self, value: Any, kinds: Codes | None = None) -> None:
        failure = failures.failure_of(value)
        sent = self._encoded.http.body
        self._fail(error_of(failure, self._target, sent=sent, billed_maybe=self._started))

    def _identify(self, value: dict[str, Any]) -> None:
        self._model = self._model or as_text(value.get("model"))
        if self._response_id is None:  # it has no ids: the moment of its first line stands for one, in made-up ids
            self._response_id = as_text(value.get("created_at")) or None

    def _message(self, fields: dict[str, Any], content: str) -> None:
        thinking, text, calls = fields.get("thinking"), fields.get(content), fields.get("tool_calls")
        if thinking and isinstance(thinking, str):
            self._thinking(thinking, THINKING)
        if text and isinstance(text, str):
            self._text(text)
        for call in cast("list[Any]", calls) if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._call(cast("dict[str, Any]", call))

    def _call(self, call: dict[str, Any]) -> None:
        function = call.get("function")
        fields = cast("dict[str, Any]", function) if isinstance(function, dict) else {}
        self._whole_call(call.get("id"), fields.get("name"), fields.get("arguments"))
        self._end_call()

    def _end(self, value: dict[str, Any]) -> None:
        raw = as_text(value.get("done_reason")) or None
        merge(self.raw_usage, raw_of(value))
        if self.raw_usage:
            self._used(usage_of(self.raw_usage))
        reason: FinishReason = FINISH_REASONS.get(raw or "", "stop")
        self._start(self._name())
        self._flush()
        self._conclude(
            Ending(
                finish_reason="tool_call" if reason == "stop" and self._has_calls else reason,
                raw_finish_reason=raw,
                model=self._name(),
            )
        )
