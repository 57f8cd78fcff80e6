"""Valid requests of our common language, for properties: conversations, tools, thinking, and every wish."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
from kruxos.simulator.signing import Signer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
WORDS = st.text(min_size=1, max_size=12)
SPOKEN = st.sampled_from(["What is it?", "Go on.", "Say it as JSON.", " ", "\n", "Παρίσι 漢字 🙂"]) | WORDS
NAMES = st.sampled_from(["get_weather", "files.read", "server.tool", "όνομα", "a" * 80, "9lives"]) | WORDS
IDS = st.sampled_from(["call_1", "toolu_01A", "a" * 90, "with space", "1"]) | WORDS
ARGUMENTS = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | WORDS, max_size=2)
LEAVES = st.sampled_from([{"type": "string"}, {"type": "integer", "minimum": 1}, {"type": ["string", "null"]}])
MAPS: list[dict[str, Any]] = [{"type": "object"}, {"type": "object", "additionalProperties": {"type": "string"}}]
BESIDE: list[dict[str, Any]] = [{}, {"additionalProperties": True}, {"minProperties": 1}, {"description": "d"}]
RESULTS = st.sampled_from(["", "15 C", "error: no"]) | WORDS


@st.composite
def closed_schemas(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    """Schemas as strict structured output wants them: closed, all of it required."""
    inner = LEAVES | closed_schemas(depth + 1) if depth < 2 else LEAVES
    properties = draw(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, min_size=1, max_size=3))
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


@st.composite
def open_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Schemas as agents have them: optional properties, maps, choices at the top, bounds."""
    inner = LEAVES | closed_schemas(1) | st.sampled_from(MAPS)
    properties = draw(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, max_size=3))
    required = draw(st.lists(st.sampled_from(list(properties)), unique=True)) if properties else []
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    beside: dict[str, Any] = draw(st.sampled_from(BESIDE))
    branches = draw(st.lists(closed_schemas(2), max_size=2))
    name = draw(st.sampled_from(["anyOf", "oneOf", "allOf"]))
    return schema | beside | ({name: branches} if branches else {})


@st.composite
def tools(draw: st.DrawFn) -> list[Tool]:
    """Tools with different names."""
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    return [
        Tool(name, draw(SPOKEN), draw(st.just({}) | closed_schemas() | open_schemas()), draw(st.none() | st.just(True)))
        for name in names
    ]


def users(draw: st.DrawFn) -> list[Part]:
    """What a user says and shows."""
    parts: list[Part] = [Text(draw(SPOKEN)) for _ in range(draw(st.integers(1, 2)))]
    media: list[Part] = [
        Image(PNG, "image/png"), Image(url="https://example.com/a.png"), Document(text="some text", name="a.txt"),
        Document(b"%PDF-1.4 ", "application/pdf", name="a.pdf"),
    ]  # fmt: skip
    return [*parts, *draw(st.lists(st.sampled_from(media), max_size=1))]


def thoughts(draw: st.DrawFn, signer: Signer, origin: str, model: str) -> list[Part]:
    """Thinking of the provider's own, with its signature, or somebody else's."""
    text = draw(WORDS)
    kind = draw(st.sampled_from(["none", "own", "other", "bare"]))
    if kind == "own":
        return [Thinking(text, ProviderState(origin, model, "signature", signer.sign(text, draw(st.integers(0, 9)))))]
    if kind == "other":
        return [Thinking(text, ProviderState("elsewhere", "m", "reasoning_content", b""))]
    return [Thinking(text)] if kind == "bare" else []


@st.composite
def conversations(draw: st.DrawFn, given: list[Tool], signer: Signer, origin: str, model: str) -> list[Message]:
    """Turns of the user and the assistant; calls are answered at once, all of them."""
    said: list[Message] = [Message.of("system", draw(SPOKEN)) for _ in range(draw(st.integers(0, 2)))]
    names = st.sampled_from([tool.name for tool in given]) if given else NAMES
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            said.append(Message("user", users(draw)))
        calls = [
            ToolCall(call_id, draw(names), arguments=draw(ARGUMENTS))
            for call_id in draw(st.lists(IDS, max_size=2, unique=True))
        ]
        words: list[Part] = [Text(draw(SPOKEN))] if draw(st.booleans()) else []
        said.append(Message("assistant", [*thoughts(draw, signer, origin, model), *words, *calls]))
        said += _results(draw, calls)
        if draw(st.integers(0, 9)) == 0:
            said.append(Message.of("system", draw(SPOKEN)))
    if draw(st.integers(0, 4)) or not said:
        said.append(Message("user", users(draw)))
    return said


def _results(draw: st.DrawFn, calls: list[ToolCall]) -> list[Message]:
    results: list[Part] = []
    for call in draw(st.permutations(calls)):
        whole: str | list[Part] = draw(RESULTS)
        parts: list[Part] = [Text(draw(SPOKEN)), Image(PNG, "image/png")]
        content = draw(st.sampled_from([whole, parts]))
        results.append(ToolResult(call.id, content, draw(st.booleans())))
    if not results:
        return []
    if draw(st.booleans()):
        return [Message("tool", [result]) for result in results]
    after: list[Part] = [Text(draw(SPOKEN))] if draw(st.booleans()) else []
    return [Message("user", [*results, *after])]


FORMATS = st.builds(OutputFormat, st.none() | closed_schemas() | open_schemas(), strict=st.none() | st.booleans())


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def requests(draw: st.DrawFn, signer: Signer, origin: str, model: str) -> Request:
    """A request with any of the wishes that an agent may have."""
    given = draw(tools())
    choices = ["auto", "none", *(["required", f"tool:{given[0].name}"] if given else [])]
    return Request(
        draw(conversations(given, signer, origin, model)),
        tools=given,
        tool_choice=draw(_maybe(st.sampled_from(choices))),
        parallel_tool_calls=draw(_maybe(st.booleans())),
        max_output_tokens=draw(_maybe(st.sampled_from([1, 1024, 1025, 4096, 40_000, 10**6]))),
        temperature=draw(_maybe(st.sampled_from([0.0, 0.5, 1.0, 2.0]))),
        top_p=draw(_maybe(st.sampled_from([0.1, 0.95, 1.0]))),
        top_k=draw(_maybe(st.integers(0, 50))),
        seed=draw(_maybe(st.integers(0, 9))),
        presence_penalty=draw(_maybe(st.sampled_from([-2.0, 0.5]))),
        frequency_penalty=draw(_maybe(st.sampled_from([-2.0, 0.5]))),
        stop=draw(st.lists(st.sampled_from(["END", "\n\n", "a", "b", "c", "", " d"]), max_size=7, unique=True)),
        thinking_effort=draw(_maybe(st.sampled_from(["none", "low", "medium", "high", "max"]))),
        output_format=draw(_maybe(FORMATS)),
        metadata=draw(st.sampled_from([{}, {"user_id": "u-1"}, {"team": "a"}])),
    )  # fmt: skip
