"""Tunnels through a proxy, plain and by TLS; what a proxy is told, and what is refused."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from kruxos.errors import KruxosError, ProviderMisconfiguredError, ProviderTimeoutError, ProviderUnreachableError
from kruxos_workers.http import ProviderClient, TrioNetwork, proxy_from_url
from kruxos_workers.http.scripted import END, RESET, Script, ScriptedNetwork, Step, Wait
from tests.workers.http.certificates import Authority
from tests.workers.http.helpers import OK, answering, http, read, send_failure, serving, under_trio, with_clock
from tests.workers.http.test_tls import answer_twice, by_tls

KEY = "Bearer sk-hush-0123456789"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"


class TunnellingProxy:
    """A proxy that connects every tunnel to one port of this machine. ``heard`` is each CONNECT as it came."""

    def __init__(self, target_port: int, context: ssl.SSLContext | None = None) -> None:
        self._target_port = target_port
        self._context = context
        self.heard: list[bytes] = []

    async def __call__(self, stream: trio.SocketStream) -> None:
        inner = (
            trio.SSLStream(stream, self._context, server_side=True, https_compatible=True) if self._context else stream
        )
        self.heard.append(await receive_head(inner))
        await inner.send_all(ESTABLISHED)
        async with await trio.open_tcp_stream("127.0.0.1", self._target_port) as target, trio.open_nursery() as nursery:
            nursery.start_soon(relay, inner, target, nursery.cancel_scope)
            nursery.start_soon(relay, target, inner, nursery.cancel_scope)


async def receive_head(stream: trio.abc.Stream) -> bytes:
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(1)
    return bytes(head)


async def relay(source: trio.abc.Stream, sink: trio.abc.Stream, scope: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some():
            await sink.send_all(data)
    except trio.BrokenResourceError:
        pass
    scope.cancel()


@asynccontextmanager
async def origin_and_proxy(
    authority: Authority, *, tls_origin: bool, tls_proxy: bool
) -> AsyncGenerator[tuple[str, str, TunnellingProxy]]:
    """Their URLs. The origin's name exists nowhere: only a tunnel can reach it."""
    handler = by_tls(authority.server_context("origin.example"), answer_twice) if tls_origin else answering(OK, OK)
    async with serving(handler) as origin_port:
        proxy = TunnellingProxy(origin_port, authority.server_context("127.0.0.1") if tls_proxy else None)
        async with serving(proxy) as proxy_port:
            origin_url = f"{'https' if tls_origin else 'http'}://origin.example:{origin_port}/v1"
            yield origin_url, f"{'https' if tls_proxy else 'http'}://127.0.0.1:{proxy_port}", proxy


async def unresolvable(host: str, port: int) -> list[str]:
    raise AssertionError(f"the client resolves {host} {port}, which is the proxy's business")


@pytest.mark.parametrize("tls_proxy", [False, True])
@pytest.mark.parametrize("tls_origin", [False, True])
@under_trio
async def test_a_tunnel_carries_request_after_request(tls_origin: bool, tls_proxy: bool, authority: Authority) -> None:
    async with origin_and_proxy(authority, tls_origin=tls_origin, tls_proxy=tls_proxy) as (
        origin_url,
        proxy_url,
        proxy,
    ):
        client = ProviderClient(
            origin_url,
            auth={"authorization": KEY} if tls_origin else {},
            network=TrioNetwork(unresolvable),
            ca_bundle=authority.pem,
            proxy=proxy_from_url(proxy_url, "user", "pass:word"),
        )
        assert [await read(client), await read(client)] == [b"ok", b"ok"]
        assert client.statistics.opened == 1
        client.close()
    pair = base64.b64encode(b"user:pass:word").decode()
    host = origin_url.split("/")[2]
    assert proxy.heard == [
        f"CONNECT {host} HTTP/1.1\r\nhost: {host}\r\nproxy-authorization: Basic {pair}\r\n\r\n".encode()
    ]


@under_trio
async def test_large_bodies_go_through_tls_within_tls(authority: Authority) -> None:
    async with origin_and_proxy(authority, tls_origin=True, tls_proxy=True) as (origin_url, proxy_url, _):
        client = ProviderClient(origin_url, ca_bundle=authority.pem, proxy=proxy_from_url(proxy_url))
        assert await read(client, body=b"x" * 3_000_000) == b"ok"
        client.close()


