"""Responses: the request (OpenAI API reference: responses; Codex for its backend).

The conversation is in ``items``; what a server takes is in its profile's row. Nothing is kept at the provider:
``store`` is false, and reasoning is asked for in the encrypted form that can be sent back. Keys stand in one order
always: the same request is the same bytes, which prompt caches need.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.efforts import fitting, native_says_effort, omitted_effort, openai_effort, thinks
from kruxos.dialects.encoding import Draft, native_bytes, native_fields, request_headers
from kruxos.dialects.structured import check_tools, json_words, openai_strict, strict_format, tool_schema
from kruxos.dialects.text import body_bytes
from kruxos.errors import UnsupportedError
from kruxos.messages import Native, Request

from .items import Items
from .state import is_sealed

PATH = "/responses"
OUTPUT_TOKENS_MIN = 16
ENCRYPTED_REASONING = "reasoning.encrypted_content"
LITE_HEADER = "x-openai-internal-codex-responses-lite"
PASSED_HEADERS = (
    "openai-beta", "session-id", "session_id", "thread-id", "conversation_id", "x-client-request-id",
    "x-codex-turn-state", LITE_HEADER,
)  # fmt: skip
EFFORTS = {"omitted": omitted_effort, "openai": openai_effort}
_SAMPLING = ("temperature", "top_p")
_KEPT = ("previous_response_id", "conversation", "prompt")


def encode(request: Request, target: Target) -> EncodedRequest:
    """One request for the target. Raises ``BadRequestError`` or ``UnsupportedError`` for what it can't say."""
    if target.profile.always_streams:
        target = replace(target, stream=True)
    if request.native is not None and request.native.dialect == "openai-responses":
        return _encode_native(request, request.native, target)
    draft = Draft.of(request, target)
    body = _body(draft)
    draft.tell_dropped_states()
    http = HttpRequest("POST", PATH, request_headers(target), body_bytes(target.edit(body)))
    return EncodedRequest(http, draft.notices, draft.names.changed)


def _effort(draft: Draft) -> str | None:
    effort = EFFORTS.get(draft.target.profile.thinking, omitted_effort)(draft)
    takes_limit = "max_output_tokens" not in draft.target.profile.refused_fields
    return fitting(draft, effort) if effort is not None and takes_limit else effort


def _body(draft: Draft) -> dict[str, Any]:
    request, target = draft.request, draft.target
    check_tools(draft)
    items = Items(draft)
    words = json_words(draft, items.texts())
    if words is not None:
        items.insert_instructions(words)
    body: dict[str, Any] = {"model": target.model}
    instructions = items.instructions or _stand_in(draft)
    if instructions:
        body["instructions"] = instructions
    body["input"] = items.items
    if request.tools:
        body["tools"] = [_tool(draft, index) for index in range(len(request.tools))]
        body |= _tool_choice(draft)
    effort = _effort(draft)
    is_thinking = thinks(draft, effort)
    body |= _reasoning(draft, effort, is_thinking=is_thinking)
    wish = draft.output_format()
    if wish is not None:
        body["text"] = {"format": strict_format(draft, wish)}
    if _may_think(draft):  # a model that can't refuses to be asked for its reasoning
        body["include"] = [ENCRYPTED_REASONING]
    body["store"] = False
    body |= _context_management(draft)
    return body | _max_tokens(draft) | _sampling(draft, is_thinking=is_thinking) | _stream_fields(target)


def _context_management(draft: Draft) -> dict[str, Any]:
    """The length from which on the server compacts; at least 1000, as all wishes are (OpenAI API reference)."""
    wish = draft.target.compaction
    if wish is None:
        return {}
    if wish.clear_tool_results:
        draft.drop("compaction.clear_tool_results", "the provider has no such edit")
    return {"context_management": [{"type": "compaction", "compact_threshold": wish.at_tokens}]}


def _stand_in(draft: Draft) -> str:
    instructions = draft.target.profile.instructions
    if instructions:
        draft.tell("message_inserted", "instructions were put in, as the provider demands some")
    return instructions


def _tool(draft: Draft, index: int) -> dict[str, Any]:
    tool = draft.request.tools[index]
    wire: dict[str, Any] = {"type": "function", "name": draft.names.sent(tool.name)}
    if tool.description:
        wire["description"] = tool.description
    wire["parameters"] = schema = tool_schema(draft, index)
    if draft.target.profile.strict_tools:  # left out, it could mean either
        strict = openai_strict(draft, schema, f"tools[{index}].parameters") if tool.strict else None
        wire |= {"parameters": strict or schema, "strict": strict is not None}
    elif tool.strict:
        draft.drop("strict", f"{draft.target.profile.name} has no strict tools")
    return wire


def _tool_choice(draft: Draft) -> dict[str, Any]:
    choice = draft.request.tool_choice
    fields: dict[str, Any] = {}
    if choice is not None:
        name = choice.removeprefix("tool:")
        fields["tool_choice"] = choice if name == choice else {"type": "function", "name": draft.names.sent(name)}
    if draft.request.parallel_tool_calls is not None:
        if draft.target.profile.parallel_tool_calls:
            fields["parallel_tool_calls"] = draft.request.parallel_tool_calls
        else:
            draft.drop("parallel_tool_calls", f"{draft.target.profile.name} has no such parameter")
    return fields


