"""What Ollama refuses (Ollama docs: API, errors; server/routes.go). It ignores fields that it does not know."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Question, Refusal, Rule, shape_rules
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
    Text,
)

from .errors import invalid, say
from .models import CONTEXT_TOKENS, context_of, has_tools, thinks

_ROUTES = "ollama/ollama: server/routes.go, api/types.go"
_THINK_WORDS = ("low", "medium", "high", "max")
_CALL = Record({"id": TEXT, "function": Record({"name": TEXT, "arguments": OBJECT}, ("name",))}, ("function",))
_MESSAGE = Record(
    {
        "role": TEXT, "content": TEXT, "thinking": TEXT, "images": Items(TEXT), "tool_calls": Items(_CALL),
        "tool_name": TEXT, "tool_call_id": TEXT,
    },
    ("role",),
)  # fmt: skip
_TOOL = Record({"type": TEXT, "function": Record({"name": TEXT, "description": TEXT, "parameters": OBJECT})})
_OPTIONS = Record(
    {
        "num_ctx": WHOLE, "num_predict": WHOLE, "temperature": Number(), "top_p": Number(), "top_k": WHOLE,
        "seed": WHOLE, "stop": Either((TEXT, Items(TEXT))), "presence_penalty": Number(), "frequency_penalty": Number(),
    },
)  # fmt: skip
CHAT = Record(
    {
        "model": TEXT,
        "messages": Items(_MESSAGE),
        "stream": FLAG,
        "think": Either((FLAG, Text())),
        "tools": Items(_TOOL),
        "format": ANYTHING,
        "options": _OPTIONS,
        "keep_alive": ANYTHING,
        "truncate": FLAG,
        "shift": FLAG,
    },
    ("model",),
)


def model_missing(question: Question) -> Refusal | None:
    """A model that was not pulled."""
    if isinstance(question.model, Sold):
        return None
    return invalid(f"model '{question.name}' not found", 404)


def _role_unknown(question: Question) -> Refusal | None:
    known = ("system", "user", "assistant", "tool")
    stranger = next((each["role"] for each in question.body.get("messages") or () if each["role"] not in known), None)
    return None if stranger is None else invalid(f"invalid role: {stranger[:64]}")


def _think_unknown(question: Question) -> Refusal | None:
    wanted = question.body.get("think")
    if not isinstance(wanted, str) or wanted in _THINK_WORDS:
        return None
    words = 'must be "high", "medium", "low", true, or false'
    return invalid(f'invalid think value: "{wanted[:64]}" ({words})')


def _cannot_think(question: Question) -> Refusal | None:
    if not question.body.get("think") or thinks(question.sold):
        return None
    return invalid(f'"{question.name}" does not support thinking')


def _level_unknown(question: Question) -> Refusal | None:
    """Families with a switch take no level."""
    wanted, ways = question.body.get("think"), question.sold.row.thinking
    if not isinstance(wanted, str) or ways is None or "level" in ways.forms or not ways.efforts:
        return None
    return invalid(f'think value "{wanted}" is not supported for this model')


def _cannot_call(question: Question) -> Refusal | None:
    if not question.body.get("tools") or has_tools(question.sold):
        return None
    return invalid(f"registry.ollama.ai/library/{question.name} does not support tools")


def _format_unknown(question: Question) -> Refusal | None:
    wanted = question.body.get("format")
    if wanted in (None, "", "json") or isinstance(wanted, dict):
        return None
    return invalid(f'invalid format: {str(wanted)[:64]!r}; expected "json" or a valid JSON Schema object')


def _bad_image(question: Question) -> Refusal | None:
    for message in question.body.get("messages") or ():
        for image in message.get("images") or ():
            try:
                base64.b64decode(image, validate=True)
            except (binascii.Error, ValueError):
                return invalid("illegal base64 data at input byte 0")
    return None


def room(question: Question) -> int:
    """The tokens that the server holds for this request."""
    options: dict[str, Any] = question.body.get("options") or {}
    return min(options.get("num_ctx") or CONTEXT_TOKENS, context_of(question.sold))


def _context_exceeded(question: Question) -> Refusal | None:
    """Told only where it was asked for; else the oldest messages are dropped without a word."""
    if question.body.get("truncate") is not False or question.input_tokens <= room(question):
        return None
    return invalid("the input length exceeds the context length")


RULES: tuple[Rule, ...] = (
    *shape_rules(CHAT, say, _ROUTES),
    Rule("model_not_found", "recorded answers", model_missing),
    Rule("role_unknown", _ROUTES, _role_unknown),
    Rule("think_unknown", _ROUTES, _think_unknown),
    Rule("thinking_unsupported", "Ollama docs: thinking; server/routes.go", _cannot_think),
    Rule("level_unsupported", "Ollama docs: thinking", _level_unknown),
    Rule("tools_unsupported", "Ollama docs: tool calling; server/routes.go", _cannot_call),
    Rule("format_unknown", _ROUTES, _format_unknown),
    Rule("image_bad", _ROUTES, _bad_image),
)
WINDOW_RULES: tuple[Rule, ...] = (
    Rule("context_exceeded", "Ollama docs: context length; server/prompt.go", _context_exceeded),
)
