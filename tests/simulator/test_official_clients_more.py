"""Google's, Ollama's and OpenAI's client libraries take the simulator for the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kruxos.simulator.bases import BASE_PATHS
from tests.simulator.support import GEMINI, GPT, served

genai: Any = pytest.importorskip("google.genai")
ollama: Any = pytest.importorskip("ollama")
openai: Any = pytest.importorskip("openai")

pytestmark = pytest.mark.real

QWEN = "qwen3:8b"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
NESTED = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
COMPATIBLE = {
    "deepseek": "deepseek-flash", "glm": "glm-5", "grok": "grok-4.3", "mistral": "mistral-large-latest",
    "groq": "openai/gpt-oss-120b", "openrouter": "anthropic/claude-sonnet-4-6",
}  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as (url, _):
        yield url


@pytest.fixture
def google(url: str) -> Iterator[Any]:
    options = genai.types.HttpOptions(base_url=url, timeout=10_000)
    client = genai.Client(api_key="k", http_options=options)
    yield client
    client.close()


def gpt(url: str, base: str = "/v1", key: str = "k") -> Any:
    return openai.OpenAI(api_key=key, base_url=f"{url}{base}", max_retries=0, timeout=10)


def test_openais_client_runs_a_tool_loop_of_responses_with_reasoning_that_goes_back(url: str) -> None:
    fields: Any = {
        "model": GPT, "tools": [FUNCTION], "reasoning": {"effort": "low"}, "store": False,
        "include": ["reasoning.encrypted_content"],
    }  # fmt: skip
    asked: list[Any] = [{"role": "user", "content": "Weather in Lisbon? [[simulate tool]]"}]
    with gpt(url) as client:
        first = client.responses.create(input=asked, **fields)
        assert [item.type for item in first.output] == ["reasoning", "function_call"]
        output = {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "15 C"}
        second = client.responses.create(input=[*asked, *first.output, output], **fields)
        assert second.status == "completed"
        assert second.output_text


def test_openais_client_streams_a_response_as_it_gets_it_whole(url: str) -> None:
    with gpt(url) as client:
        whole = client.responses.create(model=GPT, input="hi")
        with client.responses.stream(model=GPT, input="hi") as stream:
            pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()
        assert "".join(pieces) == whole.output_text == final.output_text
        assert final.usage.output_tokens == whole.usage.output_tokens
        with pytest.raises(openai.BadRequestError, match="integer below minimum"):
            client.responses.create(model=GPT, input="hi", max_output_tokens=1)


@pytest.mark.parametrize("name", COMPATIBLE)
def test_openais_client_talks_to_the_compatible_providers(url: str, name: str) -> None:
    said = [{"role": "user", "content": "Weather in Lisbon? [[simulate tool]]"}]
    fields: Any = {"model": COMPATIBLE[name], "messages": said, "tools": [NESTED]}
    with gpt(url, BASE_PATHS[name]) as client:
        call = client.chat.completions.create(**fields).choices[0].message.tool_calls[0]
        assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Lisbon"}')
        chunks = list(client.chat.completions.create(stream=True, **fields))
        reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
        assert "tool_calls" in reasons
        assert COMPATIBLE[name] in [model.id for model in client.models.list()]
        with pytest.raises(openai.APIStatusError):
            client.chat.completions.create(model="none", messages=said)


def test_googles_client_asks_streams_counts_and_lists(google: Any) -> None:
    whole = google.models.generate_content(model=GEMINI, contents="hi")
    pieces = list(google.models.generate_content_stream(model=GEMINI, contents="hi"))
    assert "".join(piece.text or "" for piece in pieces) == whole.text
    assert pieces[-1].usage_metadata.total_token_count == whole.usage_metadata.total_token_count
    counted = google.models.count_tokens(model=GEMINI, contents="hi")
    assert counted.total_tokens == whole.usage_metadata.prompt_token_count
    assert f"models/{GEMINI}" in [model.name for model in google.models.list()]


def test_googles_client_runs_a_tool_loop_with_signatures(google: Any) -> None:
    types = genai.types
    declaration = types.FunctionDeclaration(name="get_weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
    asked = [types.Content(role="user", parts=[types.Part(text="Weather in Lisbon? [[simulate tool]]")])]
    first = google.models.generate_content(model=GEMINI, contents=asked, config=config)
    call = first.function_calls[0]
    assert (call.name, call.args) == ("get_weather", {"city": "Lisbon"})
    result = types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "1"}))
    turns = [*asked, first.candidates[0].content, types.Content(role="user", parts=[result])]
    assert google.models.generate_content(model=GEMINI, contents=turns, config=config).text
    first.candidates[0].content.parts[0].thought_signature = None
    with pytest.raises(genai.errors.ClientError, match="missing a thought_signature"):
        google.models.generate_content(model=GEMINI, contents=turns, config=config)


@pytest.fixture
def local(url: str) -> Iterator[Any]:
    client = ollama.Client(host=url, timeout=10)
    yield client
    client.close()


def test_ollamas_client_asks_streams_calls_lists_and_shows(local: Any) -> None:
    client = local
    said = [{"role": "user", "content": "hi"}]
    whole = client.chat(model=QWEN, messages=said)
    lines = list(client.chat(model=QWEN, messages=said, stream=True))
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert (lines[-1].done_reason, lines[-1].eval_count) == ("stop", whole.eval_count)
    asked = [{"role": "user", "content": "Weather in Lisbon? [[simulate tool]]"}]
    call = client.chat(model=QWEN, messages=asked, tools=[NESTED]).message.tool_calls[0]
    assert (call.function.name, dict(call.function.arguments)) == ("get_weather", {"city": "Lisbon"})
    assert "llama3.2:latest" in [model.model for model in client.list().models]
    assert client.show("llama3.2").capabilities == ["completion", "tools"]
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.chat(model="none", messages=said)
