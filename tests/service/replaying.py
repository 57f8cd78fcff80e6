"""A provider that answers with recorded bytes, and one that says back what it was asked: over real HTTP on loopback.

What it answers with is named in the request's body (``exchange:ID``), so one server stands for every provider. The
word ``echo`` instead gets a refusal that quotes the whole request, key and all.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

NAMED = re.compile(rb"exchange:([\w.-]+)")
_KINDS = {"sse": "text/event-stream", "json": "application/json", "text": "text/plain"}
_PIECE_BYTES = 700


class Replaying(ThreadingHTTPServer):
    """The server. ``recorded`` by id; ``served`` counts how often each was asked for."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, recorded: Mapping[str, dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorded = recorded
        self.served: dict[str, int] = {}

    @property
    def root(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no matter here."""


@contextmanager
def replaying(recorded: Mapping[str, dict[str, Any]]) -> Generator[Replaying]:
    """The server for the length of the block."""
    server = Replaying(recorded)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Silent."""

    def do_POST(self) -> None:
        """One call."""
        server = cast("Replaying", self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        named = NAMED.search(body)
        if named is None:
            self._echo(body)
            return
        name = named[1].decode()
        server.served[name] = server.served.get(name, 0) + 1
        self._replay(server.recorded[name]["response"])

    def _echo(self, body: bytes) -> None:
        head = "; ".join(f"{name}: {value}" for name, value in self.headers.items())
        self._send(401, {"content-type": "text/plain"}, f"refused: {head}; ".encode() + body)

    def _replay(self, response: dict[str, Any]) -> None:
        headers = {"content-type": _KINDS[response["kind"]]} | response["headers"]
        self._send(response["status"], headers, response["body_text"].encode())

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for start in range(0, len(body), _PIECE_BYTES):
            piece = body[start : start + _PIECE_BYTES]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
