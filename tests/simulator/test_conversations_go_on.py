"""What the simulator answers, our dialects read; what they make of it in the next turn, the simulator accepts.

Thinking comes with calls, so whatever must go back with it has to go back unaltered: signatures, items, details.
"""

from __future__ import annotations

import pytest

from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Assembler
from kruxos.messages import Message, Part, Request, Text, Thinking, Tool, ToolCall, ToolResult
from kruxos.simulator.bases import BASE_PATHS
from kruxos.simulator.world import World
from tests.simulator.support import NOW, Answer, send, world

MODELS = {
    "anthropic": "claude-sonnet-4-6", "openai": "gpt-5.4", "gemini": "gemini-3.8-flash", "ollama": "qwen3:8b",
    "deepseek": "deepseek-flash", "glm": "glm-5", "grok": "grok-4.3", "mistral": "mistral-small-latest",
    "groq": "openai/gpt-oss-120b", "openrouter": "anthropic/claude-sonnet-4-6",
}  # fmt: skip
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get.weather", "tells the weather", CITY)
TURNS = 3


def target(name: str, *, stream: bool) -> Target:
    row = PROFILES[name]
    return Target(name, MODELS[name], row, name, stream, now=NOW)


def sent(into: World, name: str, request: Request, *, stream: bool) -> tuple[Answer, EncodedRequest]:
    aimed = target(name, stream=stream)
    row = aimed.profile
    encoded = DIALECTS[row.dialect].encode_request(request, aimed)
    key = {row.auth: "some-key"} if row.auth != "bearer" else {"authorization": "Bearer some-key"}
    http = encoded.http
    return send(into, BASE_PATHS[name] + http.path, http.body, headers=http.headers | key), encoded


def read(answer: Answer, name: str, encoded: EncodedRequest, *, stream: bool) -> list[Part]:
    aimed = target(name, stream=stream)
    decoder = DIALECTS[aimed.profile.dialect].decoder(aimed, encoded, answer.headers["content-type"])
    assembler = Assembler()
    for piece in answer.pieces:
        for event in decoder.feed(piece.body):
            assembler.feed(event)
    for event in decoder.finish():
        assembler.feed(event)
    assert decoder.error is None, decoder.error
    assert decoder.ending is not None
    assert decoder.ending.usage is not None
    return assembler.parts()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_a_tool_loop_with_thinking_goes_on(name: str, *, stream: bool) -> None:
    said = [Message("system", [Text("Be brief.")]), Message("user", [Text("Weather? [[simulate tool calls=2]]")])]
    into = world()
    for turn in range(TURNS):
        request = Request(list(said), tools=[WEATHER], thinking_effort="high", max_output_tokens=4000)
        answer, encoded = sent(into, name, request, stream=stream)
        assert answer.status == 200, (turn, answer.rule, answer.body[:500])
        parts = read(answer, name, encoded, stream=stream)
        said.append(Message("assistant", parts))
        calls = [part for part in parts if isinstance(part, ToolCall)]
        assert [call.name for call in calls] == [WEATHER.name] * (2 if turn % 2 == 0 else 0)
        results: list[Part] = [ToolResult(call.id, "15 C") for call in calls]
        said.append(Message("user", results or [Text("And now? [[simulate tool calls=2]]")]))


@pytest.mark.parametrize("name", ["anthropic", "deepseek", "glm", "grok", "groq", "ollama"])
def test_thinking_is_read_where_it_is_shown(name: str) -> None:
    request = Request([Message("user", [Text("hi")])], thinking_effort="high", max_output_tokens=4000)
    answer, encoded = sent(world(), name, request, stream=True)
    assert any(isinstance(part, Thinking) and part.text for part in read(answer, name, encoded, stream=True))


def failed(name: str, marker: str, *, stream: bool) -> str | None:
    """The code of ours that a fault means to the gateway."""
    request = Request([Message("user", [Text(f"hi [[simulate {marker} tokens=20]]")])])
    answer, encoded = sent(world(), name, request, stream=stream)
    aimed = target(name, stream=stream)
    dialect = DIALECTS[aimed.profile.dialect]
    if answer.status != 200:
        return dialect.decode_error(answer.status, answer.headers, answer.body, aimed, encoded).code
    decoder = dialect.decoder(aimed, encoded, answer.headers["content-type"])
    for piece in answer.pieces:
        decoder.feed(piece.body)
    decoder.finish()
    return decoder.error.code if decoder.error else None


MEANINGS: dict[str, str | None] = {
    "429": "rate_limited", "500": "provider_error", "503": "provider_overloaded", "cut after=5": "interrupted",
    "load": None, "drip interval=0": None, "html status=502": "provider_error",
}  # fmt: skip
QUOTA = {
    "deepseek": "insufficient_funds", "glm": "insufficient_funds", "anthropic": "insufficient_funds",
    "openai": "insufficient_funds", "gemini": "quota_exhausted", "openrouter": "quota_exhausted",
    "groq": "quota_exhausted",
}  # fmt: skip


@pytest.mark.parametrize("marker", MEANINGS)
@pytest.mark.parametrize("name", MODELS)
def test_a_fault_is_taken_for_what_it_is(name: str, marker: str) -> None:
    assert failed(name, marker, stream=True) == MEANINGS[marker]


@pytest.mark.parametrize("name", QUOTA)
def test_an_empty_account_is_taken_for_one(name: str) -> None:
    assert failed(name, "quota", stream=True) == QUOTA[name]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_an_error_within_a_200_is_an_error(name: str, *, stream: bool) -> None:
    assert failed(name, "overloaded after=5", stream=stream) is not None
