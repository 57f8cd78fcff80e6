"""Google's and Ollama's own client libraries speak with our other side. No network: the transport is a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types

from kruxos import errors
from kruxos.checks import check_request
from kruxos.dialects.base import DecodedRequest, Dialect, Ending
from kruxos.dialects.gemini import GEMINI
from kruxos.dialects.ollama import OLLAMA
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
from kruxos.messages import Text, Thinking, ToolCall, ToolResult

EVENTS: list[Event] = [
    Start("p", "the-model"), ThinkingDelta(0, "hm"),
    TextDelta(1, "Hel"), TextDelta(1, "lo"),
    ToolCallBegin(2, "call_a", "f"), ToolCallBegin(3, "call_b", "g"),
    ToolCallDelta(2, '{"x"'), ToolCallDelta(3, '{"y":2}'), ToolCallDelta(2, ":1}"),
    State(2, "gemini", "the-model", "thought_signature", b"QQ=="), ToolCallEnd(2), ToolCallEnd(3),
]  # fmt: skip
ENDING = Ending("tool_call", None, "the-model", Usage(10, 20, None, 7, 3))

Transport = Callable[[httpx.Request], httpx.Response]


class Door:
    """Answers each request in its protocol, and keeps what was asked."""

    def __init__(self, dialect: Dialect, *, error: errors.KruxosError | None = None, late: bool = False) -> None:
        self.asked: list[DecodedRequest] = []
        self._dialect = dialect
        self._error = error
        self._is_late = late

    def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {":path": request.url.raw_path.decode()}
        decoded = self._dialect.decode_request(request.read(), headers)
        check_request(decoded.request)
        self.asked.append(decoded)
        if self._error is not None and not self._is_late:
            status, names, body = self._dialect.encode_error(self._error)
            return httpx.Response(status, headers=names, content=body)
        encoder = self._dialect.encoder(
            stream=decoded.stream, model=decoded.model, call_id="c1", created=1_800_000_000, extra=decoded.extra
        )
        if self._error is not None:
            body = encoder.feed(TextDelta(0, "x")) + encoder.fail(self._error)
        else:
            body = b"".join(encoder.feed(event) for event in EVENTS) + encoder.finish(ENDING)
        return httpx.Response(200, headers={"content-type": encoder.content_type}, content=body)


def google_client(door: Door) -> genai.Client:
    client = httpx.Client(transport=httpx.MockTransport(door))
    options = types.HttpOptions(base_url="http://gateway.test", httpx_client=client)
    return genai.Client(api_key="none", http_options=options)


def ollama_client(door: Door) -> ollama.Client:
    return ollama.Client(host="http://gateway.test", transport=httpx.MockTransport(door))


def check_google(parts: list[Any], usage: Any) -> None:
    assert "".join(part.text for part in parts if part.text and part.thought) == "hm"
    assert "".join(part.text for part in parts if part.text and not part.thought) == "Hello"
    calls = [(part.function_call, part.thought_signature) for part in parts if part.function_call]
    assert [(call.id, call.name, call.args, signature) for call, signature in calls] == [
        ("call_a", "f", {"x": 1}, b"A"), ("call_b", "g", {"y": 2}, None),
    ]  # fmt: skip
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (30, 20)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (4, 3, 37)


def test_googles_client_reads_our_whole_answer() -> None:
    with google_client(Door(GEMINI)) as client:
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="hi")
    assert answer.candidates is not None
    assert answer.candidates[0].content is not None
    assert (answer.model_version, answer.response_id) == ("the-model", "c1")
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    check_google(answer.candidates[0].content.parts or [], answer.usage_metadata)


def test_googles_client_reads_our_stream() -> None:
    with google_client(door := Door(GEMINI)) as client:
        chunks: list[Any] = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi"))
    assert (door.asked[0].model, door.asked[0].stream) == ("gemini-2.5-flash", True)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    check_google(parts, chunks[-1].usage_metadata)


def test_a_conversation_of_googles_client_comes_back_with_its_signatures() -> None:
    with google_client(door := Door(GEMINI)) as client:
        chat = client.chats.create(model="gemini-2.5-flash", config=types.GenerateContentConfig(temperature=0.5))
        chat.send_message("hi")
        results = [types.Part.from_function_response(name=name, response={"output": name}) for name in ("f", "g")]
        chat.send_message(results)
    request = door.asked[1].request
    assert [message.role for message in request.messages] == ["user", "assistant", "tool"]
    thought, text, first, second = request.messages[1].parts
    assert isinstance(thought, Thinking)
    assert isinstance(text, Text)
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.state is not None
    assert (text.text, first.state.data, second.state) == ("Hello", b"QQ==", None)
    assert request.messages[2].parts == [ToolResult("call_a", "f", name="f"), ToolResult("call_b", "g", name="g")]
    assert request.temperature == 0.5


@pytest.mark.parametrize(
    ("error", "name", "status"),
    [
        (errors.ModelNotFoundError("no"), "ClientError", "NOT_FOUND"),
        (errors.QuotaExhaustedError("no"), "ClientError", "RESOURCE_EXHAUSTED"),
        (errors.InternalError("no"), "ServerError", "INTERNAL"),
    ],
)
def test_googles_client_raises_the_error_that_is_meant(error: errors.KruxosError, name: str, status: str) -> None:
    with google_client(Door(GEMINI, error=error)) as client, pytest.raises(getattr(google_errors, name)) as caught:
        client.models.generate_content(model="m", contents="hi")
    assert caught.value.status == status


def test_googles_client_raises_an_error_within_a_stream() -> None:
    error = errors.ProviderOverloadedError("busy")
    with google_client(Door(GEMINI, error=error, late=True)) as client:
        stream = client.models.generate_content_stream(model="m", contents="hi")
        with pytest.raises(google_errors.APIError, match="busy"):
            list(stream)


def test_ollamas_client_reads_our_whole_answer() -> None:
    answer = ollama_client(Door(OLLAMA)).chat("qwen3", [{"role": "user", "content": "hi"}])
    assert (answer.model, answer.message.content, answer.message.thinking) == ("the-model", "Hello", "hm")
    assert [(call.function.name, call.function.arguments) for call in answer.message.tool_calls or []] == [
        ("f", {"x": 1}), ("g", {"y": 2}),
    ]  # fmt: skip
    assert (answer.done, answer.done_reason, answer.prompt_eval_count, answer.eval_count) == (True, "stop", 30, 7)


def test_ollamas_client_reads_our_stream() -> None:
    door = Door(OLLAMA)
    lines = list(ollama_client(door).chat("qwen3", [{"role": "user", "content": "hi"}], stream=True, think="low"))
    assert (door.asked[0].model, door.asked[0].request.thinking_effort) == ("qwen3", "low")
    assert "".join(line.message.content or "" for line in lines) == "Hello"
    assert "".join(line.message.thinking or "" for line in lines) == "hm"
    assert [call.function.name for line in lines for call in line.message.tool_calls or []] == ["f", "g"]
    assert (lines[-1].done, lines[-1].eval_count) == (True, 7)


@pytest.mark.parametrize("is_late", [False, True])
def test_ollamas_client_raises_our_errors(*, is_late: bool) -> None:
    client = ollama_client(Door(OLLAMA, error=errors.OverloadedError("busy"), late=is_late))
    with pytest.raises(ollama.ResponseError, match="busy"):
        list(client.chat("qwen3", [{"role": "user", "content": "hi"}], stream=True))
