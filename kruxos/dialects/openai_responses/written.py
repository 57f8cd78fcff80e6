"""The items of an answer that we write, as the events of a stream and as they are in the end.

An item has one part of ours: a text is a message, thinking is reasoning with its text as a summary, a call is a call.
Text and thinking are done as soon as something else begins; calls may grow side by side, as their places tell them
apart. What is a Responses item already goes out as it is. State of other providers travels sealed in the encrypted
content of a reasoning item, so that a client that sends it back, as it must, keeps what Anthropic signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from kruxos.events import Event, State, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd
from kruxos.messages import ProviderState

from .state import ALONE, ENCRYPTED, ITEM, MESSAGE, REASONING, SUMMARY, fields_of, sealed

Wire = dict[str, Any]

_CALLS_OF_TOOLS = {
    "computer_use_preview": "computer_call",
    "computer": "computer_call",
    "local_shell": "local_shell_call",
    "apply_patch": "apply_patch_call",
}
"""What calls of OpenAI's own tools that the agent runs are called."""


@dataclass(slots=True, eq=False)
class _Open:
    """An item that has begun. ``texts`` are its texts so far, the last one in ``pieces``."""

    item: Wire
    place: int
    type: str
    pieces: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    state: ProviderState | None = None

    def where(self, number: str = "") -> Wire:
        """How events name its place; ``number`` is the field that counts its texts."""
        where: Wire = {"item_id": self.item.get("id", ""), "output_index": self.place}
        return where | ({number: len(self.texts)} if number else {})


