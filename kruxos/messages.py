"""The common language, first half: what an agent asks. ``kruxos.events`` is what it gets.

A request is messages made of typed parts, and wishes. Every provider's dialect can say it or tells what it could
not say. On the wire a request is one msgpack map, a part is a map with ``type``; unknown keys are ignored and told.
Names follow OpenTelemetry's GenAI conventions where those have one.

Values are plain data: treat them as immutable. ``kruxos.codec`` turns them into maps and back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Role = Literal["system", "user", "assistant", "tool"]
ThinkingEffort = Literal["none", "low", "medium", "high", "max"]

ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")
THINKING_EFFORTS: tuple[ThinkingEffort, ...] = ("none", "low", "medium", "high", "max")
COMPACTION_TEMPLATES = ("general", "coder", "researcher", "email", "devops")
"""What a summary of a long conversation pays heed to."""


@dataclass(slots=True)
class ProviderState:
    """Something only its provider understands: a signature, encrypted reasoning, a compaction block.

    ``origin`` says who made it (a profile such as ``anthropic``, or a host), ``kind`` what it is; ``data`` goes back
    to the same origin byte for byte and to nobody else. It stands on the part it belongs to (``part.state``), or
    alone in a message where it is a block of its own.
    """

    origin: str
    model: str
    kind: str
    data: bytes


@dataclass(slots=True)
class Text:
    """Visible text."""

    text: str
    state: ProviderState | None = None


@dataclass(slots=True)
class Thinking:
    """What the model thought, as far as the provider shows it."""

    text: str
    state: ProviderState | None = None


@dataclass(slots=True)
class Image:
    """An image: ``data`` with its ``media_type``, or a ``url``. ``detail`` is auto, low or high."""

    data: bytes | None = None
    media_type: str | None = None
    url: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class Document:
    """A document: ``data`` with its ``media_type``, or a ``url``, or plain ``text``."""

    data: bytes | None = None
    media_type: str | None = None
    url: str | None = None
    text: str | None = None
    name: str | None = None


@dataclass(slots=True)
class ToolCall:
    """The model asks for a tool. ``arguments`` is the parsed object, or the text where it does not parse.

    ``arguments_json`` is the text as the provider wrote it, so that a replay is byte for byte the same.
    """

    id: str
    name: str
    arguments: Any = None
    arguments_json: str = ""
    state: ProviderState | None = None

    def __post_init__(self) -> None:
        if self.arguments_json:
            if self.arguments is None:
                self.arguments = parse_arguments(self.arguments_json)
        elif isinstance(self.arguments, str):
            self.arguments_json = self.arguments
            self.arguments = parse_arguments(self.arguments_json)
        else:
            self.arguments = {} if self.arguments is None else self.arguments
            self.arguments_json = compact_json(self.arguments)


@dataclass(slots=True)
class ToolResult:
    """What a tool answered to the call ``id``. ``content`` is text, or parts (text, images, documents)."""

    id: str
    content: str | list[Part]
    is_error: bool = False
    name: str | None = None


Part: TypeAlias = Text | Thinking | Image | Document | ToolCall | ToolResult | ProviderState


@dataclass(slots=True)
class Message:
    """One turn. A string as ``content`` is one text part. Tool results stand in ``tool`` or ``user`` messages."""

    role: Role
    parts: list[Part]

    @classmethod
    def of(cls, role: Role, content: str | Sequence[Part]) -> Message:
        """A message from a text or from parts."""
        return cls(role, [Text(content)] if isinstance(content, str) else list(content))


@dataclass(slots=True)
class Tool:
    """A function the model may call; ``parameters`` is a JSON Schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    strict: bool | None = None


@dataclass(slots=True)
class OutputFormat:
    """Structured output: JSON after ``schema``, or any JSON object where ``schema`` is None."""

    schema: dict[str, Any] | None = None
    name: str = "output"
    strict: bool | None = None


@dataclass(slots=True)
class Native:
    """The request as it came in a provider's own protocol: a worker of that dialect sends it on nearly as it is.

    ``only``: paths of what no other protocol has a word for; elsewhere it is left out, and told.
    """

    dialect: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    path: str = ""
    only: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Request:
    """One call's question. Every wish that is None is left to the provider.

    ``tool_choice`` is ``auto``, ``none``, ``required``, or the name of a tool as ``tool:NAME``.
    ``raw_events``: with ``native``, a provider of that protocol answers in its own bytes (``events.Raw``).
    """

    messages: list[Message]
    tools: list[Tool] = field(default_factory=list[Tool])
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] = field(default_factory=list[str])
    thinking_effort: ThinkingEffort | None = None
    output_format: OutputFormat | None = None
    cache: dict[str, Any] = field(default_factory=dict[str, Any])
    compaction: dict[str, Any] = field(default_factory=dict[str, Any])
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    native: Native | None = None
    raw_events: bool = False
    unknown: list[str] = field(default_factory=list[str])


def parse_arguments(text: str) -> Any:
    """Tool arguments as a provider wrote them: the parsed value; ``{}`` for nothing; the text if it is not JSON."""
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def compact_json(value: Any) -> str:
    """JSON without spaces and with keys in their given order: the same value is always the same bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
