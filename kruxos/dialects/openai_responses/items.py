"""A conversation as the input items of Responses, and its instructions.

Nothing is kept at the provider, so everything goes back: reasoning right in front of what came of it, as it was made;
calls and their results, paired by ``call_id``; what the provider's own tools did. Reasoning that nothing follows is
left out, for it is refused, and so is reasoning that can't be read without its id (OpenAI API reference: input items;
Codex sends no ids at all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from kruxos.dialects.encoding import Draft, told_as_error
from kruxos.dialects.media import data_url, text_of
from kruxos.errors import BadRequestError
from kruxos.messages import (
    Document,
    Image,
    Message,
    Part,
    ProviderState,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

from .state import ALONE, CONTENT, ENCRYPTED, ITEM, MESSAGE, REASONING, fields_of

Wire = dict[str, Any]

_PARAGRAPH = "\n\n"
_CUSTOM = "custom_tool_call"
_OF_THE_MODEL = ("function_call", _CUSTOM)


class Items:
    """The instructions and input items of one request. Raises ``BadRequestError``."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._profile = draft.target.profile
        self._answer: Wire | None = None
        self._custom_calls: set[str] = set()
        self.items: list[Wire] = []
        messages = draft.request.messages
        leading = list(takewhile(lambda message: message.role == "system", messages))
        if len(leading) == len(messages):
            leading = []
        self.instructions = _PARAGRAPH.join(self._instructions(leading))
        for index in range(len(leading), len(messages)):
            self._add(messages[index], f"messages[{index}]")
        self._drop_loose_reasoning()
        if not self.items:
            raise BadRequestError("messages has nothing that can be sent", field="messages")

    def texts(self) -> Iterator[str]:
        """What the input's messages say in text."""
        for item in self.items:
            for part in item["content"] if item.get("type") == "message" else ():
                yield part.get("text", "")

    def insert_instructions(self, text: str) -> None:
        """Puts instructions first among the items."""
        content = [{"type": "input_text", "text": text}]
        self.items.insert(0, {"type": "message", "role": self._profile.system_role, "content": content})

    def _instructions(self, messages: Sequence[Message]) -> list[str]:
        texts: list[str] = []
        for index, message in enumerate(messages):
            content = self._content(message.parts, f"messages[{index}]", texts_only=True)
            texts += [part["text"] for part in content]
        return texts

    def _add(self, message: Message, path: str) -> None:
        self._answer = None
        if message.role == "assistant":
            for index, part in enumerate(message.parts):
                self._add_part(part, f"{path}.parts[{index}]")
        elif message.role == "system":
            self._message(self._profile.system_role, self._content(message.parts, path, texts_only=True))
        else:
            for index, part in enumerate(message.parts):
                if isinstance(part, ToolResult):
                    self._result(part, f"{path}.parts[{index}]")
            self._message("user", self._content(message.parts, path))

    def _message(self, role: str, content: list[Wire]) -> None:
        if content:
            self.items.append({"type": "message", "role": role, "content": content})

    def _add_part(self, part: Part, path: str) -> None:
        match part:
            case Text():
                self._text(part)
            case ToolCall():
                self._call(part)
            case Thinking():
                if self._draft.is_own(part.state) and part.state is not None:
                    self._own_item(part.state)
            case ProviderState():
                if self._draft.is_own(part):
                    self._own_item(part)
            case _:
                raise BadRequestError(f"{path} does not belong into a message of this role", field=path)

    def _text(self, part: Text) -> None:
        if not part.text:
            return
        beside: Wire = {}
        if part.state is not None and part.state.kind == MESSAGE and self._draft.is_own(part.state):
            beside = fields_of(part.state)
        phase = {"phase": beside["phase"]} if "phase" in beside else {}
        answer = self._answer
        if answer is None or answer is not self.items[-1] or answer.get("phase") != phase.get("phase"):
            named = {"id": f"msg_{len(self.items)}", "status": "completed"} if self._profile.item_ids else {}
            answer = self._answer = {"type": "message", **named, "role": "assistant", "content": [], **phase}
            self.items.append(answer)
        annotations = beside.get("annotations", [])
        answer["content"].append({"type": "output_text", "text": part.text, "annotations": annotations})

    def _call(self, part: ToolCall) -> None:
        call_id = part.id
        if part.state is not None and part.state.kind == ITEM and self._draft.is_own(part.state):
            item = fields_of(part.state)
            if item.get("type") in _OF_THE_MODEL:
                self._custom_calls |= {call_id} if item["type"] == _CUSTOM else set()
                self.items.append(self._without_id(item | {"call_id": call_id}))
                return
        name = self._draft.names.sent(part.name)
        self.items.append({"type": "function_call", "call_id": call_id, "name": name, "arguments": part.arguments_json})

    def _result(self, part: ToolResult, path: str) -> None:
        call_id = part.id
        kind = "custom_tool_call_output" if call_id in self._custom_calls else "function_call_output"
        self.items.append({"type": kind, "call_id": call_id, "output": self._output(part, path)})

    def _output(self, part: ToolResult, path: str) -> str | list[Wire]:
        if isinstance(part.content, str):
            return told_as_error(part.content) if part.is_error else part.content
        content = self._content(part.content, path)
        texts = [each["text"] for each in content if each["type"] == "input_text"]
        if len(texts) == len(content):
            text = "\n".join(texts)
            return told_as_error(text) if part.is_error else text
        return ([{"type": "input_text", "text": told_as_error("")}] if part.is_error else []) + content

    def _own_item(self, state: ProviderState) -> None:
        item = fields_of(state) if state.kind in ALONE else {}
        if item and state.kind == REASONING:
            item = REASONING_ITEMS[self._profile.reasoning_items](item)
        if item:
            self.items.append(self._without_id(item))

    def _without_id(self, item: Wire) -> Wire:
        if self._profile.item_ids:
            return item
        return {name: value for name, value in item.items() if name != "id"}

    def _content(self, parts: Sequence[Part], path: str, *, texts_only: bool = False) -> list[Wire]:
        wire: list[Wire] = []
        for index, part in enumerate(parts):
            where = f"{path}.parts[{index}]"
            match part:
                case Text():
                    wire += [{"type": "input_text", "text": part.text}] if part.text else []
                case ToolResult() if not texts_only:
                    pass
                case Image() if not texts_only:
                    wire.append(_image(part))
                case Document() if not texts_only:
                    wire.append(_document(part))
                case ProviderState():
                    if self._draft.is_own(part) and part.kind == CONTENT:
                        wire.append(fields_of(part))
                case _:
                    raise BadRequestError(f"{where} does not belong into a message of this role", field=where)
        return wire

    def _drop_loose_reasoning(self) -> None:
        kept: list[Wire] = []
        for item in reversed(self.items):
            if item.get("type") == "reasoning" and not (kept and _comes_of_reasoning(kept[-1])):
                self._draft.tell("state_dropped", "thinking that nothing came of was not sent: the provider refuses it")
            else:
                kept.append(item)
        self.items = kept[::-1]


