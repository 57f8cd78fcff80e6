"""Requests to Ollama: every body is one that its own library's types take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ollama import Options
from ollama._types import ChatRequest

from kruxos.catalog import Shelf
from kruxos.dialects.base import EncodedRequest
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.messages import (
    Document,
    Image,
    Message,
    Native,
    OutputFormat,
    Part,
    ProviderState,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import ask, assistant, codes, system, target, tool, user
from tests.dialects.support import encode as encode_for

HI = [Message.of("user", "hi")]
TOOLS = [Tool("f", "Does.", {"type": "object", "properties": {"a": {"type": "integer"}}}), Tool("g")]


def encode(request: Request, model: str = "qwen3:8b", **changes: Any) -> tuple[dict[str, Any], EncodedRequest]:
    body, encoded = encode_for(request, target("ollama", model, **changes))
    own = {name: body[name] for name in body if name not in ("truncate", "shift")}
    ChatRequest.model_validate(own)
    assert body["options"].keys() <= Options.model_fields.keys()
    return body, encoded


def test_a_request_asks_for_a_context_and_that_nothing_is_cut_silently() -> None:
    body, encoded = encode(Request(HI))
    assert body == {
        "model": "qwen3:8b",
        "stream": True,
        "messages": [{"role": "user", "content": "hi"}],
        "options": {"num_ctx": 16_384},
        "truncate": False,
        "shift": False,
    }
    assert (encoded.http.path, encoded.http.headers["accept"]) == ("/api/chat", "application/x-ndjson")
    assert encoded.notices == []


def test_an_answer_that_is_not_streamed_is_asked_for_by_name() -> None:
    body, encoded = encode_for(Request(HI), target("ollama", "qwen3:8b", stream=False))
    assert body["stream"] is False
    assert encoded.http.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("chars", "limit", "num_ctx"),
    [(10, None, 16_384), (10, 4_096, 8_192), (10, 8_180, 16_384), (60_000, None, 32_768), (300_000, None, 131_072)],
)
def test_the_context_holds_prompt_and_answer_in_steps(chars: int, limit: int | None, num_ctx: int) -> None:
    body, _ = encode(Request([user("x" * chars)], max_output_tokens=limit))
    assert body["options"]["num_ctx"] == num_ctx


def test_characters_of_many_bytes_and_images_count_for_more() -> None:
    plain, _ = encode(Request([user("x" * 20_000)]))
    wide, _ = encode(Request([user("\u6f22" * 20_000)]))
    images, _ = encode(Request([Message("user", [Image(data=b"x", media_type="image/png")] * 10)]))
    sizes = [body["options"]["num_ctx"] for body in (plain, wide, images)]
    assert sizes == [16_384, 32_768, 32_768]


def test_a_prompt_beyond_the_models_context_is_told() -> None:
    body, encoded = encode(Request([user("x" * 600_000)]), "llama3.2:3b")
    assert body["options"]["num_ctx"] == 131_072
    assert codes(encoded.notices) == ["context_exceeded"]
    assert encoded.notices[0].data["limit"] == 131_072


def test_messages_hold_one_text_and_their_images() -> None:
    parts: list[Part] = [
        Text("a"),
        Image(data=b"x", media_type="image/png"),
        Document(text="b"),
        Image(url="data:x/y;base64,eA=="),
    ]
    body, _ = encode(Request([system("s"), Message("user", parts)]))
    assert body["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "a\n\nb", "images": ["eA==", "eA=="]},
    ]


def test_calls_and_results_keep_their_ids_and_names() -> None:
    calls = assistant("hm", ToolCall("a", "my.f", {"x": 1}), ToolCall("b", "g", "oops"))
    results = tool(ToolResult("a", [Text("1"), Image(data=b"x", media_type="image/png")]), ToolResult("b", "2", True))
    body, encoded = encode(Request([user("hi"), calls, results, user("so?")]))
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "hm",
            "tool_calls": [
                {"id": "a", "function": {"name": "my_f", "arguments": {"x": 1}}},
                {"id": "b", "function": {"name": "g", "arguments": {"arguments": "oops"}}},
            ],
        },
        {"role": "tool", "content": "1", "tool_name": "my_f", "tool_call_id": "a"},
        {"role": "tool", "content": "Error: 2", "tool_name": "g", "tool_call_id": "b"},
        {"role": "user", "content": "(from the tools)", "images": ["eA=="]},
        {"role": "user", "content": "so?"},
    ]
    assert codes(encoded.notices) == ["tool_renamed", "arguments_wrapped", "message_moved"]


def test_thinking_goes_back_to_the_server_that_had_it_and_to_no_other() -> None:
    own = Thinking("hm", ProviderState("ollama", "qwen3:8b", "thinking", b""))
    foreign = Thinking("ha", ProviderState("anthropic", "c", "signature", b"x"))
    body, encoded = encode(Request([user("hi"), assistant(own, foreign, "yes"), user("and?")]))
    assert body["messages"][1] == {"role": "assistant", "content": "yes", "thinking": "hm"}
    assert codes(encoded.notices) == ["state_dropped"]


@pytest.mark.parametrize(
    ("model", "effort", "think", "told"),
    [
        ("qwen3:8b", "none", False, []),
        ("qwen3:8b", "high", True, []),
        ("qwen3", "low", True, ["effort_clamped"]),
        ("qwen3", "max", True, ["effort_clamped"]),
        ("gpt-oss:20b", "low", "low", []),
        ("gpt-oss:20b", "high", "high", []),
        ("gpt-oss:20b", "none", "low", ["effort_clamped"]),
        ("llama3.2:3b", "high", None, ["effort_clamped"]),
        ("llama3.2:3b", "none", None, []),
        ("my-model", "none", False, []),
        ("my-model", "high", None, ["parameter_dropped"]),
        ("qwen3:8b", None, None, []),
    ],
)
def test_every_effort_is_one_that_the_family_takes(model: str, effort: Any, think: Any, told: list[str]) -> None:
    body, encoded = encode(Request(HI, thinking_effort=effort), model)
    assert body.get("think") == think
    assert codes(encoded.notices) == told


def test_tools_go_with_their_schemas() -> None:
    body, _ = encode(Request(HI, tools=TOOLS))
    assert body["tools"][0] == {
        "type": "function",
        "function": {
            "name": "f",
            "description": "Does.",
            "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
        },
    }


@pytest.mark.parametrize(
    ("choice", "names", "told"),
    [
        (None, ["f", "g"], []),
        ("auto", ["f", "g"], []),
        ("none", [], []),
        ("required", ["f", "g"], ["parameter_dropped"]),
        ("tool:g", ["g"], ["parameter_dropped"]),
    ],
)
def test_a_choice_of_tools_is_made_by_leaving_tools_out(choice: str | None, names: list[str], told: list[str]) -> None:
    body, encoded = encode(Request(HI, tools=TOOLS, tool_choice=choice))
    assert [each["function"]["name"] for each in body.get("tools", [])] == names
    assert codes(encoded.notices) == told


def test_sampling_and_limits_are_options() -> None:
    wishes: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "stop": ["x"]}
    body, _ = encode(Request(HI, max_output_tokens=100, presence_penalty=0.1, **wishes))
    assert body["options"] == {"num_ctx": 8_192, "num_predict": 100, "presence_penalty": 0.1, **wishes}


def test_structured_output_is_a_schema_or_any_json() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^a$"}}}
    assert encode(Request(HI, output_format=OutputFormat(schema)))[0]["format"] == schema
    assert encode(Request(HI, output_format=OutputFormat()))[0]["format"] == "json"


@pytest.mark.parametrize(
    "part", [Image(url="https://example.com/a.png"), Document(data=b"%PDF", media_type="application/pdf")]
)
def test_what_a_local_server_cannot_fetch_or_read_is_refused(part: Any) -> None:
    with pytest.raises(UnsupportedError, match="ollama takes no"):
        encode(Request([Message("user", [part])]))


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequestError, match="nothing that can be sent"):
        encode(Request([user("")]))


def test_a_request_of_its_own_protocol_goes_on_as_it_came_but_for_the_model() -> None:
    body = {"model": "x", "messages": [], "keep_alive": -1, "options": {"num_ctx": 1}}
    request = Request(HI, native=Native("ollama", json.dumps(body).encode()))
    sent, _ = encode_for(request, target("ollama", "qwen3:8b"))
    assert sent == body | {"model": "qwen3:8b"}
    whole, _ = encode_for(request, target("ollama", "qwen3:8b", stream=False))
    assert whole == body | {"model": "qwen3:8b", "stream": False}


@pytest.mark.parametrize(
    ("efforts", "effort", "think"),
    [(["none", "high"], "low", True), (["none", "high"], "none", False), (["low", "high"], "low", "low")],
)
def test_a_model_of_the_operators_own_is_told_to_think_as_is_stated(
    efforts: list[str], effort: str, think: bool | str
) -> None:
    shelf = Shelf("ollama", stated={"mine:7b": {"efforts": efforts}, "qwen3:8b": {"context": 1000}})
    body, _ = encode_for(ask(thinking_effort=effort), target("ollama", "mine:7b", shelf=shelf))
    assert body["think"] == think
    family, _ = encode_for(ask(thinking_effort="high"), target("ollama", "qwen3:8b", shelf=shelf))
    assert family["think"] is True
