"""How many tokens a request has, roughly: before it is sent nobody knows, and a rate limit needs a number."""

from __future__ import annotations

import json

from kruxos.messages import Document, Image, Part, Request, Text, Thinking, ToolCall, ToolResult

CHARS_PER_TOKEN = 4
IMAGE_TOKENS = 1500
DOCUMENT_TOKENS = 3000
MESSAGE_TOKENS = 4


def estimate_tokens(request: Request) -> int:
    """Input tokens, within a third for text in most languages; pictures count as pictures, not as their bytes."""
    chars = sum(
        len(tool.name) + len(tool.description or "") + len(json.dumps(tool.parameters)) for tool in request.tools
    )
    tokens = 0
    for message in request.messages:
        tokens += MESSAGE_TOKENS
        for part in message.parts:
            part_chars, part_tokens = _size(part)
            chars, tokens = chars + part_chars, tokens + part_tokens
    return tokens + chars // CHARS_PER_TOKEN


def _size(part: Part) -> tuple[int, int]:
    """Characters, and tokens beside them."""
    match part:
        case Text() | Thinking():
            return len(part.text), 0
        case Image():
            return 0, IMAGE_TOKENS
        case Document():
            return (len(part.text), 0) if part.text is not None else (0, DOCUMENT_TOKENS)
        case ToolCall():
            return len(part.name) + len(part.arguments), 0
        case ToolResult():
            if isinstance(part.content, str):
                return len(part.content), 0
            sizes = [_size(each) for each in part.content]
            return sum(chars for chars, _ in sizes), sum(tokens for _, tokens in sizes)
        case _:
            return 0, 0
