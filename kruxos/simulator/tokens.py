"""The simulator's tokenizer: simple, and the same text always makes the same tokens.

A token is up to six letters or digits with the space before them, or one other character, or a run of white space. That
is near enough to real ones (about four characters of English) for limits, prices and pace to look right. Joining the
tokens of a text gives the text.
"""

from __future__ import annotations

import re

from kruxos.messages import (
    Document,
    Image,
    Message,
    Part,
    ProviderState,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    compact_json,
)

SPLIT_CHARS_MAX = 4_000_000
"""A longer text is not split but estimated, so that one request can't keep the others waiting."""
IMAGE_TOKENS = 1_500
"""What an image counts, whatever its size (Anthropic docs: vision, about width times height by 750)."""
_CHARS_PER_TOKEN = 4
_BYTES_PER_DOCUMENT_TOKEN = 16
_PER_MESSAGE = 3
_PER_TOOL = 12
_TOKEN = re.compile(r" ?[^\W_]{1,6}|[^\S\n]+\n*|\n+| ?(?:[^\w\s]|_)")


def split(text: str) -> list[str]:
    """The tokens of a text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    if len(text) > SPLIT_CHARS_MAX:
        return len(text) // _CHARS_PER_TOKEN
    return len(_TOKEN.findall(text))


def count_request(request: Request) -> int:
    """How many input tokens a request has."""
    tools = sum(
        _PER_TOOL + count(f"{tool.name} {tool.description} {compact_json(tool.parameters)}") for tool in request.tools
    )
    schema = request.output_format.schema if request.output_format else None
    return tools + (count(compact_json(schema)) if schema else 0) + sum(map(_count_message, request.messages))


def _count_message(message: Message) -> int:
    return _PER_MESSAGE + sum(map(_count_part, message.parts))


def _count_part(part: Part) -> int:
    match part:
        case Text() | Thinking():
            return count(part.text)
        case ToolCall():
            return count(f"{part.name} {part.arguments_json}")
        case ToolResult():
            return count(part.content) if isinstance(part.content, str) else sum(map(_count_part, part.content))
        case Image():
            return IMAGE_TOKENS
        case Document():
            return count(part.text or "") + len(part.data or b"") // _BYTES_PER_DOCUMENT_TOKEN
        case ProviderState():
            return len(part.data) // _CHARS_PER_TOKEN
