"""The shape of a Messages request (Anthropic SDK 2.12: message_create_params, content block params).

What the SDK's types list is known; what the simulator does not look into is ``ANYTHING``.
"""

from __future__ import annotations

from kruxos.simulator.shapes import (
    ANYTHING,
    FLAG,
    OBJECT,
    TEXT,
    Either,
    Items,
    Number,
    Record,
    Shape,
    Tagged,
    Text,
)

NAME = "^[a-zA-Z0-9_-]{1,64}$"
ID = "^[a-zA-Z0-9_-]+$"
BUDGET_TOKENS_MIN = 1024

_CACHE = Record({"type": Text(("ephemeral",)), "ttl": Text(("5m", "1h"))}, ("type",))
_TYPE = TEXT


def _block(required: tuple[str, ...] = (), *, cached: bool = True, **fields: Shape) -> Record:
    known = {"type": _TYPE, **fields} | ({"cache_control": _CACHE} if cached else {})
    return Record(known, required, is_closed=not cached)


_BASE64 = Record({"media_type": TEXT, "data": TEXT}, ("media_type", "data"))
_URL = Record({"url": TEXT}, ("url",))
_FILE = Record({"file_id": TEXT}, ("file_id",))
_IMAGE_TYPE = Text(("image/jpeg", "image/png", "image/gif", "image/webp"))
_IMAGE_BASE64 = Record({"media_type": _IMAGE_TYPE, "data": TEXT}, ("media_type", "data"))
_IMAGE = _block(("source",), source=Tagged("type", {"base64": _IMAGE_BASE64, "url": _URL, "file": _FILE}))
_SOURCES = {"base64": _BASE64, "text": _BASE64, "url": _URL, "file": _FILE, "content": OBJECT}
_DOCUMENT = _block(("source",), source=Tagged("type", _SOURCES), title=TEXT, context=TEXT, citations=ANYTHING)
_TEXT = _block(("text",), text=TEXT, citations=ANYTHING)
_RESULT_BLOCKS: dict[str, Shape] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "search_result": OBJECT,
    "tool_reference": OBJECT,
    "browser_state": OBJECT,
}
_RESULT = Either((TEXT, Items(Tagged("type", _RESULT_BLOCKS))))
_SERVER_BLOCKS = (
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
    "search_result", "container_upload", "mcp_tool_use", "mcp_tool_result", "mcp_tool_listing", "compaction",
    "advisor_tool_result", "fallback", "tool_addition", "tool_removal",
)  # fmt: skip
_BLOCKS: dict[str, Shape] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "tool_use": _block(("id", "name", "input"), id=Text(pattern=ID), name=TEXT, input=OBJECT, caller=ANYTHING),
    "tool_result": _block(("tool_use_id",), tool_use_id=Text(pattern=ID), content=_RESULT, is_error=FLAG),
    "thinking": _block(("thinking", "signature"), cached=False, thinking=TEXT, signature=TEXT),
    "redacted_thinking": _block(("data",), cached=False, data=TEXT),
    **dict.fromkeys(_SERVER_BLOCKS, OBJECT),
}
_MESSAGE = Record(
    {"role": TEXT, "content": Either((TEXT, Items(Tagged("type", _BLOCKS))))}, ("role", "content"), is_closed=True
)
_TOOL = Record(
    {
        "type": TEXT, "name": Text(pattern=NAME), "description": TEXT,
        "input_schema": Record({"type": Text(("object",))}, ("type",)), "cache_control": _CACHE, "strict": FLAG,
        "input_examples": ANYTHING, "defer_loading": FLAG, "eager_input_streaming": FLAG, "allowed_callers": ANYTHING,
    },
    ("name", "input_schema"), is_closed=True,
)  # fmt: skip
_CHOICE = Tagged(
    "type",
    {
        "auto": Record({"type": _TYPE, "disable_parallel_tool_use": FLAG}, is_closed=True),
        "any": Record({"type": _TYPE, "disable_parallel_tool_use": FLAG}, is_closed=True),
        "tool": Record({"type": _TYPE, "name": TEXT, "disable_parallel_tool_use": FLAG}, ("name",), is_closed=True),
        "none": Record({"type": _TYPE}, is_closed=True),
    },
)
_DISPLAY = Text(("summarized", "omitted"))
_THINKING = Tagged(
    "type",
    {
        "enabled": Record(
            {"type": _TYPE, "budget_tokens": Number(BUDGET_TOKENS_MIN, name="integer"), "display": _DISPLAY},
            ("budget_tokens",), is_closed=True,
        ),
        "adaptive": Record({"type": _TYPE, "display": _DISPLAY}, is_closed=True),
        "disabled": Record({"type": _TYPE}, is_closed=True),
        "between_tools": Record({"type": _TYPE}),
    },
)  # fmt: skip
_FORMAT = Record({"type": Text(("json_schema",)), "schema": OBJECT}, ("type", "schema"))
_EFFORT = Text(("low", "medium", "high", "xhigh", "max"))

_COMMON: dict[str, Shape] = {
    "model": TEXT,
    "messages": Items(_MESSAGE, count_max=100_000),
    "system": Either((TEXT, Items(Tagged("type", {"text": _TEXT})))),
    "tools": Items(Tagged("type", {"custom": _TOOL}, default="custom", is_open=True)),
    "tool_choice": _CHOICE,
    "thinking": _THINKING,
    "output_config": Record({"effort": _EFFORT, "format": _FORMAT, "task_budget": ANYTHING}),
    "output_format": _FORMAT,
    "cache_control": _CACHE,
    "context_management": OBJECT,
    "compaction": OBJECT,
    "mcp_servers": Items(OBJECT),
    "speed": Text(("standard", "fast")),
    "container": ANYTHING,
    "diagnostics": ANYTHING,
    "fallbacks": ANYTHING,
    "thread": ANYTHING,
    "user_profile_id": TEXT,
    "workspace_id": TEXT,
    "billing_policy": ANYTHING,
    "fallback_credit_token": ANYTHING,
    "betas": ANYTHING,
}
MESSAGES = Record(
    {
        **_COMMON,
        "max_tokens": Number(0, name="integer"),
        "stream": FLAG,
        "stop_sequences": Items(TEXT),
        "metadata": Record({"user_id": TEXT}, is_closed=True),
        "service_tier": Text(("auto", "standard_only")),
        "inference_geo": TEXT,
        "temperature": Number(0, 1),
        "top_p": Number(0, 1),
        "top_k": Number(0, name="integer"),
    },
    ("model", "max_tokens", "messages"),
    is_closed=True,
)
COUNT_TOKENS = Record({**_COMMON, "service_tier": TEXT}, ("model", "messages"), is_closed=True)
