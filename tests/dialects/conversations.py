"""Forty conversations that every provider has to make something of, and what each provider adds to its own turns.

They are what agents do: several turns, tools in parallel and in vain, images, documents, thinking, JSON, names and
texts that are odd somewhere, wishes that few models know, and turns that another provider made and signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kruxos.messages import (
    Document,
    Image,
    Message,
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
from tests.dialects.support import ask, assistant, system, tool, user

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
PICTURE = Image(PNG, "image/png")
PDF = Document(b"%PDF-1.4 ", "application/pdf", name="a.pdf")
NOTE = Document(text="some words", name="a.txt")
WEATHER = Tool(
    "get_weather", "Weather of a city.",
    {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
     "required": ["city"]},
)  # fmt: skip
CLOCK = Tool("clock", "The time.")
ODD_TOOLS = [Tool(name, "f") for name in ("files.read", "files/read", "9lives", "όνομα", "a" * 90, "with space")]
SHAPE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
OPEN_SHAPE = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^P"}, "more": {"type": "object"}},
    "required": ["city"],
}
EITHER = {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {}, "b": {}}}
PARIS = {"city": "Paris"}
PARIS_CALL = ToolCall("call_1", "get_weather", PARIS)
ROME_CALL = ToolCall("call_2", "get_weather", arguments='{"city": "Rome",  "days": 2}')
LOOP = [user("Weather in Paris?"), assistant(PARIS_CALL), tool(ToolResult("call_1", "15 C", name="get_weather"))]

Sign = Callable[[str], bytes]
Turn = list[Part]


def unsigned(_text: str) -> bytes:
    """A signature where nobody looks."""
    return b"c2lnbmVk"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _item(sign: Sign) -> bytes:
    encrypted = sign("Hm.").decode()
    summary = [{"type": "summary_text", "text": "Hm."}]
    return _json({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": encrypted})


def _details(sign: Sign) -> bytes:
    entry = {"type": "reasoning.text", "text": "Hm.", "signature": sign("Hm.").decode(), "index": 0}
    return _json([entry, {"type": "reasoning.encrypted", "data": "x==", "id": "rs", "index": 1}])


# What a turn of each provider's own holds beside its call: the kind of its state, and the data.
STATES: dict[str, tuple[str, str, Callable[[Sign], bytes]]] = {
    "anthropic": ("claude-sonnet-4-6", "signature", lambda sign: sign("Hm.")),
    "openai": ("gpt-5.4", "reasoning_item", _item),
    "openai-codex": ("gpt-5.4", "reasoning_item", _item),
    "gemini": ("gemini-3.8-flash", "thought", lambda _: b""),
    "deepseek": ("deepseek-flash", "reasoning_content", lambda _: b""),
    "glm": ("glm-5", "reasoning_content", lambda _: b""),
    "grok": ("grok-4.3", "reasoning_content", lambda _: b""),
    "mistral": ("mistral-large-latest", "thinking_chunk", lambda sign: sign("Hm.")),
    "groq": ("openai/gpt-oss-120b", "reasoning", lambda _: b""),
    "openrouter": ("anthropic/claude-3.5-sonnet", "reasoning_details", _details),
    "ollama": ("qwen3", "thinking", lambda _: b""),
    "generic": ("my-model", "reasoning_content", lambda _: b""),
}


def state_of(origin: str, sign: Sign = unsigned) -> ProviderState:
    """The state that a provider leaves on a thought."""
    model, kind, data = STATES[origin]
    return ProviderState(origin, model, kind, data(sign))


def thinking_turn(origin: str, call_id: str = "call_1", sign: Sign = unsigned) -> Message:
    """A turn of a provider's own: it thought, spoke, and called a tool."""
    call = ToolCall(call_id, "get_weather", PARIS)
    if origin == "gemini":
        call.state = ProviderState(origin, STATES[origin][0], "thought_signature", sign("call"))
    return assistant(Thinking("Hm.", state_of(origin, sign)), "Let me see.", call)


def loop_of(origin: str, sign: Sign = unsigned) -> list[Message]:
    """A conversation in the middle of a tool loop that a provider began."""
    result = ToolResult("call_1", "15 C", name="get_weather")
    return [system("Be brief."), user("Weather in Paris?"), thinking_turn(origin, sign=sign), tool(result)]


def conversations(sign: Sign = unsigned) -> dict[str, Request]:
    """All forty by name; ``sign`` makes Anthropic's signatures."""
    return _plain() | _with_tools() | _with_wishes() | _with_media() | _moved(sign)


def _plain() -> dict[str, Request]:
    spoken = [user("hi"), assistant("Hello."), user("and?")]
    return {
        "a question": ask(),
        "instructions at the start and within": ask(system("A"), user("hi"), assistant("ho"), system("B"), user("?")),
        "several turns": ask(*spoken, assistant("Well."), user("so?")),
        "two users in a row": ask(user("a"), user("b", "c"), assistant("d"), user("e")),
        "empty texts": ask(user("", "hi", " "), assistant("", "a"), assistant(""), user("b")),
        "every script": ask(user("Παρίσι 漢字 🙂 \u2028 \x07 é"), assistant("שלום"), user("👩‍🚀")),
        "the assistant begins": ask(assistant("Welcome."), user("hi")),
        "a begun answer": ask(user("Count."), assistant("One, ")),
        "sampling and limits": ask(
            temperature=1.5, top_p=0.5, top_k=5, seed=7, presence_penalty=0.5, frequency_penalty=0.5,
            max_output_tokens=50, stop=["END", "\n", "", "a", "b", "c", "d"], metadata={"user_id": "u"},
        ),
        "more than any model gives": ask(max_output_tokens=10**7, temperature=0.0, top_p=1.0),
    }  # fmt: skip


