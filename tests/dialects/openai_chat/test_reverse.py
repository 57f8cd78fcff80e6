"""A Chat Completions request as an agent sends it is read strictly, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.errors import BadRequestError
from kruxos.messages import (
    Document,
    Image,
    Message,
    OutputFormat,
    ProviderState,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import encode, openai_chat

HI = {"role": "user", "content": "hi"}


def decode(**fields: Any) -> DecodedRequest:
    body = {"model": "gpt-4o", "messages": [HI]} | fields
    return OPENAI_CHAT.decode_request(json.dumps(body).encode(), {})


def test_the_least_request() -> None:
    decoded = decode()
    assert (decoded.model, decoded.stream, decoded.extra) == ("gpt-4o", False, {})
    assert decoded.request.messages == [Message("user", [Text("hi")])]
    assert decoded.request.native is not None


def test_every_message_has_its_parts() -> None:
    conversation = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "reasoning_details": [{"x": 1}]},
    ]
    request = decode(messages=conversation).request
    check_request(request)
    assert request.messages == [
        Message("system", [Text("Be brief.")]),
        Message(
            "user",
            [
                Text("see"),
                Image(data=b"\x89PNG", media_type="image/png", detail="low"),
                Image(url="https://x"),
                Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
            ],
        ),
        Message("assistant", [Thinking("hm"), ToolCall("c", "f", arguments_json='{"a": 1}')]),
        Message("tool", [ToolResult("c", "1")]),
        Message("assistant", [ProviderState("openrouter", "", "reasoning_details", b'[{"x":1}]'), Text("No.")]),
    ]


def test_tools_and_wishes() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    decoded = decode(
        tools=[{"type": "function", "function": function}, {"type": "openrouter:web_search"}],
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        max_completion_tokens=5,
        max_tokens=9,
        temperature=0.5,
        seed=7,
        stop="END",
        reasoning_effort="xhigh",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": False}},
        stream=True,
        stream_options={"include_usage": True},
        logit_bias={"1": 2},
    )
    request = decoded.request
    assert request.tools == [Tool("f", "d", {"type": "object"}, strict=True)]
    assert (request.tool_choice, request.parallel_tool_calls) == ("tool:f", False)
    assert (request.max_output_tokens, request.temperature, request.seed, request.stop) == (5, 0.5, 7, ["END"])
    assert request.thinking_effort == "max"
    assert request.output_format == OutputFormat({}, "n", strict=False)
    assert decoded.stream
    assert decoded.extra == {
        "stream_options": {"include_usage": True},
        "logit_bias": {"1": 2},
        "tools[1]": {"type": "openrouter:web_search"},
    }


@pytest.mark.parametrize(("effort", "ours"), [("none", "none"), ("minimal", "low"), ("high", "high"), ("max", "max")])
def test_efforts(effort: str, ours: str) -> None:
    assert decode(reasoning_effort=effort).request.thinking_effort == ours


def test_any_json_and_plain_text_formats() -> None:
    assert decode(response_format={"type": "json_object"}).request.output_format == OutputFormat()
    assert decode(response_format={"type": "text"}).request.output_format is None


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": 5}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:a;base64,?"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": [1]}, "stop[0]"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"stream": 1}, "stream"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(**fields)
    assert caught.value.detail.field == path


def test_what_is_encoded_for_openai_is_read_as_the_same_request() -> None:
    first = decode(
        messages=[
            {"role": "system", "content": "Be brief, in JSON."},
            HI,
            {"role": "assistant", "content": "a", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ],
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        temperature=0.5, max_completion_tokens=9, stop=["x"], response_format={"type": "json_object"},
    ).request  # fmt: skip
    first.native = None
    _, encoded = encode(first, openai_chat("gpt-4o"))
    second = OPENAI_CHAT.decode_request(encoded.http.body, {}).request
    second.native = None
    assert second == first
