"""Responses from the other side: a request as an agent sends it, read strictly.

The conversation is read in ``spoken``. What our language has no word for is kept in ``extra`` under its full path, and
the body as it came is kept as ``native``, so that a worker of this dialect sends it on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.efforts import OPENAI_EFFORTS
from kruxos.dialects.reading import Reader, read_object
from kruxos.errors import BadRequestError
from kruxos.fields import Fields
from kruxos.messages import Message, Native, OutputFormat, Request, Text, Tool

from .request import PASSED_HEADERS
from .spoken import Conversation


def decode(body: bytes, headers: Mapping[str, str]) -> DecodedRequest:
    """A request of the Responses API. Raises ``BadRequestError`` naming the field."""
    reader = Reader()
    fields = reader.fields(read_object(body))
    messages = _instructions(fields) + _input(reader, fields)
    if not messages:
        raise BadRequestError("input is empty: at least one message is needed", field="input")
    request = Request(
        messages,
        tools=[tool for tool in fields.items("tools", lambda v, p: _tool(reader, v, p), limit=1024) if tool],
        tool_choice=_tool_choice(reader, fields),
        parallel_tool_calls=fields.maybe_boolean("parallel_tool_calls"),
        max_output_tokens=fields.maybe_integer("max_output_tokens", low=1),
        temperature=fields.maybe_number("temperature", low=0, high=2),
        top_p=fields.maybe_number("top_p", low=0, high=1),
        output_format=_output_format(reader, fields),
        metadata=_metadata(fields),
        native=Native("openai-responses", body, {name: headers[name] for name in PASSED_HEADERS if name in headers}),
    )
    _read_reasoning(reader, fields, request)
    model = fields.text("model", limit=256)
    stream = fields.boolean("stream", default=False)
    return DecodedRequest(request, model, stream, reader.rest())


def _instructions(fields: Fields) -> list[Message]:
    text = fields.maybe_text("instructions")
    return [Message.of("system", text)] if text else []


def _input(reader: Reader, fields: Fields) -> list[Message]:
    given = fields.raw("input")
    if isinstance(given, str):
        return [Message("user", [Text(given)])] if given else []
    conversation = Conversation(reader)
    fields.items("input", conversation.read)
    return conversation.messages


def _metadata(fields: Fields) -> dict[str, str]:
    metadata = Fields(fields.object("metadata"), "metadata")
    return {name: metadata.text(name, limit=1024) for name in fields.object("metadata")}


def _tool(reader: Reader, value: Any, path: str) -> Tool | None:
    """A function of the agent; any other tool is left in ``extra``."""
    if Fields(value, path).text("type", limit=256) != "function":
        reader.keep(path, value)
        return None
    fields = reader.fields(value, path)
    fields.raw("type")
    description = fields.maybe_text("description") or ""
    parameters, strict = fields.object("parameters"), fields.maybe_boolean("strict")
    return Tool(fields.text("name", limit=256), description, parameters, strict)


def _tool_choice(reader: Reader, fields: Fields) -> str | None:
    if not isinstance(fields.raw("tool_choice"), dict):
        return fields.maybe_choice("tool_choice", ("auto", "none", "required"))
    choice = fields.object("tool_choice")
    if Fields(choice, "tool_choice").text("type", limit=256) != "function":
        reader.keep("tool_choice", choice)  # one of the provider's own tools, or a choice among some
        return None
    named = reader.fields(choice, "tool_choice")
    named.raw("type")
    return f"tool:{named.text('name', limit=256)}"


def _output_format(reader: Reader, fields: Fields) -> OutputFormat | None:
    text = reader.fields(fields.object("text"), "text")
    if not text.has("format"):
        return None
    wish = reader.fields(text.raw("format"), "text.format")
    kind = wish.choice("type", ("text", "json_object", "json_schema"))
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputFormat()
    name = wish.maybe_text("name", limit=64) or "output"
    return OutputFormat(wish.object("schema"), name, wish.maybe_boolean("strict"))


def _read_reasoning(reader: Reader, fields: Fields, request: Request) -> None:
    reasoning = reader.fields(fields.object("reasoning"), "reasoning")
    effort = reasoning.maybe_choice("effort", tuple(OPENAI_EFFORTS))
    request.thinking_effort = OPENAI_EFFORTS[effort] if effort else None
