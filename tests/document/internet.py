"""The providers' own addresses, on loopback: a forward proxy that answers for each of them with a certificate of a
private authority, and hands what it is asked to the simulator.

So a command that names https://api.deepseek.com/v1 is run as it is written: the gateway resolves no name and reaches no
network, it is told of the proxy and the authority in models.yaml, as in a company.
"""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from kruxos.catalog import Model
from kruxos.simulator import Simulator
from tests.simulator.support import served
from tests.workers.http.certificates import Authority

OLLAMA_PORT = 11434
SOLD = (
    Model("ollama", "llama3.3:8b", "pulled in the document's example", "2026-01-01"),
    Model("openai", "my-model", "of the document's own server", "2026-01-01"),
)
HEAD_BYTES_MAX = 65536
BEFORE: dict[str, tuple[str, str]] = {
    "api.anthropic.com": ("", ""),
    "api.openai.com": ("", ""),
    "auth.openai.com": ("", ""),
    "chatgpt.com": ("", ""),
    "generativelanguage.googleapis.com": ("", ""),
    "api.deepseek.com": ("/v1", "/deepseek"),
    "api.z.ai": ("", "/z.ai"),
    "api.x.ai": ("", "/x.ai"),
    "api.mistral.ai": ("", "/mistral"),
    "api.groq.com": ("", "/groq"),
    "openrouter.ai": ("", "/openrouter"),
    "my-api.example.com": ("", ""),
}
"""What a host's paths begin with, and what stands in its place at the simulator."""


class PortTakenError(Exception):
    """Something else answers where the document's Ollama is."""


@dataclass(frozen=True)
class Internet:
    """``proxy``: its URL. ``authority``: the PEM file to trust. ``simulator`` is behind it all, at ``url``."""

    proxy: str
    authority: Path
    url: str
    simulator: Simulator

    @property
    def settings(self) -> str:
        """What models.yaml says to go this way."""
        return f"proxy: {self.proxy}\nca_bundle: {self.authority}\n"


@contextmanager
def internet(directory: Path) -> Generator[Internet]:
    """The addresses for the length of the block. Raises ``PortTakenError``."""
    _require_free(OLLAMA_PORT)
    with ExitStack() as stack:
        url, simulator = stack.enter_context(served(port=OLLAMA_PORT, logins="approve", models=SOLD))
        authority = Authority(directory)
        pem = directory / "company-ca.pem"
        pem.write_bytes(authority.pem)
        server = _Proxy(authority)
        stack.callback(server.server_close)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield Internet(f"http://127.0.0.1:{server.server_address[1]}", pem, url, simulator)


def _require_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            raise PortTakenError(f"port {port} is taken: there may be an Ollama on this machine") from None


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, authority: Authority) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.contexts = {host: authority.server_context(host) for host in BEFORE}

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever goes away in the middle is no matter here."""


class _Tunnel(socketserver.BaseRequestHandler):
    """One CONNECT, and one request within it: the answer says that the connection ends."""

    def handle(self) -> None:
        asked, _ = _head(self.request)
        host = asked.split(b" ")[1].partition(b":")[0].decode()
        context = cast("_Proxy", self.server).contexts.get(host)
        if context is None:
            self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            return
        self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(OSError), context.wrap_socket(self.request, server_side=True) as inside:
            _pass_on(inside, host)


def _pass_on(inside: ssl.SSLSocket, host: str) -> None:
    head, body = _head(inside)
    if not head:
        return
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    while length is not None and len(body) < int(length[1]):
        body += inside.recv(HEAD_BYTES_MAX)
    theirs, ours = BEFORE[host]
    first, _, fields = head.partition(b"\r\n")
    method, path, version = first.decode().split(" ")
    fields = re.sub(rb"(?im)^connection:.*\r\n", b"", fields)
    told = f"{method} {ours}{path.removeprefix(theirs)} {version}\r\nconnection: close\r\n".encode()
    with socket.create_connection(("127.0.0.1", OLLAMA_PORT)) as simulator:
        simulator.sendall(told + fields + body)
        while piece := simulator.recv(HEAD_BYTES_MAX):
            inside.sendall(piece)


def _head(stream: socket.socket) -> tuple[bytes, bytes]:
    """A head with its empty line, and what came of the body with it; nothing where the other side left."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < HEAD_BYTES_MAX:
        piece = stream.recv(HEAD_BYTES_MAX)
        if not piece:
            return b"", b""
        data += piece
    head, end, body = data.partition(b"\r\n\r\n")
    return head + end, body
