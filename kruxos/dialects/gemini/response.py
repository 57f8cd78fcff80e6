"""Gemini's generateContent: the answer, streamed or whole (Gemini docs: generateContent; Google's SDK; recordings).

Theory of operation. Every value of a stream is a whole response that holds only new parts, and a whole answer is a
stream of one. Streams come as server-sent events, or as one JSON array in pieces. Text and thoughts go on while
nothing else comes between; a part with a signature stands alone, because it has to go back as it came; a function
call comes whole. What we have no word for becomes ``State``.

There is no terminal event. An answer is whole when the body ends after a finish reason, or after the word that the
prompt was blocked; several values may carry a reason, and the last one counts.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects import failures, verdicts
from kruxos.dialects.base import EncodedRequest, Ending, Target
from kruxos.dialects.decoding import Framing
from kruxos.dialects.failures import Failure
from kruxos.dialects.json_stream import ObjectStream
from kruxos.dialects.parts import OTHER, TEXT, THINKING, PartsDecoder
from kruxos.dialects.text import as_text, json_bytes, scrub, whole
from kruxos.dialects.usage import merge
from kruxos.dialects.verdicts import Codes
from kruxos.errors import KruxosError, ProviderFailedError
from kruxos.events import FinishReason, Notice, TextDelta, ThinkingDelta

from .errors import error_of
from .state import BESIDE_CONTENT, GROUNDING, PART, SIGNATURE, THOUGHT
from .usage import contradiction, usage_of

_WORDS: dict[FinishReason, str] = {
    "stop": "STOP FINISH_REASON_UNSPECIFIED",
    "length": "MAX_TOKENS CONTINUATION",
    "content_filter": (
        "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT "
        "IMAGE_RECITATION MODEL_ARMOR JAILBREAK"
    ),
    "error": (
        "OTHER MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS MISSING_THOUGHT_SIGNATURE "
        "MALFORMED_RESPONSE IMAGE_OTHER NO_IMAGE"
    ),
}
FINISH_REASONS: dict[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}

_JSON_BEGINS = frozenset(b"{[")
_PREFIX = "models/"


class GeminiDecoder(PartsDecoder):
    """Decodes one answer of generateContent or streamGenerateContent."""

    __slots__ = ("_beside", "_block_reason", "_finish_message", "_finish_reason", "_has_content")

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        super().__init__(target, encoded, content_type)
        self._beside: dict[str, Any] = {}
        self._block_reason: str | None = None
        self._finish_message: Any = None
        self._finish_reason: str | None = None
        self._has_content = False

    def _framing(self, first: int) -> Framing | None:
        """A whole answer is read like a streamed array: object by object."""
        return ObjectStream() if first in _JSON_BEGINS else super()._framing(first)

    def _event(self, name: str, value: dict[str, Any]) -> None:
        self._identify(value)
        usage = value.get("usageMetadata")
        if isinstance(usage, dict):
            self._merge_usage(cast("dict[str, Any]", usage))
        candidates = value.get("candidates")
        if candidates and isinstance(candidates, list):
            self._candidates(cast("list[Any]", candidates))
        feedback = value.get("promptFeedback")
        if isinstance(feedback, dict):
            self._feedback(cast("dict[str, Any]", feedback))
        if value.get("error") or name == "error" or isinstance(value.get("message") or value.get("detail"), str):
            self._refused(value)

    def _late(self, value: dict[str, Any]) -> None:
        usage = value.get("usageMetadata")
        if isinstance(usage, dict):
            self._merge_usage(cast("dict[str, Any]", usage))

    def _answer(self, value: dict[str, Any]) -> None:
        self._event("", value)
        if self.error is None:
            self._closed()

    def _refused(self, value: Any, kinds: Codes | None = None) -> None:
        failure = failures.failure_of(value)
        sent = self._encoded.http.body
        self._fail(error_of(failure, self._target, sent=sent, billed_maybe=self._started))

    def _identify(self, value: dict[str, Any]) -> None:
        self._model = self._model or as_text(value.get("modelVersion")).removeprefix(_PREFIX)
        self._response_id = self._response_id or as_text(value.get("responseId")) or None

    def _merge_usage(self, usage: dict[str, Any]) -> None:
        merge(self.raw_usage, scrub(usage))
        self._used(usage_of(self.raw_usage))

    def _feedback(self, feedback: dict[str, Any]) -> None:
        reason = as_text(feedback.get("blockReason"))
        if not reason or self._block_reason:
            return
        self._block_reason = reason
        message = as_text(feedback.get("blockReasonMessage"))
        self._out.append(Notice("prompt_blocked", message or f"the provider blocked the prompt: {reason}"))

    def _candidates(self, candidates: list[Any]) -> None:
        for position, candidate in enumerate(candidates):
            if isinstance(candidate, dict):
                fields = cast("dict[str, Any]", candidate)
                if fields.get("index", position) in (0, None):
                    self._candidate(fields)

    def _candidate(self, candidate: dict[str, Any]) -> None:
        content = candidate.get("content")
        parts: Any = cast("dict[str, Any]", content).get("parts") if isinstance(content, dict) else None
        for part in cast("list[Any]", parts) if isinstance(parts, list) else []:
            if isinstance(part, dict):
                self._part(cast("dict[str, Any]", part))
        self._finish_reason = as_text(candidate.get("finishReason")) or self._finish_reason
        if candidate.get("finishMessage") is not None:
            self._finish_message = scrub(candidate["finishMessage"])
        beside = {name: candidate[name] for name in BESIDE_CONTENT if candidate.get(name)}
        if beside:
            self._hold(len(str(beside)))
            merge(self._beside, beside)

    def _part(self, part: dict[str, Any]) -> None:
        signature, text, call = part.get("thoughtSignature"), part.get("text"), part.get("functionCall")
        signature = signature if isinstance(signature, str) else ""
        if isinstance(call, dict):
            self._call(cast("dict[str, Any]", call), signature)
        elif signature and (text is None or isinstance(text, str)) and _says_nothing_else(part):
            self._signed(part, text or "", signature)
        elif isinstance(text, str):
            self._unsigned(text, is_thought=part.get("thought") is True)
        elif not _says_nothing_else(part):
            self._other(part)

    def _unsigned(self, text: str, *, is_thought: bool) -> None:
        if not text:
            return
        if is_thought:
            self._thinking(text, THOUGHT)
        else:
            self._has_content = True
            self._text(text)

    def _signed(self, part: dict[str, Any], text: str, signature: str) -> None:
        """A part of its own: it goes back with its signature, so nothing may be added to it."""
        is_thought = part.get("thought") is True
        if is_thought and not text:
            self._other(part)
            return
        self._open(THINKING if is_thought else TEXT)
        if text:
            self._has_content |= not is_thought
            self._out.append((ThinkingDelta if is_thought else TextDelta)(self._index, whole(text)))
        self._sign(signature)
        self._kind = OTHER

    def _call(self, call: dict[str, Any], signature: str) -> None:
        self._has_content = True
        self._whole_call(call.get("id"), call.get("name"), call.get("args"))
        if signature:
            self._sign(signature)
        self._end_call()

    def _sign(self, signature: str) -> None:
        self._hold(len(signature))
        self._state(self._index, self._name(), SIGNATURE, whole(signature).encode())

    def _other(self, part: dict[str, Any]) -> None:
        data = json_bytes(part)
        self._hold(len(data))
        self._has_content |= part.get("thought") is not True
        self._open(OTHER)
        self._state(self._index, self._name(), PART, data)

    def _closed(self) -> None:
        raw = self._finish_reason or self._block_reason
        if raw is None:
            return
        reason = self._reason(raw)
        if reason == "error" and not self._has_content:  # nothing came that could be used: another may do better
            self._fail(self._failed_answer(raw))
            return
        self._start(self._name())
        self._flush()
        if self._beside:
            self._open(OTHER)
            self._state(self._index, self._name(), GROUNDING, json_bytes(self._beside))
        ending = Ending(
            finish_reason=reason,
            raw_finish_reason=raw,
            model=self._name(),
            response_id=self._response_id,
            stop_detail=self._finish_message,
        )
        self._conclude(ending, contradiction(self.usage, self.raw_usage) if self.usage else None)

    def _failed_answer(self, raw: str) -> KruxosError:
        failure = Failure(message=as_text(self._finish_message), code=raw)
        sent = self._encoded.http.body
        return verdicts.error_of(ProviderFailedError, failure, self._target, sent=sent, billed_maybe=True)

    def _reason(self, raw: str) -> FinishReason:
        if self._finish_reason is None:
            return "content_filter"
        reason: FinishReason = FINISH_REASONS.get(raw, "stop")
        return "tool_call" if reason == "stop" and self._has_calls else reason


def _says_nothing_else(part: dict[str, Any]) -> bool:
    """Whether a part holds text, thought and signature at most."""
    return not (part.keys() - {"text", "thought", "thoughtSignature"})
