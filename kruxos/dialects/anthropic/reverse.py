"""Anthropic Messages from the other side: a request as an agent sends it, read strictly.

What our language has no word for is kept in ``extra`` under its full path, and the body as it came is kept as
``native``, so that a worker of this dialect sends it on unchanged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, cast

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.reading import Reader, read_object
from kruxos.errors import BadRequestError
from kruxos.fields import Fields, wrong
from kruxos.messages import (
    Document,
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
    Tool,
    ToolCall,
    ToolResult,
    compact_json,
)

from .request import PASSED_HEADERS
from .state import CITATIONS, REDACTED, SIGNATURE, kind_of_block
from .thinking import EFFORTS, said_effort

ORIGIN = "anthropic"
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def decode(body: bytes, headers: Mapping[str, str]) -> DecodedRequest:
    """A request of the Messages API. Raises ``BadRequestError`` naming the field."""
    reader = Reader()
    fields = reader.fields(read_object(body))
    messages = _system(reader, fields) + fields.items("messages", lambda value, path: _message(reader, value, path))
    if not messages:
        raise BadRequestError("messages is empty: at least one message is needed", field="messages")
    model = fields.text("model", limit=256)
    request = Request(
        messages,
        tools=[tool for tool in fields.items("tools", lambda v, p: _tool(reader, v, p), limit=1024) if tool],
        max_output_tokens=fields.integer("max_tokens", low=0) or None,
        temperature=fields.maybe_number("temperature", low=0, high=1),
        top_p=fields.maybe_number("top_p", low=0, high=1),
        top_k=fields.maybe_integer("top_k", low=0),
        stop=fields.strings("stop_sequences", limit=64),
        metadata=_metadata(reader, fields),
        native=Native("anthropic", body, {name: headers[name] for name in PASSED_HEADERS if name in headers}),
    )
    _read_tool_choice(reader, fields, request)
    _read_thinking(reader, fields, request)
    stream = fields.boolean("stream", default=False)
    return DecodedRequest(request, model, stream, reader.rest())


def _system(reader: Reader, fields: Fields) -> list[Message]:
    blocks = _blocks(reader, fields, "system", "system")
    return [Message("system", blocks)] if blocks else []


def _metadata(reader: Reader, fields: Fields) -> dict[str, str]:
    if not fields.has("metadata"):
        return {}
    user = reader.fields(fields.raw("metadata"), "metadata").maybe_text("user_id", limit=512)
    return {"user_id": user} if user is not None else {}


def _message(reader: Reader, value: Any, path: str) -> Message:
    fields = reader.fields(value, path)
    role = cast("Role", fields.choice("role", ("user", "assistant", "system")))
    return Message(role, _blocks(reader, fields, "content", role))


def _blocks(reader: Reader, fields: Fields, name: str, role: str) -> list[Part]:
    content = fields.raw(name)
    if isinstance(content, str):
        return [Text(content)]
    return fields.items(name, lambda value, path: _block(reader, value, path, role))


def _block(reader: Reader, value: Any, path: str, role: str) -> Part:
    kind = Fields(value, path).text("type", limit=256)
    read = _READ.get(kind)
    if read is None or (role == "system" and kind != "text") or _is_file(value):
        model = ""
        return ProviderState(ORIGIN, model, kind_of_block(kind), compact_json(value).encode("utf-8", "replace"))
    fields = reader.fields(value, path)
    fields.raw("type")
    return read(reader, fields)


def _is_file(value: Any) -> bool:
    """Whether a block points to a file at the provider, which nobody else can read."""
    source = cast("dict[str, Any]", value).get("source")
    return isinstance(source, dict) and cast("dict[str, Any]", source).get("type") not in ("base64", "url", "text")


def _read_text(reader: Reader, fields: Fields) -> Part:
    citations = fields.items("citations", lambda value, _: value)
    text = fields.text("text")
    state = ProviderState(ORIGIN, "", CITATIONS, compact_json(citations).encode()) if citations else None
    return Text(text, state)


def _read_image(reader: Reader, fields: Fields) -> Part:
    source = reader.fields(fields.raw("source"), fields.path("source"))
    if source.choice("type", ("base64", "url")) == "url":
        return Image(url=source.text("url"))
    return Image(data=_data(source), media_type=source.text("media_type", limit=128))


def _read_document(reader: Reader, fields: Fields) -> Part:
    source = reader.fields(fields.raw("source"), fields.path("source"))
    name = fields.maybe_text("title", limit=1024)
    kind = source.choice("type", ("base64", "url", "text"))
    if kind == "url":
        return Document(url=source.text("url"), name=name)
    media_type = source.text("media_type", limit=128)
    if kind == "text":
        return Document(text=source.text("data"), name=name)
    return Document(data=_data(source), media_type=media_type, name=name)


def _data(source: Fields) -> bytes:
    try:
        return base64.b64decode(source.text("data"), validate=True)
    except binascii.Error:
        raise wrong(source.path("data"), "base64", source.raw("data")) from None


def _read_tool_use(reader: Reader, fields: Fields) -> Part:
    call_id, name = fields.text("id", limit=1024), fields.text("name", limit=1024)
    return ToolCall(call_id, name, arguments_json=compact_json(fields.object("input")))


def _read_tool_result(reader: Reader, fields: Fields) -> Part:
    content = fields.raw("content")
    parts = (
        (content or "") if content is None or isinstance(content, str) else _blocks(reader, fields, "content", "user")
    )
    return ToolResult(fields.text("tool_use_id", limit=1024), parts, fields.boolean("is_error", default=False))


def _read_thinking_block(reader: Reader, fields: Fields) -> Part:
    text, signature = fields.text("thinking"), fields.maybe_text("signature")
    return Thinking(text, ProviderState(ORIGIN, "", SIGNATURE, signature.encode()) if signature else None)


def _read_redacted(reader: Reader, fields: Fields) -> Part:
    return ProviderState(ORIGIN, "", REDACTED, fields.text("data").encode())


_READ: dict[str, Callable[[Reader, Fields], Part]] = {
    "text": _read_text,
    "image": _read_image,
    "document": _read_document,
    "tool_use": _read_tool_use,
    "tool_result": _read_tool_result,
    "thinking": _read_thinking_block,
    "redacted_thinking": _read_redacted,
}


def _tool(reader: Reader, value: Any, path: str) -> Tool | None:
    """A function of the agent; a tool that the provider runs is left in ``extra``."""
    kind = Fields(value, path).maybe_text("type", limit=256)
    if kind not in (None, "custom"):
        reader.keep(path, value)
        return None
    fields = reader.fields(value, path)
    fields.raw("type")
    name = fields.text("name", limit=256)
    description = fields.maybe_text("description") or ""
    return Tool(name, description, fields.object("input_schema"), fields.maybe_boolean("strict"))


def _read_tool_choice(reader: Reader, fields: Fields, request: Request) -> None:
    if not fields.has("tool_choice"):
        return
    choice = reader.fields(fields.raw("tool_choice"), "tool_choice")
    kind = choice.choice("type", (*_CHOICES, "tool"))
    request.tool_choice = f"tool:{choice.text('name', limit=256)}" if kind == "tool" else _CHOICES[kind]
    if choice.maybe_boolean("disable_parallel_tool_use"):
        request.parallel_tool_calls = False


def _read_thinking(reader: Reader, fields: Fields, request: Request) -> None:
    output = reader.fields(fields.object("output_config"), "output_config")
    effort = output.maybe_choice("effort", tuple(EFFORTS))
    if output.has("format"):
        wish = reader.fields(output.raw("format"), "output_config.format")
        wish.choice("type", ("json_schema",))
        request.output_format = OutputFormat(wish.object("schema"))
    if not fields.has("thinking"):
        request.thinking_effort = said_effort(None, None, effort)
        return
    thinking = reader.fields(fields.raw("thinking"), "thinking")
    kind = thinking.choice("type", ("enabled", "adaptive", "disabled"))
    budget_tokens = thinking.integer("budget_tokens", low=1) if kind == "enabled" else None
    request.thinking_effort = said_effort(kind, budget_tokens, effort)
