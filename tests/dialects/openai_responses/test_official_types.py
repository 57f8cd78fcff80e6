"""The bodies that we send are what OpenAI's own library lets its users send: its types hold them, word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.messages import (
    Document,
    Image,
    Message,
    OutputFormat,
    ProviderState,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.official import misfits
from tests.dialects.support import ask, assistant, encode, system, target, tool, user

params: Any = pytest.importorskip("openai.types.responses.response_create_params")


def state(kind: str, fields: object) -> ProviderState:
    return ProviderState("openai", "gpt-5.4", kind, json.dumps(fields).encode())


REASONING = state("reasoning_item", {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "g"})
SEARCH = {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "x"}}
COMPACTION = {"type": "compaction", "id": "c", "encrypted_content": "g"}
TOOL = Tool("get.weather", "Weather.", {"properties": {"city": {"type": "string"}}}, strict=True)
CALLS = [ToolCall("a", "get.weather", {"city": "Paris"}), ToolCall("b", "get.weather", {})]
PICTURE = Image(b"\x01", "image/png")
CONVERSATIONS: dict[str, list[Message]] = {
    "a question": [user("hi")],
    "instructions at the start and later": [system("A"), user("hi"), system("B"), user("ho")],
    "images and documents": [user("?", PICTURE, Image(url="https://h/i.png", detail="high"), Document(text="words"),
                                  Document(b"\x02", "application/pdf"), Document(url="https://h/d.pdf"))],
    "tools": [
        user("?"), assistant("Let me see.", *CALLS),
        tool(ToolResult("a", "15 C"), ToolResult("b", "no", is_error=True)), assistant("Done."), user("more"),
    ],
    "results with images": [user("?"), assistant(CALLS[0]), tool(ToolResult("a", [Text("a"), PICTURE]))],
    "reasoning": [user("?"), assistant(Thinking("Hm.", REASONING), CALLS[0]), tool(ToolResult("a", "ok"))],
    "what the provider's own tools did": [
        user("?"),
        assistant(state("item", SEARCH), state("compaction_item", COMPACTION),
                  Text("so", state("message_item", {"phase": "final_answer"}))),
        user("and"),
    ],
}  # fmt: skip
WISHES: dict[str, dict[str, Any]] = {
    "none": {},
    "limits": {"max_output_tokens": 50, "temperature": 0.5, "top_p": 0.5, "seed": 1, "stop": ["x"]},
    "a tool": {"tools": [TOOL], "tool_choice": "tool:get.weather", "parallel_tool_calls": False},
    "any tool": {"tools": [TOOL], "tool_choice": "required"},
    "an effort": {"thinking_effort": "max"},
    "no effort": {"thinking_effort": "none"},
    "an object": {"output_format": OutputFormat()},
    "a form": {"output_format": OutputFormat({"type": "object"}, "form", strict=True)},
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("profile", ["openai", "openai-codex"])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("wish", WISHES)
def test_a_body_is_one_that_openais_library_knows(conversation: str, wish: str, profile: str, *, stream: bool) -> None:
    tools = {"tools": [TOOL]} if "tools" in conversation else {}
    request: Request = ask(*CONVERSATIONS[conversation], **(tools | WISHES[wish]))
    for model in ("gpt-5.4", "gpt-4o", "o3", "gpt-unheard-of"):
        body, _ = encode(request, target(profile, model, stream=stream))
        streams = body.get("stream", False)
        kind = params.ResponseCreateParamsStreaming if streams else params.ResponseCreateParamsNonStreaming
        assert misfits(body, kind) == []


@pytest.mark.parametrize(
    ("fields", "at"),
    [({"input": [{"type": "message", "role": "robot", "content": "x"}]}, "input"), ({"store": "no"}, "store"),
     ({"stop": ["x"]}, "stop"), ({"reasoning": {"effort": "huge"}}, "reasoning"),
     ({"tools": [{"type": "function"}]}, "tools")],
)  # fmt: skip
def test_a_body_that_it_does_not_know_is_found(fields: dict[str, Any], at: str) -> None:
    found = misfits({"model": "m", "input": "hi"} | fields, params.ResponseCreateParamsNonStreaming)
    assert any(at in where for where in found)
