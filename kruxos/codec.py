"""Requests and their parts as plain maps, and back. Decoding checks every field and names a wrong one.

``encode_*`` never fails; what is empty or None is left out. ``decode_*`` raises ``BadRequestError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from kruxos.errors import BadRequestError
from kruxos.fields import Fields, wrong
from kruxos.messages import (
    ROLES,
    THINKING_EFFORTS,
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
    ThinkingEffort,
    Tool,
    ToolCall,
    ToolResult,
    compact_json,
)

MAX_PARTS = 100_000


def encode_state(state: ProviderState) -> dict[str, Any]:
    """Provider state as a map (without ``type``)."""
    return {"origin": state.origin, "model": state.model, "kind": state.kind, "data": state.data}


def encode_part(part: Part) -> dict[str, Any]:
    """One part as a map with ``type``."""
    match part:
        case Text() | Thinking():
            wire: dict[str, Any] = {"type": "text" if isinstance(part, Text) else "thinking", "text": part.text}
        case ToolCall():
            wire = {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments_json}
        case ToolResult():
            content = part.content if isinstance(part.content, str) else [encode_part(inner) for inner in part.content]
            wire = _compact(type="tool_result", id=part.id, content=content, name=part.name)
            if part.is_error:
                wire["is_error"] = True
            return wire
        case Image():
            return _compact(type="image", data=part.data, media_type=part.media_type, url=part.url, detail=part.detail)
        case Document():
            return _compact(
                type="document",
                data=part.data,
                media_type=part.media_type,
                url=part.url,
                text=part.text,
                name=part.name,
            )
        case ProviderState():
            return {"type": "provider_state", **encode_state(part)}
    if part.state is not None:
        wire["state"] = encode_state(part.state)
    return wire


def encode_message(message: Message) -> dict[str, Any]:
    """One message as a map."""
    return {"role": message.role, "parts": [encode_part(part) for part in message.parts]}


def encode_request(request: Request) -> dict[str, Any]:
    """A request as one map of plain values, ready for msgpack."""
    wire: dict[str, Any] = {"messages": [encode_message(message) for message in request.messages]}
    if request.tools:
        wire["tools"] = [
            _compact(name=tool.name, description=tool.description, parameters=tool.parameters, strict=tool.strict)
            for tool in request.tools
        ]
    for name in _SCALARS:
        value = getattr(request, name)
        if value is not None:
            wire[name] = value
    for name in ("stop", "cache", "compaction", "metadata"):
        value = getattr(request, name)
        if value:
            wire[name] = value
    if request.output_format is not None:
        output = request.output_format
        wire["output_format"] = _compact(schema=output.schema, name=output.name, strict=output.strict)
    if request.native is not None:
        native = request.native
        wire["native"] = {
            "dialect": native.dialect, "body": native.body, "headers": native.headers, "path": native.path,
            "only": native.only,
        }  # fmt: skip
    if request.raw_events:
        wire["raw_events"] = True
    return wire


NATIVE_PATHS_MAX = 256
"""Paths in ``native.only``."""
_SCALARS = (
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "thinking_effort",
)


def _compact(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def decode_state(value: Any, path: str) -> ProviderState:
    """Provider state from its map."""
    fields = Fields(value, path)
    return ProviderState(
        fields.text("origin", limit=256),
        fields.text("model", limit=256),
        fields.text("kind", limit=64),
        fields.data("data"),
    )


def decode_part(value: Any, path: str) -> Part:
    """One part from its map."""
    fields = Fields(value, path)
    kind = fields.choice("type", _PART_TYPES)
    match kind:
        case "text":
            return Text(fields.text("text"), _maybe_state(fields))
        case "thinking":
            return Thinking(fields.text("text"), _maybe_state(fields))
        case "image":
            return _with_source(
                Image(
                    fields.maybe_data("data"),
                    fields.maybe_text("media_type", limit=128),
                    fields.maybe_text("url"),
                    fields.maybe_choice("detail", ("auto", "low", "high")),
                ),
                path,
            )
        case "document":
            return _with_source(
                Document(
                    fields.maybe_data("data"),
                    fields.maybe_text("media_type", limit=128),
                    fields.maybe_text("url"),
                    fields.maybe_text("text"),
                    fields.maybe_text("name", limit=1024),
                ),
                path,
            )
        case "tool_call":
            return ToolCall(
                fields.text("id", limit=1024),
                fields.text("name", limit=1024),
                arguments_json=_arguments(fields),
                state=_maybe_state(fields),
            )
        case "tool_result":
            return ToolResult(
                fields.text("id", limit=1024),
                _content(fields),
                fields.boolean("is_error", default=False),
                fields.maybe_text("name", limit=1024),
            )
        case _:
            return decode_state(value, path)


_PART_TYPES = ("text", "thinking", "image", "document", "tool_call", "tool_result", "provider_state")


def _maybe_state(fields: Fields) -> ProviderState | None:
    return decode_state(fields.raw("state"), fields.path("state")) if fields.has("state") else None


def _with_source(part: Image | Document, path: str) -> Image | Document:
    sources = [part.data, part.url, part.text if isinstance(part, Document) else None]
    if sum(source is not None for source in sources) != 1:
        raise BadRequestError(f"{path} needs exactly one source (data or url)", field=path)
    if part.data is not None and part.media_type is None:
        raise BadRequestError(f"{path}.media_type must be given with data", field=f"{path}.media_type")
    return part


def _arguments(fields: Fields) -> str:
    value = fields.raw("arguments")
    if isinstance(value, str):
        return value or "{}"
    if value is None or isinstance(value, dict):
        return compact_json(cast("Any", value) or {})
    raise wrong(fields.path("arguments"), "a map or its JSON text", value)


def _content(fields: Fields) -> str | list[Part]:
    value = fields.raw("content")
    return value if isinstance(value, str) else fields.items("content", decode_part, limit=MAX_PARTS)


def decode_message(value: Any, path: str) -> Message:
    """One message; ``content`` (text, or parts) is accepted for ``parts``."""
    fields = Fields(value, path)
    role = cast("Role", fields.choice("role", ROLES))
    text = fields.raw("content")
    if isinstance(text, str) and not fields.has("parts"):
        return Message(role, [Text(text)])
    name = "content" if text is not None else "parts"
    return Message(role, fields.items(name, decode_part, limit=MAX_PARTS))


def decode_tool(value: Any, path: str) -> Tool:
    """One tool from its map."""
    fields = Fields(value, path)
    name = fields.text("name", limit=1024)
    if not name:
        raise BadRequestError(f"{path}.name is empty", field=f"{path}.name")
    return Tool(
        name, fields.maybe_text("description") or "", fields.object("parameters"), fields.maybe_boolean("strict")
    )


def decode_request(value: Any) -> Request:
    """A request from its map. Raises ``BadRequestError`` naming the first field that is wrong.

    What the request has and this version does not know is kept as paths in ``Request.unknown``, for a notice.
    """
    fields = Fields(value)
    request = Request(
        messages=fields.items("messages", decode_message),
        tools=fields.items("tools", decode_tool, limit=1024),
        tool_choice=fields.maybe_text("tool_choice", limit=1024),
        parallel_tool_calls=fields.maybe_boolean("parallel_tool_calls"),
        max_output_tokens=fields.maybe_integer("max_output_tokens", low=1),
        temperature=fields.maybe_number("temperature", low=0, high=2),
        top_p=fields.maybe_number("top_p", low=0, high=1),
        top_k=fields.maybe_integer("top_k", low=0),
        seed=fields.maybe_integer("seed"),
        presence_penalty=fields.maybe_number("presence_penalty", low=-2, high=2),
        frequency_penalty=fields.maybe_number("frequency_penalty", low=-2, high=2),
        stop=fields.strings("stop", limit=64),
        thinking_effort=cast("ThinkingEffort | None", fields.maybe_choice("thinking_effort", THINKING_EFFORTS)),
        output_format=_output_format(fields),
        cache=fields.object("cache"),
        compaction=fields.object("compaction"),
        metadata=_metadata(fields),
        native=_native(fields),
        raw_events=fields.boolean("raw_events", default=False),
    )
    request.unknown = fields.unknown()
    return request


def _output_format(fields: Fields) -> OutputFormat | None:
    if not fields.has("output_format"):
        return None
    inner = Fields(fields.raw("output_format"), "output_format")
    schema = inner.object("schema") if inner.has("schema") else None
    return OutputFormat(schema, inner.maybe_text("name", limit=64) or "output", inner.maybe_boolean("strict"))


def _metadata(fields: Fields) -> dict[str, str]:
    inner = Fields(fields.object("metadata"), "metadata")
    return {key: inner.text(key, limit=512) for key in fields.object("metadata")}


def _native(fields: Fields) -> Native | None:
    if not fields.has("native"):
        return None
    inner = Fields(fields.raw("native"), "native")
    headers = Fields(inner.object("headers"), "native.headers")
    return Native(
        inner.text("dialect", limit=64),
        inner.data("body"),
        {key: headers.text(key) for key in inner.object("headers")},
        inner.maybe_text("path", limit=1024) or "",
        inner.strings("only", limit=NATIVE_PATHS_MAX),
    )


def messages_from(messages: Sequence[Message | Mapping[str, Any]]) -> list[Message]:
    """What callers give as ``messages``: Message values, or maps of the same shape."""
    return [
        message if isinstance(message, Message) else decode_message(message, f"messages[{index}]")
        for index, message in enumerate(messages)
    ]
