"""What compatible providers share: keys, doors, and how their streams differ from OpenAI's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from kruxos.events import Usage
from kruxos.simulator.dressing import Outgoing, Wire
from kruxos.simulator.limits import Meters
from kruxos.simulator.models import Sold
from kruxos.simulator.provider import Question, Refusal, Rule
from kruxos.simulator.shapes import Complaint
from kruxos.simulator.steps import Headers

ALWAYS_USAGE = {"stream_options": {"include_usage": True}}
"""For the encoder: counts are sent whether they were asked for or not."""
BODY_BYTES_MAX = 32 * 1024 * 1024
REASONING = "reasoning_content"


def door(
    source: str, missing: Callable[[str], Refusal], wrong: Callable[[str], Refusal], large: Refusal
) -> tuple[Rule, ...]:
    """The rules that need no body. What is said may show an end of the key."""

    def key_missing(question: Question) -> Refusal | None:
        return None if question.key else missing("")

    def key_wrong(question: Question) -> Refusal | None:
        return wrong(question.key or "") if question.is_bad_key else None

    def body_too_large(question: Question) -> Refusal | None:
        return large if question.body_bytes > BODY_BYTES_MAX else None

    return (
        Rule("key_missing", source, key_missing),
        Rule("key_wrong", source, key_wrong),
        Rule("body_too_large", "the simulator's own bound", body_too_large),
    )


def unknown_model(source: str, refuse: Callable[[str], Refusal]) -> Rule:
    """The rule for a model that is not sold."""

    def check(question: Question) -> Refusal | None:
        return None if isinstance(question.model, Sold) else refuse(str(question.name))

    return Rule("model_not_found", source, check)


def window(source: str, refuse: Callable[[int, int], Refusal]) -> tuple[Rule, ...]:
    """The rule for a prompt that is too long: told its tokens, and how many there may be."""

    def check(question: Question) -> Refusal | None:
        limit = question.sold.row.max_input or question.sold.row.context
        return None if limit is None or question.input_tokens <= limit else refuse(question.input_tokens, limit)

    return (Rule("context_exceeded", source, check),)


def said(question: Question, role: str) -> list[tuple[int, dict[str, Any]]]:
    """The messages of a role, with their places."""
    return [(at, each) for at, each in enumerate(question.body["messages"]) if each["role"] == role]


def speaks_of_json(question: Question) -> bool:
    """Whether any message has the word in it."""
    return any("json" in str(message.get("content")).lower() for message in question.body["messages"])


def wants_json(question: Question) -> str | None:
    """The kind of structured output that is asked for."""
    wanted: dict[str, Any] = question.body.get("response_format") or {}
    return None if wanted.get("type") == "text" else wanted.get("type")


def is_forced(choice: Any) -> bool:
    """Whether a tool choice demands a call."""
    return isinstance(choice, dict) or choice in ("required", "any")


def path_of(complaint: Complaint) -> str:
    """A path with dots and brackets; names of variants are not in it."""
    text = ""
    for step in complaint.path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif type(step) is str:
            text += f".{step}" if text else step
    return text


def usage(input_tokens: int, output_tokens: int, reasoning_tokens: int | None) -> Usage:
    """Counts as most of them have: reasoning is within the output."""
    return Usage(input_tokens, 0, None, output_tokens, reasoning_tokens)


def no_headers(request_id: str, _meters: Meters | None, _now: float) -> Headers:
    """An id, and nothing about limits."""
    return (("x-request-id", request_id),)


def choice_of(value: Wire) -> Wire:
    """The one choice of a chunk or a whole answer; empty where there is none."""
    choices = cast("list[Wire]", value.get("choices") or [])
    return choices[0] if choices else {}


def said_in(value: Wire) -> Wire:
    """The delta or the message of a value."""
    choice = choice_of(value)
    return cast("Wire", choice.get("delta" if "delta" in choice else "message", {}))


def usage_at_end(values: list[Wire]) -> list[Wire]:
    """The counts stand in the chunk that has the reason, not behind it in one of their own."""
    counts = next((value["usage"] for value in values if value.get("usage") and not choice_of(value)), None)
    kept = [value for value in values if choice_of(value)]
    for value in kept:
        value.pop("usage", None) if "delta" in choice_of(value) else None
        if counts is not None and choice_of(value).get("finish_reason"):
            value["usage"] = counts
    return kept


def hold_calls(values: list[Wire], outgoing: Outgoing) -> list[Wire]:
    """The pieces of calls are kept back until they are whole (``outgoing.held``)."""
    passed: list[Wire] = []
    for value in values:
        pieces = said_in(value).get("tool_calls") if outgoing.is_stream else None
        if not pieces:
            passed.append(value)
            continue
        for piece in cast("list[Wire]", pieces):
            held = outgoing.held.setdefault(piece["index"], piece)
            if held is not piece:
                held["function"]["arguments"] += piece["function"]["arguments"]
    return passed


def take_calls(outgoing: Outgoing) -> list[Wire]:
    """The whole calls, once."""
    calls = [outgoing.held[index] for index in sorted(outgoing.held)]
    outgoing.held.clear()
    return calls


def call_id(name: str) -> str:
    """An id of a tool call as OpenAI's own look."""
    return f"call_{name[:24]}"


def answer_id(request_id: str) -> str:
    """An id of an answer as OpenAI's own look."""
    return f"chatcmpl-{request_id.removeprefix('req_')[:29]}"


def without_effort(body: Wire) -> Wire:
    """The body without the effort, whose words here are not those of OpenAI."""
    return {name: value for name, value in body.items() if name != "reasoning_effort"}
