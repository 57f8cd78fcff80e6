"""Behind a company's network: a forward proxy that nobody here wrote, and an authority that only the company trusts."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kruxos.errors import KruxosError
from tests.service.running import Installation, Simulator, until
from tests.workers.http.certificates import Authority

TINYPROXY = shutil.which("tinyproxy") or "/usr/sbin/tinyproxy"
needs_tinyproxy = pytest.mark.skipif(not Path(TINYPROXY).exists(), reason="tinyproxy is not installed")
NAME = "models.company.test"
"""A name that nobody resolves here: what comes through a proxy is not looked up on this machine."""


@dataclass
class Forwarder:
    """Takes connections and hands their bytes to a port of this machine: as a TLS server, or as a proxy of our own."""

    target: int
    context: ssl.SSLContext | None = None
    heard: list[str] = field(default_factory=list[str])
    port: int = 0

    @contextmanager
    def running(self) -> Generator[Forwarder]:
        """Listens for the length of the block."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield self
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            else:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(1)
                self.heard.append(head.decode().splitlines()[0])
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with connection, socket.create_connection(("127.0.0.1", self.target)) as far:
                back = threading.Thread(target=_pump, args=(far, connection), daemon=True)
                back.start()
                _pump(connection, far)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast") as made:
        yield made


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("k")


@pytest.fixture
def authority(directory: Path) -> Authority:
    made = Authority(directory)
    (directory / "company.pem").write_bytes(made.pem)
    return made


@pytest.fixture
def front(simulator: Simulator, authority: Authority) -> Iterator[Forwarder]:
    """The simulator behind TLS, with a certificate of the company's authority."""
    context = authority.server_context("127.0.0.1", NAME)
    with Forwarder(int(simulator.root.rpartition(":")[2]), context).running() as made:
        yield made


@contextmanager
def tinyproxy(directory: Path, connect_port: int) -> Generator[tuple[str, Path]]:
    """The proxy's URL and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log, config = directory / "tinyproxy.log", directory / "tinyproxy.conf"
    config.write_text(
        f'Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nConnectPort {connect_port}\nLogFile "{log}"\nLogLevel Info\n'
    )
    process = subprocess.Popen([TINYPROXY, "-d", "-c", str(config)], stdout=subprocess.DEVNULL)
    try:

        def listens() -> bool:
            with socket.socket() as again:
                return again.connect_ex(("127.0.0.1", port)) == 0

        until(listens, "the proxy")
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def gateway(directory: Path, settings: str, base_url: str, for_all: str = "") -> Generator[Installation]:
    models = f"""\
{for_all}
providers:
  gpt:
    type: openai
    profile: openai
    base_url: {base_url}
    model: gpt-4o
{settings}
defaults:
  chat: gpt
"""
    made = Installation.make(directory, models)
    with made.serving():
        made.store_keys(("gpt",))
        yield made


@needs_tinyproxy
def test_calls_go_through_a_real_proxy_to_a_provider_that_a_private_authority_vouches_for(
    directory: Path, front: Forwarder
) -> None:
    with tinyproxy(directory, front.port) as (proxy, log):
        settings = f"    proxy: {proxy}\n    ca_bundle: {directory}/company.pem"
        with gateway(directory, settings, f"https://127.0.0.1:{front.port}/v1") as made, made.client() as client:
            assert client.chat("hello").finish_reason == "stop"
            with client.stream("hello") as events:
                assert any(event.type == "text" for event in events)
        assert re.search(rf"CONNECT 127.0.0.1:{front.port}", log.read_text())


@needs_tinyproxy
def test_a_proxy_that_refuses_is_told_as_such_and_nothing_was_sent(directory: Path, front: Forwarder) -> None:
    with tinyproxy(directory, connect_port=1) as (proxy, _):
        settings = f"    proxy: {proxy}\n    ca_bundle: {directory}/company.pem"
        with gateway(directory, settings, f"https://127.0.0.1:{front.port}/v1") as made, made.client() as client:
            with pytest.raises(KruxosError, match="proxy") as caught:
                client.chat("hello")
            assert not caught.value.attempts[0].billed_maybe


def test_what_is_set_for_all_counts_for_each_and_names_are_left_to_the_proxy(directory: Path, front: Forwarder) -> None:
    with Forwarder(front.port).running() as proxy:
        for_all = f"proxy: http://127.0.0.1:{proxy.port}\nca_bundle: {directory}/company.pem"
        with gateway(directory, "", f"https://{NAME}/v1", for_all) as made, made.client() as client:
            assert client.chat("hello").finish_reason == "stop"
        assert proxy.heard[0] == f"CONNECT {NAME}:443 HTTP/1.1"


def test_without_the_companys_authority_the_error_says_what_to_set(directory: Path, front: Forwarder) -> None:
    with gateway(directory, "", f"https://127.0.0.1:{front.port}/v1") as made, made.client() as client:
        with pytest.raises(KruxosError, match="certificate") as caught:
            client.chat("hello")
        assert "ca_bundle" in str(caught.value)


def test_a_proxy_that_is_down_is_named(directory: Path, front: Forwarder) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings = f"    proxy: http://127.0.0.1:{nobody.getsockname()[1]}\n    ca_bundle: {directory}/company.pem"
        with gateway(directory, settings, f"https://127.0.0.1:{front.port}/v1") as made, made.client() as client:
            with pytest.raises(KruxosError, match="proxy") as caught:
                client.chat("hello")
            assert not caught.value.attempts[0].billed_maybe
