"""Nothing that a provider sends makes a decoder raise, hang or forget how to end."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kruxos.checks import check_request
from kruxos.dialects.base import Target
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.events import encode_events
from tests.dialects.support import decoder, run, sse, target

AIMS = [target(name) for name in ("anthropic", "generic", "mistral", "openai", "gemini", "ollama")]
LEAF = st.none() | st.booleans() | st.integers(-1, 3) | st.text(alphabet='a"\\{\ud83d', max_size=3) | st.just("text")
KEYS = {
    "anthropic": ["type", "index", "content_block", "delta", "message", "usage", "text", "thinking", "signature",
                  "partial_json", "content", "input", "id", "name", "stop_reason", "error", "citation", "citations",
                  "model", "iterations", "input_tokens", "output_tokens", "cache_creation", "data"],
    "openai-chat": ["id", "model", "choices", "delta", "message", "content", "tool_calls", "function", "function_call",
                    "name", "arguments", "index", "finish_reason", "usage", "reasoning", "reasoning_content", "refusal",
                    "reasoning_details", "type", "text", "thinking", "error", "x_groq", "native_finish_reason",
                    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "cached_tokens"],
    "openai-responses": ["type", "response", "item", "output_index", "item_id", "content_index", "summary_index",
                         "delta", "text", "refusal", "arguments", "input", "id", "model", "status", "output", "usage",
                         "error", "incomplete_details", "reason", "content", "summary", "annotations", "phase", "name",
                         "call_id", "encrypted_content", "action", "input_tokens", "output_tokens", "total_tokens"],
    "gemini": ["candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "id", "name",
               "args", "index", "finishReason", "finishMessage", "promptFeedback", "blockReason", "usageMetadata",
               "promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount",
               "toolUsePromptTokenCount", "totalTokenCount", "modelVersion", "responseId", "groundingMetadata",
               "inlineData", "error", "details", "@type", "violations", "retryDelay", "status", "code", "message"],
    "ollama": ["model", "created_at", "message", "content", "thinking", "tool_calls", "id", "function", "name", "index",
               "arguments", "done", "done_reason", "response", "eval_count", "prompt_eval_count", "error"],
}  # fmt: skip
TYPES = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
         "message_stop", "error", "text", "thinking", "tool_use", "text_delta", "thinking_delta", "input_json_delta",
         "signature_delta", "citations_delta", "redacted_thinking", "novelty", "reasoning.text", "message",
         "response.created", "response.output_item.added", "response.output_item.done", "response.output_text.delta",
         "response.output_text.done", "response.reasoning_summary_text.delta", "response.refusal.delta",
         "response.function_call_arguments.delta", "response.completed", "response.incomplete", "response.failed",
         "function_call", "reasoning", "custom_tool_call", "output_text"]  # fmt: skip


def values(dialect: str) -> st.SearchStrategy[Any]:
    leaf = LEAF | st.sampled_from(TYPES)
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS[dialect]), inner, max_size=6),
        max_leaves=15,
    )


def check(aim: Target, body: bytes, content_type: str) -> None:
    reading = decoder(aim, content_type=content_type)
    events = run(reading, body)
    assert (reading.ending is None) is not (reading.error is None)
    encode_events(events)  # every text is whole


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.profile.name)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_stream_of_odd_events_makes_a_decoder_raise(aim: Target, data: st.DataObject) -> None:
    events = data.draw(st.lists(values(aim.profile.dialect), max_size=6))
    check(
        aim,
        sse(*[event if not isinstance(event, str) else json.dumps(event) for event in events], "[DONE]"),
        "text/event-stream",
    )


CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
DETAIL = {"type": "reasoning.text", "text": "x", "signature": "s", "index": 0, "id": "r"}
MESSAGE = {"content": [{"type": "thinking", "thinking": [{"text": "x"}], "signature": "s"}, {"text": "y"}],
           "reasoning": "z", "reasoning_details": [DETAIL], "tool_calls": [CALL, CALL], "refusal": "no",
           "function_call": {"name": "f", "arguments": "{}"}}  # fmt: skip
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
CHUNK = {"id": "x", "model": "m", "usage": USAGE, "x_groq": {"usage": USAGE, "error": None}, "error": None,
         "choices": [{"index": 0, "delta": MESSAGE, "finish_reason": "stop", "native_finish_reason": "s"}]}  # fmt: skip
COUNTS = {"input_tokens": 1, "output_tokens": 2, "cache_creation": {"ephemeral_1h_input_tokens": 1},
          "iterations": [{"type": "compaction", "input_tokens": 1}]}  # fmt: skip
STREAM: list[Any] = [
    {"type": "message_start", "message": {"id": "i", "model": "m", "usage": COUNTS}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": [{}]}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "signature": "s"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "x"}},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "input": {"a": 1}}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "x"}},
    {"type": "content_block_start", "index": 3, "content_block": {"type": "new", "text": "a"}},
    {"type": "content_block_delta", "index": 3, "delta": {"type": "new_delta", "text": "x"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_details": {}}, "usage": COUNTS},
    {"type": "message_stop"},
]


ITEMS: list[Any] = [
    {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"}], "encrypted_content": "g"},
    {"type": "message", "id": "m", "phase": "p", "content": [{"type": "output_text", "text": "xy", "annotations": [{}]},
                                                             {"type": "refusal", "refusal": "no"}]},
    {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"},
    {"type": "computer_call", "id": "u", "call_id": "c", "action": {"type": "click"}},
    {"type": "novelty", "id": "n", "status": "completed"},
]  # fmt: skip
COUNTED = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "input_tokens_details": {"cached_tokens": 1},
           "output_tokens_details": {"reasoning_tokens": 1}}  # fmt: skip
RESPONSE = {"id": "resp", "model": "m", "status": "incomplete", "incomplete_details": {"reason": "content_filter"},
            "error": None, "usage": COUNTED, "output": ITEMS}  # fmt: skip
RESPONSES_STREAM: list[Any] = [
    {"type": "response.created", "response": RESPONSE | {"output": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "x"},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "y"},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "x"},
    {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "xy"},
    {"type": "response.refusal.delta", "output_index": 1, "content_index": 1, "delta": "n"},
    {"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "id": "f"}},
    {"type": "response.function_call_arguments.delta", "item_id": "f", "delta": "{"},
    *({"type": "response.output_item.done", "output_index": at, "item": each} for at, each in enumerate(ITEMS)),
    {"type": "response.completed", "response": RESPONSE},
]
CANDIDATE: dict[str, Any] = {
    "content": {"role": "model", "parts": [
        {"text": "x", "thought": True}, {"text": "y", "thought": True, "thoughtSignature": "Eq=="}, {"text": "z"},
        {"functionCall": {"id": "i", "name": "f", "args": {"a": 1}}, "thoughtSignature": "Eq=="},
        {"executableCode": {"code": "x"}}, {"text": "", "thoughtSignature": "Eq=="},
    ]},
    "finishReason": "STOP", "finishMessage": "m", "index": 0, "groundingMetadata": {"groundingChunks": [{}]},
}  # fmt: skip
DETAILS: list[Any] = [
    {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerDay"}]},
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "x", "metadata": {"quota_limit": "PerDay"}},
]
GOOGLE: dict[str, Any] = {
    "candidates": [CANDIDATE], "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "m"},
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "thoughtsTokenCount": 1, "totalTokenCount": 5},
    "modelVersion": "models/m", "responseId": "r",
}  # fmt: skip
EXHAUSTED: dict[str, Any] = {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": DETAILS}}
LINE: dict[str, Any] = {
    "model": "m", "created_at": "t", "done": True, "done_reason": "stop", "eval_count": 1, "prompt_eval_count": 2,
    "message": {"role": "assistant", "content": "x", "thinking": "y",
                "tool_calls": [{"id": "i", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}]},
}  # fmt: skip
STREAMS: dict[str, Any] = {
    "anthropic": STREAM, "openai-chat": [CHUNK, CHUNK], "openai-responses": RESPONSES_STREAM,
    "gemini": [GOOGLE, GOOGLE, EXHAUSTED], "ollama": [LINE],
}  # fmt: skip
WHOLES: dict[str, Any] = {
    "anthropic": {"type": "message", "content": [each["content_block"] for each in STREAM if "content_block" in each]},
    "openai-chat": {
        "id": "x",
        "model": "m",
        "usage": USAGE,
        "choices": [{"message": MESSAGE, "finish_reason": "stop"}],
    },
    "openai-responses": RESPONSE,
    "gemini": GOOGLE,
    "ollama": LINE,
}


def spoiled(value: Any, data: st.DataObject) -> Any:
    """The value with one place in it, anywhere, replaced by something odd."""
    inner = isinstance(value, (dict, list)) and value
    if not inner or data.draw(st.integers(0, 5)) == 0:
        return data.draw(LEAF | st.sampled_from([[], {}, [[]], [{}], {"x": "\ud83d"}, 1.5, 2**70]))
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = data.draw(st.sampled_from(keys))
    copy = value.copy()
    copy[key] = spoiled(value[key], data)
    return copy


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.profile.name)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_odd_value_in_a_right_place_makes_a_decoder_raise(aim: Target, data: st.DataObject) -> None:
    stream = spoiled(STREAMS[aim.profile.dialect], data)
    events = [json.dumps(event) for event in stream] if isinstance(stream, list) else [json.dumps(stream)]
    check(aim, sse(*events, "[DONE]"), "text/event-stream")
    check(aim, json.dumps(spoiled(WHOLES[aim.profile.dialect], data)).encode(), "application/json")


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.profile.name)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_odd_body_makes_a_decoder_raise(aim: Target, data: st.DataObject) -> None:
    check(aim, json.dumps(data.draw(values(aim.profile.dialect))).encode(), "application/json")


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.profile.name)
@given(
    body=st.binary(max_size=60),
    content_type=st.sampled_from(["text/event-stream", "application/json", "text/html", ""]),
)
def test_no_bytes_make_a_decoder_raise(aim: Target, body: bytes, content_type: str) -> None:
    check(aim, body, content_type)


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.profile.name)
@pytest.mark.parametrize("depth", [900, 100_000])
def test_json_nested_too_deep_is_an_error(aim: Target, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for body in (f'{{"type":"content_block_start","index":0,"content_block":{{"x":{deep}}}}}',
                 f'{{"usage":{{"x":{deep}}},"choices":[{{"delta":{{"content":{deep}}}}}]}}',
                 f'{{"type":"response.output_item.done","item":{{"type":"new","x":{deep}}},"output":[{deep}]}}',
                ):  # fmt: skip
        check(aim, f"data: {body}\n\n".encode(), "text/event-stream")
        check(aim, body.encode(), "application/json")


def chat(delta: dict[str, Any]) -> bytes:
    return sse({"model": "m", "choices": [{"index": 0, "delta": delta}]})


def claude(kind: str, **fields: Any) -> bytes:
    return sse({"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}})


def openai(kind: str, **fields: Any) -> bytes:
    return sse({"type": f"response.{kind}", "output_index": 0, **fields})


def google(*parts: dict[str, Any]) -> bytes:
    return sse({"candidates": [{"content": {"parts": list(parts)}}]})


OPENED = {"type": "content_block_start", "index": 0}
LONG = {
    "text": (GENERIC := target("generic"), b"", chat({"content": "x"})),
    "arguments by index": (
        GENERIC,
        b"",
        chat({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "}"}}]}),
    ),
    "arguments by nothing": (GENERIC, b"", chat({"tool_calls": [{"function": {"name": "f", "arguments": '{"'}}]})),
    "calls": (GENERIC, b"", chat({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]})),
    "reasoning details": (
        GENERIC,
        b"",
        chat({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "x"}]}),
    ),
    "thinking and text": (GENERIC, b"", chat({"content": "x", "reasoning": "y"})),
    "google's parts": (target("gemini"), b"", google({"text": "x"}, {"text": "y", "thoughtSignature": "Eq=="})),
    "google's calls": (target("gemini"), b"", google({"functionCall": {"name": "f", "args": {}}})),
    "ollama's lines": (target("ollama"), b"", b'{"message":{"content":"x","thinking":"y"}}\n'),
    "signature": (
        target("anthropic"),
        sse({**OPENED, "content_block": {"type": "thinking"}}),
        claude("signature_delta", signature="x"),
    ),
    "unknown block": (
        target("anthropic"),
        sse({**OPENED, "content_block": {"type": "new"}}),
        claude("new_delta", text="x"),
    ),
    "responses text": (target("openai"), b"", openai("output_text.delta", content_index=0, delta="x")),
    "responses arguments": (
        target("openai"),
        sse({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "name": "f"}}),
        openai("function_call_arguments.delta", delta="x"),
    ),
    "responses refusal": (target("openai"), b"", openai("refusal.delta", content_index=0, delta="x")),
    "citations": (
        target("anthropic"),
        sse({**OPENED, "content_block": {"type": "text"}}),
        claude("citations_delta", citation={}),
    ),
}


@pytest.mark.parametrize("kind", LONG)
def test_an_answer_four_times_as_long_takes_about_four_times_as_long(kind: str) -> None:
    aim, head, event = LONG[kind]

    def seconds(count: int) -> float:
        reading = decoder(aim)
        began = time.process_time()
        reading.feed(head)
        for _ in range(count):
            reading.feed(event)
        reading.finish()
        return time.process_time() - began

    count = 2_000
    ratios = [seconds(4 * count) / max(seconds(count), 1e-6) for _ in range(3)]
    assert min(ratios) < 8


def test_one_event_in_a_million_pieces_costs_no_more_than_its_bytes() -> None:
    body = chat({"content": "x" * 1_000_000})
    reading = decoder(target("generic"))
    began = time.process_time()
    for at in range(len(body)):
        reading.feed(body[at : at + 1])
    assert time.process_time() - began < 8


ASKED: dict[str, Any] = {
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "x"}, {"inlineData": {"mimeType": "image/png", "data": "eA=="}}]},
            {"role": "model", "parts": [
                {"text": "t", "thought": True, "thoughtSignature": "Eq=="},
                {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}},
            ]},
            {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "f", "response": {"output": "1"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "nullable": True}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"topK": 1, "stopSequences": ["x"], "thinkingConfig": {"thinkingBudget": 1},
                             "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
    },
    "ollama": {
        "model": "m", "stream": True, "think": "low", "format": {"type": "object"},
        "messages": [
            {"role": "user", "content": "x", "images": ["eA=="]},
            {"role": "assistant", "thinking": "t", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            {"role": "tool", "content": "1", "tool_name": "f"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "options": {"num_predict": 1, "stop": ["x"], "temperature": 0.5},
    },
}  # fmt: skip


@pytest.mark.parametrize("dialect", ASKED)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_odd_request_is_refused_or_read_and_what_is_read_can_be_sent_on(dialect: str, data: st.DataObject) -> None:
    body = json.dumps(spoiled(ASKED[dialect], data)).encode()
    try:
        asked = DIALECTS[dialect].decode_request(body, {})
        check_request(asked.request)
    except BadRequestError:
        return
    asked.request.native = None
    for aim in AIMS:
        with contextlib.suppress(BadRequestError, UnsupportedError):
            json.loads(DIALECTS[aim.profile.dialect].encode_request(asked.request, aim).http.body)
