"""A request as an agent sends it to Anthropic is read strictly, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.dialects.base import DecodedRequest
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
from tests.dialects.support import encode, target

HI = {"role": "user", "content": "hi"}


def decode(headers: dict[str, str] | None = None, **fields: Any) -> DecodedRequest:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": [HI]} | fields
    return ANTHROPIC.decode_request(json.dumps(body).encode(), headers or {})


def test_the_least_request() -> None:
    decoded = decode()
    assert (decoded.model, decoded.stream, decoded.extra) == ("claude-sonnet-4-6", False, {})
    assert decoded.request.messages == [Message("user", [Text("hi")])]
    assert decoded.request.max_output_tokens == 100


def test_every_block_has_its_part() -> None:
    png = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    conversation = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": png},
                {"type": "image", "source": {"type": "url", "url": "https://x"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "n"}, "title": "t"},
                {"type": "document", "source": {"type": "file", "file_id": "f"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "Eq"},
                {"type": "redacted_thinking", "data": "Ev"},
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "content": [{"type": "text", "text": "1"}],
                    "is_error": True,
                },
            ],
        },
    ]
    request = decode(messages=conversation).request
    check_request(request)

    def state(kind: str, data: bytes) -> ProviderState:
        return ProviderState("anthropic", "", kind, data)

    assert [message.parts for message in request.messages] == [
        [
            Text("see"),
            Image(data=b"\x89PNG", media_type="image/png"),
            Image(url="https://x"),
            Document(text="n", name="t"),
            state("block", b'{"type":"document","source":{"type":"file","file_id":"f"}}'),
        ],
        [
            Thinking("hm", state("signature", b"Eq")),
            state("redacted_thinking", b"Ev"),
            state("block", b'{"type":"server_tool_use","id":"s","name":"web_search","input":{}}'),
            ToolCall("t", "f", arguments_json='{"a":1}'),
        ],
        [ToolResult("t", [Text("1")], is_error=True)],
    ]


def test_system_tools_and_wishes() -> None:
    decoded = decode(
        system=[{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        tools=[
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
            {"type": "web_search_20260318", "name": "web_search"},
        ],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        temperature=0.5,
        top_k=3,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}, "effort": "xhigh"},
        stream=True,
        service_tier="auto",
    )
    request = decoded.request
    assert request.messages[0] == Message("system", [Text("a")])
    assert request.tools == [Tool("f", "d", {"type": "object"}, strict=True)]
    assert (request.tool_choice, request.parallel_tool_calls) == ("required", False)
    assert (request.temperature, request.top_k, request.stop) == (0.5, 3, ["END"])
    assert (request.metadata, request.thinking_effort) == ({"user_id": "u"}, "max")
    assert request.output_format == OutputFormat({"type": "object"})
    assert decoded.stream
    assert decoded.extra == {
        "service_tier": "auto",
        "system[0].cache_control": {"type": "ephemeral"},
        "tools[1]": {"type": "web_search_20260318", "name": "web_search"},
    }


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"thinking": {"type": "adaptive"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 60_000}}, "max"),
        ({}, None),
    ],
)
def test_every_form_of_thinking_is_an_effort(thinking: dict[str, Any], effort: str | None) -> None:
    assert decode(**thinking).request.thinking_effort == effort


def test_the_body_and_the_headers_that_matter_are_kept_for_a_worker_of_this_dialect() -> None:
    decoded = decode({"anthropic-beta": "b1", "anthropic-version": "2026-10-21", "x-api-key": "secret"})
    native = decoded.request.native
    assert native is not None
    assert native.headers == {"anthropic-beta": "b1", "anthropic-version": "2026-10-21"}
    assert json.loads(native.body)["max_tokens"] == 100


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": None}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64",
                "media_type": "image/png", "data": "?"}}]}]},
            "messages[0].content[0].source.data",
        ),
        ({"tools": [{"name": 5}]}, "tools[0].name"),
        ({"tool_choice": {"type": "always"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"temperature": 2}, "temperature"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"stream": "yes"}, "stream"),
        ({"output_config": {"effort": "heroic"}}, "output_config.effort"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(**fields)
    assert caught.value.detail.field == path


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        ANTHROPIC.decode_request(body, {})


def test_what_is_encoded_for_anthropic_is_read_as_the_same_request() -> None:
    signature = ProviderState("anthropic", "", "signature", b"Eq")
    first = decode(
        system="Be brief.",
        messages=[
            HI,
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "Eq"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]},
        ],
        tools=[{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
    ).request  # fmt: skip
    assert first.messages[2].parts[0] == Thinking("hm", signature)
    first.native = None
    _, encoded = encode(first, target("anthropic", "claude-sonnet-4-6"))
    second = ANTHROPIC.decode_request(encoded.http.body, {}).request
    second.native = None
    assert second == first
