"""TLS on loopback with an authority of our own: what is trusted, what is not, and how it ends."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from kruxos.errors import ProviderMisconfiguredError, ProviderUnreachableError
from kruxos_workers.http import BodyFailure, ProviderClient, TrioNetwork, trust
from kruxos_workers.http.network import Stream, StreamBroken, StreamReset
from kruxos_workers.http.tls import SLICE_BYTES, start_tls
from tests.workers.http.certificates import Authority
from tests.workers.http.helpers import (
    OK,
    Handler,
    closed,
    pieces_until_failure,
    read,
    read_request,
    send_failure,
    serving,
    under_trio,
)

TlsHandler = Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]


def by_tls(context: ssl.SSLContext, handler: TlsHandler) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        await handler(trio.SSLStream(stream, context, server_side=True, https_compatible=True))

    return handle


async def answer_twice(stream: trio.SSLStream[trio.SocketStream]) -> None:
    for _ in range(2):
        if await read_request(stream):
            await stream.send_all(OK)


async def here(host: str, port: int) -> list[str]:
    del host, port
    await trio.lowlevel.checkpoint()
    return ["127.0.0.1"]


def client(host: str, port: int, ca_bundle: bytes | None) -> ProviderClient:
    return ProviderClient(f"https://{host}:{port}", network=TrioNetwork(here), ca_bundle=ca_bundle)


@pytest.mark.parametrize("host", ["provider.example", "127.0.0.1"])
@under_trio
async def test_a_certificate_of_the_given_authority_is_trusted_for_its_names(host: str, authority: Authority) -> None:
    names = []
    context = authority.server_context("provider.example", "127.0.0.1")
    context.sni_callback = lambda _stream, name, _context: names.append(name)
    async with serving(by_tls(context, answer_twice)) as port:
        ours = client(host, port, b"# \xc3\xa9 a comment\n" + authority.pem)
        assert [await read(ours), await read(ours)] == [b"ok", b"ok"]
        assert (ours.statistics.opened, ours.statistics.reused) == (1, 1)
        ours.close()
    assert names == ([None] if host == "127.0.0.1" else [host])


@pytest.mark.parametrize(
    ("names", "expired", "known", "why"),
    [
        (("other.example",), False, True, "Hostname mismatch"),
        (("*.provider.example",), False, True, "Hostname mismatch"),
        (("provider.example",), True, True, "expired"),
        (("provider.example",), False, False, "unable to get local issuer certificate"),
    ],
)
@under_trio
async def test_a_certificate_that_does_not_prove_the_host_sends_nothing(
    names: tuple[str, ...], expired: bool, known: bool, why: str, authority: Authority
) -> None:
    context = authority.server_context(*names, expired=expired)
    asked = []

    async def listen(stream: trio.SSLStream[trio.SocketStream]) -> None:
        asked.append(await stream.receive_some())

    async with serving(by_tls(context, listen)) as port:
        failure = await send_failure(client("provider.example", port, authority.pem if known else None))
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderMisconfiguredError)
    assert why in failure.error.message
    assert "ca_bundle" in failure.error.message
    assert asked == []


@under_trio
async def test_a_server_that_speaks_no_tls_is_unreachable_by_it(authority: Authority) -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(plain) as port:
        failure = await send_failure(client("127.0.0.1", port, authority.pem))
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderUnreachableError)
    assert "no TLS with 127.0.0.1" in failure.error.message


@under_trio
async def test_a_server_that_hangs_up_during_the_handshake_is_unreachable(authority: Authority) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    async with serving(hang_up) as port:
        failure = await send_failure(client("127.0.0.1", port, authority.pem))
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderUnreachableError)


@under_trio
async def test_a_cancelled_handshake_closes_the_connection(authority: Authority) -> None:
    gone = trio.Event()

    async def say_nothing(stream: trio.SocketStream) -> None:
        await closed(stream)
        gone.set()

    async with serving(say_nothing) as port:
        with trio.move_on_after(0.05) as scope:
            await read(client("127.0.0.1", port, authority.pem))
        assert scope.cancelled_caught
        await gone.wait()


@under_trio
async def test_tls_older_than_1_2_is_refused(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(by_tls(context, answer_twice)) as port:
        failure = await send_failure(client("127.0.0.1", port, authority.pem))
    assert (failure.kind, type(failure.error)) == ("never_sent", ProviderUnreachableError)


@pytest.mark.parametrize(("in_peace", "outcome"), [(True, b"all of it"), (False, "truncated")])
@under_trio
async def test_a_body_without_length_needs_the_closing_message_of_tls(
    in_peace: bool, outcome: bytes | str, authority: Authority
) -> None:
    context = authority.server_context("127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True)
        await read_request(secured)
        await secured.send_all(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if in_peace:
            await secured.aclose()
        else:
            await stream.aclose()

    async with serving(handle) as port, client("127.0.0.1", port, authority.pem).send("GET", "/x") as answer:
        try:
            came: bytes | str = await answer.read()
        except BodyFailure as failure:
            came = failure.kind
    assert came == outcome


@under_trio
async def test_large_bodies_go_both_ways(authority: Authority) -> None:
    size = 5 * SLICE_BYTES + 13

    async def echo(stream: trio.SSLStream[trio.SocketStream]) -> None:
        request = await read_request(stream)
        body = request[request.index(b"\r\n\r\n") + 4 :]
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with serving(by_tls(authority.server_context("127.0.0.1"), echo)) as port:
        ours = client("127.0.0.1", port, authority.pem)
        assert await read(ours, body=bytes(range(256)) * (size // 256)) == bytes(range(256)) * (size // 256)
        ours.close()


@under_trio
async def test_junk_in_a_record_of_its_own_is_seen_before_the_next_request(authority: Authority) -> None:
    said = trio.Event()

    async def answer_and_talk(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await read_request(stream)
        await stream.send_all(OK)
        await stream.send_all(OK)
        said.set()
        await stream.receive_some()

    async with serving(by_tls(authority.server_context("127.0.0.1"), answer_and_talk)) as port:
        ours = client("127.0.0.1", port, authority.pem)
        assert await read(ours) == b"ok"
        await said.wait()
        ours.drop_stale()
        assert ours.statistics.idle == 0


@under_trio
async def test_a_broken_record_within_an_answer_is_a_reset(authority: Authority) -> None:
    context = authority.server_context("127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True)
        await read_request(secured)
        await secured.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
        await stream.send_all(b"\x17\x03\x03\x00\x05wrong")
        await stream.receive_some()

    async with serving(handle) as port, client("127.0.0.1", port, authority.pem).send("GET", "/x") as answer:
        came, failure = await pieces_until_failure(answer)
    assert came == b"he"
    assert isinstance(failure, BodyFailure)
    assert failure.kind == "reset"


class MemoryServer:
    """The other end of a TLS session in memory; ``say`` puts plain words, or raw bytes, into the same receive."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._in, self._out, server_side=True)

    def say(self, words: bytes, raw: bytes = b"") -> None:
        self._session.write(words)
        self._raw = raw

    async def send_all(self, data: bytes) -> None:
        self._in.write(data)
        with suppress(ssl.SSLWantReadError):
            self._session.do_handshake()

    async def receive_some(self) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._out.read() + self._raw

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> Stream:
        return await start_tls(self, context, hostname)

    def is_readable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    _raw = b""
    closed = False


