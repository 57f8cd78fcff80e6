"""Requests as Ollama's clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.ollama import OLLAMA
from kruxos.errors import BadRequestError
from kruxos.messages import (
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

HI = {"role": "user", "content": "hi"}


def decode(*messages: dict[str, Any], **fields: Any) -> DecodedRequest:
    body = {"model": "qwen3:8b", "messages": list(messages) or [HI]} | fields
    return OLLAMA.decode_request(json.dumps(body).encode(), {})


def test_an_answer_is_streamed_unless_it_is_told_not_to_be() -> None:
    assert (decode().model, decode().stream, decode(stream=False).stream) == ("qwen3:8b", True, False)


def test_every_message_becomes_ours() -> None:
    call = {"id": "c1", "type": "function", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
    decoded = decode(
        {"role": "system", "content": "s"},
        {"role": "user", "content": "look", "images": ["iVBORw=="]},
        {"role": "assistant", "content": "ok", "thinking": "hm", "tool_calls": [call]},
        {"role": "tool", "content": "one", "tool_name": "f", "tool_call_id": "c1"},
    )
    assert decoded.request.messages == [
        Message("system", [Text("s")]),
        Message("user", [Text("look"), Image(data=b"\x89PNG", media_type="image/png")]),
        Message(
            "assistant",
            [Thinking("hm", ProviderState("ollama", "", "thinking", b"")), Text("ok"), ToolCall("c1", "f", {"x": 1})],
        ),
        Message("tool", [ToolResult("c1", "one", name="f")]),
    ]
    check_request(decoded.request)
    assert decoded.extra == {}


def test_calls_without_ids_are_paired_by_name_and_order() -> None:
    calls: list[dict[str, Any]] = [{"function": {"name": name, "arguments": {}}} for name in ("f", "g", "f")]
    results = [{"role": "tool", "content": str(at), "tool_name": name} for at, name in enumerate(("g", "f", "f"))]
    request = decode(HI, {"role": "assistant", "content": "", "tool_calls": calls}, *results).request
    check_request(request)
    ids = [part.id for part in request.messages[1].parts if isinstance(part, ToolCall)]
    given = [part.id for message in request.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert given == [ids[1], ids[0], ids[2]]


def test_wishes_become_ours() -> None:
    options = {"num_predict": 100, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "stop": "x", "num_ctx": 9}
    decoded = decode(options=options, format={"type": "object"}, keep_alive="5m")
    request = decoded.request
    assert (request.max_output_tokens, request.temperature, request.top_p, request.top_k) == (100, 0.5, 0.9, 40)
    assert (request.seed, request.stop, request.output_format) == (7, ["x"], OutputFormat({"type": "object"}))
    assert decoded.extra == {"options.num_ctx": 9, "keep_alive": "5m"}


@pytest.mark.parametrize(
    ("think", "effort"), [(None, None), (True, None), (False, "none"), ("low", "low"), ("max", "max")]
)
def test_every_way_of_thinking_has_its_effort(think: Any, effort: str | None) -> None:
    assert decode(think=think).request.thinking_effort == effort


@pytest.mark.parametrize(("wish", "ours"), [("json", OutputFormat()), ("", None), (None, None)])
def test_every_format_has_its_word(wish: Any, ours: OutputFormat | None) -> None:
    assert decode(format=wish).request.output_format == ours


def test_a_limit_below_zero_is_none() -> None:
    assert decode(options={"num_predict": -1}).request.max_output_tokens is None


def test_tools_become_ours() -> None:
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert decode(tools=[{"type": "function", "function": function}]).request.tools == [
        Tool("f", "d", {"type": "object"})
    ]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "robot", "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": 1}, "messages[0].content"),
        ({"role": "user", "content": "x", "images": ["?"]}, "messages[0].images[0]"),
        ({"role": "tool", "content": "x", "tool_name": "f"}, "messages[0].tool_name"),
        ({"role": "assistant", "tool_calls": [{}]}, "messages[0].tool_calls[0].function"),
    ],
)
def test_a_wrong_field_is_named(message: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(message)
    assert caught.value.detail.field == place


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequestError, match="messages is empty"):
        decode(messages=[])