def _reasoning(draft: Draft, effort: str | None, *, is_thinking: bool) -> dict[str, Any]:
    fields = {} if effort is None else {"effort": effort}
    if is_thinking and draft.target.profile.summary:
        fields["summary"] = draft.target.profile.summary
    return {"reasoning": fields} if fields else {}


def _may_think(draft: Draft) -> bool:
    ways = draft.row.thinking if draft.row else None
    return ways is None or bool(ways.efforts)


def _max_tokens(draft: Draft) -> dict[str, Any]:
    name = "max_output_tokens"
    if draft.request.max_output_tokens is not None and name in draft.target.profile.refused_fields:
        draft.drop(name, f"{draft.target.profile.name} has no such parameter")
        return {}
    wanted = draft.max_tokens()
    if wanted is not None and wanted < OUTPUT_TOKENS_MIN:
        message = f"{name} {wanted} became {OUTPUT_TOKENS_MIN}: the provider takes no less"
        draft.tell("parameter_clamped", message, parameter=name, used=OUTPUT_TOKENS_MIN)
        wanted = OUTPUT_TOKENS_MIN
    return {} if wanted is None else {name: wanted}


def _sampling(draft: Draft, *, is_thinking: bool) -> dict[str, Any]:
    wishes = draft.sampling(_SAMPLING)
    if is_thinking:
        draft.drop_while_thinking(wishes)
    if draft.request.stop:
        draft.drop("stop", "the protocol has no stop sequences")
    if draft.request.metadata:
        draft.drop("metadata", "it stays with the gateway")
    return wishes


def _stream_fields(target: Target) -> dict[str, Any]:
    if not target.stream:
        return {}
    options = {"stream_options": {"include_obfuscation": False}} if target.profile.pads_streams else {}
    return {"stream": True, **options}


def _encode_native(request: Request, native: Native, target: Target) -> EncodedRequest:
    """The agent's own request: only model, stream and effort are set, and what a server demands that keeps nothing."""
    fields = native_fields(native)
    draft = Draft.of(Request(messages=[], thinking_effort=request.thinking_effort), target)
    changed = _without_sealed(draft, fields) | {"model": target.model}
    if bool(fields.get("stream")) != target.stream:
        changed["stream"] = target.stream
    if not target.stream:
        changed.pop("stream_options", None)
    given = fields.get("reasoning")
    said = cast("dict[str, Any]", given).get("effort") if isinstance(given, dict) else None
    effort = None if native_says_effort(said, fields, request, target) else _effort(draft)
    if effort is not None:
        changed["reasoning"] = (cast("dict[str, Any]", given) if isinstance(given, dict) else {}) | {"effort": effort}
    if target.profile.keeps_nothing:
        changed = _stateless(draft, changed, is_lite=LITE_HEADER in native.headers)
    headers = {name: native.headers[name] for name in PASSED_HEADERS if name in native.headers}
    data = native_bytes(native, fields, target.edit(changed))
    return EncodedRequest(HttpRequest("POST", PATH, request_headers(target) | headers, data), draft.notices)


def _without_sealed(draft: Draft, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without the state of other providers, which our doors seal in reasoning items."""
    given = fields.get("input")
    items = cast("list[Any]", given) if isinstance(given, list) else []
    kept = [item for item in items if not is_sealed(item)]
    if len(kept) == len(items):
        return fields
    draft.tell("state_dropped", f"{len(items) - len(kept)} parts hold state that another provider made; not sent")
    return fields | {"input": kept}


def _stateless(draft: Draft, fields: dict[str, Any], *, is_lite: bool) -> dict[str, Any]:
    """The fields as a server takes them that keeps nothing, and refuses what its own client does not send."""
    for name in _KEPT:
        if fields.get(name) is not None:
            where = f"native.{name}"
            raise UnsupportedError(f"{where}: {draft.target.profile.name} keeps nothing to refer to", field=where)
    refused = [name for name in fields if name in draft.target.profile.refused_fields]
    for name in refused:
        if fields[name] is not None:
            draft.drop(name, f"{draft.target.profile.name} has no such parameter")
    kept = {name: value for name, value in fields.items() if name not in refused}
    kept |= {"store": False, "input": _without_ids(fields.get("input"))}
    include = fields.get("include")
    included = cast("list[Any]", include) if isinstance(include, list) else []
    if ENCRYPTED_REASONING not in included:
        kept["include"] = [*included, ENCRYPTED_REASONING]
    if not fields.get("instructions") and not is_lite:  # the lite form has them among the items
        kept["instructions"] = _stand_in(draft)
    return kept


def _without_ids(given: Any) -> Any:
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    items = cast("list[Any]", given) if isinstance(given, list) else []
    return [
        {name: value for name, value in cast("dict[str, Any]", item).items() if name != "id"}
        if isinstance(item, dict)
        else item
        for item in items
    ]
