"""Anthropic Messages: the request (Anthropic docs: Messages API; handling stop reasons; structured outputs).

Pinned to version 2023-06-01, the last one that knows sampling parameters. The conversation is in ``turns``, thinking in
``thinking``. Keys stand in one order always: the same request is the same bytes, which prompt caches need.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.encoding import (
    OUTPUT_TOKENS_DEFAULT,
    Draft,
    native_bytes,
    native_fields,
    request_headers,
)
from kruxos.dialects.structured import anthropic_strict, anthropic_strict_tool, json_words, tool_schema
from kruxos.dialects.text import body_bytes
from kruxos.dialects.tool_names import legal_id
from kruxos.fields import Fields
from kruxos.messages import Native, Request

from .thinking import said_effort, thinking_fields, thinks
from .turns import Turns

VERSION = "2023-06-01"
PATH = "/v1/messages"
PASSED_HEADERS = ("anthropic-version", "anthropic-beta")
COMPACT, COMPACTION_BETA = "compact_20260112", "compact-2026-01-12"
CLEAR_TOOL_USES, CLEARING_BETA = "clear_tool_uses_20250919", "context-management-2025-06-27"
COMPACT_TOKENS_MIN = 50_000
CLEARED_PART = 10
"""Clearing costs the cache from there on: it has to take away one part in so many to pay."""
_TOP_P_THINKING_MIN = 0.95


def encode(request: Request, target: Target) -> EncodedRequest:
    """One request for the target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say."""
    if request.native is not None and request.native.dialect == "anthropic":
        return _encode_native(request, request.native, target)
    draft = Draft.of(request, target, legal_id)
    body = _body(draft)
    draft.tell_dropped_states()
    headers = _headers(target) | _betas(body)
    http = HttpRequest("POST", PATH, headers, body_bytes(target.edit(body)))
    return EncodedRequest(http, draft.notices, draft.names.changed)


def _headers(target: Target) -> dict[str, str]:
    return {"anthropic-version": VERSION, **request_headers(target)}


def _betas(body: dict[str, Any]) -> dict[str, str]:
    """What the body holds of betas has to be named (Anthropic docs: compaction, context editing)."""
    edits = {edit["type"] for edit in body.get("context_management", {}).get("edits", ())}
    blocks = (block["type"] for turn in body["messages"] for block in turn["content"])
    betas = [CLEARING_BETA] if CLEAR_TOOL_USES in edits else []
    if COMPACT in edits or "compaction" in blocks:
        betas.append(COMPACTION_BETA)
    return {"anthropic-beta": ",".join(betas)} if betas else {}


def _context_management(draft: Draft) -> dict[str, Any]:
    """What the provider is to take away itself, once the conversation is too long."""
    wish = draft.target.compaction
    if wish is None:
        return {}
    at_tokens = max(wish.at_tokens, COMPACT_TOKENS_MIN)
    if at_tokens != wish.at_tokens:
        message = f"compaction at {wish.at_tokens} tokens became {at_tokens}: the provider compacts from there on"
        draft.tell("parameter_clamped", message, parameter="compaction", used=at_tokens)
    trigger = {"type": "input_tokens", "value": at_tokens}
    edits: list[dict[str, Any]] = []
    if wish.clear_tool_results:
        least = {"type": "input_tokens", "value": at_tokens // CLEARED_PART}
        edits.append({"type": CLEAR_TOOL_USES, "trigger": trigger, "clear_at_least": least})
    return {"context_management": {"edits": [*edits, {"type": COMPACT, "trigger": trigger}]}}


def _body(draft: Draft) -> dict[str, Any]:
    target = draft.target
    turns = Turns(draft)
    words = json_words(draft, turns.texts())
    if words is not None:
        turns.system.append({"type": "text", "text": words})
    max_tokens = draft.max_tokens() or min(draft.ceiling or OUTPUT_TOKENS_DEFAULT, OUTPUT_TOKENS_DEFAULT)
    body: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    if turns.system:
        body["system"] = turns.system
    tools = _tools(draft)
    if tools:
        body["tools"] = tools
        body |= _tool_choice(draft)
    body["messages"] = turns.messages
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    thinking = thinking_fields(draft, max_tokens, forced_tool=forced, bare_tool_turn=turns.ends_in_bare_tool_turn)
    turns.check_prefill(draft, is_thinking=thinks(thinking, draft.row))
    effort = thinking.pop("effort", None)
    body |= thinking
    output = _output_config(draft, effort)
    if output:
        body["output_config"] = output
    body |= _sampling(draft, is_thinking=thinks(thinking, draft.row))
    stops = draft.stops(blank=False)
    if stops:
        body["stop_sequences"] = stops
    body |= _metadata(draft) | _context_management(draft)
    if target.stream:
        body["stream"] = True
    return body


def _tools(draft: Draft) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    for index, tool in enumerate(draft.request.tools):
        wire: dict[str, Any] = {"name": draft.names.sent(tool.name)}
        if tool.description:
            wire["description"] = tool.description
        schema = tool_schema(draft, index)
        wire["input_schema"] = schema
        if tool.strict:
            strict = anthropic_strict_tool(draft, schema, f"tools[{index}].parameters")
            wire |= {"input_schema": strict, "strict": True} if strict is not None else {}
        tools.append(wire)
    return tools


def _tool_choice(draft: Draft) -> dict[str, Any]:
    choice, parallel = draft.request.tool_choice, draft.request.parallel_tool_calls
    words: dict[str | None, dict[str, Any]] = {
        None: {"type": "auto"},
        "auto": {"type": "auto"},
        "required": {"type": "any"},
        "none": {"type": "none"},
    }
    if choice is None and parallel is not False:
        return {}
    wire = words.get(choice) or {"type": "tool", "name": draft.names.sent(str(choice).removeprefix("tool:"))}
    if parallel is False and choice != "none":
        wire["disable_parallel_tool_use"] = True
    return {"tool_choice": wire}


def _output_config(draft: Draft, effort: str | None) -> dict[str, Any]:
    output: dict[str, Any] = {"effort": effort} if effort else {}
    wish = draft.request.output_format
    if wish is not None and wish.schema is None:
        draft.drop("output_format", "anthropic promises JSON only after a schema; without one it is asked for in words")
    elif wish is not None and wish.schema is not None:
        schema = anthropic_strict(draft, wish.schema, "output_format.schema")
        output["format"] = {"type": "json_schema", "schema": schema}
    return output


def _sampling(draft: Draft, *, is_thinking: bool) -> dict[str, Any]:
    """Sampling that the model takes: newer ones none at all, thinking ones nearly none."""
    rule = draft.row.sampling if draft.row else "any"
    kept: dict[str, Any] = {}
    for name, value in draft.sampling().items():
        if rule == "none":
            draft.drop(name, f"{draft.target.model} takes no sampling parameters")
        elif is_thinking and not (name == "top_p" and value >= _TOP_P_THINKING_MIN):
            draft.drop(name, "the model thinks, and takes it only when it does not")
        elif rule == "one" and name == "top_p" and "temperature" in kept:
            draft.drop(name, f"{draft.target.model} takes temperature or top_p, not both")
        else:
            kept[name] = value
    return kept


def _metadata(draft: Draft) -> dict[str, Any]:
    metadata = draft.request.metadata
    others = sorted(set(metadata) - {"user_id"})
    if others:
        draft.drop("metadata", "anthropic takes only user_id")
    return {"metadata": {"user_id": metadata["user_id"]}} if "user_id" in metadata else {}


def _encode_native(request: Request, native: Native, target: Target) -> EncodedRequest:
    """The agent's own Messages request: only model, stream and effort are set, all else goes on as it came."""
    body = native_fields(native)
    draft = Draft.of(Request(messages=[], thinking_effort=request.thinking_effort), target)
    changes: dict[str, Any] = {"model": target.model}
    if bool(body.get("stream")) != target.stream:
        changes["stream"] = target.stream
    if request.thinking_effort is not None and not _is_said(body, request, target):
        changes |= _native_thinking(draft, body)
    headers = _headers(target) | {name: native.headers[name] for name in PASSED_HEADERS if name in native.headers}
    data = native_bytes(native, body, target.edit(body | changes))
    return EncodedRequest(HttpRequest("POST", PATH, headers, data), draft.notices)