def _with_tools() -> dict[str, Request]:
    tools = [WEATHER, CLOCK]
    both = [assistant("Both.", PARIS_CALL, ROME_CALL)]
    results = [tool(ToolResult("call_2", "18 C")), tool(ToolResult("call_1", "no such city", is_error=True))]
    shown = ToolResult("call_1", [Text("so"), PICTURE, PDF, NOTE])
    again = [assistant(PARIS_CALL), tool(ToolResult("call_1", "15 C"))]
    odd = [
        assistant(*[ToolCall(f"id {at}.{'x' * 70}", each.name) for at, each in enumerate(ODD_TOOLS)]),
        tool(*[ToolResult(f"id {at}.{'x' * 70}", "") for at in range(len(ODD_TOOLS))]),
    ]
    strict = Tool("strict", parameters=SHAPE, strict=True)
    open_ = Tool("open", parameters=OPEN_SHAPE, strict=True)
    return {
        "tools": ask(tools=tools),
        "a tool loop": ask(*LOOP, tools=tools),
        "parallel calls, one in vain, answered out of order": ask(user("?"), *both, *results, tools=tools),
        "results with images and documents": ask(user("?"), assistant(PARIS_CALL), tool(shown), tools=tools),
        "a result and words beside it": ask(
            user("?"), assistant(PARIS_CALL), user(ToolResult("call_1", "15 C"), "and Rome?"), tools=tools
        ),
        "ids that come again": ask(user("?"), *again, *again, assistant("So."), user("more"), tools=tools),
        "names and ids that are illegal somewhere": ask(
            user("?"), *odd, tools=ODD_TOOLS, tool_choice="tool:files.read"
        ),
        "a forced tool": ask(tools=tools, tool_choice="tool:clock", parallel_tool_calls=False),
        "any tool": ask(*LOOP, tools=tools, tool_choice="required", thinking_effort="high"),
        "no tool, please": ask(*LOOP, tools=tools, tool_choice="none", parallel_tool_calls=True),
        "arguments that are no object": ask(
            user("?"), assistant(ToolCall("c", "clock", arguments='["a", {')), tool(ToolResult("c", "what?")),
            tools=tools,
        ),
        "strict tools and a choice of schemas": ask(
            tools=[strict, open_, Tool("either", parameters=EITHER), Tool("none", strict=True)]
        ),
        "calls without the tools that made them": ask(*LOOP, user("thanks")),
    }  # fmt: skip


def _with_wishes() -> dict[str, Request]:
    efforts: tuple[Any, ...] = ("none", "low", "medium", "high", "max")
    every = {f"thinking at effort {effort}": ask(thinking_effort=effort, max_output_tokens=4096) for effort in efforts}
    return every | {
        "any JSON": ask(output_format=OutputFormat()),
        "JSON after a closed schema": ask(output_format=OutputFormat(SHAPE, "my form", strict=True)),
        "JSON after an open schema, beside tools": ask(
            output_format=OutputFormat(OPEN_SHAPE, strict=True), tools=[WEATHER], thinking_effort="low"
        ),
    }


def _with_media() -> dict[str, Request]:
    return {
        "images": ask(user("What?", PICTURE, Image(b"\xff\xd8", "image/jpeg", detail="high"))),
        "an image by address": ask(user("What?", Image(url="https://example.com/a.png"))),
        "a document": ask(user("Read.", PDF)),
        "a document of words": ask(user(NOTE, "Read.")),
    }


def _moved(sign: Sign) -> dict[str, Request]:
    tools = [WEATHER]
    redacted = ProviderState("anthropic", "claude-sonnet-4-6", "redacted_thinking", sign("redacted_thinking"))
    search = _json(
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "x"}}
    )
    searched = ProviderState("openai", "gpt-5.4", "item", search)
    everyone = [
        message for number, origin in enumerate(("anthropic", "openai", "gemini", "deepseek", "mistral"))
        for message in (thinking_turn(origin, f"c{number}", sign), tool(ToolResult(f"c{number}", "ok")))
    ]  # fmt: skip
    return {
        "a loop that Anthropic began": ask(*loop_of("anthropic", sign), tools=tools, thinking_effort="low"),
        "a loop that OpenAI began": ask(*loop_of("openai", sign), tools=tools, thinking_effort="low"),
        "a loop that Gemini began": ask(*loop_of("gemini", sign), tools=tools),
        "a loop that everybody was part of": ask(user("?"), *everyone, tools=tools, thinking_effort="medium"),
        "state that stands alone, and a turn of thoughts only": ask(
            user("?"), assistant(redacted, searched, "So."), user("!"),
            assistant(Thinking("Hm.", state_of("anthropic", sign))), user("?"),
        ),
    }  # fmt: skip
