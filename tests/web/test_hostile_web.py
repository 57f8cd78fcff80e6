"""What hostile pages, programs and networks send: each is refused, and others are served meanwhile."""

from __future__ import annotations

import json
import select
import socket
from contextlib import ExitStack
from time import monotonic
from typing import Any

import httpx
import pytest

from kruxos import wire
from kruxos.web.serving import HEAD_BYTES_MAX, HEADERS_MAX
from tests.web.running import Web

pytestmark = pytest.mark.real

WITHIN_S = 20.0
SLOW_CONNECTIONS = 200
QUESTION = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}


def connect(web: Web) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", web.port), WITHIN_S)
    made.settimeout(WITHIN_S)
    return made


def raw(web: Web, data: bytes) -> bytes:
    """What comes back for these bytes, until the other end closes or an answer's head and body are here."""
    with connect(web) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """One answer with a length, or all until the other end closes."""
    received = b""
    while True:
        head, mark, body = received.partition(b"\r\n\r\n")
        if mark and b"content-length: " in head.lower():
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                return received
        try:
            data = connection.recv(1 << 16)
        except ConnectionError:
            return received
        if not data:
            return received
        received += data


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def head(web: Web, *lines: str, method: str = "POST", path: str = "/v1/chat/completions", host: str = "") -> bytes:
    """A request's head; Host and token as they should be, unless given."""
    given = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{web.port}'}"]
    given += [] if any(line.lower().startswith("authorization") for line in lines) else [
        f"Authorization: Bearer {web.token}"
    ]  # fmt: skip
    return "\r\n".join([*given, *lines, "", ""]).encode("latin-1")


def is_served(web: Web) -> bool:
    with web.http() as http:
        return http.post("/v1/chat/completions", json=QUESTION).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "localhost.:{port}"]
)
def test_another_sites_name_for_our_address_is_refused(web: Web, host: str) -> None:
    lines = [] if host else ["Host:"]
    asked = head(web, *lines, method="GET", path="/v1/models", host=host.format(port=web.port) or "x")
    assert status(raw(web, asked)) == 421


def test_two_hosts_are_refused(web: Web) -> None:
    assert status(raw(web, head(web, "Host: evil.example", method="GET", path="/v1/models"))) == 421


@pytest.mark.parametrize("line", [
    "Origin: https://evil.example", "Origin: null", "Origin: http://127.0.0.1:1", "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
])  # fmt: skip
def test_another_sites_page_is_refused(web: Web, line: str) -> None:
    body = json.dumps(QUESTION).encode()
    asked = head(web, line, "Content-Type: text/plain", f"Content-Length: {len(body)}") + body
    assert status(raw(web, asked)) == 403


def test_no_page_is_told_that_it_may_ask(web: Web) -> None:
    preflight = head(web, "Origin: https://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS")
    answer = raw(web, preflight)
    assert status(answer) == 403
    assert b"access-control" not in answer.lower()


def test_a_body_that_announces_too_much_is_refused_unread(web: Web) -> None:
    answer = raw(web, head(web, f"Content-Length: {wire.REQUEST_BYTES_MAX + 1}"))
    assert status(answer) == 413


def test_a_chunked_body_is_refused_where_it_grows_too_large(web: Web) -> None:
    piece = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
    with connect(web) as connection:
        connection.sendall(head(web, "Transfer-Encoding: chunked"))
        answer = b""
        for _ in range(wire.REQUEST_BYTES_MAX // (1 << 20) + 2):
            if select.select([connection], [], [], 0)[0]:
                break
            try:
                connection.sendall(piece)
            except (ConnectionError, TimeoutError):
                break
        answer = read_answer(connection)
    assert status(answer) == 413
    assert is_served(web)


def test_a_body_that_is_announced_in_two_ways_is_refused(web: Web) -> None:
    body = b"0\r\n\r\n"
    answer = raw(web, head(web, f"Content-Length: {len(body)}", "Transfer-Encoding: chunked") + body)
    assert status(answer) == 400


def test_a_head_that_is_too_large_is_refused(web: Web) -> None:
    assert status(raw(web, head(web, f"X-Long: {'x' * HEAD_BYTES_MAX}"))) == 431
    assert status(raw(web, head(web, path=f"/{'x' * HEAD_BYTES_MAX}"))) == 431
    assert status(raw(web, head(web, *(f"X-{number}: 1" for number in range(HEADERS_MAX + 1))))) == 431
    assert is_served(web)


def test_a_head_without_end_is_cut_off(web: Web) -> None:
    with connect(web) as connection:
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n".encode())
        try:
            for _ in range(2 * HEAD_BYTES_MAX // 1024):
                connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
        except ConnectionError:
            return
        assert status(read_answer(connection)) in (431, 0)


def test_those_who_send_slowly_are_closed_and_others_are_served_meanwhile(web: Web) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(web)) for _ in range(SLOW_CONNECTIONS)]
        for number, connection in enumerate(slow):
            connection.sendall(b"POST /v1/messages HTTP/1.1\r\n"[: number % 27])
        assert is_served(web)
        open_still = {connection.fileno(): connection for connection in slow}
        give_up_at = monotonic() + WITHIN_S
        while open_still and monotonic() < give_up_at:
            readable, _, _ = select.select(list(open_still.values()), [], [], 0.5)
            for connection in readable:
                answer = read_answer(connection)
                assert status(answer) in (0, 408)
                del open_still[connection.fileno()]
        assert not open_still, f"{len(open_still)} are open still"
    assert is_served(web)


