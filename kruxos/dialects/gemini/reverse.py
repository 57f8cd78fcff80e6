"""Gemini from the other side: a request as an agent sends it, read strictly.

The model, and whether the answer is to be streamed, stand in the request's path and not in its body; whoever holds the
connection gives it as the header ``:path``. What our language has no word for is kept in ``extra`` under its full path,
and the body as it came is kept as ``native``, so that a worker of this dialect sends it on unchanged. Google's own
clients write names in camelCase, others with underscores; the service reads both, and so does this file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs, unquote

from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.reading import Reader, read_object
from kruxos.dialects.text import body_bytes
from kruxos.dialects.tool_names import made_up_id
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
    ThinkingEffort,
    Tool,
    ToolCall,
    ToolResult,
    compact_json,
)

from .state import PART, SIGNATURE, THOUGHT

ORIGIN = "gemini"
PATH_HEADER = ":path"
_PATH = re.compile(
    r"(?:.*/)?models/(?P<model>[^:?]+):(?P<method>generateContent|streamGenerateContent)(?:\?(?P<query>.*))?"
)
_LEVELS: dict[str, ThinkingEffort] = {
    "MINIMAL": "low", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "max",
}  # fmt: skip
_BUDGETS_TOKENS: dict[ThinkingEffort, int] = {"none": 0, "low": 1_024, "medium": 8_192, "high": 24_576, "max": 32_768}
_SNAKE = re.compile(r"_([a-z])")
_FREE = frozenset(
    ("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels")
)
"""Fields whose content is the caller's own, with its own names."""
_DEPTH_MAX = 128


def read_path(path: str) -> tuple[str, bool, str]:
    """Model, whether to stream, and ``alt`` of a path such as ``/v1beta/models/M:streamGenerateContent?alt=sse``.

    Raises ``BadRequestError`` for any other path.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise BadRequestError("the path names no model and method of generateContent", field="path")
    is_stream = found["method"] == "streamGenerateContent"
    alt = parse_qs(found["query"] or "").get("alt", ["json"])[0]
    return unquote(found["model"]), is_stream, alt


def decode(body: bytes, headers: Mapping[str, str]) -> DecodedRequest:
    """A request of generateContent. Raises ``BadRequestError`` naming the field."""
    model, stream, alt = read_path(headers[PATH_HEADER]) if PATH_HEADER in headers else ("", False, "sse")
    reader = Reader()
    fields = reader.fields(_in_camel_case(read_object(body), 0))
    conversation = _Conversation(reader)
    messages = _system(reader, fields) + [
        message for content in fields.items("contents", conversation.messages) for message in content
    ]
    if not messages:
        raise BadRequestError("contents is empty: at least one content is needed", field="contents")
    request = Request(messages, tools=_tools(reader, fields), native=Native("gemini", body))
    _read_config(reader, fields, request)
    _read_tool_choice(reader, fields, request)
    return DecodedRequest(request, model, stream, reader.rest() | ({"alt": alt} if stream else {}))


def _in_camel_case(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        raise BadRequestError("the request is nested too deep")
    if isinstance(value, list):
        return [_in_camel_case(inner, depth + 1) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    camel: dict[str, Any] = {}
    for name, inner in cast("dict[str, Any]", value).items():
        known = _SNAKE.sub(lambda found: found[1].upper(), name)
        camel[known] = inner if known in _FREE else _in_camel_case(inner, depth + 1)
    return camel


def _system(reader: Reader, fields: Fields) -> list[Message]:
    if not fields.has("systemInstruction"):
        return []
    value = fields.raw("systemInstruction")
    content = reader.fields(value, "systemInstruction")
    content.raw("role")
    parts = content.items("parts", lambda part, path: Text(reader.fields(part, path).text("text")))
    return [Message("system", list(parts))] if parts else []


class _Conversation:
    """The contents of one request; ``_open`` are calls without an answer, by name and id."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._open: list[tuple[str, str]] = []

    def messages(self, value: Any, path: str) -> list[Message]:
        """The messages that one content is: answers of functions stand in one of their own."""
        fields = self._reader.fields(value, path)
        is_model = fields.maybe_choice("role", ("user", "model", "function")) == "model"
        parts = fields.items("parts", self._model_part if is_model else self._user_part)
        if is_model:
            return [Message("assistant", parts)]
        results: list[Part] = [part for part in parts if isinstance(part, ToolResult)]
        others: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
        both: list[tuple[Role, list[Part]]] = [("tool", results), ("user", others)]
        return [Message(role, each) for role, each in both if each]

    def _model_part(self, value: Any, path: str) -> Part:
        fields = Fields(value, path)
        signature = fields.maybe_text("thoughtSignature")
        state = ProviderState(ORIGIN, "", SIGNATURE, signature.encode()) if signature else None
        if fields.has("functionCall"):
            return self._call(value, path, state)
        known = cast("dict[str, Any]", value).keys() <= {"text", "thought", "thoughtSignature"}
        text = fields.maybe_text("text") or ""
        if not known or (state is not None and not text and fields.maybe_boolean("thought")):
            return ProviderState(ORIGIN, "", PART, body_bytes(value))
        if fields.maybe_boolean("thought"):
            return Thinking(text, state or ProviderState(ORIGIN, "", THOUGHT, b""))
        return state if state is not None and not text else Text(text, state)

    def _call(self, value: Any, path: str, state: ProviderState | None) -> ToolCall:
        part = self._reader.fields(value, path)
        part.raw("thoughtSignature")
        call = self._reader.fields(part.raw("functionCall"), f"{path}.functionCall")
        name, given = call.text("name", limit=1024), call.maybe_text("id", limit=1024)
        call_id = given or made_up_id(path, 0, name)
        self._open.append((name, call_id))
        return ToolCall(call_id, name, arguments_json=compact_json(call.object("args")), state=state)

    def _user_part(self, value: Any, path: str) -> Part:
        fields = self._reader.fields(value, path)
        if fields.has("functionResponse"):
            return self._result(self._reader.fields(fields.raw("functionResponse"), f"{path}.functionResponse"))
        if fields.has("inlineData"):
            data = self._reader.fields(fields.raw("inlineData"), f"{path}.inlineData")
            return _medium(data.text("mimeType", limit=128), data=_bytes(data))
        if fields.has("fileData"):
            file = self._reader.fields(fields.raw("fileData"), f"{path}.fileData")
            return _medium(file.maybe_text("mimeType", limit=128), url=file.text("fileUri"))
        return Text(fields.text("text"))

    def _result(self, fields: Fields) -> ToolResult:
        name, given = fields.text("name", limit=1024), fields.maybe_text("id", limit=1024)
        response = fields.object("response")
        is_error = response.keys() == {"error"}
        inner = response.get("error" if is_error else "output") if len(response) == 1 else None
        text = inner if isinstance(inner, str) else compact_json(response)
        for at, (each, call_id) in enumerate(self._open):
            if call_id == given if given else each == name:
                del self._open[at]
                return ToolResult(call_id, text, is_error, each)
        raise BadRequestError(f"{fields.path('name')} names no call before it", field=fields.path("name"))


