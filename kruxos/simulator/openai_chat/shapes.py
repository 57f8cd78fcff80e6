"""The shape of a Chat Completions request (OpenAI SDK 3.54: completion_create_params, message params).

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

NAME = "^[a-zA-Z0-9_-]+$"
NAME_CHARS_MAX = 64
CALL_ID_CHARS_MAX = 64
"""40 once; longer ones pass by now (openclaw/openclaw#875, vercel/ai#17233)."""
TOOLS_MAX = 128
STOPS_MAX = 4

_NAME = Text(pattern=NAME, chars_min=1, chars_max=NAME_CHARS_MAX)
_CALL_ID = Text(chars_max=CALL_ID_CHARS_MAX)
_TEXT_PART = Record({"type": TEXT, "text": TEXT}, ("text",))
_IMAGE_PART = Record(
    {"type": TEXT, "image_url": Record({"url": TEXT, "detail": Text(("auto", "low", "high", "original"))}, ("url",))},
    ("image_url",),
)
_USER_PARTS: dict[str, Shape] = {
    "text": _TEXT_PART,
    "image_url": _IMAGE_PART,
    "input_audio": OBJECT,
    "file": Record({"type": TEXT, "file": OBJECT}, ("file",)),
}
_TEXT_PARTS: dict[str, Shape] = {"text": _TEXT_PART}
_ASSISTANT_PARTS: dict[str, Shape] = {"text": _TEXT_PART, "refusal": Record({"refusal": TEXT}, ("refusal",))}


def _content(parts: dict[str, Shape]) -> Shape:
    return Either((TEXT, Items(Tagged("type", parts), count_min=1)))


def _message(content: Shape, required: tuple[str, ...], **more: Shape) -> Record:
    return Record({"role": TEXT, "content": content, "name": TEXT, **more}, required)


_FUNCTION_CALL = Record({"name": _NAME, "arguments": TEXT}, ("name", "arguments"))
_CALL = Tagged(
    "type",
    {
        "function": Record({"id": _CALL_ID, "type": TEXT, "function": _FUNCTION_CALL}, ("id", "function")),
        "custom": Record({"id": _CALL_ID, "custom": OBJECT}, ("id", "custom")),
    },
)
_MESSAGE = Tagged(
    "role",
    {
        "system": _message(_content(_TEXT_PARTS), ("content",)),
        "developer": _message(_content(_TEXT_PARTS), ("content",)),
        "user": _message(_content(_USER_PARTS), ("content",)),
        "assistant": _message(
            _content(_ASSISTANT_PARTS),
            (),
            tool_calls=Items(_CALL, 1),
            refusal=TEXT,
            audio=ANYTHING,
            function_call=OBJECT,
        ),
        "tool": _message(_content(_TEXT_PARTS), ("content", "tool_call_id"), tool_call_id=_CALL_ID),
        "function": _message(TEXT, ("name",)),
    },
)
_FUNCTION = Record(
    {"name": _NAME, "description": TEXT, "parameters": OBJECT, "strict": FLAG}, ("name",), is_closed=True
)
_TOOL = Tagged(
    "type",
    {
        "function": Record({"type": TEXT, "function": _FUNCTION}, ("function",)),
        "custom": Record({"type": TEXT, "custom": OBJECT}, ("custom",)),
    },
)
_CHOICE = Either(
    (
        Text(("none", "auto", "required")),
        Tagged(
            "type",
            {
                "function": Record({"function": Record({"name": TEXT}, ("name",))}, ("function",)),
                "custom": OBJECT,
                "allowed_tools": OBJECT,
            },
        ),
    )
)
_SCHEMA = Record(
    {"name": Text(pattern=NAME, chars_max=NAME_CHARS_MAX), "description": TEXT, "schema": OBJECT, "strict": FLAG},
    ("name",),
)
_FORMAT = Tagged(
    "type",
    {
        "text": OBJECT,
        "json_object": OBJECT,
        "json_schema": Record({"type": TEXT, "json_schema": _SCHEMA}, ("json_schema",)),
    },
)
_PENALTY = Number(-2, 2)
_COUNT = Number(1, name="integer")
_NOT_LOOKED_INTO = (
    "audio", "function_call", "logit_bias", "metadata", "modalities", "moderation", "prediction", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "web_search_options",
)  # fmt: skip
_STREAM_OPTIONS = Record({"include_usage": FLAG, "include_obfuscation": FLAG}, is_closed=True)

CHAT = Record(
    {
        "model": TEXT,
        "messages": Items(_MESSAGE, count_min=1),
        "tools": Items(_TOOL, 1, TOOLS_MAX),
        "tool_choice": _CHOICE,
        "parallel_tool_calls": FLAG,
        "max_tokens": _COUNT,
        "max_completion_tokens": _COUNT,
        "temperature": Number(0, 2),
        "top_p": Number(0, 1),
        "presence_penalty": _PENALTY,
        "frequency_penalty": _PENALTY,
        "seed": Number(name="integer"),
        "stop": Either((TEXT, Items(TEXT, count_max=STOPS_MAX))),
        "n": Number(1, 128, name="integer"),
        "reasoning_effort": TEXT,
        "response_format": _FORMAT,
        "stream": FLAG,
        "stream_options": _STREAM_OPTIONS,
        "logprobs": FLAG,
        "top_logprobs": Number(0, 20, name="integer"),
        "user": TEXT,
        "store": FLAG,
        "verbosity": Text(("low", "medium", "high")),
        "service_tier": TEXT,
        "functions": Items(OBJECT, 1),
        **dict.fromkeys(_NOT_LOOKED_INTO, ANYTHING),
    },
    ("model", "messages"),
    is_closed=True,
)