@pytest.mark.parametrize("line", ["Authorization: Bearer", "Authorization: Basic eDp5", "Authorization: Bearer ../../x",
                                  "Authorization: Bearer " + "f" * 63, "X-Api-Key: '; DROP TABLE agents"])  # fmt: skip
def test_what_is_no_token_is_refused_unheard(web: Web, line: str) -> None:
    lines = [line] if line.startswith("Auth") else ["Authorization: x", line]
    assert status(raw(web, head(web, *lines, method="GET", path="/v1/models"))) == 401


def test_nothing_that_comes_in_makes_a_header(web: Web) -> None:
    with web.http() as http:
        for model in ("x\r\nset-cookie: a=b", "gpt/\r\nx-evil: 1", "gpt/ä\u2028\x7f"):
            answer = http.post("/v1/chat/completions", json={**QUESTION, "model": model})
            assert "set-cookie" not in answer.headers
            assert "x-evil" not in answer.headers
        hidden = raw(web, head(web, "X-Kruxos-Provider: gpt\nX-Evil: 1", method="GET", path="/v1/models"))
        assert b"x-evil" not in hidden.lower()


@pytest.mark.parametrize("path", [
    "//v1/models", "/v1/../v1/models", "/v1/%2e%2e/models", "/v1/models/../../etc/passwd%00",
    "/static/../../models.yaml", "/v1/models\\..\\x", "/%2fv1/models", "/v1/chat/completions/",
    "http://evil.example/v1/models", "*", "/v1%00/models",
])  # fmt: skip
def test_tricks_with_paths_lead_nowhere(web: Web, path: str) -> None:
    answer = raw(web, head(web, "Connection: close", method="GET", path=path))
    assert status(answer) in (400, 404, 405)
    assert b"passwd" not in answer
    assert is_served(web)


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 64,
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET /\r\nx\r\n\r\n",
])  # fmt: skip
def test_what_is_not_http_is_refused(web: Web, data: bytes) -> None:
    assert status(raw(web, data)) in (0, 400, 421)
    assert is_served(web)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": 1}', b'{"a":' * 5000 + b"1",
                                  b'{"model":"gpt","messages":[{"role":"wizard","content":"x"}]}'])  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"])
def test_a_body_that_is_no_request_is_told_as_one(web: Web, path: str, body: bytes) -> None:
    with web.http() as http:
        answer = http.post(path, content=body)
    assert answer.status_code == 400
    told: Any = answer.json()["error"]
    assert told["type"] == "invalid_request_error"


def test_at_the_unix_socket_the_user_is_the_identity(web: Web) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(uds=web.socket), base_url="http://kruxos") as http:
        assert http.post("/v1/chat/completions", json=QUESTION).status_code == 200
        named = http.post("/v1/chat/completions", json=QUESTION, headers={"x-kruxos-agent": "by-socket"})
        assert named.status_code == 200
        assert http.get("/v1/models", headers={"authorization": "Bearer sk-whatever"}).status_code == 200
        assert http.get("/v1/models", headers={"authorization": f"Bearer {'0' * 64}"}).status_code == 401
        assert http.get("/v1/models", headers={"x-kruxos-agent": "../x"}).status_code == 401
