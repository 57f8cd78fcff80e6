"""The shape of a Responses request (OpenAI SDK 3.54: response_create_params, response_input_item_param).

What the SDK's types list is known; what the simulator does not look into is ``ANYTHING``.
"""

from __future__ import annotations

from kruxos.simulator.openai_chat.shapes import NAME, NAME_CHARS_MAX, TOOLS_MAX
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

ENCRYPTED = "reasoning.encrypted_content"
OUTPUT_TOKENS_MIN = 16
CALL_ID_CHARS_MAX = 64
METADATA_MAX = 16

_NAME = Text(pattern=NAME, chars_min=1, chars_max=NAME_CHARS_MAX)
_CALL_ID = Text(chars_min=1, chars_max=CALL_ID_CHARS_MAX)
_INPUT_PARTS: dict[str, Shape] = {
    "input_text": Record({"text": TEXT}, ("text",)),
    "input_image": Record(
        {"image_url": TEXT, "file_id": TEXT, "detail": Text(("low", "high", "auto", "original"))},
    ),
    "input_file": Record({"file_id": TEXT, "file_data": TEXT, "file_url": TEXT, "filename": TEXT}),
}
_OUTPUT_PARTS: dict[str, Shape] = {
    "output_text": Record({"text": TEXT, "annotations": Items(OBJECT), "logprobs": ANYTHING}, ("text",)),
    "refusal": Record({"refusal": TEXT}, ("refusal",)),
}


def _message(parts: dict[str, Shape]) -> Record:
    content = Either((TEXT, Items(Tagged("type", parts))))
    fields: dict[str, Shape] = {
        "type": TEXT,
        "role": TEXT,
        "content": content,
        "id": TEXT,
        "status": TEXT,
        "phase": TEXT,
    }
    return Record(fields, ("content",), is_closed=True)


_MESSAGE = Tagged(
    "role",
    {
        "assistant": _message(_OUTPUT_PARTS),
        "system": _message(_INPUT_PARTS),
        "developer": _message(_INPUT_PARTS),
        "user": _message(_INPUT_PARTS),
    },
)
_CALL = Record(
    {
        "type": TEXT, "id": TEXT, "call_id": _CALL_ID, "name": _NAME, "arguments": TEXT, "status": TEXT,
        "namespace": TEXT,
    },
    ("call_id", "name", "arguments"),
    is_closed=True,
)  # fmt: skip
_OUTPUT = Either((TEXT, Items(Tagged("type", _INPUT_PARTS))))
_CALL_OUTPUT = Record(
    {"type": TEXT, "id": TEXT, "call_id": _CALL_ID, "output": _OUTPUT, "status": TEXT},
    ("call_id", "output"),
    is_closed=True,
)
_REASONING = Record(
    {
        "type": TEXT, "id": TEXT, "summary": Items(Record({"text": TEXT}, ("text",))), "content": Items(OBJECT),
        "encrypted_content": TEXT, "status": TEXT,
    },
    ("summary",),
    is_closed=True,
)  # fmt: skip
_ITEMS_NOT_LOOKED_INTO = (
    "web_search_call", "file_search_call", "computer_call", "computer_call_output", "code_interpreter_call",
    "image_generation_call", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output",
    "apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
    "mcp_call", "tool_search_call", "tool_search_output", "additional_tools", "compaction_trigger",
    "configuration_update",
)  # fmt: skip
_ITEM = Tagged(
    "type",
    {
        "message": _MESSAGE,
        "function_call": _CALL,
        "function_call_output": _CALL_OUTPUT,
        "reasoning": _REASONING,
        "compaction": Record({"encrypted_content": TEXT}, ("encrypted_content",)),
        "item_reference": Record({"id": TEXT}, ("id",)),
        "custom_tool_call": Record({"call_id": _CALL_ID, "name": TEXT, "input": TEXT}, ("call_id", "name", "input")),
        "custom_tool_call_output": Record({"call_id": _CALL_ID, "output": _OUTPUT}, ("call_id", "output")),
        **dict.fromkeys(_ITEMS_NOT_LOOKED_INTO, OBJECT),
    },
    default="message",
)
_TOOLS_NOT_LOOKED_INTO = (
    "custom", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
    "file_search", "computer", "computer_use_preview", "code_interpreter", "image_generation", "local_shell", "shell",
    "apply_patch", "mcp", "namespace", "tool_search",
)  # fmt: skip
_TOOL = Tagged(
    "type",
    {
        "function": Record(
            {
                "type": TEXT, "name": _NAME, "description": TEXT, "parameters": OBJECT, "strict": FLAG,
                "defer_loading": FLAG, "allowed_callers": ANYTHING, "output_schema": ANYTHING,
            },
            ("name",),
            is_closed=True,
        ),
        **dict.fromkeys(_TOOLS_NOT_LOOKED_INTO, OBJECT),
    },
)  # fmt: skip
_CHOICE = Either(
    (
        Text(("none", "auto", "required")),
        Tagged("type", {"function": Record({"name": TEXT}, ("name",))}, is_open=True),
    )
)
_FORMAT = Tagged(
    "type",
    {
        "text": OBJECT,
        "json_object": OBJECT,
        "json_schema": Record(
            {
                "type": TEXT, "name": Text(pattern=NAME, chars_max=NAME_CHARS_MAX), "description": TEXT,
                "schema": OBJECT, "strict": FLAG,
            },
            ("name", "schema"),
            is_closed=True,
        ),
    },
)  # fmt: skip
_INCLUDES = (
    ENCRYPTED, "message.output_text.logprobs", "web_search_call.results", "web_search_call.action.sources",
    "message.input_image.image_url", "file_search_call.results", "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)  # fmt: skip
_NOT_LOOKED_INTO = (
    "background", "conversation", "context_management", "moderation", "prompt_cache_key",
    "prompt_cache_options", "safety_identifier", "service_tier", "max_tool_calls", "user",
)  # fmt: skip

RESPONSES = Record(
    {
        "model": TEXT,
        "input": Either((TEXT, Items(_ITEM))),
        "instructions": TEXT,
        "tools": Items(_TOOL, count_max=TOOLS_MAX),
        "tool_choice": _CHOICE,
        "parallel_tool_calls": FLAG,
        "max_output_tokens": Number(OUTPUT_TOKENS_MIN, name="integer"),
        "temperature": Number(0, 2),
        "top_p": Number(0, 1),
        "top_logprobs": Number(0, 20, name="integer"),
        "reasoning": Record(
            {
                "effort": TEXT, "summary": Text(("auto", "concise", "detailed")),
                "generate_summary": Text(("auto", "concise", "detailed")),
                "context": Text(("auto", "current_turn", "all_turns")), "mode": Text(("standard", "pro")),
            },
            is_closed=True,
        ),
        "text": Record({"format": _FORMAT, "verbosity": Text(("low", "medium", "high"))}, is_closed=True),
        "include": Items(Text(_INCLUDES)),
        "store": FLAG,
        "stream": FLAG,
        "stream_options": Record({"include_obfuscation": FLAG}, is_closed=True),
        "previous_response_id": TEXT,
        "prompt": Record({"id": TEXT}, ("id",)),
        "truncation": Text(("auto", "disabled")),
        "metadata": OBJECT,
        "prompt_cache_retention": Text(("in_memory", "24h")),
        **dict.fromkeys(_NOT_LOOKED_INTO, ANYTHING),
        "client_metadata": ANYTHING,  # Codex sends it with an API key too, as with a login
    },
    is_closed=True,
)  # fmt: skip
