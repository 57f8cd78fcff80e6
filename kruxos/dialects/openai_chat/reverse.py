"""Chat Completions from the other side: a request as an agent sends it, read strictly.

What our language has no word for is kept in ``extra`` under its full path, and the body as it came is kept as
``native``, so that a worker of this dialect sends it on unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.efforts import OPENAI_EFFORTS
from kruxos.dialects.media import from_data_url
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

from .reasoning import DETAILS, FIELDS

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
DETAILS_ORIGIN = "openrouter"
"""Only OpenRouter has reasoning details."""


def decode(body: bytes, headers: Mapping[str, str]) -> DecodedRequest:
    """A Chat Completions request. Raises ``BadRequestError`` naming the field."""
    del headers
    reader = Reader()
    fields = reader.fields(read_object(body))
    messages = fields.items("messages", lambda value, path: _message(reader, value, path))
    if not messages:
        raise BadRequestError("messages is empty: at least one message is needed", field="messages")
    model = fields.text("model", limit=256)
    limit = fields.maybe_integer("max_completion_tokens", low=1)
    old_limit = fields.maybe_integer("max_tokens", low=1)
    effort = fields.maybe_choice("reasoning_effort", tuple(OPENAI_EFFORTS))
    request = Request(
        messages,
        tools=[tool for tool in fields.items("tools", lambda v, p: _tool(reader, v, p), limit=1024) if tool],
        tool_choice=_tool_choice(reader, fields),
        parallel_tool_calls=fields.maybe_boolean("parallel_tool_calls"),
        max_output_tokens=limit if limit is not None else old_limit,
        temperature=fields.maybe_number("temperature", low=0, high=2),
        top_p=fields.maybe_number("top_p", low=0, high=1),
        top_k=fields.maybe_integer("top_k", low=0),
        seed=fields.maybe_integer("seed"),
        presence_penalty=fields.maybe_number("presence_penalty", low=-2, high=2),
        frequency_penalty=fields.maybe_number("frequency_penalty", low=-2, high=2),
        stop=_stop(fields),
        thinking_effort=OPENAI_EFFORTS[effort] if effort else None,
        output_format=_response_format(reader, fields),
        native=Native("openai-chat", body),
    )
    stream = fields.boolean("stream", default=False)
    return DecodedRequest(request, model, stream, reader.rest())


def _stop(fields: Fields) -> list[str]:
    value = fields.raw("stop")
    return [value] if isinstance(value, str) else fields.strings("stop", limit=64)


def _message(reader: Reader, value: Any, path: str) -> Message:
    fields = reader.fields(value, path)
    role = _ROLES[fields.choice("role", tuple(_ROLES))]
    if role == "tool":
        content = fields.raw("content")
        parts = content if isinstance(content, str) else _parts(reader, fields)
        return Message(role, [ToolResult(fields.text("tool_call_id", limit=1024), parts)])
    if role != "assistant":
        return Message(role, _parts(reader, fields))
    calls = fields.items("tool_calls", lambda each, where: _call(reader, each, where), limit=1024)
    return Message(role, [*_thoughts(fields), *_parts(reader, fields), *calls])


def _thoughts(fields: Fields) -> list[Part]:
    texts = [text for name in FIELDS if (text := fields.maybe_text(name))]
    details = fields.items(DETAILS, lambda value, _: value, limit=10_000)
    if details:
        state = ProviderState(DETAILS_ORIGIN, "", DETAILS, compact_json(details).encode("utf-8", "replace"))
        return [Thinking(texts[0], state)] if texts else [state]
    return [Thinking(texts[0])] if texts else []


def _parts(reader: Reader, fields: Fields) -> list[Part]:
    content = fields.raw("content")
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    return fields.items("content", lambda value, path: _part(reader, value, path))


def _part(reader: Reader, value: Any, path: str) -> Part:
    fields = reader.fields(value, path)
    kind = fields.choice("type", tuple(_READ))
    return _READ[kind](reader, fields)


def _read_text(_reader: Reader, fields: Fields) -> Part:
    return Text(fields.text("text"))


def _read_refusal(_reader: Reader, fields: Fields) -> Part:
    return Text(fields.text("refusal"))


def _read_image(reader: Reader, fields: Fields) -> Part:
    source = reader.fields(fields.raw("image_url"), fields.path("image_url"))
    url, detail = source.text("url"), source.maybe_choice("detail", ("auto", "low", "high"))
    media_type, data = from_data_url(url, source.path("url"))
    if data is None:
        return Image(url=url, detail=detail)
    return Image(data=data, media_type=media_type, detail=detail)


def _read_file(reader: Reader, fields: Fields) -> Part:
    source = reader.fields(fields.raw("file"), fields.path("file"))
    name = source.maybe_text("filename", limit=1024)
    media_type, data = from_data_url(source.text("file_data"), source.path("file_data"))
    if data is None:
        raise wrong(source.path("file_data"), "a data: URL", source.raw("file_data"))
    return Document(data=data, media_type=media_type, name=name)


_READ: dict[str, Callable[[Reader, Fields], Part]] = {
    "text": _read_text,
    "refusal": _read_refusal,
    "image_url": _read_image,
    "file": _read_file,
}


def _call(reader: Reader, value: Any, path: str) -> ToolCall:
    fields = reader.fields(value, path)
    fields.maybe_choice("type", ("function",))
    function = reader.fields(fields.raw("function"), fields.path("function"))
    arguments = function.maybe_text("arguments") or "{}"
    return ToolCall(fields.text("id", limit=1024), function.text("name", limit=1024), arguments_json=arguments)


def _tool(reader: Reader, value: Any, path: str) -> Tool | None:
    """A function of the agent; a tool that the provider runs is left in ``extra``."""
    kind = Fields(value, path).text("type", limit=256)
    if kind != "function":
        reader.keep(path, value)
        return None
    fields = reader.fields(value, path)
    fields.raw("type")
    function = reader.fields(fields.raw("function"), fields.path("function"))
    name, description = function.text("name", limit=256), function.maybe_text("description") or ""
    return Tool(name, description, function.object("parameters"), function.maybe_boolean("strict"))


def _tool_choice(reader: Reader, fields: Fields) -> str | None:
    if not isinstance(fields.raw("tool_choice"), dict):
        choice = fields.maybe_choice("tool_choice", ("auto", "none", "required", "any"))
        return "required" if choice == "any" else choice
    choice_fields = reader.fields(fields.raw("tool_choice"), "tool_choice")
    choice_fields.choice("type", ("function",))
    function = reader.fields(choice_fields.raw("function"), "tool_choice.function")
    return f"tool:{function.text('name', limit=256)}"


def _response_format(reader: Reader, fields: Fields) -> OutputFormat | None:
    if not fields.has("response_format"):
        return None
    wish = reader.fields(fields.raw("response_format"), "response_format")
    kind = wish.choice("type", ("text", "json_object", "json_schema"))
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputFormat()
    schema = reader.fields(wish.raw("json_schema"), "response_format.json_schema")
    name = schema.maybe_text("name", limit=64) or "output"
    return OutputFormat(schema.object("schema"), name, schema.maybe_boolean("strict"))
