"""The providers' own client libraries take the simulator for the real thing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from kruxos.simulator import RateLimits
from tests.simulator.support import CLAUDE, GPT, HAIKU, served

anthropic: Any = pytest.importorskip("anthropic")
openai: Any = pytest.importorskip("openai")

pytestmark = pytest.mark.real

ASK = [{"role": "user", "content": "What is the weather in Lisbon like?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
LIMITS = RateLimits(5, 1_000_000, 1_000_000)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as (url, _):
        yield url


def claude(url: str, key: str = "k") -> Any:
    return anthropic.Anthropic(api_key=key, base_url=url, max_retries=0, timeout=10)


def gpt(url: str, key: str = "k") -> Any:
    return openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0, timeout=10)


def test_anthropics_client_asks_and_is_answered(url: str) -> None:
    with claude(url) as client:
        message = client.messages.create(model=CLAUDE, max_tokens=500, messages=ASK)
        assert (message.model, message.stop_reason, message.role) == (CLAUDE, "end_turn", "assistant")
        assert "Lisbon" in message.content[0].text or "weather" in message.content[0].text
        counted = client.messages.count_tokens(model=CLAUDE, messages=ASK)
        assert counted.input_tokens == message.usage.input_tokens


def test_anthropics_client_streams_what_it_gets_whole(url: str) -> None:
    with claude(url) as client:
        whole = client.messages.create(model=CLAUDE, max_tokens=500, messages=ASK)
        with client.messages.stream(model=CLAUDE, max_tokens=500, messages=ASK) as stream:
            pieces = list(stream.text_stream)
            message = stream.get_final_message()
        assert len(pieces) == message.usage.output_tokens
        assert "".join(pieces) == whole.content[0].text
        assert message.usage.input_tokens == whole.usage.input_tokens


def test_anthropics_client_runs_a_tool_loop_with_thinking_that_goes_back(url: str) -> None:
    fields: Any = {"model": CLAUDE, "max_tokens": 4000, "tools": [TOOL], "thinking": {"type": "adaptive"}}
    with claude(url) as client:
        asked: list[Any] = [{"role": "user", "content": "Weather in Lisbon? [[simulate tool]]"}]
        first = client.messages.create(messages=asked, **fields)
        assert first.stop_reason == "tool_use"
        call = first.content[-1]
        assert (first.content[0].type, call.type, call.input) == ("thinking", "tool_use", {"city": "Lisbon"})
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "15 C"}
        turns = [*asked, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        assert client.messages.create(messages=turns, **fields).stop_reason == "end_turn"
        first.content[0].thinking += "!"
        with pytest.raises(anthropic.BadRequestError, match="cannot be modified"):
            client.messages.create(messages=turns, **fields)


def test_anthropics_client_lists_models(url: str) -> None:
    with claude(url) as client:
        listed = [model.id for model in client.models.list()]
        assert CLAUDE in listed
        assert client.models.retrieve("claude-haiku-4-5").id == HAIKU


@pytest.mark.parametrize(
    ("marker", "name"),
    [
        ("400", "BadRequestError"), ("401", "AuthenticationError"), ("403", "PermissionDeniedError"),
        ("404", "NotFoundError"), ("409", "ConflictError"), ("429", "RateLimitError"), ("500", "InternalServerError"),
        ("529", "InternalServerError"), ("silence where=headers", "APITimeoutError"),
        ("cut after=0", "APIConnectionError"),
    ],
)  # fmt: skip
def test_both_clients_raise_what_they_raise_for_their_provider(url: str, marker: str, name: str) -> None:
    said = [{"role": "user", "content": f"hi [[simulate {marker}]]"}]
    patience_s = 0.3 if "silence" in marker else 10
    with claude(url) as client, pytest.raises(getattr(anthropic, name)) as raised:
        client.with_options(timeout=patience_s).messages.create(model=CLAUDE, max_tokens=9, messages=said)
    if hasattr(raised.value, "request_id"):
        assert raised.value.request_id.startswith("req_")
    with gpt(url) as client, pytest.raises(getattr(openai, name)):
        client.with_options(timeout=patience_s).chat.completions.create(model=GPT, messages=said)


def test_both_clients_see_a_wrong_key(url: str) -> None:
    with claude(url, "bad-key") as client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
    with gpt(url, "bad-key") as client, pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
        client.chat.completions.create(model=GPT, messages=ASK)


def test_both_clients_see_an_error_in_the_middle_of_a_stream(url: str) -> None:
    said = [{"role": "user", "content": "hi [[simulate overloaded after=3]]"}]
    pieces: list[str] = []
    with claude(url) as client, pytest.raises(anthropic.APIStatusError, match="verloaded"):  # noqa: PT012 - while read
        for event in client.messages.create(model=CLAUDE, max_tokens=99, messages=said, stream=True):
            pieces += [event.delta.text] if event.type == "content_block_delta" else []
    assert len(pieces) == 3
    with gpt(url) as client, pytest.raises(openai.APIError, match=r"Overloaded"):
        for _ in client.chat.completions.create(model=GPT, messages=said, stream=True):
            pass


def test_both_clients_wait_as_they_are_told_and_try_again(url: str) -> None:
    said = [{"role": "user", "content": "try again [[simulate 429 retry_after=0.01 times=1]]"}]
    with claude(url) as client:
        answer = client.with_options(max_retries=1).messages.create(model=CLAUDE, max_tokens=9, messages=said)
        assert answer.type == "message"
    said = [{"role": "user", "content": "and again [[simulate 429 retry_after=0.01 times=1]]"}]
    with gpt(url) as client:
        answer = client.with_options(max_retries=1).chat.completions.create(model=GPT, messages=said)
        assert answer.object == "chat.completion"


def test_both_clients_read_the_rate_limit_headers_and_run_into_the_limit() -> None:
    with served(limits=LIMITS) as (url, _), claude(url) as client:
        raw = client.messages.with_raw_response.create(model=CLAUDE, max_tokens=9, messages=ASK)
        assert raw.headers["anthropic-ratelimit-requests-remaining"] == "4"
        for _ in range(4):
            client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
        with pytest.raises(anthropic.RateLimitError) as raised:
            client.messages.create(model=CLAUDE, max_tokens=9, messages=ASK)
        assert 0 < int(raised.value.response.headers["retry-after"]) <= 12


def test_openais_client_asks_streams_and_counts(url: str) -> None:
    with gpt(url) as client:
        whole = client.chat.completions.create(model=GPT, messages=ASK)
        assert (whole.model, whole.choices[0].finish_reason) == (GPT, "stop")
        options = {"include_usage": True}
        chunks = list(client.chat.completions.create(model=GPT, messages=ASK, stream=True, stream_options=options))
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(pieces) == whole.choices[0].message.content
        assert chunks[-1].usage == whole.usage


def test_openais_client_runs_a_tool_loop(url: str) -> None:
    with gpt(url) as client:
        fields: Any = {"model": GPT, "tools": [FUNCTION], "reasoning_effort": "low"}
        asked: list[Any] = [{"role": "user", "content": "Weather in Lisbon? [[simulate tool calls=2]]"}]
        first = client.chat.completions.create(messages=asked, **fields).choices[0]
        assert first.finish_reason == "tool_calls"
        calls = first.message.tool_calls
        assert [call.function.name for call in calls] == ["get_weather"] * 2
        assert calls[0].function.arguments == '{"city":"Lisbon"}'
        results = [{"role": "tool", "tool_call_id": call.id, "content": "15 C"} for call in calls]
        answer = client.chat.completions.create(messages=[*asked, first.message, *results], **fields)
        assert answer.choices[0].finish_reason == "stop"
        with pytest.raises(openai.BadRequestError, match="did not have response messages"):
            client.chat.completions.create(messages=[*asked, first.message, results[0], *ASK], **fields)


def test_openais_client_parses_structured_output(url: str) -> None:
    schema = {**SCHEMA, "additionalProperties": False}
    wish = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    with gpt(url) as client:
        with client.chat.completions.stream(model=GPT, messages=ASK, response_format=wish) as stream:
            answer = stream.get_final_completion()
        assert answer.choices[0].message.content == '{"city":"Lisbon"}'


def test_openais_client_lists_models(url: str) -> None:
    with gpt(url) as client:
        assert GPT in [model.id for model in client.models.list()]
        assert client.models.retrieve(GPT).owned_by == "system"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-none")


def test_a_retired_model_is_not_found(url: str) -> None:
    with claude(url) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(anthropic.NotFoundError, match="claude-sonnet-4-20250514"):
            client.messages.create(model="claude-sonnet-4-20250514", max_tokens=9, messages=ASK)
