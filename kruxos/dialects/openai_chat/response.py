"""Chat Completions: the answer, streamed or whole, from OpenAI and from all who imitate it.

Theory of operation. A chunk holds a delta of choice 0: reasoning, text, pieces of tool calls, in that order. Parts
take their indexes as they appear: text or thinking goes on while nothing else comes between, a tool call is one part.
A whole answer is read as one delta. The finish reason may come early, often or never; usage in any chunk, or in one of
its own. What ends an answer is ``[DONE]``, or, at servers that send none, the end of the body after a finish reason.

The file is tolerant by one rule: what is not of the expected shape is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, Ending, Target
from kruxos.dialects.parts import CALL, THINKING, PartsDecoder
from kruxos.dialects.text import scrub, whole
from kruxos.dialects.usage import Counts, disjoint, inconsistent, merge
from kruxos.events import FinishReason, Notice
from kruxos.messages import compact_json

from .calls import Calls
from .errors import CODES
from .reasoning import CHUNK, DETAILS, Details, field_of, shown
from .usage import counts_of

_WORDS: dict[FinishReason, str] = {
    "stop": "stop eos eos_token end_turn complete completed stop_sequence",
    "length": "length max_tokens model_length model_context_window_exceeded max_output_tokens",
    "tool_call": "tool_calls tool_call tool_use function_call",
    "content_filter": "content_filter sensitive safety refusal",
    "error": "error network_error insufficient_system_resource",
}
FINISH_REASONS: dict[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}
_UPSTREAM_CHARS_MAX = 128


class ChatDecoder(PartsDecoder):
    """Decodes one answer of Chat Completions."""

    __slots__ = (
        "_calls", "_counts", "_details", "_details_part", "_finish_reason", "_has_reasoning_field", "_native_reason",
        "_refusal", "_upstream",
    )  # fmt: skip

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        super().__init__(target, encoded, content_type)
        self._calls = Calls(encoded.tool_names, self._new_part, self._hold)
        self._details = Details(self._hold)
        self._details_part: int | None = None
        self._counts: Counts | None = None
        self._finish_reason: str | None = None
        self._has_reasoning_field = False
        self._native_reason: Any = None
        self._refusal: list[str] = []
        self._upstream = ""

    def _event(self, name: str, value: dict[str, Any]) -> None:
        if not self._started or not self._model:
            self._identify(value)
        if not self._upstream:
            self._name_upstream(value.get("provider"))
        choices = value.get("choices")
        if choices:
            self._choices(choices)
        if "x_groq" in value:
            self._groq(value["x_groq"])
        usage = value.get("usage")
        if usage:
            self._merge_usage(usage)
        if value.get("error") or name == "error" or not (choices or usage or "choices" in value):
            self._maybe_refused(name, value)

    def _maybe_refused(self, name: str, value: dict[str, Any]) -> None:
        """A chunk that is an error: marked as one, or with a message in the place of choices."""
        is_bare = value.get("object") == "error" or isinstance(value.get("message") or value.get("detail"), str)
        if value.get("error") or name == "error" or is_bare:
            self._refused(value, self._codes())

    def _late(self, value: dict[str, Any]) -> None:
        self._merge_usage(value.get("usage"))

    def _answer(self, value: dict[str, Any]) -> None:
        choices = value.get("choices")
        if value.get("error") or not isinstance(choices, list) or not choices:
            self._merge_usage(value.get("usage"))
            self._refused(value, self._codes())
            return
        self._event("", value)
        self._end(inferred=False)

    def _done(self) -> None:
        self._end(inferred=False)

    def _closed(self) -> None:
        if self._finish_reason is not None:
            self._end(inferred=True)

    def _identify(self, value: dict[str, Any]) -> None:
        """Who answers: the first chunk may not say it (Azure begins with a chunk that names no model)."""
        model, answer_id = value.get("model"), value.get("id")
        if isinstance(answer_id, str) and self._response_id is None:
            self._response_id = self._calls.seed = whole(answer_id)
        if isinstance(model, str) and model and not self._model:
            self._model = whole(model)
            self._start(self._model)

    def _name_upstream(self, name: Any) -> None:
        """An aggregator says whom it let answer (OpenRouter's SDK: the answer's ``provider``)."""
        if isinstance(name, str) and name:
            self._upstream = whole(name)[:_UPSTREAM_CHARS_MAX]
            message = f"{self._target.provider} let {self._upstream} answer"
            self._out.append(Notice("upstream", message, {"upstream": self._upstream}))

    def _choices(self, choices: Any) -> None:
        for position, choice in enumerate(cast("list[Any]", choices) if isinstance(choices, list) else []):
            if isinstance(choice, dict):
                fields = cast("dict[str, Any]", choice)
                if fields.get("index", position) in (0, None):
                    self._choice(fields)

    def _choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._delta(cast("dict[str, Any]", delta), is_whole="delta" not in choice)
        reason = choice.get("finish_reason")
        if reason and isinstance(reason, str):
            self._finish_reason = whole(reason)
        if choice.get("native_finish_reason") is not None:
            self._native_reason = scrub(choice["native_finish_reason"])
        if choice.get("error"):
            self._refused(choice, self._codes())

    def _delta(self, delta: dict[str, Any], *, is_whole: bool) -> None:
        details = delta.get("reasoning_details")
        field, reasoning = field_of(delta)
        self._has_reasoning_field |= bool(field)
        if details and isinstance(details, list):
            self._reasoning_details(cast("list[Any]", details), is_whole=is_whole)
            if not reasoning and not self._has_reasoning_field:
                reasoning = shown(cast("list[Any]", details))
        if reasoning:
            self._thinking(reasoning, "" if self._details else field)
        content = delta.get("content")
        if content:
            self._content(content)
        calls = delta.get("tool_calls")
        if calls and isinstance(calls, list):
            for call in cast("list[Any]", calls):
                if isinstance(call, dict):
                    self._call(cast("dict[str, Any]", call))
        if delta.get("function_call"):  # the form before tools
            self._call({"index": 0, "function": delta["function_call"]})
        refusal = delta.get("refusal")
        if refusal and isinstance(refusal, str):
            self._hold(len(refusal))
            self._refusal.append(refusal)

    def _content(self, content: Any) -> None:
        if isinstance(content, str):
            self._text(content)
        elif isinstance(content, list):
            for part in cast("list[Any]", content):
                self._content_part(part)
        else:  # Cloudflare gives structured output as an object
            self._text(compact_json(content))

    def _content_part(self, part: Any) -> None:
        if isinstance(part, str):
            self._text(part)
        elif isinstance(part, dict):
            fields = cast("dict[str, Any]", part)
            if fields.get("type") == "thinking":
                thought, signature = "".join(_texts(fields.get("thinking"))), fields.get("signature")
                if thought or signature:
                    self._thinking(thought, CHUNK)
                if signature and isinstance(signature, str):
                    self._state(self._index, self._name(), CHUNK, whole(signature).encode())
            else:
                for text in _texts(fields.get("text")):
                    self._text(text)

    def _reasoning_details(self, details: list[Any], *, is_whole: bool) -> None:
        if self._details_part is None:
            if self._kind != THINKING:
                self._open(THINKING)
            self._details_part = self._index
        self._details.feed(details, are_whole=is_whole)

    def _call(self, delta: dict[str, Any]) -> None:
        self._open(CALL)
        self._calls.feed(delta, self._out)

    def _merge_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            return
        merge(self.raw_usage, scrub(cast("dict[str, Any]", usage)))
        self._counts = counts_of(self.raw_usage)
        self._used(disjoint(self._counts, reasoning_outside=self._target.profile.reasoning_outside))

    def _groq(self, beside: Any) -> None:
        if isinstance(beside, dict):
            fields = cast("dict[str, Any]", beside)
            self._merge_usage(fields.get("usage"))
            if fields.get("error"):
                self._refused(fields, self._codes())

    def _end(self, *, inferred: bool) -> None:
        raw = self._finish_reason
        reason = self._reason(raw)
        if reason == "error" and self.error is None:
            self._refused({"code": self._native_reason or raw})
        if self.error is not None:
            return
        self._start(self._name())
        self._flush()
        self._calls.finish(self._out)
        if self._details and self._details_part is not None:
            self._state(self._details_part, self._name(), DETAILS, self._details.data())
        refusal = whole("".join(self._refusal)) or None
        if refusal and reason == "stop" and not self._parts:
            reason = "content_filter"
        ending = Ending(
            finish_reason=reason,
            raw_finish_reason=raw,
            model=self._name(),
            response_id=self._response_id,
            stop_detail=self._native_reason,
            refusal=refusal,
            inferred=inferred,
        )
        self._conclude(ending, inconsistent(self.usage, self._counts) if self.usage and self._counts else None)

    def _reason(self, raw: str | None) -> FinishReason:
        reason: FinishReason = FINISH_REASONS.get((raw or "").lower(), "stop")
        if reason == "stop" and len(self._calls):  # several servers say stop beside tool calls
            return "tool_call"
        return reason

    def _codes(self) -> Any:
        return CODES[self._target.profile.error_codes]


def _texts(value: Any) -> Iterator[str]:
    """The texts in a part of content: a string, or a list of text parts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            text: Any = cast("dict[str, Any]", part).get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                yield text
