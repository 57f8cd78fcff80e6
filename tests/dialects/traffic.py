"""Recorded exchanges through a decoder, and what came of them beside what they mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kruxos.dialects.base import Decoder, EncodedRequest, HttpRequest, Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import KruxosError
from kruxos.events import Assembler, Event, State

WIRES = {"messages": "anthropic", "chat": "openai-chat"}
PROFILE_OF_HOST = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.z.ai": "glm",
    "api.x.ai": "grok",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "openrouter.ai": "openrouter",
}
NOTHING_SENT = EncodedRequest(HttpRequest("POST", "", {}, b""))
SERVER_TOOLS = {"server_tool_use", "mcp_tool_use"}


@dataclass
class Outcome:
    """What a decoder made of one exchange."""

    events: list[Event] = field(default_factory=list)
    decoder: Decoder | None = None
    error: KruxosError | None = None


def target_of(recorded: dict[str, Any], wire: str) -> Target:
    """The target that the exchange was aimed at, its profile by the host."""
    request = recorded["request"]
    name = PROFILE_OF_HOST.get(urlsplit(request.get("url") or "").hostname or "", "generic")
    body = request.get("body")
    model = body.get("model", "") if isinstance(body, dict) else ""
    profile = PROFILES["anthropic"] if wire == "messages" else PROFILES[name]
    return Target("p", model, profile, profile.name, stream=recorded["response"]["stream"])


def decode(recorded: dict[str, Any], wire: str, pieces: Iterable[bytes] | None = None) -> Outcome:
    """The exchange's answer through the dialect of its wire, in these pieces or as a whole."""
    dialect, target = DIALECTS[WIRES[wire]], target_of(recorded, wire)
    response = recorded["response"]
    body = response["body_text"].encode()
    headers = response["headers"]
    if response["status"] >= 300:
        return Outcome(error=dialect.decode_error(response["status"], headers, body, target))
    kinds = {"sse": "text/event-stream", "json": "application/json", "text": "text/plain"}
    content_type = headers.get("content-type", kinds[response["kind"]])
    decoder = dialect.decoder(target, NOTHING_SENT, content_type)
    outcome = Outcome(decoder=decoder)
    for piece in [body] if pieces is None else pieces:
        outcome.events += decoder.feed(piece)
    outcome.events += decoder.finish()
    outcome.error = decoder.error
    return outcome


def meaning(outcome: Outcome) -> dict[str, Any]:
    """An outcome in the words of the expectations."""
    assembler = Assembler()
    for event in outcome.events:
        assembler.feed(event)
    parts = assembler.parts()
    decoder = outcome.decoder
    ending = decoder.ending if decoder else None
    usage = decoder.usage if decoder else None
    calls = [part for part in parts if type(part).__name__ == "ToolCall"]
    blocks = [json.loads(part.data) for part in parts if getattr(part, "kind", "") == "block"]
    return {
        "text": "".join(part.text for part in parts if type(part).__name__ == "Text"),
        "thinking": "".join(part.text for part in parts if type(part).__name__ == "Thinking"),
        "tool_calls": [(call.id, call.name, call.arguments) for call in calls],
        "server_tools": [block["name"] for block in blocks if block["type"] in SERVER_TOOLS],
        "stop": ending.raw_finish_reason if ending else None,
        "stop_detail": ending.stop_detail if ending else None,
        "refusal": ending.refusal if ending else None,
        "tokens": [
            getattr(usage, name, None)
            for name in ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
        ],
        "reasoning": usage.reasoning_tokens if usage else None,
        "tokens_other": dict(usage.other_tokens) if usage else {},
        "opaque": [digest for event in outcome.events if isinstance(event, State) for digest in opaque(event)],
        "complete": ending is not None,
    }


def opaque(state: State) -> list[str]:
    """SHA-256 of each value in a state that its provider signed or encrypted."""
    if state.kind in ("signature", "redacted_thinking"):
        values = [state.data]
    elif state.kind == "reasoning_details":
        entries = json.loads(state.data)
        values = [entry[name].encode() for entry in entries for name in ("signature", "data") if entry.get(name)]
    else:
        values = []
    return [hashlib.sha256(value).hexdigest() for value in values]


def expected_meaning(expected: dict[str, Any]) -> dict[str, Any]:
    """The expectation in the same words; its ``output`` leaves reasoning out, ours has it within."""
    tokens = expected["tokens"]
    output, reasoning = tokens["output"], tokens["reasoning"]
    if output is not None and reasoning is not None:
        output += reasoning
    error = expected["error"] is not None
    return {
        "text": expected["text"] or "",
        "thinking": expected["thinking"] or "",
        "tool_calls": [(call["id"], call["name"], call["arguments"] or {}) for call in expected["tool_calls"]],
        "server_tools": [] if expected["wire"] == "chat" else expected["server_tools"],
        "stop": None if error else expected["stop"],
        "stop_detail": None if error else expected["stop_detail"],
        "refusal": expected["refusal"],
        "tokens": [tokens["input_uncached"], tokens["cache_read"], tokens["cache_write"], output],
        "reasoning": reasoning,
        "tokens_other": expected["tokens_other"],
        "opaque": expected["opaque"]["sha256"],
        "complete": expected["complete"],
    }