def _comes_of_reasoning(item: Wire) -> bool:
    """Whether an item may be what reasoning right before it led to."""
    return not (item.get("role", "assistant") != "assistant" or str(item.get("type")).endswith("_output"))


def _image(part: Image) -> Wire:
    url = part.url if part.url is not None else data_url(part.media_type, part.data)
    return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}


def _document(part: Document) -> Wire:
    text = text_of(part)
    if text is not None:
        return {"type": "input_text", "text": text}
    if part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    name = part.name or "document.pdf"
    return {"type": "input_file", "filename": name, "file_data": data_url(part.media_type, part.data)}


def _as_given(item: Wire) -> Wire:
    """The whole item, but for what an answer says of itself."""
    return {name: value for name, value in item.items() if name != "status" and value is not None}


def _encrypted(item: Wire) -> Wire:
    """What a server that keeps nothing can read; nothing where there is nothing encrypted."""
    content = item.get(ENCRYPTED)
    if not content or not isinstance(content, str):
        return {}
    summary = item.get("summary")
    kept: Wire = {"type": "reasoning", "summary": summary if isinstance(summary, list) else [], ENCRYPTED: content}
    return {"id": item["id"], **kept} if "id" in item else kept


REASONING_ITEMS: dict[str, Callable[[Wire], Wire]] = {"as_given": _as_given, "encrypted": _encrypted}