def _is_said(body: dict[str, Any], request: Request, target: Target) -> bool:
    """Whether the body says the wished effort itself, to the model that it names: its own words are more exact."""
    thinking, output = Fields(body).object("thinking"), Fields(body).object("output_config")
    said = said_effort(thinking.get("type"), thinking.get("budget_tokens"), output.get("effort"))
    return said == request.thinking_effort and body.get("model") == target.model


def _native_thinking(draft: Draft, body: dict[str, Any]) -> dict[str, Any]:
    choice, limit = body.get("tool_choice"), body.get("max_tokens")
    kind: Any = cast("dict[str, Any]", choice).get("type") if isinstance(choice, dict) else None
    max_tokens = limit if isinstance(limit, int) else OUTPUT_TOKENS_DEFAULT
    fields = thinking_fields(draft, max_tokens, forced_tool=kind in ("any", "tool"), bare_tool_turn=False)
    effort = fields.pop("effort", None)
    ways = draft.row.thinking if draft.row else None
    if ways is not None and ways.default == "none" and "thinking" in body and "thinking" not in fields:
        fields["thinking"] = {"type": "disabled"}
    if effort:
        output = body.get("output_config")
        fields["output_config"] = (cast("dict[str, Any]", output) if isinstance(output, dict) else {}) | {
            "effort": effort
        }
    return fields
