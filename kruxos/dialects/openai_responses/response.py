"""Responses: the answer, streamed or whole (OpenAI API reference: responses streaming; Codex for its backend).

Theory of operation. An answer is a list of items; an item begins, grows by deltas that name its place, and is done. A
whole answer is read as a stream in which every item begins complete. Text, thinking and calls of the agent's tools
become events at once. Every text is told up to four times: as deltas, at its own end, in its item, in the final event;
only what is new goes out, so whatever a server leaves out of these, nothing is lost or said twice. What only the
provider understands becomes ``State`` when its item is done: reasoning, and every item that we have no word for.

    response.created  (output_item.added  *.delta*  *.done*  output_item.done)*  response.completed | .incomplete
    ``error`` or ``response.failed`` ends it; events of other names say nothing that their item does not say too.

The Codex backend's final event holds no items; OpenAI's holds them with other encrypted content than their own events
gave. The items' own events count, the final one only for what they left out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, Ending, Target
from kruxos.dialects.decoding import PARTS_MAX, AnswerDecoder
from kruxos.dialects.text import as_text, json_bytes, parse_json, scrub, whole
from kruxos.dialects.usage import Counts, disjoint, inconsistent, merge
from kruxos.errors import ProviderProtocolError
from kruxos.events import FinishReason, Notice, TextDelta, ThinkingDelta, ToolCallBegin, ToolCallDelta, ToolCallEnd

from .errors import streamed_error
from .growing import Item, text_of
from .state import ENCRYPTED, ITEM, MESSAGE, REASONING, SUMMARY, kind_of_item
from .usage import counts_of

FINISH_REASONS: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "stop",
}
"""What the reason of an answer that is incomplete means."""

# The texts that grow: of which type of item, under which name its end tells it, and what numbers it within the item.
_GROWING = {
    "response.output_text": ("message", "text", "content_index"),
    "response.refusal": ("message", "refusal", "content_index"),
    "response.reasoning_summary_text": ("reasoning", "text", "summary_index"),
    "response.reasoning_text": ("reasoning", "text", "content_index"),
    "response.function_call_arguments": ("function_call", "arguments", ""),
    "response.custom_tool_call_input": ("custom_tool_call", "input", ""),
}
_BEGINS = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
# Calls that the agent's side runs, and where each holds what is asked; those of OpenAI's own tools are their name.
_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "apply_patch_call": "operation",
}
_ARGUMENTS = ("arguments", 0)
_PLAIN_CALL = frozenset({"type", "id", "call_id", "name", "arguments", "status"})


class ResponsesDecoder(AnswerDecoder):
    """Decodes one answer of the Responses API."""

    __slots__ = ("_counts", "_has_calls", "_has_text", "_items", "_keys", "_model", "_refusal", "_response_id")

    def __init__(self, target: Target, encoded: EncodedRequest, content_type: str) -> None:
        super().__init__(target, encoded, content_type)
        self._items: dict[int | str, Item] = {}
        self._keys: dict[str, int | str] = {}
        self._counts: Counts | None = None
        self._model = target.model
        self._response_id: str | None = None
        self._refusal: list[str] = []
        self._has_text = False
        self._has_calls = False

    def _event(self, name: str, value: dict[str, Any]) -> None:
        kind = as_text(value.get("type")) or name
        subject, _, step = kind.rpartition(".")
        if subject in _GROWING and step in ("delta", "done"):
            self._grow(subject, step, value)
        elif kind == "response.output_item.added":
            self._item_added(value)
        elif kind == "response.output_item.done":
            self._item_done(value)
        elif kind in _BEGINS:
            self._identify(_map(value.get("response")))
        elif kind in _ENDS:
            self._end(_map(value.get("response")), step)
        elif "error" in (kind, name) or value.get("error"):
            self._failed(value)

    def _late(self, value: dict[str, Any]) -> None:
        self._merge_usage(_map(value.get("response")).get("usage") or value.get("usage"))

    def _answer(self, value: dict[str, Any]) -> None:
        if value.get("error") or not isinstance(value.get("output"), list):
            self._merge_usage(value.get("usage"))
            self._failed(value)
        else:
            self._end(value, "completed")

    def _failed(self, value: dict[str, Any]) -> None:
        sent = self._encoded.http.body
        self._fail(streamed_error(value, self._target, sent=sent, billed_maybe=self._started))

    def _identify(self, response: dict[str, Any]) -> None:
        self._model = as_text(response.get("model")) or self._model
        self._response_id = as_text(response.get("id")) or self._response_id
        self._start(self._model)

    # Items

    def _item_of(self, value: dict[str, Any], fields: dict[str, Any]) -> Item:
        """The item that an event is about, begun with these fields where it is new."""
        index, item_id = value.get("output_index"), as_text(value.get("item_id")) or as_text(fields.get("id"))
        key = index if isinstance(index, int) else self._keys.get(item_id, item_id)
        item = self._items.get(key)
        if item is None:
            if len(self._items) >= PARTS_MAX:
                raise ProviderProtocolError(f"the provider's answer has more than {PARTS_MAX} items")
            self._start(self._model)
            item = self._items[key] = Item(fields)
            if item.type not in ("", "message"):
                item.index = self._new_part()
            if item_id:
                self._keys.setdefault(item_id, key)
        return item

    def _item_added(self, value: dict[str, Any]) -> None:
        fields = _map(value.get("item"))
        item = self._item_of(value, fields)
        if self._is_call(item):
            self._begin_call(item)

    def _item_done(self, value: dict[str, Any]) -> None:
        fields = _map(value.get("item"))
        item = self._item_of(value, fields)
        if fields:
            item.fields = fields
        self._close(item)

    def _close(self, item: Item) -> None:
        """All of an item is known: tells what of it was not told yet."""
        if item.is_done:
            return
        item.is_done = True
        if item.type == "message":
            self._close_message(item)
        elif item.type == "reasoning":
            self._close_reasoning(item)
        elif self._is_call(item):
            self._close_call(item)
        elif item.type and item.index is not None:
            data = json_bytes(item.fields)
            self._hold(len(data))
            self._state(item.index, self._model, kind_of_item(item.type), data)
        item.forget()

    # Texts

    def _grow(self, subject: str, step: str, value: dict[str, Any]) -> None:
        item_type, name, place = _GROWING[subject]
        item = self._item_of(value, {"type": item_type})
        if item.type != item_type or item.is_done or (item_type in _CALLS and not self._is_call(item)):
            return
        number = value.get(place)
        key = _ARGUMENTS if item_type in _CALLS else (subject, number if isinstance(number, int) else 0)
        if step == "delta":
            piece = value.get("delta")
            if isinstance(piece, str):
                self._tell(item, key, item.growing(key).feed(piece))
        else:
            self._tell(item, key, item.growing(key).rest_of(text_of(value.get(name))))

    def _tell(self, item: Item, key: tuple[str, int], piece: str) -> None:
        if not piece:
            return
        if key[0] == "response.refusal":
            self._hold(len(piece))
            self._refusal.append(piece)
        elif item.type in _CALLS:
            self._tell_arguments(item, piece)
        else:
            growing = item.growing(key)
            if growing.index is None:
                growing.index = self._place(item)
            is_text = item.type == "message"
            self._has_text |= is_text
            self._out.append((TextDelta if is_text else ThinkingDelta)(growing.index, piece))

    def _place(self, item: Item) -> int:
        """A part's index. The first of reasoning is its item's; a further one is marked as belonging to it."""
        if item.type == "message":
            return self._new_part()
        if item.index is not None and not item.is_begun:
            item.is_begun = True
            return item.index
        index = self._new_part()
        self._state(index, self._model, SUMMARY, b"")
        return index

    def _whole_texts(self, item: Item, name: str, subjects: dict[str, str]) -> None:
        """What an item says as a whole of the texts in one of its lists."""
        for number, part in enumerate(_list(item.fields.get(name))):
            subject = subjects.get(as_text(_map(part).get("type")))
            if subject is not None:
                key = (subject, number)
                text = _map(part).get(_GROWING[subject][1])
                self._tell(item, key, item.growing(key).rest_of(text_of(text)))

    def _flush(self, item: Item) -> None:
        for key, growing in list(item.texts.items()):
            self._tell(item, key, growing.finish())

    def _close_message(self, item: Item) -> None:
        subjects = {"output_text": "response.output_text", "text": "response.output_text"}
        self._whole_texts(item, "content", subjects | {"refusal": "response.refusal"})
        self._flush(item)
        phase = {"phase": item.fields["phase"]} if item.fields.get("phase") else {}
        for number, part in enumerate(_list(item.fields.get("content"))):
            growing = item.texts.get(("response.output_text", number))
            annotations = _list(_map(part).get("annotations"))
            if growing is not None and growing.index is not None and (annotations or phase):
                data = json_bytes(phase | ({"annotations": annotations} if annotations else {}))
                self._hold(len(data))
                self._state(growing.index, self._model, MESSAGE, data)

    def _close_reasoning(self, item: Item) -> None:
        self._whole_texts(item, "summary", {"summary_text": "response.reasoning_summary_text"})
        self._whole_texts(item, "content", {"reasoning_text": "response.reasoning_text"})
        self._flush(item)
        if item.index is not None and any(item.fields.get(name) for name in (ENCRYPTED, "summary", "content")):
            data = json_bytes(item.fields)
            self._hold(len(data))
            self._state(item.index, self._model, REASONING, data)

    # Calls

    def _is_call(self, item: Item) -> bool:
        """Whether an item is for the agent to run; one of a free-form tool is where the request has that tool."""
        if item.is_call is None:
            is_custom = item.type == "custom_tool_call"
            item.is_call = as_text(item.fields.get("name")) in self._custom() if is_custom else item.type in _CALLS
        return item.is_call

    def _custom(self) -> set[Any]:
        """The names of the free-form tools in the request; a provider's own tools may answer in the same form."""
        try:
            body = _map(parse_json(self._encoded.http.body))
        except ValueError:
            return set()
        added = [tool for item in _list(body.get("input")) for tool in _list(_map(item).get("tools"))]
        tools = [_map(tool) for tool in _list(body.get("tools")) + added]
        return {tool.get("name") for tool in tools if tool.get("type") == "custom" and as_text(tool.get("name"))}

    def _begin_call(self, item: Item) -> None:
        name = as_text(item.fields.get("name")) or item.type * (item.type != "function_call")
        if item.is_begun or item.index is None or not (name or item.is_done):
            return
        item.is_begun = True
        self._has_calls = True
        call_id = as_text(item.fields.get("call_id")) or as_text(item.fields.get("id"))
        call_id = call_id or f"call_{self._response_id or 'kruxos'}_{item.index}"
        self._out.append(ToolCallBegin(item.index, call_id, self._encoded.tool_names.get(name, name)))
        if held := "".join(item.held):
            item.held.clear()
            self._out.append(ToolCallDelta(item.index, held))

    def _tell_arguments(self, item: Item, piece: str) -> None:
        if item.is_begun and item.index is not None:
            self._out.append(ToolCallDelta(item.index, piece))
        else:  # its name has not come yet
            self._hold(len(piece))
            item.held.append(piece)

    def _close_call(self, item: Item) -> None:
        self._begin_call(item)
        if item.index is None:
            return
        growing = item.growing(_ARGUMENTS)
        self._tell(item, _ARGUMENTS, growing.rest_of(text_of(item.fields.get(_CALLS.get(item.type, "")))))
        self._flush(item)
        beside = {name for name, value in item.fields.items() if value is not None} - _PLAIN_CALL
        if beside:
            data = json_bytes(item.fields)
            self._hold(len(data))
            self._state(item.index, self._model, ITEM, data)
        self._out.append(ToolCallEnd(item.index))

    # The end

    def _merge_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            merge(self.raw_usage, scrub(cast("dict[str, Any]", usage)))
            self._counts = counts_of(self.raw_usage)
            self._used(disjoint(self._counts))

    def _end(self, response: dict[str, Any], step: str) -> None:
        status = as_text(response.get("status")) or step
        self._merge_usage(response.get("usage"))
        if response.get("error") or status == "failed":
            self._failed(response if response.get("error") else {"error": {"code": "server_error"}})
            return
        if status not in ("completed", "incomplete", "done"):
            self._fail(self._interrupted())
            return
        self._identify(response)
        self._rest(_list(response.get("output")))
        self._conclude(self._ending(status, response), self._contradiction())

    def _rest(self, output: list[Any]) -> None:
        """What the final event says of items that were not told or not done."""
        told_ids = {as_text(item.fields.get("id")) for item in self._items.values()} - {""}
        told = Counter(item.type for item in self._items.values())
        told.subtract(as_text(_map(fields).get("type")) for fields in output)
        for position, fields in enumerate(output):
            known, kind = self._items.get(position), as_text(_map(fields).get("type"))
            is_new = known is None and as_text(_map(fields).get("id")) not in told_ids and told[kind] < 0
            if is_new or (known is not None and not known.is_done):
                self._item_done({"output_index": position, "item": fields})
        for item in self._items.values():
            self._close(item)

    def _ending(self, status: str, response: dict[str, Any]) -> Ending:
        detail = as_text(_map(response.get("incomplete_details")).get("reason")) or None
        refusal = whole("".join(self._refusal)) or None
        reason: FinishReason = "tool_call" if self._has_calls else "stop"
        if status == "incomplete":
            reason = FINISH_REASONS.get(detail or "", "length")
        elif refusal and not (self._has_text or self._has_calls):
            reason = "content_filter"
        return Ending(
            finish_reason=reason,
            raw_finish_reason=status,
            model=self._model,
            response_id=self._response_id,
            stop_detail=detail,
            refusal=refusal,
        )

    def _contradiction(self) -> Notice | None:
        return inconsistent(self.usage, self._counts) if self.usage and self._counts else None


def _map(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
