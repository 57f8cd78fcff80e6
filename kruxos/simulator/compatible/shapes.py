"""The shape of a Chat Completions request as compatible providers read it: what all of them have, and their own."""

from __future__ import annotations

from kruxos.simulator.shapes import (
    ANYTHING,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Either,
    Items,
    Number,
    Record,
    Shape,
    Tagged,
    Text,
)

_FUNCTION_CALL = Record({"name": TEXT, "arguments": ANYTHING}, ("name",))
CALL = Record({"id": TEXT, "type": TEXT, "index": WHOLE, "function": _FUNCTION_CALL}, ("id", "function"))
_FUNCTION = Record({"name": TEXT, "description": TEXT, "parameters": OBJECT, "strict": FLAG}, ("name",))
TOOL = Record({"type": TEXT, "function": _FUNCTION})
TEXT_PART = Record({"text": TEXT}, ("text",))
IMAGE_PART = Record({"image_url": Either((TEXT, OBJECT))}, ("image_url",))
PARTS: dict[str, Shape] = {"text": TEXT_PART, "image_url": IMAGE_PART, "file": OBJECT, "input_audio": OBJECT}
COMMON: dict[str, Shape] = {
    "model": TEXT,
    "tools": Items(TOOL),
    "tool_choice": Either((TEXT, OBJECT)),
    "parallel_tool_calls": FLAG,
    "max_tokens": Number(1, name="integer"),
    "temperature": Number(0, 2),
    "top_p": Number(0, 1),
    "presence_penalty": Number(-2, 2),
    "frequency_penalty": Number(-2, 2),
    "stop": Either((TEXT, Items(TEXT))),
    "n": WHOLE,
    "stream": FLAG,
    "response_format": Tagged("type", {"text": OBJECT, "json_object": OBJECT, "json_schema": OBJECT}),
    "reasoning_effort": TEXT,
}


def messages(parts: dict[str, Shape], *, is_closed: bool = False, **more: Shape) -> Shape:
    """A conversation whose contents are texts or these parts; ``more`` are fields of the assistant's messages."""
    content = Either((TEXT, Items(Tagged("type", parts))))

    def message(required: tuple[str, ...], **own: Shape) -> Record:
        fields: dict[str, Shape] = {"role": TEXT, "content": content, "name": TEXT, **own}
        return Record(fields, required, is_closed=is_closed)

    roles: dict[str, Shape] = {
        "system": message(("content",)),
        "user": message(("content",)),
        "assistant": message((), tool_calls=Items(CALL), prefix=FLAG, **more),
        "tool": message(("content",), tool_call_id=TEXT),
    }
    return Items(Tagged("role", roles), count_min=1)


def words(*known: str) -> Shape:
    """A text that is one of these."""
    return Text(known)
