"""Chat Completions: the request (OpenAI API reference: chat; the providers' own references where they differ).

The conversation is in ``turns``, thinking in ``thinking``; what a provider takes is in its profile's row. Keys stand in
one order always: the same request is the same bytes, which prompt caches need. What is empty is left out, for some
servers refuse ``tools: []`` and null.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.efforts import native_says_effort
from kruxos.dialects.encoding import Draft, native_bytes, native_fields, request_headers
from kruxos.dialects.structured import check_tools, json_words, openai_strict, strict_format, tool_schema
from kruxos.dialects.text import body_bytes
from kruxos.messages import Native, Request

from .thinking import OFF, thinking_fields, thinks
from .turns import TOOL_IDS, chat_messages, texts_of

PATH = "/chat/completions"


def encode(request: Request, target: Target) -> EncodedRequest:
    """One request for the target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say."""
    if request.native is not None and request.native.dialect == "openai-chat":
        return _encode_native(request, request.native, target)
    draft = Draft.of(request, target, TOOL_IDS[target.profile.tool_ids])
    body = _body(draft)
    draft.tell_dropped_states()
    return EncodedRequest(
        HttpRequest("POST", PATH, request_headers(target), body_bytes(target.edit(body))),
        draft.notices,
        draft.names.changed,
    )


def _body(draft: Draft) -> dict[str, Any]:
    request, target, profile = draft.request, draft.target, draft.target.profile
    check_tools(draft)
    messages = chat_messages(draft)
    _say_json(draft, messages)
    body: dict[str, Any] = {"model": target.model, "messages": messages}
    if request.tools:
        body["tools"] = [_tool(draft, index) for index in range(len(request.tools))]
        body |= _tool_choice(draft)
    thinking = thinking_fields(draft)
    if body.get("tool_choice", "auto") not in ("auto", "none"):
        thinking = FORCED_TOOL_CHOICES[profile.forced_tool_choice](draft, thinking)
    max_tokens = draft.max_tokens()
    if max_tokens is not None:
        body[profile.max_tokens_field] = max_tokens
    body |= thinking
    body |= _sampling(draft, is_thinking=thinks(draft, thinking))
    body |= _response_format(draft)
    if request.metadata:
        draft.drop("metadata", "it stays with the gateway")
    return body | _stream_fields(target)


def _say_json(draft: Draft, messages: list[dict[str, Any]]) -> None:
    """Puts the wish for JSON into words where the provider wants them, after the agent's own instructions."""
    words = json_words(draft, texts_of(messages))
    if words is not None:
        place = next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))
        messages.insert(place, {"role": "system", "content": words})


def _stream_fields(target: Target) -> dict[str, Any]:
    if not target.stream:
        return {}
    options = {"stream_options": {"include_usage": True}} if target.profile.stream_usage else {}
    return {"stream": True, **options}


def _tool(draft: Draft, index: int) -> dict[str, Any]:
    tool = draft.request.tools[index]
    function: dict[str, Any] = {"name": draft.names.sent(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = schema = tool_schema(draft, index)
    if tool.strict is not None and draft.target.profile.strict_tools:
        strict = openai_strict(draft, schema, f"tools[{index}].parameters") if tool.strict else None
        function |= {"parameters": strict or schema, "strict": strict is not None}
    elif tool.strict:
        draft.drop("strict", f"{draft.target.profile.name} has no strict tools")
    return {"type": "function", "function": function}


def _tool_choice(draft: Draft) -> dict[str, Any]:
    choice = draft.request.tool_choice
    fields: dict[str, Any] = {}
    if choice is not None:
        name = choice.removeprefix("tool:")
        named = {"type": "function", "function": {"name": draft.names.sent(name)}}
        fields["tool_choice"] = choice if name == choice else named
    if draft.request.parallel_tool_calls is not None:
        if draft.target.profile.parallel_tool_calls:
            fields["parallel_tool_calls"] = draft.request.parallel_tool_calls
        else:
            draft.drop("parallel_tool_calls", f"{draft.target.profile.name} has no such parameter")
    return fields


def _forced_plain(_draft: Draft, thinking: dict[str, Any]) -> dict[str, Any]:
    return thinking


def _forced_without_thinking(draft: Draft, thinking: dict[str, Any]) -> dict[str, Any]:
    """DeepSeek refuses a forced tool while it thinks, and thinks unless told not to (DeepSeek docs: thinking mode)."""
    if thinking == OFF:
        return thinking
    draft.tell("thinking_off", "thinking was switched off: the provider does not think when a tool is forced")
    return OFF


FORCED_TOOL_CHOICES = {"plain": _forced_plain, "without_thinking": _forced_without_thinking}


def _sampling(draft: Draft, *, is_thinking: bool) -> dict[str, Any]:
    profile, refuses = draft.target.profile, draft.row.refuses if draft.row else ()
    wishes = draft.sampling()
    if is_thinking:
        draft.drop_while_thinking(wishes)
    if "seed" in wishes:
        wishes[profile.seed_field] = wishes.pop("seed")
    if draft.request.stop:
        if "stop" in profile.sampling and "stop" not in refuses:
            stops = draft.stops()
            wishes |= {"stop": stops} if stops else {}
        else:
            draft.drop("stop", f"{draft.target.model} takes no stop sequences")
    return wishes


def _response_format(draft: Draft) -> dict[str, Any]:
    wish = draft.output_format()
    if wish is None:
        return {}
    wish = strict_format(draft, wish)
    kind = wish.pop("type")
    return {"response_format": {"type": kind, kind: wish} if wish else {"type": kind}}


def _encode_native(request: Request, native: Native, target: Target) -> EncodedRequest:
    """The agent's own request: only model, stream and effort are set, all else goes on as it came."""
    body = native_fields(native)
    draft = Draft.of(Request(messages=[], thinking_effort=request.thinking_effort), target)
    is_said = native_says_effort(body.get("reasoning_effort"), body, request, target)
    changes: dict[str, Any] = {"model": target.model, **({} if is_said else thinking_fields(draft))}
    if bool(body.get("stream")) != target.stream:
        changes["stream"] = target.stream
    options = body.get("stream_options")
    if target.stream and target.profile.stream_usage:  # usage is always asked for: the gateway books it
        given = cast("dict[str, Any]", options) if isinstance(options, dict) else {}
        changes["stream_options"] = given | {"include_usage": True}
    changed = body | changes
    if "stream_options" in changed and not (target.stream and target.profile.stream_usage):
        del changed["stream_options"]
    data = native_bytes(native, body, target.edit(changed))
    return EncodedRequest(HttpRequest("POST", PATH, request_headers(target), data), draft.notices)
