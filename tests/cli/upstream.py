"""A provider on loopback: Chat Completions and Anthropic's Messages, just enough for a command to be answered.

What it does is told by the key: ``rejected`` in it gets 401, ``limited`` 429. Paths without a version get 404, as
most servers do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

TEXT = ["Ready", " and", " waiting."]


class Upstream(ThreadingHTTPServer):
    """The server. ``seen`` holds what came: path, key, body. ``gate`` clear: answers wait in their middle."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, dict[str, Any]]] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def root(self) -> str:
        """Its address, without a version path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no matter here."""


@contextmanager
def running_upstream() -> Generator[Upstream]:
    """A provider for the length of the block."""
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Silent."""

    def do_GET(self) -> None:
        """The list of models."""
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": "m-1", "context_length": 1000}, {"id": "m-2"}]})
        else:
            self._send(404, {"error": {"message": "Not Found", "type": "not_found"}})

    def do_POST(self) -> None:
        """One call."""
        upstream = cast("Upstream", self.server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        upstream.seen.append((self.path, key, body))
        if self.path not in ("/v1/chat/completions", "/v1/messages"):
            self._send(404, {"error": {"message": "Not Found", "type": "not_found"}})
        elif "rejected" in key:
            self._send(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})
        elif "limited" in key:
            self._send(429, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, retry=120)
        elif body.get("stream"):
            self._stream(upstream, body)
        else:
            self._send(200, _message(body) if self.path == "/v1/messages" else _completion(body))

    def _send(self, status: int, value: dict[str, Any], *, retry: int | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if retry is not None:
            self.send_header("retry-after", str(retry))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, upstream: Upstream, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        thinking = {"reasoning_content": "Let me think."} if "think" in json.dumps(body["messages"]) else None
        deltas: list[dict[str, Any]] = [*([thinking] if thinking else []), *({"content": piece} for piece in TEXT)]
        for at, delta in enumerate(deltas):
            self._event(_chunk(body, [{"index": 0, "delta": delta, "finish_reason": None}]))
            if at == 0:
                upstream.gate.wait(20)
        self._event(_chunk(body, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        self._event(_chunk(body, []) | {"usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _event(self, value: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()


USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def _chunk(body: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": choices,
    }  # fmt: skip


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "".join(TEXT)}, "finish_reason": "stop"}
    return _chunk(body, [choice]) | {"object": "chat.completion", "usage": USAGE}


def _message(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": "".join(TEXT)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 3},
    }
