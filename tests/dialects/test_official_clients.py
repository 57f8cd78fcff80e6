"""The providers' own client libraries read what our encoders write. No network: the transport is a function."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kruxos import errors
from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.dialects.base import Ending
from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.errors import KruxosError
from kruxos.events import (
    Event,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
)

anthropic: Any = pytest.importorskip("anthropic")
openai: Any = pytest.importorskip("openai")
http: Any = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")

EVENTS: list[Event] = [
    Start("p", "the-model"), ThinkingDelta(0, "hm"), State(0, "anthropic", "the-model", "signature", b"Eq"),
    TextDelta(1, "Hel"), TextDelta(1, "lo"),
    ToolCallBegin(2, "call_a", "f"), ToolCallBegin(3, "call_b", "g"),
    ToolCallDelta(2, '{"x"'), ToolCallDelta(3, '{"y":2}'), ToolCallDelta(2, ":1}"), ToolCallEnd(2), ToolCallEnd(3),
]  # fmt: skip
ENDING = Ending("tool_call", None, "the-model", Usage(10, 20, 0, 7, 3))
ASK = {"model": "asked-for", "messages": [{"role": "user", "content": "hi"}]}


def answer(dialect: Any, *, stream: bool) -> Any:
    encoder = dialect.encoder(
        stream=stream,
        model="m",
        call_id="c1",
        created=7,
        extra={"stream_options": {"include_usage": True}, "ping": True},
    )
    body = b"".join(encoder.feed(event) for event in EVENTS) + encoder.finish(ENDING)
    return http.Response(200, headers={"content-type": encoder.content_type}, content=body)


@pytest.fixture
def clients() -> Iterator[Callable[[Any, Any], Any]]:
    opened: list[Any] = []

    def client(library: Any, response: Any) -> Any:
        transport = http.Client(transport=http.MockTransport(lambda _request: response))
        made = getattr(library, "Anthropic", None) or library.OpenAI
        opened.append(made(api_key="none", base_url="http://gateway.test", http_client=transport, max_retries=0))
        return opened[-1]

    yield client
    for each in opened:
        each.close()


def test_anthropics_client_reads_our_stream(clients: Callable[[Any, Any], Any]) -> None:
    client = clients(anthropic, answer(ANTHROPIC, stream=True))
    with client.messages.stream(max_tokens=100, **ASK) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert pieces == ["Hel", "lo"]
    check_message(message)


def test_anthropics_client_reads_our_whole_answer(clients: Callable[[Any, Any], Any]) -> None:
    check_message(clients(anthropic, answer(ANTHROPIC, stream=False)).messages.create(max_tokens=100, **ASK))


def check_message(message: Any) -> None:
    assert (message.id, message.model, message.stop_reason) == ("msg_c1", "the-model", "tool_use")
    thinking, text, first, second = message.content
    assert (thinking.thinking, thinking.signature, text.text) == ("hm", "Eq", "Hello")
    assert [(call.id, call.name, call.input) for call in (first, second)] == [
        ("call_a", "f", {"x": 1}), ("call_b", "g", {"y": 2}),
    ]  # fmt: skip
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (10, 20, 7)


def test_openais_client_reads_our_stream(clients: Callable[[Any, Any], Any]) -> None:
    client = clients(openai, answer(OPENAI_CHAT, stream=True))
    with client.chat.completions.stream(stream_options={"include_usage": True}, **ASK) as stream:
        for _ in stream:
            pass
        check_completion(stream.get_final_completion())


def test_openais_client_reads_our_whole_answer(clients: Callable[[Any, Any], Any]) -> None:
    check_completion(clients(openai, answer(OPENAI_CHAT, stream=False)).chat.completions.create(**ASK))


def check_completion(completion: Any) -> None:
    choice = completion.choices[0]
    assert (completion.id, completion.model, choice.finish_reason) == ("chatcmpl-c1", "the-model", "tool_calls")
    assert (choice.message.content, choice.message.reasoning_content) == ("Hello", "hm")
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    assert calls == [("call_a", "f", '{"x":1}'), ("call_b", "g", '{"y":2}')]
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == (30, 7, 20)


def test_openais_client_reads_our_stream_of_responses(clients: Callable[[Any, Any], Any]) -> None:
    client = clients(openai, answer(OPENAI_RESPONSES, stream=True))
    with client.responses.stream(model="asked-for", input="hi") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        check_response(stream.get_final_response())
    assert pieces == ["Hel", "lo"]


def test_openais_client_reads_our_whole_response(clients: Callable[[Any, Any], Any]) -> None:
    client = clients(openai, answer(OPENAI_RESPONSES, stream=False))
    response = client.responses.create(model="asked-for", input="hi")
    check_response(response)
    type(response).model_validate(response.to_dict(), strict=True)


def check_response(response: Any) -> None:
    assert (response.id, response.model, response.status) == ("resp_c1", "the-model", "completed")
    assert (response.output_text, response.created_at) == ("Hello", 7)
    reasoning, _, first, second = response.output
    assert reasoning.summary[0].text == "hm"
    calls = [(call.call_id, call.name, call.arguments) for call in (first, second)]
    assert calls == [("call_a", "f", '{"x":1}'), ("call_b", "g", '{"y":2}')]
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.input_tokens_details.cached_tokens) == (30, 7, 20)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.BadRequestError("no"), "BadRequestError"),
        (errors.UnauthorizedError("no"), "AuthenticationError"),
        (errors.ForbiddenError("no"), "PermissionDeniedError"),
        (errors.ModelNotFoundError("no"), "NotFoundError"),
        (errors.RateLimitedError("no", retry_at=2_000_000_000.0), "RateLimitError"),
        (errors.InternalError("no"), "InternalServerError"),
    ],
)
@pytest.mark.parametrize(
    ("library", "dialect"), [(anthropic, ANTHROPIC), (openai, OPENAI_CHAT), (openai, OPENAI_RESPONSES)]
)
def test_both_clients_raise_the_error_that_is_meant(
    clients: Callable[[Any, Any], Any], library: Any, dialect: Any, error: KruxosError, name: str
) -> None:
    status, headers, body = dialect.encode_error(error)
    client = clients(library, http.Response(status, headers=headers, content=body))
    with pytest.raises(getattr(library, name), match="no"):
        create(client, dialect)


def create(client: Any, dialect: Any, **extra: Any) -> Any:
    if dialect is OPENAI_RESPONSES:
        return client.responses.create(model="asked-for", input="hi", **extra)
    return (
        client.chat.completions.create(**extra, **ASK)
        if dialect is OPENAI_CHAT
        else client.messages.create(max_tokens=1, **extra, **ASK)
    )


@pytest.mark.parametrize(
    ("library", "dialect"), [(anthropic, ANTHROPIC), (openai, OPENAI_CHAT), (openai, OPENAI_RESPONSES)]
)
def test_both_clients_raise_an_error_within_a_stream(
    clients: Callable[[Any, Any], Any], library: Any, dialect: Any
) -> None:
    encoder = dialect.encoder(stream=True, model="m", call_id="c", created=7, extra={})
    body = encoder.feed(TextDelta(0, "x")) + encoder.fail(errors.ProviderOverloadedError("busy"))
    client = clients(library, http.Response(200, headers={"content-type": encoder.content_type}, content=body))
    with pytest.raises(library.APIError, match="busy"):
        for _ in create(client, dialect, stream=True):
            pass
