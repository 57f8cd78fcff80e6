"""The items of an agent's request as messages of ours.

Items follow each other flat; what one side says in a row is one message here. An item without a word of ours is the
provider's state, at its place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, cast

from kruxos.dialects.media import from_data_url
from kruxos.dialects.reading import Reader
from kruxos.dialects.text import json_bytes
from kruxos.errors import BadRequestError
from kruxos.fields import Fields, wrong
from kruxos.messages import Document, Image, Message, Part, ProviderState, Role, Text, Thinking, ToolCall, ToolResult

from .state import CONTENT, ENCRYPTED, ITEM, MESSAGE, REASONING, SUMMARY, fields_of, kind_of_item, unsealed

ORIGIN = "openai"
"""Who is taken for the maker of state in a request: it does not say."""
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_DETAILS = ("auto", "low", "high")
_PDF = "application/pdf"
_ITEMS = (
    "message", "function_call", "custom_tool_call", "function_call_output", "custom_tool_call_output", "reasoning",
)  # fmt: skip


class Conversation:
    """The messages of one request. ``read`` takes one item, and raises ``BadRequestError`` naming the field."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.messages: list[Message] = []

    def read(self, value: Any, path: str) -> None:
        """Takes the next item."""
        fields = Fields(value, path)
        kind = fields.maybe_text("type", limit=256) or "message"
        if kind not in _ITEMS:
            self._add("assistant", [_state(kind_of_item(kind), value)])
            return
        fields = self._reader.fields(value, path)
        for known in ("type", "id", "status"):
            fields.raw(known)
        match kind:
            case "message":
                self._message(fields)
            case "function_call":
                self._function_call(fields)
            case "custom_tool_call":
                self._custom_call(fields, value)
            case "reasoning":
                self._reasoning(fields, value)
            case _:
                self._output(fields)

    def _add(self, role: Role, parts: list[Part]) -> None:
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == role and role in ("assistant", "tool"):
            last.parts += parts
        elif parts:
            self.messages.append(Message(role, parts))

    def _message(self, fields: Fields) -> None:
        role = _ROLES[fields.choice("role", tuple(_ROLES))]
        phase = fields.raw("phase")
        content = fields.raw("content")
        parts = [Text(content)] if isinstance(content, str) else self._parts(fields, "content")
        if phase is not None and role == "assistant":
            for part in parts:
                if isinstance(part, Text):
                    beside = json_bytes({"phase": phase} | _beside(part))
                    part.state = ProviderState(ORIGIN, "", MESSAGE, beside)
        self._add(role, [part for part in parts if not (isinstance(part, Text) and not part.text)])

    def _function_call(self, fields: Fields) -> None:
        arguments = fields.maybe_text("arguments") or "{}"
        call_id, name = fields.text("call_id", limit=1024), fields.text("name", limit=1024)
        self._add("assistant", [ToolCall(call_id, name, arguments_json=arguments)])

    def _custom_call(self, fields: Fields, value: Any) -> None:
        call_id, name = fields.text("call_id", limit=1024), fields.text("name", limit=1024)
        text = fields.text("input")
        call = ToolCall(call_id, name, {"input": text}, state=_state(ITEM, value))
        self._add("assistant", [call])

    def _output(self, fields: Fields) -> None:
        output = fields.raw("output")
        content = output if isinstance(output, str) else self._parts(fields, "output")
        self._add("tool", [ToolResult(fields.text("call_id", limit=1024), content)])

    def _reasoning(self, fields: Fields, value: Any) -> None:
        texts = [*self._texts(fields, "summary"), *self._texts(fields, "content")]
        word = fields.maybe_text(ENCRYPTED)
        state = (unsealed(word) if word else None) or _state(REASONING, value)
        further = [Thinking(text, ProviderState(ORIGIN, "", SUMMARY, b"")) for text in texts[1:]]
        if state.kind != REASONING:
            further = [Thinking(text) for text in texts[1:]]
        self._add("assistant", [Thinking(texts[0], state) if texts else state, *further])

    def _texts(self, fields: Fields, name: str) -> list[str]:
        def text_of(value: Any, path: str) -> str:
            part = self._reader.fields(value, path)
            part.raw("type")
            return part.text("text")

        return [text for text in fields.items(name, text_of) if text]

    def _parts(self, fields: Fields, name: str) -> list[Part]:
        return fields.items(name, self._part)

    def _part(self, value: Any, path: str) -> Part:
        kind = Fields(value, path).text("type", limit=256)
        read = _PARTS.get(kind)
        if read is None:
            raise BadRequestError(f"{path}.type must be one of {', '.join(_PARTS)}", field=f"{path}.type")
        if isinstance(cast("dict[str, Any]", value).get("file_id"), str):  # a file at the provider
            return _state(CONTENT, value)
        fields = self._reader.fields(value, path)
        fields.raw("type")
        return read(self._reader, fields)


def _state(kind: str, value: Any) -> ProviderState:
    return ProviderState(ORIGIN, "", kind, json_bytes(value))


def _beside(part: Text) -> dict[str, Any]:
    return fields_of(part.state) if part.state is not None else {}


def _read_text(_reader: Reader, fields: Fields) -> Part:
    annotations = fields.items("annotations", lambda value, _: value)
    fields.raw("logprobs")
    state = _state(MESSAGE, {"annotations": annotations}) if annotations else None
    return Text(fields.text("text"), state)


def _read_refusal(_reader: Reader, fields: Fields) -> Part:
    return Text(fields.text("refusal"))


def _read_image(reader: Reader, fields: Fields) -> Part:
    fields.raw("file_id")
    url, detail = fields.text("image_url"), fields.maybe_text("detail")
    if detail is not None and detail not in _DETAILS:
        reader.keep(fields.path("detail"), detail)
        detail = None
    media_type, data = from_data_url(url, fields.path("image_url"))
    return Image(url=url, detail=detail) if data is None else Image(data, media_type, detail=detail)


def _read_file(_reader: Reader, fields: Fields) -> Part:
    fields.raw("file_id")
    name, url = fields.maybe_text("filename", limit=1024), fields.maybe_text("file_url")
    if url is not None:
        return Document(url=url, name=name)
    text = fields.text("file_data")
    media_type, data = from_data_url(text, fields.path("file_data"))
    if data is None:
        media_type = _PDF
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise wrong(fields.path("file_data"), "a data: URL or base64", text) from None
    return Document(data, media_type, name=name)


_PARTS: dict[str, Callable[[Reader, Fields], Part]] = {
    "input_text": _read_text,
    "output_text": _read_text,
    "text": _read_text,
    "refusal": _read_refusal,
    "input_image": _read_image,
    "input_file": _read_file,
}
