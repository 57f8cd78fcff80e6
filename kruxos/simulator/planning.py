"""What to answer: a request becomes a run of events and an ending, decided before the first byte goes out.

A script's answer comes first. Else a tool is called where a directive or the tool choice says so; JSON is given where
the request wants it; text in all other cases. Thinking comes before, where the model thinks. Every token is one
event, so that limits, stop sequences and faults can count them. Nothing here depends on chance or time: the same
request gets the same answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from kruxos.dialects.base import Ending
from kruxos.events import (
    Event,
    FinishReason,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
)
from kruxos.messages import Message, Part, Request, Text, Thinking, Tool, ToolCall, ToolResult, compact_json

from . import believable, fitting, tokens
from .directives import NOTHING, Directive, without_markers
from .marks import ANSWER, THOUGHTS, Mark, Thought, signature
from .scenario import Scripted
from .signing import Signer

SHOWN = "shown"
OMITTED = "omitted"
SEALED = "sealed"
HIDDEN = "hidden"
"""How thinking is told: its text and its mark; an empty text and its mark; the mark alone; only its tokens."""
ASKED_CHARS_MAX = 100_000
_QUOTED = re.compile(r"<conversation>.*</conversation>", re.DOTALL)
"""A conversation that is to be summed up: what was said in it is no word to the simulator."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an answer is made of. ``thinking`` is how the model thinks here; None: it does not.

    ``limit`` is the most output tokens, thinking included. ``name`` is the request's (see ``digest``): what is made up
    depends on it and nothing else.
    ``state_origin``, ``call_id``, ``mark`` and ``marks`` are the provider's: the tag of its state, how its call ids
    look, and the state that goes with thinking. ``answer_id`` is the answer's own.
    """

    request: Request
    model: str
    input_tokens: int
    thinking: str | None
    state_origin: str
    call_id: Callable[[str], str]
    usage: Callable[[int, int, int | None], Usage]
    signer: Signer
    name: str
    limit: int | None = None
    directive: Directive = NOTHING
    scripted: Scripted | None = None
    mark: Mark = signature
    marks: str = THOUGHTS
    answer_id: str = ""


@dataclass(slots=True)
class Plan:
    """An answer: its events without the start, and how it ends. ``hidden_tokens`` of its output stand in no event."""

    events: list[Event] = field(default_factory=list[Event])
    ending: Ending = field(default_factory=lambda: Ending("stop", None, ""))
    output_tokens: int = 0
    hidden_tokens: int = 0


def asked_of(request: Request) -> str:
    """The text of the last message, or of the last one before the results of tools."""
    for message in reversed(request.messages):
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        if message.role == "user" and texts:
            return "\n".join(texts)[-ASKED_CHARS_MAX:]
    return ""


def results_of(request: Request) -> str:
    """What tools have answered at the end of the conversation, as text."""
    texts: list[str] = []
    for message in reversed(request.messages):
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if not results:
            break
        contents = [[Text(each.content)] if isinstance(each.content, str) else each.content for each in results]
        texts = [part.text for content in contents for part in content if isinstance(part, Text)] + texts
    return "\n".join(texts)


def marked_texts(request: Request) -> list[str]:
    """Where directives count: the system prompt, and what the user says last. Older turns stay in a conversation."""
    marked = [message for message in request.messages if message.role == "system"]
    marked += [message for message in request.messages[-1:] if message.role == "user"]
    return [_QUOTED.sub("", part.text) for message in marked for part in message.parts if isinstance(part, Text)]


def digest(seed: int, model: str, request: Request) -> str:
    """A name for a request: the same conversation with the same model has the same one."""
    made = hashlib.sha256(f"{seed}\n{model}\n".encode())
    for message in request.messages:
        made.update(repr(message).encode("utf-8", "surrogatepass"))
    return made.hexdigest()


def plan(order: Order) -> Plan:
    """The answer to an order."""
    if order.scripted is not None and order.scripted.events:
        return _as_scripted(order, order.scripted)
    writer = _Writer(order)
    writer.write(_parts(order, Random(order.name)))  # noqa: S311 - believable, not secret
    return writer.plan()


def _as_scripted(order: Order, scripted: Scripted) -> Plan:
    events: list[Event] = [event for event in scripted.events if not isinstance(event, Start)]
    spoken = sum(tokens_of(event) for event in events)
    has_calls = any(isinstance(event, ToolCallBegin) for event in events)
    reason: FinishReason = scripted.finish_reason or ("tool_call" if has_calls else "stop")
    usage = scripted.usage or order.usage(order.input_tokens, spoken, None)
    ending = Ending(reason, scripted.raw_finish_reason, order.model, usage, stop_detail=scripted.stop_detail)
    return Plan(events, ending, usage.output_tokens or spoken)


def _parts(order: Order, chance: Random) -> list[Part]:
    wishes, asked = order.directive.wishes, without_markers(asked_of(order.request))
    if order.scripted is not None:
        return list(order.scripted.parts)
    parts: list[Part] = []
    if order.thinking is not None:
        parts.append(Thinking(believable.thoughts(asked, chance, wishes.thinking)))
    if wishes.refuse:
        return [Text(believable.refusal())]
    calls = _calls(order, asked, chance)
    if calls:
        return [*parts, *calls]
    return [*parts, Text(_text(order, asked, chance))]


def _text(order: Order, asked: str, chance: Random) -> str:
    wishes, wanted = order.directive.wishes, order.request.output_format
    if wishes.text is not None:
        return wishes.text
    if wanted is None:
        return believable.answer(asked, chance, wishes.tokens)
    if wanted.schema is None:
        return compact_json({"answer": believable.answer(asked, chance, wishes.tokens)})
    return compact_json(fitting.fit(wanted.schema, asked, chance))


def _calls(order: Order, asked: str, chance: Random) -> list[Part]:
    """The tools that are called: those that a directive or the tool choice wants."""
    chosen = _tools_to_call(order)
    return [
        ToolCall("", tool.name, arguments=fitting.fit({"type": "object"} | tool.parameters, asked, chance))
        for tool in chosen
    ]


def _tools_to_call(order: Order) -> list[Tool]:
    request, wishes = order.request, order.directive.wishes
    choice = request.tool_choice or "auto"
    named = choice.removeprefix("tool:") if choice.startswith("tool:") else wishes.tool
    is_asked = wishes.tool is not None and not _is_answering_tools(request.messages)
    if choice == "none" or not (is_asked or choice == "required" or choice.startswith("tool:")):
        return []
    fitting_tools = [tool for tool in request.tools if not named or tool.name == named]
    count = 1 if request.parallel_tool_calls is False else wishes.calls or 1
    return [fitting_tools[at % len(fitting_tools)] for at in range(count)] if fitting_tools else []


def _is_answering_tools(messages: list[Message]) -> bool:
    """Whether the request brings results: then the model answers, also where a system prompt asks for tools."""
    return bool(messages) and any(isinstance(part, ToolResult) for part in messages[-1].parts)


def tokens_of(event: Event) -> int:
    """The output tokens that an event carries; a made-up answer has one in each."""
    match event:
        case TextDelta() | ThinkingDelta():
            return tokens.count(event.text)
        case ToolCallDelta():
            return tokens.count(event.arguments)
        case ToolCallBegin():
            return 1
        case _:
            return 0


class _Writer:
    """Writes parts as events while there are tokens left, and stops at a stop sequence."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._left = order.limit
        self._events: list[Event] = []
        self._index = 0
        self._thought = 0
        self._spoken = 0
        self._stopped_by: str | None = None
        self._is_cut = False
        self._is_marked = False
        self._has_calls = False

    def write(self, parts: list[Part]) -> None:
        self._has_calls = any(isinstance(part, ToolCall) for part in parts)
        for part in parts:
            if self._is_cut or self._stopped_by is not None:
                return
            match part:
                case Thinking() if self._order.thinking is not None:
                    self._thinking(part.text)
                case Text():
                    self._text(part.text)
                case ToolCall():
                    self._call(part)
                case _:
                    continue
            self._index += 1

    def _take(self, pieces: list[str]) -> Iterator[str]:
        for piece in pieces:
            if self._left is not None:
                if self._left <= 0:
                    self._is_cut = True
                    return
                self._left -= 1
            yield piece

    def _thinking(self, text: str) -> None:
        written = list(self._take(tokens.split(text)))
        self._thought += len(written)
        how = self._order.thinking
        if self._order.directive.wishes.redacted and how != HIDDEN:
            self._mark(is_redacted=True)
            return
        if how == SHOWN:
            self._events += [ThinkingDelta(self._index, piece) for piece in written]
        if how == OMITTED:
            self._events.append(ThinkingDelta(self._index, ""))
        if how != HIDDEN and self._order.marks == THOUGHTS and not self._is_cut:
            self._mark("".join(written) if how == SHOWN else "")

    def _mark(self, text: str = "", *, is_redacted: bool = False) -> None:
        order = self._order
        thought = Thought(text, int(order.name[:15], 16), order.answer_id, self._index, is_redacted)
        state = order.mark(order.signer, thought)
        if state is not None:
            self._events.append(State(self._index, order.state_origin, order.model, *state))

    def _mark_answer(self) -> None:
        """Once, on what the thinking led to."""
        if self._order.marks == ANSWER and self._order.thinking is not None and not self._is_marked:
            self._is_marked = True
            self._mark()

    def _text(self, text: str) -> None:
        text, self._stopped_by = _until_stop(text, self._order.request.stop)
        written = list(self._take(tokens.split(text)))
        self._spoken += len(written)
        self._events += [TextDelta(self._index, piece) for piece in written]
        if not (self._is_cut or self._has_calls):
            self._mark_answer()

    def _call(self, call: ToolCall) -> None:
        call_id = call.id or self._order.call_id(
            hashlib.sha256(f"{self._order.name}{self._index}".encode()).hexdigest()
        )
        begin = ToolCallBegin(self._index, call_id, call.name)
        if not list(self._take([call.name])):
            return
        written = list(self._take(tokens.split(call.arguments_json)))
        self._spoken += 1 + len(written)
        self._events.append(begin)
        self._mark_answer()
        self._events += [*(ToolCallDelta(self._index, piece) for piece in written), ToolCallEnd(self._index)]

    def plan(self) -> Plan:
        order, scripted = self._order, self._order.scripted
        output = self._thought + self._spoken
        reasoning = self._thought if order.thinking is not None else None
        usage = (scripted and scripted.usage) or order.usage(order.input_tokens, output, reasoning)
        reason, raw, detail = self._reason(scripted)
        ending = Ending(reason, raw, order.model, usage, stop_detail=detail)
        return Plan(self._events, ending, output, 0 if order.thinking == SHOWN else self._thought)

    def _reason(self, scripted: Scripted | None) -> tuple[FinishReason, str | None, Any]:
        if scripted is not None and scripted.finish_reason is not None:
            return scripted.finish_reason, scripted.raw_finish_reason, scripted.stop_detail
        if self._order.directive.wishes.refuse:
            return "content_filter", None, None
        if self._is_cut:
            return "length", None, None
        if self._stopped_by is not None:
            return "stop", "stop_sequence", self._stopped_by
        has_calls = any(isinstance(event, ToolCallBegin) for event in self._events)
        return ("tool_call" if has_calls else "stop"), None, None


def _until_stop(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the first stop sequence, and which one that was."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found, key=lambda each: each[0])
    return text[:at], stop
