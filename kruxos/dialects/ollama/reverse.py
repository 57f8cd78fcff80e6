"""Ollama's native chat from the other side: a request as an agent sends it, read strictly.

What our language has no word for is kept in ``extra`` under its full path, and the body as it came is kept as
``native``, so that a worker of this dialect sends it on unchanged. Tool calls may come without ids: a result then
belongs to the first call of its name that has none yet.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.reading import Reader, read_object
from kruxos.dialects.tool_names import made_up_id
from kruxos.errors import BadRequestError
from kruxos.fields import Fields, wrong
from kruxos.messages import (
    Image,
    Message,
    Native,
    OutputFormat,
    Part,
    ProviderState,
    Request,
    Role,
    Text,
    Thinking,
    ThinkingEffort,
    Tool,
    ToolCall,
    ToolResult,
    compact_json,
)

from .state import THINKING

ORIGIN = "ollama"
_EFFORTS: dict[str, ThinkingEffort] = {"low": "low", "medium": "medium", "high": "high", "max": "max"}
_IMAGE_KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"RIFF", "image/webp"), (b"GIF8", "image/gif"))


def decode(body: bytes, _headers: Mapping[str, str]) -> DecodedRequest:
    """A request of ``/api/chat``. Raises ``BadRequestError`` naming the field."""
    reader = Reader()
    fields = reader.fields(read_object(body))
    model = fields.text("model", limit=256)
    conversation = _Conversation(reader)
    messages = fields.items("messages", conversation.message)
    if not messages:
        raise BadRequestError("messages is empty: at least one message is needed", field="messages")
    options = reader.fields(fields.object("options"), "options")
    limit = options.maybe_integer("num_predict")
    request = Request(
        messages,
        tools=fields.items("tools", lambda value, path: _tool(reader, value, path), limit=1024),
        max_output_tokens=limit if limit is not None and limit > 0 else None,
        temperature=options.maybe_number("temperature", low=0),
        top_p=options.maybe_number("top_p", low=0, high=1),
        top_k=options.maybe_integer("top_k", low=0),
        seed=options.maybe_integer("seed"),
        presence_penalty=options.maybe_number("presence_penalty"),
        frequency_penalty=options.maybe_number("frequency_penalty"),
        stop=_stop(options),
        thinking_effort=_effort(fields),
        output_format=_format(fields),
        native=Native("ollama", body),
    )
    return DecodedRequest(request, model, fields.boolean("stream", default=True), reader.rest())


class _Conversation:
    """The messages of one request; ``_open`` are calls without a result, by name and id."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open: list[tuple[str, str]] = []

    def message(self, value: Any, path: str) -> Message:
        fields = self._reader.fields(value, path)
        role: Role = _role(fields)
        if role == "tool":
            return Message("tool", [self._result(fields)])
        parts: list[Part] = []
        thinking = fields.maybe_text("thinking")
        if thinking:
            parts.append(Thinking(thinking, ProviderState(ORIGIN, "", THINKING, b"")))
        text = fields.maybe_text("content")
        if text:
            parts.append(Text(text))
        parts += fields.items("images", _image)
        parts += fields.items("tool_calls", self._call)
        return Message(role, parts)

    def _call(self, value: Any, path: str) -> ToolCall:
        call = self._reader.fields(value, path)
        function = self._reader.fields(call.raw("function"), f"{path}.function")
        call.raw("type")
        function.raw("index")
        name, given = function.text("name", limit=1024), call.maybe_text("id", limit=1024)
        call_id = given or made_up_id(path, 0, name)
        self._open.append((name, call_id))
        return ToolCall(call_id, name, arguments_json=compact_json(function.object("arguments")))

    def _result(self, fields: Fields) -> ToolResult:
        name, call_id = fields.maybe_text("tool_name", limit=1024), fields.maybe_text("tool_call_id", limit=1024)
        for at, (each, known) in enumerate(self._open):
            if (known == call_id) if call_id else (name in (None, each)):
                del self._open[at]
                return ToolResult(known, fields.maybe_text("content") or "", name=each)
        raise BadRequestError(f"{fields.path('tool_name')} names no call before it", field=fields.path("tool_name"))


def _role(fields: Fields) -> Role:
    word = fields.choice("role", ("system", "user", "assistant", "tool"))
    roles: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
    return roles[word]


def _image(value: Any, path: str) -> Image:
    if not isinstance(value, str):
        raise wrong(path, "base64", value)
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise wrong(path, "base64", value) from None
    media_type = next((kind for head, kind in _IMAGE_KINDS if data.startswith(head)), "image/png")
    return Image(data=data, media_type=media_type)


def _tool(reader: Reader, value: Any, path: str) -> Tool:
    fields = reader.fields(value, path)
    fields.raw("type")
    function = reader.fields(fields.raw("function"), f"{path}.function")
    name = function.text("name", limit=256)
    return Tool(name, function.maybe_text("description") or "", function.object("parameters"))


def _stop(options: Fields) -> list[str]:
    stop = options.raw("stop")
    return [stop] if isinstance(stop, str) else options.strings("stop", limit=64)


def _effort(fields: Fields) -> ThinkingEffort | None:
    think = fields.raw("think")
    if think is None or think is True:  # it thinks anyhow, unless it is told not to
        return None
    return "none" if think is False else _EFFORTS[fields.choice("think", tuple(_EFFORTS))]


def _format(fields: Fields) -> OutputFormat | None:
    wish = fields.raw("format")
    if wish is None or wish == "":
        return None
    return OutputFormat() if wish == "json" else OutputFormat(fields.object("format"))
