"""httpx on the worker's own connections: its conveniences, and none of its defaults."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kruxos.errors import BadRequestError, StreamInterruptedError
from kruxos_workers.http import BodyFailure, ClientLimits, ProviderClient, SendFailure
from kruxos_workers.http.scripted import END, REQUEST, Script, ScriptedNetwork, Step
from kruxos_workers.http.transport import httpx_client
from tests.workers.http.helpers import OK, answering, http, serving, under_trio

ROOT = Path(__file__).parents[3]


def scripted(*steps: Step, limits: ClientLimits | None = None) -> tuple[ProviderClient, ScriptedNetwork]:
    network = ScriptedNetwork([Script(steps)])
    auth = {"authorization": "Bearer sk-hush"}
    return ProviderClient("https://host/v1", auth=auth, network=network, limits=limits), network


@under_trio
async def test_a_request_goes_below_the_base_url_with_our_headers() -> None:
    client, network = scripted(b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}', REQUEST)
    async with httpx_client(client) as http_client:
        answer = await http_client.post("/token", data={"grant_type": "refresh"})
    assert answer.json() == {"a": 1}
    sent = bytes(network.streams[0].sent)
    assert sent.startswith(b"POST /v1/token HTTP/1.1\r\nhost: host\r\n")
    assert b"accept-encoding: gzip, deflate\r\n" in sent
    assert b"authorization: Bearer sk-hush\r\n" in sent
    assert sent.endswith(b"\r\n\r\ngrant_type=refresh")
    assert client.statistics.idle == 1


@under_trio
async def test_a_multipart_body_is_sent_with_its_length() -> None:
    client, network = scripted(OK, REQUEST)
    async with httpx_client(client) as http_client:
        await http_client.post("/files", data={"purpose": "batch"}, files={"file": ("b.jsonl", b"{}\n")})
    head, _, body = bytes(network.streams[0].sent).partition(b"\r\n\r\n")
    assert b"content-type: multipart/form-data" in head
    assert b"content-length: %d" % len(body) in head
    assert b'filename="b.jsonl"' in body


@under_trio
async def test_a_compressed_answer_is_decoded_once_and_under_the_clients_bound() -> None:
    packed = gzip.compress(b"a" * 50_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    client, _ = scripted(head + packed, REQUEST, head + packed)
    async with httpx_client(client) as http_client:
        assert (await http_client.get("/x")).content == b"a" * 50_000
    bounded, _ = scripted(head + packed, limits=ClientLimits(body_bytes_max=49_999))
    async with httpx_client(bounded) as http_client:
        with pytest.raises(BodyFailure) as caught:
            await http_client.get("/x")
    assert caught.value.kind == "too_large"


@under_trio
async def test_a_stream_can_be_left_early() -> None:
    client, network = scripted(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", b"hello", END)
    async with httpx_client(client) as http_client, http_client.stream("GET", "/x") as answer:
        assert answer.status_code == 200
    assert network.streams[0].closed == "abort"
    assert client.statistics.held == 0


@under_trio
async def test_failures_are_the_clients_own() -> None:
    client, _ = scripted(END)
    async with httpx_client(client) as http_client:
        with pytest.raises(SendFailure) as caught:
            await http_client.get("/x")
    assert (caught.value.kind, type(caught.value.error)) == ("ambiguous", StreamInterruptedError)


@pytest.mark.parametrize(
    "url", ["https://evil.example/v1/x", "http://host/v1/x", "https://host:444/v1/x", "https://host/v2"]
)
@under_trio
async def test_a_url_outside_the_base_url_is_never_sent(url: str) -> None:
    client, network = scripted(OK)
    async with httpx_client(client) as http_client:
        with pytest.raises(SendFailure) as caught:
            await http_client.get(url)
    assert (caught.value.kind, type(caught.value.error)) == ("never_sent", BadRequestError)
    assert network.asked == []


@under_trio
async def test_there_are_no_redirects_and_no_cookies() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\nok"
    client, network = scripted(
        cookie, REQUEST, cookie, REQUEST, b"HTTP/1.1 302 F\r\nlocation: https://host/v1/y\r\n\r\n"
    )
    async with httpx_client(client) as http_client:
        await http_client.get("/x")
        await http_client.get("/x", headers={"cookie": "c=d"})
        with pytest.raises(SendFailure) as caught:
            await http_client.get("/x", follow_redirects=True)
    assert caught.value.kind == "refused"
    assert b"cookie" not in network.streams[0].sent


@under_trio
async def test_it_works_on_loopback_and_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(answering(OK, OK)) as port:
        with ProviderClient(http(port)) as client:
            async with httpx_client(client) as http_client:
                assert [(await http_client.get("/x")).text for _ in range(2)] == ["ok", "ok"]
            assert client.statistics.opened == 1


def test_the_client_itself_does_not_load_httpx() -> None:
    code = "import sys; import kruxos_workers.http; sys.exit('httpx' in sys.modules)"
    paths = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'workers')!r}]; "
    assert subprocess.run([sys.executable, "-c", paths + code], check=False).returncode == 0
    assert httpx.__name__ == "httpx"
