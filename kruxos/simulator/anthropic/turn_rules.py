"""What Anthropic refuses in a conversation (Anthropic docs: Messages API, tool use, handling stop reasons)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from kruxos.simulator.provider import Question, Refusal, Rule

from .conversation import Place, Turn, blocks, places, turns
from .errors import invalid

_DOCS = "Anthropic docs: Messages API"
_TOOLS = "Anthropic docs: tool use; handling stop reasons"
_IMAGE_CHARS_MAX = 10 * 1024 * 1024
_HOLDER = {"tool_use": "assistant", "tool_result": "user", "thinking": "assistant", "redacted_thinking": "assistant"}


def _no_messages(question: Question) -> Refusal | None:
    return None if question.body["messages"] else invalid("messages: at least one message is required")


def _role_unknown(question: Question) -> Refusal | None:
    allowed = ("user", "assistant", *(("system",) if "system_turns" in question.sold.traits else ()))
    for at, message in enumerate(question.body["messages"]):
        if message["role"] not in allowed:
            return invalid(f"messages.{at}.role: Input should be {' or '.join(map(repr, allowed))}")
    return None


def _first_not_user(question: Question) -> Refusal | None:
    if question.body["messages"][0]["role"] == "user":
        return None
    return invalid('messages: first message must use the "user" role')


def _empty_content(question: Question) -> Refusal | None:
    messages = question.body["messages"]
    for at, message in enumerate(messages):
        is_prefill = at == len(messages) - 1 and message["role"] == "assistant"
        if not message["content"] and not is_prefill:
            words = "all messages must have non-empty content except for the optional final assistant message"
            return invalid(f"messages.{at}: {words}")
    return None


def _empty_text(question: Question) -> Refusal | None:
    for where, text, is_cached in _texts(question):
        if not text and is_cached:
            return invalid(f"{where}: cache_control cannot be set for empty text blocks")
        if not text.strip():
            kind = "contain non-whitespace text" if text else "be non-empty"
            return invalid(f"{where.partition('.')[0]}: text content blocks must {kind}")
    return None


def _texts(question: Question) -> Iterator[tuple[str, str, bool]]:
    """Every text block: where it stands, what it says, whether it is a cache breakpoint."""
    system = question.body.get("system")
    for at, block in enumerate(blocks(system) if system else ()):
        yield f"system.{at}.text", block["text"], bool(block.get("cache_control"))
    for place, _ in places(question.body):
        if place.type == "text":
            yield f"{place.path}.text", place.value["text"], bool(place.value.get("cache_control"))
        inner = place.value.get("content") if place.type == "tool_result" else None
        for at, block in enumerate(blocks(inner) if isinstance(inner, list) else ()):
            if block["type"] == "text":
                yield f"{place.path}.content.{at}.text", block["text"], bool(block.get("cache_control"))


def _misplaced(question: Question) -> Refusal | None:
    for place, role in places(question.body):
        holder = _HOLDER.get(place.type)
        if holder is not None and role != holder:
            return invalid(f"messages.{place.message}: `{place.type}` blocks can only be in `{holder}` messages")
    return None


def _bad_image(question: Question) -> Refusal | None:
    for place, _ in places(question.body):
        source: dict[str, Any] = place.value.get("source") or {}
        if place.type not in ("image", "document") or source.get("type") != "base64":
            continue
        where = f"{place.path}.{place.type}.source.base64"
        if place.type == "image" and len(source["data"]) > _IMAGE_CHARS_MAX:
            return invalid(
                f"{where}: image exceeds 10 MB maximum: {len(source['data'])} bytes > {_IMAGE_CHARS_MAX} bytes"
            )
        if not _is_base64(source["data"]):
            return invalid(f"{where}.data: Invalid base64 data")
    return None


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _ids_repeated(question: Question) -> Refusal | None:
    seen: set[str] = set()
    for place, _ in places(question.body):
        if place.type == "tool_use":
            if place.value["id"] in seen:
                return invalid(f"{place.path}: `tool_use` ids must be unique")
            seen.add(place.value["id"])
    return None


def _unanswered(question: Question) -> Refusal | None:
    """Every call has its result in the very next turn, before anything else in it."""
    said = turns(question.body)
    for at, turn in enumerate(said):
        calls = turn.of("tool_use")
        if not calls or at + 1 == len(said):
            continue
        answered = {place.value["tool_use_id"] for place in _leading_results(said[at + 1])}
        missing = [call.value["id"] for call in calls if call.value["id"] not in answered]
        if missing:
            return _without_results(said[at + 1].places[0], missing)
    return None


def _left_open(question: Question) -> Refusal | None:
    """A conversation can't end with a call."""
    calls = turns(question.body)[-1].of("tool_use")
    if not calls:
        return None
    return _without_results(calls[-1], [call.value["id"] for call in calls])


def _without_results(place: Place, missing: list[str]) -> Refusal:
    return invalid(
        f"messages.{place.message}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(missing)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _leading_results(turn: Turn) -> list[Place]:
    found: list[Place] = []
    for place in turn.places:
        if place.type != "tool_result":
            break
        found.append(place)
    return found


def _unexpected(question: Question) -> Refusal | None:
    """Every result belongs to a call of the turn just before."""
    called: set[str] = set()
    for turn in turns(question.body):
        for place in turn.of("tool_result"):
            if place.value["tool_use_id"] not in called:
                return invalid(
                    f"{place.path}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{place.value['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` "
                    "block in the previous message."
                )
        called = {place.value["id"] for place in turn.of("tool_use")}
    return None


def _twice_answered(question: Question) -> Refusal | None:
    for turn in turns(question.body):
        answered = [place.value["tool_use_id"] for place in turn.of("tool_result")]
        if len(set(answered)) < len(answered):
            place = turn.of("tool_result")[-1]
            return invalid(
                f"{place.path}: each tool_use must have a single result. Found multiple `tool_result` blocks "
                "with one id"
            )
    return None


def _assistant_document(question: Question) -> Refusal | None:
    if question.headers.get("anthropic-version") == "2023-06-01":
        return None
    for place, role in places(question.body):
        if role == "assistant" and place.type == "document":
            return invalid(f"{place.path}: `document` blocks are not allowed in assistant messages")
    return None


TURN_RULES: tuple[Rule, ...] = (
    Rule("messages_empty", _DOCS, _no_messages),
    Rule("role_unknown", _DOCS, _role_unknown),
    Rule("first_message_not_user", _DOCS, _first_not_user),
    Rule("content_empty", _DOCS, _empty_content),
    Rule("text_empty", "Anthropic docs: Messages API, prompt caching", _empty_text),
    Rule("block_misplaced", _DOCS, _misplaced),
    Rule("image_bad", "Anthropic docs: vision", _bad_image),
    Rule("tool_use_ids_repeated", "anthropics/claude-code#28515", _ids_repeated),
    Rule("tool_result_unexpected", _TOOLS, _unexpected),
    Rule("tool_result_missing", _TOOLS, _unanswered),
    Rule("tool_call_left_open", _TOOLS, _left_open),
    Rule("tool_result_repeated", _TOOLS, _twice_answered),
    Rule("assistant_document", "Anthropic docs: migration 2026-10-21", _assistant_document),
)
