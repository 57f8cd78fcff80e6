"""Short words for tests of dialects: targets, streams, and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from kruxos.dialects.base import Decoder, EncodedRequest, HttpRequest, Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Assembler, Event, Notice
from kruxos.messages import Message, Part, Request

NOW = 1_800_000_000.0


def target(profile: str, model: str = "some-model", *, stream: bool = True, **changes: Any) -> Target:
    """A target of a profile; the origin is the profile's name."""
    return Target("my-provider", model, PROFILES[profile], profile, stream, now=NOW, **changes)


def openai_chat(model: str = "some-model", *, stream: bool = True, **changes: Any) -> Target:
    """OpenAI's own API, spoken to in Chat Completions."""
    return chat_target("openai", model, stream=stream, **changes)


def chat_target(profile: str, model: str = "some-model", *, stream: bool = True, **changes: Any) -> Target:
    """A target of a profile, spoken to in Chat Completions."""
    row = replace(PROFILES[profile], dialect="openai-chat")
    return Target("my-provider", model, row, profile, stream, now=NOW, **changes)


def sent(body: dict[str, Any] | None = None, **tool_names: str) -> EncodedRequest:
    """A request that went out."""
    data = json.dumps(body).encode() if body else b""
    return EncodedRequest(HttpRequest("POST", "/", {}, data), tool_names=tool_names)


def decoder(aim: Target, request: EncodedRequest | None = None, content_type: str = "text/event-stream") -> Decoder:
    """A decoder for the answer to a request."""
    return DIALECTS[aim.profile.dialect].decoder(aim, request or sent(), content_type)


def sse(*values: Any) -> bytes:
    """A stream of events: values as JSON, strings as they are; Anthropic's carry their name."""
    lines: list[str] = []
    for value in values:
        kind = value.get("type") if isinstance(value, dict) else None
        name = f"event: {kind}\n" if isinstance(kind, str) and kind.isidentifier() and kind.isascii() else ""
        lines.append(f"{name}data: {value if isinstance(value, str) else json.dumps(value)}\n\n")
    return "".join(lines).encode()


def run(into: Decoder, *pieces: bytes) -> list[Event]:
    """All events of a body."""
    events: list[Event] = []
    for piece in pieces:
        events += into.feed(piece)
    return events + into.finish()


def parts_of(events: Iterable[Event]) -> list[Part]:
    """The parts that events make."""
    assembler = Assembler()
    for event in events:
        assembler.feed(event)
    return assembler.parts()


def encode(request: Request, aim: Target) -> tuple[dict[str, Any], EncodedRequest]:
    """A request in the target's dialect: its body as a value, and all of it."""
    encoded = DIALECTS[aim.profile.dialect].encode_request(request, aim)
    return json.loads(encoded.http.body), encoded


def ask(*messages: Message, **wishes: Any) -> Request:
    """A request; without messages it says hi."""
    return Request(list(messages) or [user("hi")], **wishes)


def user(*parts: Part | str) -> Message:
    """A user's turn."""
    return _message("user", parts)


def assistant(*parts: Part | str) -> Message:
    """An assistant's turn."""
    return _message("assistant", parts)


def tool(*parts: Part) -> Message:
    """Results of tools."""
    return _message("tool", parts)


def system(text: str) -> Message:
    """Instructions."""
    return Message.of("system", text)


def _message(role: Any, parts: Iterable[Part | str]) -> Message:
    from kruxos.messages import Text

    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def codes(notices: Iterable[Notice]) -> list[str]:
    """The codes of notices."""
    return [notice.code for notice in notices]
