"""What remains of an account: windows in headers, and credit that is asked for rarely."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import trio

from kruxos_workers.crediting import ask_credit
from kruxos_workers.http import ProviderClient
from kruxos_workers.remaining import ASK_EVERY_S, Remaining, Remains, credit_address, windows

NOW = 1_000_000.0
CODEX = {
    "x-codex-primary-used-percent": "42.5", "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": "1003600", "x-codex-secondary-used-percent": "5",
    "x-codex-secondary-window-minutes": "10080",
}  # fmt: skip


def test_a_subscriptions_windows_come_with_every_answer() -> None:
    assert windows(CODEX, NOW) == [
        Remaining("5 hour window", "57.5", "percent", NOW, "100", 1_003_600.0),
        Remaining("7 day window", "95", "percent", NOW, "100", None),
    ]
    assert windows({"x-codex-primary-used-percent": "much"}, NOW) == []


@pytest.mark.parametrize(
    ("profile", "body", "rows"),
    [
        (
            "openrouter",
            b'{"data": {"limit": 10, "limit_remaining": 7.25, "usage": 2.75}}',
            [Remaining("credit", "7.25", "USD", NOW, "10")],
        ),
        ("openrouter", b'{"data": {"limit": null, "limit_remaining": null}}', []),
        (
            "deepseek",
            b'{"is_available": true, "balance_infos": [{"currency": "USD", "total_balance": "3.10"}]}',
            [Remaining("credit in USD", "3.10", "USD", NOW)],
        ),
        ("deepseek", b"<html>", []),
        ("deepseek", b'{"balance_infos": [{"currency": 3}]}', []),
    ],
)
def test_credit_is_read_as_it_is_told(profile: str, body: bytes, rows: list[Remaining]) -> None:
    remains = Remains()
    remains.answered(profile, 200, body, NOW)
    assert list(remains.rows.values()) == rows
    assert remains.news == bool(rows)


def test_it_is_asked_after_a_call_and_not_often() -> None:
    remains = Remains()
    assert not remains.should_ask(NOW)
    remains.used()
    assert remains.should_ask(NOW)
    remains.used()
    assert not remains.should_ask(NOW + ASK_EVERY_S - 1)
    assert remains.should_ask(NOW + ASK_EVERY_S)
    assert not remains.should_ask(NOW + 9 * ASK_EVERY_S), "nothing was used since"


def test_an_endpoint_that_is_not_there_is_not_asked_again_and_one_that_fails_is() -> None:
    remains = Remains()
    for status, again in ((503, True), (404, False)):
        remains.answered("deepseek", status, b"", NOW)
        remains.used()
        assert remains.should_ask(NOW + 9 * ASK_EVERY_S) == again


def test_a_successor_takes_over_what_is_known_and_passes_over_what_makes_no_sense() -> None:
    first, second = Remains(), Remains()
    first.heard(CODEX, NOW)
    second.restore([*first.state(), {"what": 1}, 7])
    assert second.rows == first.rows
    second.restore("nothing")
    assert second.rows == first.rows


def test_each_provider_is_asked_where_it_answers() -> None:
    assert credit_address("openrouter", "https://openrouter.ai/api/v1") == ("https://openrouter.ai/api/v1", "/key")
    assert credit_address("deepseek", "https://api.deepseek.com/v1") == ("https://api.deepseek.com", "/user/balance")
    assert credit_address("openai", "https://api.openai.com/v1") is None


class _Account(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"data": {"limit": 10, "limit_remaining": 4.5}}'
        self.send_response(200 if self.path == "/api/v1/key" else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


def test_it_is_asked_over_http_and_a_server_that_is_gone_changes_nothing() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Account)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    remains, base = Remains(), f"http://127.0.0.1:{server.server_port}/api/v1"
    try:
        trio.run(ask_credit, ProviderClient(base), "/key", "openrouter", remains)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    known = remains.state()
    assert [(row["left"], row["limit"]) for row in known] == [("4.5", "10")]
    trio.run(ask_credit, ProviderClient(base), "/key", "openrouter", remains)
    assert remains.state() == known