@under_trio
async def test_a_broken_record_behind_good_ones_is_remembered(authority: Authority) -> None:
    server = MemoryServer(authority.server_context("127.0.0.1"))
    stream = await start_tls(server, trust.client_context(authority.pem), "127.0.0.1")
    server.say(b"good", raw=b"\x17\x03\x03\x00\x05wrong")
    assert await stream.receive_some() == b"good"
    assert stream.is_readable()
    for _ in range(2):
        with pytest.raises(StreamReset, match="TLS failed"):
            await stream.receive_some()
    with pytest.raises(StreamBroken):
        await stream.send_all(b"more")


def test_there_is_no_way_to_trust_everything(authority: Authority) -> None:
    for bundle in (None, authority.pem):
        context = trust.client_context(bundle)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_bundle_adds_to_the_systems_roots(authority: Authority) -> None:
    roots = len(trust.client_context().get_ca_certs())
    assert roots > 50
    assert len(trust.client_context(authority.pem).get_ca_certs()) == roots + 1


@pytest.mark.parametrize(
    "bundle", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_bundle_without_a_certificate_is_refused(bundle: bytes) -> None:
    with pytest.raises(ProviderMisconfiguredError, match="ca_bundle"):
        ProviderClient("https://host", ca_bundle=bundle)


def test_the_environment_adds_no_trust(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    trust.system_roots.cache_clear()
    trust._system_context.cache_clear()
    subjects = str(trust.client_context().get_ca_certs())
    trust.system_roots.cache_clear()
    trust._system_context.cache_clear()
    assert "Test Authority" not in subjects


def test_a_system_without_a_store_gets_the_roots_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "SYSTEM_BUNDLES", ("/nowhere/bundle.pem",))
    trust.system_roots.cache_clear()
    roots = trust.system_roots()
    trust.system_roots.cache_clear()
    assert roots.count("BEGIN CERTIFICATE") > 50
