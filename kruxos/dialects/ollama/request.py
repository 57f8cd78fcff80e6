"""Ollama's native chat: the request (Ollama docs: API, context length).

Native, because only here the context's length can be set and nothing is cut silently. The conversation is in
``turns``, thinking in ``thinking``, the length in ``context``. How long the model stays loaded is the server's matter.
Keys stand in one order always: the same request is the same bytes, which prompt caches need.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.encoding import Draft, native_bytes, native_fields, request_headers, schema_of
from kruxos.dialects.text import body_bytes
from kruxos.messages import Native, Request, Tool

from .context import ANSWER_TOKENS, context_tokens, needed_tokens
from .thinking import family_of, thinking_fields
from .turns import chat_messages

PATH = "/api/chat"


def encode(request: Request, target: Target) -> EncodedRequest:
    """One request for the target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say."""
    if request.native is not None and request.native.dialect == "ollama":
        return _encode_native(request, request.native, target)
    draft = Draft.of(request, target, str)
    body = _body(draft)
    draft.tell_dropped_states()
    return EncodedRequest(
        HttpRequest("POST", PATH, _headers(target), body_bytes(target.edit(body))), draft.notices, draft.names.changed
    )


def _headers(target: Target) -> dict[str, str]:
    accept = "application/x-ndjson" if target.stream else "application/json"
    return request_headers(target) | {"accept": accept}


def _body(draft: Draft) -> dict[str, Any]:
    request = draft.request
    body: dict[str, Any] = {"model": draft.target.model, "stream": draft.target.stream}
    tools = _tools(draft)
    if tools:
        body["tools"] = tools
    body["messages"] = chat_messages(draft)
    body |= thinking_fields(draft)
    if request.output_format is not None:
        body["format"] = request.output_format.schema or "json"
    max_tokens = draft.max_tokens()
    options: dict[str, Any] = {"num_ctx": _context(draft, body, max_tokens)}
    if max_tokens is not None:
        options["num_predict"] = max_tokens
    options |= draft.sampling()
    stops = draft.stops()
    options |= {"stop": stops} if stops else {}
    if request.metadata:
        draft.drop("metadata", "it stays with the gateway")
    return body | {"options": options, "truncate": False, "shift": False}


def _context(draft: Draft, body: dict[str, Any], max_tokens: int | None) -> int:
    row = family_of(draft.target.model)
    limit = (draft.row.context if draft.row else None) or (row.context if row else None)
    needed = needed_tokens(body)
    if limit is not None and needed > limit:
        message = f"the prompt is about {needed} tokens, the model holds {limit}: it may be refused, or cut"
        draft.tell("context_exceeded", message, needed=needed, limit=limit)
    return context_tokens(needed + (max_tokens or ANSWER_TOKENS), limit)


def _tools(draft: Draft) -> list[dict[str, Any]]:
    """The tools, as far as a choice among them can be said by leaving some out."""
    request = draft.request
    choice, tools = request.tool_choice, request.tools
    if request.parallel_tool_calls is False:
        draft.drop("parallel_tool_calls", "ollama has no such parameter")
    if choice == "none":
        return []
    if choice is not None and choice != "auto":
        draft.drop("tool_choice", "ollama can't force a tool call")
        tools = [tool for tool in tools if choice in ("required", f"tool:{tool.name}")]
    return [_tool(draft, tool) for tool in tools]


def _tool(draft: Draft, tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": draft.names.sent(tool.name), "description": tool.description}
    if tool.strict:
        draft.drop("strict", "ollama has no strict tools")
    return {"type": "function", "function": function | {"parameters": schema_of(tool)}}


def _encode_native(request: Request, native: Native, target: Target) -> EncodedRequest:
    """The agent's own request: only model, stream and effort are set, all else goes on as it came."""
    body = native_fields(native)
    draft = Draft.of(Request(messages=[], thinking_effort=request.thinking_effort), target)
    changes: dict[str, Any] = {"model": target.model, **thinking_fields(draft)}
    if bool(body.get("stream", True)) != target.stream:
        changes["stream"] = target.stream
    data = native_bytes(native, body, target.edit(body | changes))
    return EncodedRequest(HttpRequest("POST", PATH, _headers(target), data), draft.notices)