@under_trio
async def test_a_proxy_whose_certificate_does_not_prove_its_host_learns_nothing(authority: Authority) -> None:
    async with origin_and_proxy(authority, tls_origin=True, tls_proxy=True) as (origin_url, proxy_url, proxy):
        client = ProviderClient(
            origin_url, network=TrioNetwork(), ca_bundle=authority.pem,
            proxy=proxy_from_url(proxy_url.replace("127.0.0.1", "localhost"), "user", "hush"),
        )  # fmt: skip
        failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderMisconfiguredError)
    assert proxy.heard == []


@under_trio
async def test_the_proxys_own_host_cannot_pose_as_the_origin(authority: Authority) -> None:
    async def no_tunnel(stream: trio.SocketStream) -> None:
        await receive_head(stream)
        await stream.send_all(ESTABLISHED)
        own = trio.SSLStream(stream, authority.server_context("127.0.0.1"), server_side=True)
        await own.receive_some()

    async with serving(no_tunnel) as port:
        client = ProviderClient(
            "https://origin.example", ca_bundle=authority.pem, proxy=proxy_from_url(f"http://127.0.0.1:{port}")
        )
        failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderMisconfiguredError)
    assert "origin.example" in failure.error.message


@pytest.mark.parametrize(
    ("steps", "error", "why"),
    [
        (
            [b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"],
            ProviderMisconfiguredError,
            "password",
        ),
        ([b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 9\r\n\r\nno route!"], ProviderUnreachableError, "502"),
        ([b"HTTP/1.1 302 Found\r\nlocation: http://other/\r\n\r\n"], ProviderUnreachableError, "302"),
        ([b"<html>"], ProviderUnreachableError, "no proper answer"),
        ([ESTABLISHED[:20], END], ProviderUnreachableError, "no proper answer"),
        ([RESET], ProviderUnreachableError, "no proper answer"),
        ([b"HTTP/1.1 101 Switching\r\n\r\n"], ProviderUnreachableError, "no proper answer"),
        ([ESTABLISHED + OK], ProviderUnreachableError, "speaks into its tunnel"),
    ],
)
@under_trio
async def test_a_proxy_that_opens_no_tunnel_means_nothing_was_sent(
    steps: list[Step], error: type[KruxosError], why: str
) -> None:
    network = ScriptedNetwork([Script(steps)])
    client = ProviderClient(
        "https://origin.example",
        auth={"authorization": KEY},
        network=network,
        proxy=proxy_from_url("http://proxy.example:3128", "user", "hush-hush"),
    )
    sent = []
    failure = await send_failure(client, on_sent=lambda: sent.append(1))
    assert (failure.kind, type(failure.error)) == ("never_sent", error)
    assert why in failure.error.message
    assert "hush" not in failure.error.message
    assert sent == []
    assert network.asked == [("proxy.example", 3128)]
    assert KEY.encode() not in network.streams[0].sent
    assert network.streams[0].closed == "abort"


@with_clock
async def test_a_proxy_that_does_not_answer_runs_into_the_connect_limit() -> None:
    network = ScriptedNetwork([Script([Wait()])])
    client = ProviderClient("https://origin.example", network=network, proxy=proxy_from_url("http://proxy"))
    failure = await send_failure(client)
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderTimeoutError)
    assert network.streams[0].closed == "abort"


def test_a_key_does_not_go_in_clear_through_a_proxy_not_even_to_loopback() -> None:
    with pytest.raises(ProviderMisconfiguredError):
        ProviderClient("http://localhost:8080", auth={"authorization": KEY}, proxy=proxy_from_url("http://proxy"))


def test_the_proxys_password_is_masked_too() -> None:
    client = ProviderClient("https://host", proxy=proxy_from_url("http://proxy", "user", "hush-hush"))
    pair = base64.b64encode(b"user:hush-hush").decode()
    assert client.redact(f"refused: Basic {pair}") == "refused: [secret]"
    assert "hush" not in client.redact("password hush-hush")


@under_trio
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answering(OK)) as port:
        with ProviderClient(http(port)) as client:
            assert await read(client) == b"ok"
