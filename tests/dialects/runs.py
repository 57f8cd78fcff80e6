"""Runs of events as decoders make them, for properties of both directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from kruxos.dialects.anthropic.response import FINISH_REASONS
from kruxos.dialects.base import Ending
from kruxos.events import (
    Event,
    FinishReason,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
)

MODEL = "the-model"
PIECE = st.text(min_size=1, max_size=6)
PIECES = st.lists(PIECE, min_size=1, max_size=3)
NAME = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
VALUE = st.dictionaries(PIECE, st.none() | st.booleans() | st.integers() | st.text(max_size=4), max_size=3)
COUNT = st.integers(0, 10**6)


@st.composite
def anthropic_runs(draw: st.DrawFn) -> list[Event]:
    """An answer of Anthropic's: parts one after the other."""
    run: list[Event] = [Start("my-provider", MODEL)]
    for index in range(draw(st.integers(0, 4))):
        run += draw(st.sampled_from([_text, _thinking, _redacted, _block, _call]))(draw, index)
    return run


def _state(index: int, kind: str, data: bytes, origin: str) -> State:
    return State(index, origin, MODEL, kind, data)


def _text(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield from [TextDelta(index, piece) for piece in draw(PIECES)]
    if draw(st.booleans()):
        yield _state(index, "citations", _json([draw(VALUE)]), "anthropic")


def _thinking(draw: st.DrawFn, index: int) -> Iterator[Event]:
    pieces = draw(st.lists(PIECE, max_size=3))
    yield from [ThinkingDelta(index, piece) for piece in pieces]
    if not pieces or draw(st.booleans()):
        yield _state(index, "signature", draw(PIECE).encode(), "anthropic")


def _redacted(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield _state(index, "redacted_thinking", draw(PIECE).encode(), "anthropic")


def _block(draw: st.DrawFn, index: int) -> Iterator[Event]:
    kind = draw(st.sampled_from(["server_tool_use", "mcp_tool_result", "compaction", "novelty"]))
    block = {"type": kind, "id": draw(PIECE), "content": [draw(VALUE)]}
    yield _state(index, "compaction" if kind == "compaction" else "block", _json(block), "anthropic")


def _call(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield ToolCallBegin(index, f"call_{index}", draw(NAME))
    yield from [ToolCallDelta(index, piece) for piece in _cut(draw, json.dumps(draw(VALUE)))]
    yield ToolCallEnd(index)


def _cut(draw: st.DrawFn, text: str) -> list[str]:
    at = draw(st.integers(0, len(text)))
    return [piece for piece in (text[:at], text[at:]) if piece]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@st.composite
def chat_runs(draw: st.DrawFn) -> list[Event]:
    """An answer in Chat Completions: texts and thoughts in turn, then calls whose pieces may come mixed."""
    run: list[Event] = [Start("my-provider", MODEL)]
    turns, thinks = draw(st.integers(0, 3)), draw(st.booleans())
    for index in range(turns):
        if (index % 2 == 0) is thinks:
            run.append(_state(index, draw(st.sampled_from(["reasoning_content", "reasoning"])), b"", "generic"))
            run += [ThinkingDelta(index, piece) for piece in draw(PIECES)]
        else:
            run += [TextDelta(index, piece) for piece in draw(PIECES)]
    calls = range(turns, turns + draw(st.integers(0, 3)))
    run += [ToolCallBegin(index, f"call_{index}", draw(NAME)) for index in calls]
    deltas = [ToolCallDelta(index, piece) for index in calls for piece in _cut(draw, json.dumps(draw(VALUE)))]
    run += draw(st.permutations(deltas))
    run += [ToolCallEnd(index) for index in calls]
    if draw(st.booleans()):
        details = [{"type": "reasoning.encrypted", "data": draw(PIECE), "index": 0, "id": "rs"}]
        is_after_thinking = isinstance(run[-1], ThinkingDelta)  # then they belong to it
        index = turns - 1 if is_after_thinking else turns + len(calls)
        run.append(_state(index, "reasoning_details", _json(details), "generic"))
    return run


@st.composite
def responses_runs(draw: st.DrawFn) -> list[Event]:
    """An answer in Responses: items one after the other, and calls whose pieces may come mixed."""
    run: list[Event] = [Start("my-provider", MODEL)]
    index = 0
    for _ in range(draw(st.integers(0, 4))):
        item = list(draw(st.sampled_from([_message, _reasoning, _item]))(draw, index))
        run += item
        index = 1 + max(getattr(event, "index", 0) for event in item)
    calls = range(index, index + draw(st.integers(0, 3)))
    run += [ToolCallBegin(index, f"call_{index}", draw(NAME)) for index in calls]
    deltas = [ToolCallDelta(index, piece) for index in calls for piece in _cut(draw, json.dumps(draw(VALUE)))]
    return [*run, *draw(st.permutations(deltas)), *[ToolCallEnd(index) for index in calls]]


def _message(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield from [TextDelta(index, piece) for piece in draw(PIECES)]
    if draw(st.booleans()):
        beside = draw(
            st.sampled_from([{"phase": "commentary"}, {"annotations": [{"type": "url_citation", "url": "u"}]}])
        )
        yield _state(index, "message_item", _json(beside), "openai")


def _reasoning(draw: st.DrawFn, index: int) -> Iterator[Event]:
    summary: list[Any] = []
    for number in range(draw(st.integers(0, 2))):
        if number:
            yield _state(index + number, "summary_part", b"", "openai")
        pieces = draw(PIECES)
        yield from [ThinkingDelta(index + number, piece) for piece in pieces]
        summary.append({"type": "summary_text", "text": "".join(pieces)})
    fields = {"type": "reasoning", "id": f"rs_{index}", "summary": summary, "encrypted_content": draw(PIECE)}
    yield _state(index, "reasoning_item", _json(fields), "openai")


def _item(draw: st.DrawFn, index: int) -> Iterator[Event]:
    kind = draw(st.sampled_from(["web_search_call", "mcp_call", "compaction", "novelty"]))
    fields = {"type": kind, "id": f"{kind}_{index}", "action": draw(VALUE)}
    yield _state(index, "compaction_item" if kind == "compaction" else "item", _json(fields), "openai")


@st.composite
def responses_endings(draw: st.DrawFn, run: list[Event]) -> Ending:
    """How this run of Responses may end."""
    usage = draw(usages())
    usage.reasoning_tokens = usage.reasoning_tokens or 0
    reason = draw(st.sampled_from([None, "max_output_tokens", "content_filter"]))
    if reason is not None:
        finish: FinishReason = "length" if reason == "max_output_tokens" else "content_filter"
        return Ending(finish, "incomplete", MODEL, usage, response_id="resp_1", stop_detail=reason)
    has_calls = any(isinstance(event, ToolCallBegin) for event in run)
    has_text = any(isinstance(event, TextDelta) for event in run)
    refusal = draw(st.none() | PIECE)
    finish = "tool_call" if has_calls else "content_filter" if refusal and not has_text else "stop"
    return Ending(finish, "completed", MODEL, usage, response_id="resp_1", refusal=refusal)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usage with every bucket that both protocols can say."""
    written, output = draw(COUNT), draw(COUNT)
    reasoning = draw(st.none() | st.integers(0, output))
    return Usage(draw(COUNT), draw(COUNT), written, output, reasoning)


@st.composite
def anthropic_endings(draw: st.DrawFn) -> Ending:
    """How an answer of Anthropic's may end."""
    raw = draw(st.sampled_from(sorted(FINISH_REASONS)))
    usage = draw(usages())
    usage.cache_write_1h_tokens = draw(st.integers(0, usage.cache_write_tokens or 0))
    detail = draw(st.none() | st.just("END") | st.just({"type": "refusal"}))
    return Ending(FINISH_REASONS[raw], raw, MODEL, usage, response_id="msg_1", stop_detail=detail)


@st.composite
def chat_endings(draw: st.DrawFn, run: list[Event]) -> Ending:
    """How this run of Chat Completions may end."""
    has_calls = any(isinstance(event, ToolCallBegin) for event in run)
    words: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
    words |= {"tool_calls": "tool_call"} if has_calls else {"stop": "stop"}
    raw = draw(st.sampled_from(sorted(words)))
    usage = draw(usages())
    return Ending(words[raw], raw, MODEL, usage, response_id="chatcmpl-1")


@st.composite
def gemini_runs(draw: st.DrawFn) -> list[Event]:
    """An answer of Gemini's: texts and thoughts in turn, calls, signatures, and parts without a word of ours."""
    run: list[Event] = [Start("my-provider", MODEL)]
    before: Any = None
    for index in range(draw(st.integers(0, 5))):
        kinds = [_plain_text, _own_thought, _signed_call, _empty_signature, _other_part]
        before = draw(st.sampled_from([kind for kind in kinds if kind is not before or kind is _signed_call]))
        run += before(draw, index)
    return run


def _plain_text(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield from [TextDelta(index, piece) for piece in draw(PIECES)]


def _own_thought(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield _state(index, "thought", b"", "gemini")
    yield from [ThinkingDelta(index, piece) for piece in draw(PIECES)]


def _signed_call(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield from _whole_call(draw, index, [_state(index, "thought_signature", b"Eq==", "gemini")])


def _whole_call(draw: st.DrawFn, index: int, states: list[State]) -> Iterator[Event]:
    yield ToolCallBegin(index, f"call_{index}", draw(NAME))
    arguments = draw(VALUE)
    if arguments:
        yield ToolCallDelta(index, json.dumps(arguments, ensure_ascii=False, separators=(",", ":")))
    yield from states if draw(st.booleans()) else []
    yield ToolCallEnd(index)


def _empty_signature(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield _state(index, "thought_signature", draw(PIECE).encode(), "gemini")


def _other_part(draw: st.DrawFn, index: int) -> Iterator[Event]:
    yield _state(index, "part", _json({"executableCode": {"code": draw(PIECE)}}), "gemini")


@st.composite
def gemini_endings(draw: st.DrawFn, run: list[Event]) -> Ending:
    """How this run of Gemini's may end."""
    words: dict[str, FinishReason] = {
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
    }
    has_calls = any(isinstance(event, ToolCallBegin) for event in run)
    words["STOP"] = "tool_call" if has_calls else "stop"
    raw = draw(st.sampled_from(sorted(words)))
    usage = draw(usages())
    usage.cache_write_tokens = None
    usage.other_tokens = draw(st.just({}) | st.just({"tool_use_prompt": 7}))
    return Ending(words[raw], raw, MODEL, usage, response_id="1", stop_detail=draw(st.none() | st.just("because")))


@st.composite
def ollama_runs(draw: st.DrawFn) -> list[Event]:
    """An answer of Ollama's: a thought, a text, calls."""
    run: list[Event] = [Start("my-provider", MODEL)]
    index = 0
    if draw(st.booleans()):
        run.append(_state(index, "thinking", b"", "ollama"))
        run += [ThinkingDelta(index, piece) for piece in draw(PIECES)]
        index += 1
    if draw(st.booleans()):
        run += _plain_text(draw, index)
        index += 1
    for call in range(index, index + draw(st.integers(0, 3))):
        run += _whole_call(draw, call, [])
    return run


@st.composite
def ollama_endings(draw: st.DrawFn, run: list[Event]) -> Ending:
    """How this run of Ollama's may end."""
    has_calls = any(isinstance(event, ToolCallBegin) for event in run)
    raw = draw(st.sampled_from(["stop", "length"]))
    reason: FinishReason = "length" if raw == "length" else "tool_call" if has_calls else "stop"
    usage = Usage(uncached_input_tokens=draw(st.integers(1, 10**6)), output_tokens=draw(st.integers(1, 10**6)))
    return Ending(reason, raw, MODEL, usage)