def _bytes(fields: Fields) -> bytes:
    text = fields.text("data")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise wrong(fields.path("data"), "base64", text) from None


def _medium(media_type: str | None, *, data: bytes | None = None, url: str | None = None) -> Image | Document:
    if media_type is not None and media_type.startswith("image/"):
        return Image(data=data, media_type=media_type, url=url)
    return Document(data=data, media_type=media_type, url=url)


def _tools(reader: Reader, fields: Fields) -> list[Tool]:
    """Functions of the agent; tools that Google runs are left in ``extra``."""
    sets = fields.items("tools", reader.fields, limit=64)
    return [
        tool
        for each in sets
        for tool in each.items("functionDeclarations", lambda value, path: _tool(reader, value, path), limit=1024)
    ]


def _tool(reader: Reader, value: Any, path: str) -> Tool:
    fields = reader.fields(value, path)
    own, plain = fields.object("parametersJsonSchema"), fields.object("parameters")
    name = fields.text("name", limit=256)
    return Tool(name, fields.maybe_text("description") or "", own or _json_schema(plain))


def _json_schema(value: Any) -> Any:
    """Google's own form of a schema as JSON Schema: types are written small there, and ``nullable`` is a type."""
    if isinstance(value, list):
        return [_json_schema(inner) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    schema = {name: _json_schema(inner) for name, inner in cast("dict[str, Any]", value).items()}
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = kind.lower()
        if schema.get("nullable") is True:
            del schema["nullable"]
            schema["type"] = [kind.lower(), "null"]
    return schema


def _read_tool_choice(reader: Reader, fields: Fields, request: Request) -> None:
    if not fields.has("toolConfig"):
        return
    config = reader.fields(fields.raw("toolConfig"), "toolConfig")
    calling = reader.fields(config.object("functionCallingConfig"), "toolConfig.functionCallingConfig")
    modes = {"MODE_UNSPECIFIED": None, "AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}
    mode = calling.maybe_choice("mode", tuple(modes))
    names = calling.strings("allowedFunctionNames", limit=1024)
    request.tool_choice = modes[mode] if mode else None
    if mode == "ANY" and len(names) == 1:
        request.tool_choice = f"tool:{names[0]}"
    elif names:
        reader.keep("toolConfig.functionCallingConfig.allowedFunctionNames", names)


def _read_config(reader: Reader, fields: Fields, request: Request) -> None:
    config = reader.fields(fields.object("generationConfig"), "generationConfig")
    request.max_output_tokens = config.maybe_integer("maxOutputTokens", low=1)
    request.temperature = config.maybe_number("temperature", low=0, high=2)
    request.top_p = config.maybe_number("topP", low=0, high=1)
    top_k = config.maybe_number("topK", low=0)
    request.top_k = None if top_k is None else int(top_k)
    request.seed = config.maybe_integer("seed")
    request.presence_penalty = config.maybe_number("presencePenalty", low=-2, high=2)
    request.frequency_penalty = config.maybe_number("frequencyPenalty", low=-2, high=2)
    request.stop = config.strings("stopSequences", limit=64)
    media_type = config.maybe_text("responseMimeType", limit=128)
    own, plain = config.object("responseJsonSchema"), config.object("responseSchema")
    if media_type == "application/json":
        request.output_format = OutputFormat((own or _json_schema(plain)) or None)
    if config.has("thinkingConfig"):
        thinking = reader.fields(config.raw("thinkingConfig"), "generationConfig.thinkingConfig")
        thinking.maybe_boolean("includeThoughts")
        request.thinking_effort = _effort(thinking)


def _effort(thinking: Fields) -> ThinkingEffort | None:
    level = thinking.maybe_text("thinkingLevel", limit=64)
    if level is not None:
        return _LEVELS.get(level.upper())
    budget = thinking.maybe_integer("thinkingBudget", low=-1)
    if budget is None or budget < 0:  # the model decides
        return None
    if budget == 0:
        return "none"
    return min(_BUDGETS_TOKENS, key=lambda effort: (effort == "none", abs(_BUDGETS_TOKENS[effort] - budget)))
