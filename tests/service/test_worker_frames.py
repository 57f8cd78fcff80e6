"""A real worker at the other end of a link: what it makes of frames that no supervisor should send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import msgpack
import pytest

from kruxos import framing, wire
from kruxos.config.load import load
from kruxos.service.setups import worker_setup
from kruxos.vault.vault import Vault
from tests.launcher.harness import Launcher, wait_code
from tests.links import link_bytes

pytestmark = pytest.mark.real

OPEN = wire.Open(id=5, body=msgpack.packb({"messages": [{"role": "user", "content": "hi"}]}), op="unheard of")
"""Refused without a network."""


@dataclass
class Peer:
    """The supervisor's end, and the worker's pid."""

    pid: int
    link: socket.socket
    decoder: framing.LinkDecoder = field(default_factory=framing.LinkDecoder)
    came: list[wire.Frame] = field(default_factory=list[wire.Frame])

    def send(self, *frames: wire.Frame) -> None:
        self.link.sendall(link_bytes(*frames))

    def until(self, kind: type[wire.Frame]) -> list[wire.Frame]:
        """What comes up to the next of this kind, without beats."""
        before: list[wire.Frame] = []
        while True:
            while self.came:
                frame = self.came.pop(0)
                if isinstance(frame, kind):
                    return before
                if not isinstance(frame, wire.Beat):
                    before.append(frame)
            data = self.link.recv(65536)
            assert data, f"the link ended; before it came {before}"
            self.came += self.decoder.feed(data)

    def answers_to(self, *frames: wire.Frame) -> list[wire.Frame]:
        """What it says to these, up to the answer of a ping behind them."""
        self.send(*frames, wire.Ping(id=99))
        return self.until(wire.Pong)


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    made = Launcher(tmp_path_factory.mktemp("l") / "log", "kruxos_workers.main")
    yield made
    made.close()


@pytest.fixture
def peer(launcher: Launcher) -> Iterator[Peer]:
    """A worker that is ready."""
    pid, link = launcher.fork()
    setup = worker_setup(load("providers: {p: {type: ollama, model: m}}").providers["p"], cast("Vault", None))
    with link:
        made = Peer(pid, link)
        made.until(wire.Hello)
        made.send(wire.Configure(provider="p", settings=setup.settings))
        made.until(wire.Ready)
        yield made


def test_frames_doubled_late_and_of_calls_that_it_has_not_are_passed_over(peer: Peer) -> None:
    stray: list[wire.Frame] = [
        wire.Cancel(id=7), wire.Pause(id=7), wire.Resume(id=7), wire.Resolved(id=7), wire.Stored(id=7),
        wire.Renewal(id=7), wire.End(id=7), wire.Event(id=7, body=b"x"), wire.Ready(), wire.Beat(),
        wire.Configure(provider="another"),
    ]  # fmt: skip
    assert [frame for frame in peer.answers_to(*stray, *stray) if not isinstance(frame, wire.Health)] == []
    peer.send(wire.Bye())
    assert wait_code(peer.pid) == 0


def test_a_call_that_is_opened_twice_is_made_and_answered_once(peer: Peer) -> None:
    answers = peer.answers_to(OPEN, OPEN, wire.Cancel(id=5))
    peer.send(wire.Drain(), wire.Drain())
    answers += peer.until(wire.Drained)
    assert [type(frame) for frame in answers if not isinstance(frame, wire.Health)] == [wire.Error]
    peer.send(wire.Bye())
    assert wait_code(peer.pid) == 0


def test_kinds_that_a_later_version_invents_are_passed_over(peer: Peer) -> None:
    data = msgpack.packb(["invented", 1, {"a": [1, {"b": 2}]}, b"", "appended later"])
    peer.link.sendall(len(data).to_bytes(4, "big") + data)
    assert peer.answers_to() == []
    peer.send(wire.Bye())
    assert wait_code(peer.pid) == 0


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 64, b"\0\0\0\4\xc1\xc1\xc1\xc1", (wire.MESSAGE_BYTES_MAX + 1).to_bytes(4, "big")],
    ids=["garbage", "no msgpack", "oversized"],
)
def test_what_is_no_frame_ends_it_rather_than_leaving_it_to_guess(peer: Peer, data: bytes) -> None:
    peer.link.sendall(data)
    assert wait_code(peer.pid) == 1


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_a_link_that_ends_within_a_frame_is_the_end_of_a_link(peer: Peer, cut: int) -> None:
    peer.link.sendall(link_bytes(OPEN)[:cut])
    peer.link.close()
    assert wait_code(peer.pid) == 0