class WrittenItems:
    """The items of one answer. ``extra`` holds the tools of the request that are no functions."""

    def __init__(self, call_id: str, extra: dict[str, Any]) -> None:
        self._call_id = call_id
        found = [cast("dict[str, Any]", value) for value in extra.values() if isinstance(value, dict)]
        self._custom = {str(tool.get("name")) for tool in found if tool.get("type") == "custom"}
        kinds = {str(tool.get("type")) for tool in found}
        self._own = {_CALLS_OF_TOOLS[kind] for kind in kinds & set(_CALLS_OF_TOOLS)}
        self._events: list[Wire] = []
        self._open: dict[int, _Open] = {}
        self._marks: dict[int, ProviderState] = {}
        self._count = 0
        self._done: dict[int, Wire] = {}

    @property
    def output(self) -> list[Wire]:
        """The items that are done, in order."""
        return [self._done[place] for place in sorted(self._done)]

    def take(self) -> list[Wire]:
        """The events that came of late."""
        events, self._events = self._events, []
        return events

    def feed(self, event: Event) -> None:
        """Takes one event in."""
        match event:
            case TextDelta():
                self._text(event)
            case ThinkingDelta():
                self._thinking(event)
            case ToolCallBegin():
                self._call(event)
            case ToolCallDelta():
                self._arguments(event)
            case ToolCallEnd():
                self._close(self._open.get(event.index))
            case State():
                self._state(event.index, ProviderState(event.origin, event.model, event.kind, event.data))
            case _:
                pass

    def finish(self, refusal: str | None) -> None:
        """The answer is whole: what is open is done; a refusal is a message of its own."""
        for opened in list(self._open.values()):
            self._close(opened)
        if refusal:
            self._refuse(refusal)

    def _tell(self, kind: str, where: Wire, **fields: Any) -> None:
        self._events.append({"type": f"response.{kind}", **where, **fields})

    def _begin(self, index: int, prefix: str, kind: str, **fields: Any) -> _Open:
        self._close_prose()
        named = {"id": f"{prefix}_{self._call_id}_{self._count}", "type": kind}
        opened = self._open[index] = _Open(named | fields, self._count, kind)
        self._count += 1
        self._tell("output_item.added", {"output_index": opened.place}, item=opened.item)
        return opened

    def _close_prose(self) -> None:
        for opened in list(self._open.values()):
            if opened.type in ("message", "reasoning"):
                self._close(opened)

    def _close(self, opened: _Open | None) -> None:
        if opened is None:
            return
        for index in [index for index, other in self._open.items() if other is opened]:
            del self._open[index]
        if opened.type == "message":
            self._close_message(opened)
        elif opened.type == "reasoning":
            self._close_reasoning(opened)
        else:
            self._close_call(opened)

    def _close_item(self, opened: _Open, item: Wire) -> None:
        self._done[opened.place] = item
        self._tell("output_item.done", {"output_index": opened.place}, item=item)

    # Text

    def _text(self, event: TextDelta) -> None:
        opened = self._open.get(event.index)
        if opened is None or opened.type != "message":
            opened = self._begin(event.index, "msg", "message", status="in_progress", role="assistant", content=[])
            part: Wire = {"type": "output_text", "text": "", "annotations": []}
            self._tell("content_part.added", opened.where("content_index"), part=part)
        opened.pieces.append(event.text)
        self._tell("output_text.delta", opened.where("content_index"), delta=event.text, logprobs=[])

    def _close_message(self, opened: _Open) -> None:
        beside = fields_of(opened.state) if opened.state is not None else {}
        text = "".join(opened.pieces)
        part = {"type": "output_text", "text": text, "annotations": beside.get("annotations", [])}
        where = opened.where("content_index")
        self._tell("output_text.done", where, text=text, logprobs=[])
        self._tell("content_part.done", where, part=part)
        phase = {"phase": beside["phase"]} if "phase" in beside else {}
        self._close_item(opened, opened.item | {"status": "completed", "content": [part]} | phase)

    def _refuse(self, refusal: str) -> None:
        opened = self._begin(-1, "msg", "message", status="in_progress", role="assistant", content=[])
        self._open.clear()
        where, part = opened.where("content_index"), {"type": "refusal", "refusal": refusal}
        self._tell("content_part.added", where, part={"type": "refusal", "refusal": ""})
        self._tell("refusal.delta", where, delta=refusal)
        self._tell("refusal.done", where, refusal=refusal)
        self._tell("content_part.done", where, part=part)
        self._close_item(opened, opened.item | {"status": "completed", "content": [part]})

    # Thinking

    def _thinking(self, event: ThinkingDelta) -> None:
        opened = self._open.get(event.index)
        if opened is None or opened.type != "reasoning":
            opened = self._begin_thinking(event.index)
            part = {"type": "summary_text", "text": ""}
            self._tell("reasoning_summary_part.added", opened.where("summary_index"), part=part)
        opened.pieces.append(event.text)
        self._tell("reasoning_summary_text.delta", opened.where("summary_index"), delta=event.text)

    def _begin_thinking(self, index: int) -> _Open:
        mark = self._marks.pop(index, None)
        if mark is not None and mark.kind == SUMMARY:
            before = next((each for each in self._open.values() if each.type == "reasoning"), None)
            if before is not None:  # a further text of the same reasoning
                self._close_summary(before)
                self._open[index] = before
                return before
        opened = self._begin(index, "rs", "reasoning", summary=[])
        opened.state = None if mark is None or mark.kind == SUMMARY else mark
        return opened

    def _close_summary(self, opened: _Open) -> None:
        if not opened.pieces:
            return
        text, where = "".join(opened.pieces), opened.where("summary_index")
        self._tell("reasoning_summary_text.done", where, text=text)
        self._tell("reasoning_summary_part.done", where, part={"type": "summary_text", "text": text})
        opened.texts.append(text)
        opened.pieces.clear()

    def _close_reasoning(self, opened: _Open) -> None:
        self._close_summary(opened)
        state, item = opened.state, opened.item
        summary = [{"type": "summary_text", "text": text} for text in opened.texts]
        if state is not None and state.kind == REASONING:
            item = fields_of(state)
            if summary:  # where it was told as full text it is told once, as a summary
                item = {name: value for name, value in item.items() if name != "content"} | {"summary": summary}
        else:
            item = item | {"summary": summary} | ({ENCRYPTED: sealed(state)} if state is not None else {})
        self._close_item(opened, item)

    # Calls

    def _call(self, event: ToolCallBegin) -> None:
        if event.name in self._own:  # told whole, in the end
            self._close_prose()
            self._open[event.index] = _Open({"type": event.name, "call_id": event.id}, self._count, event.name)
            self._count += 1
        else:
            is_custom = event.name in self._custom
            kind, prefix = ("custom_tool_call", "ctc") if is_custom else ("function_call", "fc")
            named = {"call_id": event.id, "name": event.name, _GROWN[kind][1]: ""}
            self._begin(event.index, prefix, kind, status="in_progress", **named)

    def _arguments(self, event: ToolCallDelta) -> None:
        opened = self._open.get(event.index)
        if opened is None:
            return
        opened.pieces.append(event.arguments)
        if opened.type in _GROWN:
            self._tell(f"{_GROWN[opened.type][0]}.delta", opened.where(), delta=event.arguments)

    def _close_call(self, opened: _Open) -> None:
        fields = fields_of(opened.state) if opened.state is not None and opened.state.kind == ITEM else {}
        if opened.type not in _GROWN:
            item = fields or opened.item
            self._tell("output_item.added", {"output_index": opened.place}, item=item)
            self._close_item(opened, item)
            return
        event, name = _GROWN[opened.type]
        text = "".join(opened.pieces) or ("{}" if name == "arguments" else "")
        self._tell(f"{event}.done", opened.where(), **{name: text})
        self._close_item(opened, fields or opened.item | {"status": "completed", name: text})

    # State

    def _state(self, index: int, state: ProviderState) -> None:
        opened = self._open.get(index)
        if opened is None and not state.data:
            self._marks[index] = state
        elif opened is not None and (state.data or opened.state is None):
            self._state_of(opened, state)
        elif state.kind in ALONE and (fields := fields_of(state)):
            self._whole_item(fields)
        elif state.data:
            self._begin(index, "rs", "reasoning", summary=[]).state = state
            self._close_prose()

    def _state_of(self, opened: _Open, state: ProviderState) -> None:
        is_message = opened.type == "message"
        if not is_message or state.kind == MESSAGE:
            opened.state = state
        if state.kind == REASONING and opened.type == "reasoning":
            self._close(opened)

    def _whole_item(self, fields: Wire) -> None:
        self._close_prose()
        place = {"output_index": self._count}
        self._done[self._count] = fields
        self._count += 1
        self._tell("output_item.added", place, item=fields)
        self._tell("output_item.done", place, item=fields)


_GROWN = {
    "function_call": ("function_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
}
