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
from kruxos.messages import ProviderState, Text, Thinking, ToolCall

WIRES = {
    "messages": "anthropic",
    "chat": "openai-chat",
    "responses": "openai-responses",
    "gemini": "gemini",
    "ollama-chat": "ollama",
    "ollama-generate": "ollama",
}
PROFILE_OF_HOST = {
    "api.anthropic.com": "anthropic",
    "api.openai.com": "openai",
    "api.deepseek.com": "deepseek",
    "api.z.ai": "glm",
    "api.x.ai": "grok",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "openrouter.ai": "openrouter",
    "chatgpt.com": "openai-codex",
}
NOTHING_SENT = EncodedRequest(HttpRequest("POST", "", {}, b""))
SERVER_TOOLS = {"server_tool_use", "mcp_tool_use"}
NAMED_ITEMS = {"mcp_call", "custom_tool_call"}


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
    profile = PROFILES[name if wire in ("chat", "responses") else WIRES[wire]]
    return Target("p", model, profile, profile.name, stream=recorded["response"]["stream"])


def decode(recorded: dict[str, Any], wire: str, pieces: Iterable[bytes] | None = None) -> Outcome:
    """The exchange's answer through the dialect of its wire, in these pieces or as a whole."""
    dialect, target = DIALECTS[WIRES[wire]], target_of(recorded, wire)
    response = recorded["response"]
    body = response["body_text"].encode()
    headers = response["headers"]
    if response["status"] >= 300:
        return Outcome(error=dialect.decode_error(response["status"], headers, body, target))
    kinds = {
        "sse": "text/event-stream",
        "json": "application/json",
        "ndjson": "application/x-ndjson",
        "text": "text/plain",
    }
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
    calls = [part for part in parts if isinstance(part, ToolCall)]
    return {
        "text": "".join(part.text for part in parts if isinstance(part, Text)),
        "thinking": "".join(part.text for part in parts if isinstance(part, Thinking)),
        "tool_calls": [(call.id, call.name, call.arguments) for call in calls],
        "server_tools": [name for part in parts if isinstance(part, ProviderState) for name in server_tools(part)],
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


def server_tools(state: ProviderState) -> list[str]:
    """The tools that the provider ran, as a state of its own tells them."""
    if state.kind == "block":
        block = json.loads(state.data)
        return [block["name"]] if block["type"] in SERVER_TOOLS else []
    if state.kind == "item":
        item = json.loads(state.data)
        return [item["name"] if item["type"] in NAMED_ITEMS else item["type"]]
    if state.kind == "part":
        return [name for name in json.loads(state.data) if name == "executableCode"]
    if state.kind == "grounding":
        chunks = json.loads(state.data).get("groundingMetadata", {}).get("groundingChunks", [])
        kinds = {"web": "google_search", "retrievedContext": "file_search"}
        return list(dict.fromkeys(kinds[name] for chunk in chunks for name in chunk if name in kinds))
    return []


def opaque(state: State) -> list[str]:
    """SHA-256 of each value in a state that its provider signed or encrypted."""
    if state.kind in ("signature", "redacted_thinking", "thought_signature"):
        values = [state.data]
    elif state.kind == "reasoning_details":
        entries = json.loads(state.data)
        values = [entry[name].encode() for entry in entries for name in ("signature", "data") if entry.get(name)]
    elif state.kind in ("reasoning_item", "compaction_item"):
        encrypted = json.loads(state.data).get("encrypted_content")
        values = [encrypted.encode()] if encrypted else []
    elif state.kind == "part":
        values = [value.encode() for name, value in json.loads(state.data).items() if name == "thoughtSignature"]
    else:
        values = []
    return [hashlib.sha256(value).hexdigest() for value in values]


def expected_meaning(expected: dict[str, Any]) -> dict[str, Any]:
    """The expectation in the same words; its ``output`` leaves reasoning out, ours has it within."""
    tokens = expected["tokens"]
    output, reasoning = tokens["output"], tokens["reasoning"]
    if reasoning is not None:
        output = (output or 0) + reasoning
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


def mismatches(outcome: Outcome, expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By name, what came and what was expected where the two differ."""
    came, wanted = meaning(outcome), expected_meaning(expected)
    if len(came["tool_calls"]) == len(wanted["tool_calls"]):  # ids that the provider gave; where none, ours is made up
        pairs = zip(came["tool_calls"], wanted["tool_calls"], strict=True)
        came["tool_calls"] = [call if call[0] and wish[0] else (wish[0], *call[1:]) for call, wish in pairs]
    if came["opaque"] == expected.get("opaque_alt_sha256"):  # as the items' own events gave them; both are valid
        wanted["opaque"] = came["opaque"]
    differences = {name: (came[name], wanted[name]) for name in wanted if came[name] != wanted[name]}
    if _error(outcome.error) != _expected_error(expected["error"], outcome.error):
        differences["error"] = (outcome.error, expected["error"])
    return differences


def _error(error: KruxosError | None) -> tuple[Any, ...] | None:
    return None if error is None else (error.detail.provider_status, error.detail.provider_code)


def _expected_error(error: dict[str, Any] | None, came: KruxosError | None) -> tuple[Any, ...] | None:
    if error is None:
        return None
    words = [str(word) for word in (error["type"], error["code"]) if word is not None]
    code = came.detail.provider_code if came and came.detail.provider_code in words else next(iter(words), None)
    return error["status"], code


_ENCRYPTED = ("encrypted_content", "encrypted_index", "encrypted_stdout")


def opaque_of_tools(outcome: Outcome) -> list[str]:
    """SHA-256 of each encrypted payload in the blocks and citations that a provider's own tools made."""
    states = [event for event in outcome.events if isinstance(event, State)]
    values = [json.loads(state.data) for state in states if state.kind in ("block", "citations")]
    return [hashlib.sha256(text.encode()).hexdigest() for value in values for text in _encrypted(value)]


def _encrypted(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _encrypted(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in _ENCRYPTED and isinstance(inner, str):
                yield inner
            else:
                yield from _encrypted(inner)
