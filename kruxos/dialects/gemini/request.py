"""Gemini's generateContent: the request (Gemini docs: generateContent, function calling, structured outputs).

The model and whether the answer is streamed stand in the path. The conversation is in ``turns``, thinking in
``thinking``. Keys stand in one order always: the same request is the same bytes, which prompt caches need.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from kruxos.dialects import schemas
from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.encoding import Draft, native_bytes, native_fields, request_headers, schema_of
from kruxos.dialects.text import body_bytes
from kruxos.dialects.tool_names import legal_id
from kruxos.messages import Native, Request, Tool

from .thinking import knows_levels, thinking_config
from .turns import Turns

_SEED_MAX = 2**31 - 1
_NAMES = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed"}
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
_COLLECTIONS = ("models/", "tunedModels/")


def encode(request: Request, target: Target) -> EncodedRequest:
    """One request for the target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say."""
    if request.native is not None and request.native.dialect == "gemini":
        return _encode_native(request, request.native, target)
    draft = Draft.of(request, target, legal_id)
    body = _body(draft)
    draft.tell_dropped_states()
    http = HttpRequest("POST", path_of(target), request_headers(target), body_bytes(target.edit(body)))
    return EncodedRequest(http, draft.notices, draft.names.changed)


def path_of(target: Target) -> str:
    """The path of the method, such as ``/models/gemini-2.5-flash:generateContent``."""
    model = target.model if target.model.startswith(_COLLECTIONS) else f"models/{target.model}"
    method = "streamGenerateContent?alt=sse" if target.stream else "generateContent"
    return f"/{quote(model, safe='/-._~@')}:{method}"


def _body(draft: Draft) -> dict[str, Any]:
    request = draft.request
    turns = Turns(draft)
    body: dict[str, Any] = {"systemInstruction": {"parts": turns.system}} if turns.system else {}
    if request.tools:
        declarations = [_declaration(draft, tool, index) for index, tool in enumerate(request.tools)]
        body["tools"] = [{"functionDeclarations": declarations}]
        body |= _tool_config(draft)
    elif request.parallel_tool_calls is False:
        draft.drop("parallel_tool_calls", "there are no tools")
    body["contents"] = turns.contents
    config = _generation_config(draft)
    if config:
        body["generationConfig"] = config
    if request.metadata:
        draft.drop("metadata", "it stays with the gateway")
    return body


def _declaration(draft: Draft, tool: Tool, index: int) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": draft.names.sent(tool.name)}
    if tool.description:
        wire["description"] = tool.description
    schema = _schema(draft, schema_of(tool), f"tools[{index}].parameters")
    if schema != _NO_PARAMETERS:
        wire["parametersJsonSchema"] = schema
    if tool.strict:
        draft.drop("strict", "gemini has no strict tools")
    return wire


def _schema(draft: Draft, schema: dict[str, Any], path: str) -> dict[str, Any]:
    kept, lost = schemas.reduced(schema)
    if lost:
        message = f"{path}: parts of the schema that the provider does not take were left out"
        draft.tell("schema_reduced", message, lost=lost)
    return kept


def _tool_config(draft: Draft) -> dict[str, Any]:
    choice = draft.request.tool_choice
    if draft.request.parallel_tool_calls is False:
        draft.drop("parallel_tool_calls", "gemini has no such parameter")
    if choice is None:
        return {}
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    config: dict[str, Any] = {"mode": modes.get(choice, "ANY")}
    if choice not in modes:
        config["allowedFunctionNames"] = [draft.names.sent(choice.removeprefix("tool:"))]
    return {"toolConfig": {"functionCallingConfig": config}}


def _generation_config(draft: Draft) -> dict[str, Any]:
    max_tokens = draft.max_tokens()
    config: dict[str, Any] = {} if max_tokens is None else {"maxOutputTokens": max_tokens}
    wishes = draft.sampling()
    if abs(wishes.get("seed", 0)) > _SEED_MAX:
        draft.drop("seed", "gemini takes numbers of 32 bits")
        del wishes["seed"]
    config |= {_NAMES[name]: value for name, value in wishes.items()}
    stops = draft.stops()
    config |= {"stopSequences": stops} if stops else {}
    config |= _response_format(draft)
    thinking = thinking_config(draft, max_tokens)
    return config | ({"thinkingConfig": thinking} if thinking else {})


def _response_format(draft: Draft) -> dict[str, Any]:
    """JSON, after a schema or not; beside tools only newer models take it."""
    wish = draft.request.output_format
    if wish is None:
        return {}
    if draft.request.tools and not knows_levels(draft):
        draft.drop("output_format", f"{draft.target.model} takes it only without tools; ask for JSON in words")
        return {}
    schema = {} if wish.schema is None else {"responseJsonSchema": _schema(draft, wish.schema, "output_format.schema")}
    return {"responseMimeType": "application/json", **schema}


def _encode_native(request: Request, native: Native, target: Target) -> EncodedRequest:
    """The agent's own request: only model, stream and effort are set, all else goes on as it came."""
    body = native_fields(native)
    draft = Draft.of(Request(messages=[], thinking_effort=request.thinking_effort), target)
    changes: dict[str, Any] = {}
    config = body.get("generationConfig")
    fields = cast("dict[str, Any]", config) if isinstance(config, dict) else {}
    limit = fields.get("maxOutputTokens")
    thinking = thinking_config(draft, limit if isinstance(limit, int) else None)
    if thinking:
        changes["generationConfig"] = fields | {"thinkingConfig": thinking}
    data = native_bytes(native, body, target.edit(body | changes))
    return EncodedRequest(HttpRequest("POST", path_of(target), request_headers(target), data), draft.notices)
