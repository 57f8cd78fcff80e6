"""Streams through the doors: who leaves, who reads slowly, and what breaks off."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.raw import rss_bytes
from tests.service.running import Simulator, until
from tests.web.running import Web

pytestmark = pytest.mark.real

DOORS = {
    "/v1/chat/completions": ("gpt-4o", "messages"),
    "/v1/responses": ("gpt-5.4", "input"),
    "/v1/messages": ("claude-sonnet-4-6", "messages"),
}


def question(path: str, prompt: str, model: str, **more: Any) -> dict[str, Any]:
    field = DOORS[path][1]
    asked = {"model": model, field: [{"role": "user", "content": prompt}], "stream": True, **more}
    return asked | ({"max_tokens": 60_000} if path == "/v1/messages" else {})


def events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        data = line.removeprefix("data: ")
        if line.startswith("data: ") and data != "[DONE]":
            yield json.loads(data)


@pytest.mark.parametrize("provider", ["claude", "gpt", "chatty"])
@pytest.mark.parametrize("path", DOORS)
def test_whoever_leaves_takes_the_call_along(web: Web, simulator: Simulator, path: str, provider: str) -> None:
    model = {"claude": "claude-sonnet-4-6", "gpt": "gpt-5.4", "chatty": "gpt-4o"}[provider]
    simulator.reset()
    prompt = "[[simulate silence where=middle]] tell me"
    with web.http() as http, http.stream("POST", path, json=question(path, prompt, provider)) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
    simulator.wait_left(model)
    web.installation.wait_idle()


@pytest.mark.parametrize("provider", ["claude", "gpt"])
def test_whoever_leaves_before_the_answer_takes_the_call_along(web: Web, simulator: Simulator, provider: str) -> None:
    model = {"claude": "claude-sonnet-4-6", "gpt": "gpt-5.4"}[provider]
    simulator.reset()
    body = json.dumps(question("/v1/messages", "[[simulate silence where=headers]]", provider)).encode()
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nX-Api-Key: {web.token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        until(lambda: simulator.requests(model), "the provider's request")
        assert web.installation.worker(provider)["in_flight"] == 1
    web.installation.wait_idle()


@pytest.mark.parametrize("provider", ["claude", "gpt", "chatty"])
@pytest.mark.parametrize("path", DOORS)
def test_what_breaks_off_ends_with_the_protocols_own_error(web: Web, path: str, provider: str) -> None:
    asked = question(path, "[[simulate cut after=4 tokens=40]] tell me", provider)
    with web.http() as http:
        answer = http.post(path, json=asked)
    assert answer.status_code == 200
    last = list(events(answer.text))[-1]
    match path:
        case "/v1/messages":
            assert last["type"] == "error"
            assert last["error"]["type"] == "api_error"
        case "/v1/responses":
            assert last["type"] in ("error", "response.failed")
        case _:
            assert last["error"]["message"]


@pytest.mark.parametrize("path", DOORS)
def test_an_error_before_content_is_an_error_of_http(web: Web, path: str) -> None:
    asked = question(path, "[[simulate overloaded]]", "chatty")
    with web.http() as http:
        answer = http.post(path, json=asked, headers={"x-kruxos-fallback": "none"})
    assert answer.status_code in (503, 529)
    assert answer.headers["x-kruxos-code"] in ("provider_overloaded", "all_providers_unavailable")
    assert answer.headers["x-kruxos-call-id"].startswith("call_")
    web.installation.control("worker.reset", provider="chatty")


def test_headers_tell_who_answers_and_what_it_cost(web: Web) -> None:
    with web.http() as http:
        whole = http.post("/v1/messages", json=question("/v1/messages", "hi", "claude") | {"stream": False})
        streamed = http.post("/v1/messages", json=question("/v1/messages", "hi", "claude"))
    for answer in (whole, streamed):
        assert answer.headers["x-kruxos-provider"] == "claude"
        assert answer.headers["x-kruxos-model"].startswith("claude-sonnet-4-6")
        assert answer.headers["x-kruxos-call-id"].startswith("call_")
    assert int(whole.headers["x-kruxos-overhead-us"]) > 0
    assert whole.headers["x-kruxos-cost"].endswith(" USD")


@pytest.mark.parametrize(("provider", "tokens"), [("gpt", 120_000), ("claude", 60_000)])
def test_a_slow_reader_holds_its_provider_back(web: Web, provider: str, tokens: int) -> None:
    """More than all buffers on the way, in the provider's own bytes or in ours: the rest stays with the provider."""
    pid = web.status["pid"]
    before = rss_bytes(pid)
    path = "/v1/responses"
    body = json.dumps(
        question(path, f"[[simulate tokens={tokens}]] tell me", provider, max_output_tokens=tokens)
    ).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        connection.connect(("127.0.0.1", web.port))
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nX-Api-Key: {web.token}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200"), "it begins"
        with web.http() as http:  # others are served meanwhile
            for _ in range(20):
                assert http.post(path, json=question(path, "hi", provider)).status_code == 200
        assert rss_bytes(pid) - before < 16 * 1024 * 1024
        assert web.installation.worker(provider)["in_flight"] == 1, "the provider is not read to its end"
    web.installation.wait_idle()
