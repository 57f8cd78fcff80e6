"""What the supervisor grants a worker, played by the test at the other end of a link."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos import wire
from kruxos.cores import supervision
from kruxos.cores.names import Found
from kruxos.errors import NeedsLoginError
from kruxos.link import Link
from kruxos.service.fleet import REST_AFTER_S, Fleet
from kruxos.service.launching import Launching, Request
from kruxos.service.names import QUESTIONS_MAX, Names
from kruxos.service.providers import Setup
from kruxos.service.timers import Timers
from tests.links import link_bytes

FULL = {"level": "full", "missing": []}
PARTIAL = {"level": "partial", "missing": ["ports"]}
OWN = ("api.example.com", 443)
WITHIN_S = 10.0


@dataclass
class FakeLauncher:
    """Gives the worker's end of the link to the test."""

    requests: list[Request] = field(default_factory=list[Request])
    ends: list[socket.socket] = field(default_factory=list[socket.socket])

    def spawn(self, request: Request) -> None:
        self.requests.append(request)
        self.ends.append(request.link.dup())
        request.link.close()


class NoLogins:
    """A vault without a login."""

    def lend_login(self, provider: str) -> bytes:
        raise NeedsLoginError

    def store_login(self, provider: str, lent: bytes, record: bytes) -> bool:
        return False


@dataclass
class Scene:
    """A fleet with one provider, and its worker's end."""

    fleet: Fleet
    launcher: FakeLauncher
    worker: Link
    end: socket.socket
    asked: list[tuple[str, int]]

    async def next(self) -> wire.Frame | None:
        """The next frame that the worker gets; None: its link has ended."""
        frames: list[wire.Frame] | None = []
        with trio.fail_after(WITHIN_S):
            while frames == []:
                frames = await self.worker.receive()
        if frames is None:
            return None
        (frame,) = frames
        return frame

    def say(self, frame: wire.Frame) -> None:
        self.worker.send(frame)
        assert self.worker.flush()

    async def raw(self, data: bytes) -> None:
        """Any bytes on the worker's link, until the supervisor hangs up."""
        with suppress(OSError):
            while data:
                data = data[self.end.send(data) :]
                await trio.lowlevel.checkpoint()


@asynccontextmanager
async def scene(
    setup: Setup, look_up: Callable[[str, int], Any] | None = None, *, on_demand: bool = False
) -> AsyncGenerator[Scene]:
    asked: list[tuple[str, int]] = []

    async def resolve(host: str, port: int) -> Found:
        asked.append((host, port))
        await (look_up or _at_once)(host, port)
        return Found(("192.0.2.1", "2001:db8::1"))

    launcher = FakeLauncher()
    async with trio.open_nursery() as nursery:
        fleet = Fleet(
            cast("Launching", launcher), Timers(), nursery, lambda _: setup, lambda _: os.open(os.devnull, os.O_WRONLY),
            lambda *_: None, NoLogins(), Names(nursery, resolve),
        )  # fmt: skip
        fleet.configure({"p": True}, set(), frozenset({"p"} if on_demand else ()))
        if on_demand:
            assert (fleet.providers["p"].core.state, launcher.requests) == ("idle", [])
            fleet.dispatch("p", fleet.next_number(), wire.Open(id=1), Waiting())
        worker = Link(launcher.ends[0])
        yield Scene(fleet, launcher, worker, launcher.ends[0], asked)
        worker.close()
        for request in launcher.requests:
            request.on_result(None, "the test is over")
        for end in launcher.ends[1:]:
            end.close()
        nursery.cancel_scope.cancel()


async def _at_once(_host: str, _port: int) -> None:
    await trio.lowlevel.checkpoint()


def setup(isolation: Any = "best_effort", names: frozenset[tuple[str, int]] = frozenset({OWN})) -> Setup:
    return Setup({"a": 1}, b"the secret", isolation, (443,), names)


def test_the_launcher_is_told_to_cage_and_which_ports() -> None:
    async def main() -> None:
        for isolation, caged in (("best_effort", True), ("required", True), ("off", False)):
            async with scene(setup(isolation)) as its:
                (request,) = its.launcher.requests
                assert (request.caged, request.ports) == (caged, (443,))

    trio.run(main)


@pytest.mark.parametrize(("isolation", "achieved"), [("required", FULL), ("best_effort", PARTIAL), ("off", {})])
def test_a_worker_that_is_isolated_enough_gets_its_secret(isolation: str, achieved: dict[str, Any]) -> None:
    async def main() -> None:
        async with scene(setup(isolation)) as its:
            its.say(wire.Hello(isolation=achieved))
            frame = await its.next()
            assert isinstance(frame, wire.Configure)
            assert frame.body == b"the secret"
            assert its.fleet.providers["p"].isolation == achieved

    trio.run(main)


@pytest.mark.parametrize("achieved", [PARTIAL, {"level": "none", "missing": ["files"]}, {}])
def test_where_isolation_is_required_and_not_whole_no_secret_leaves_and_the_provider_fails_with_the_reason(
    achieved: dict[str, Any],
) -> None:
    async def main() -> None:
        async with scene(setup("required")) as its:
            its.say(wire.Hello(isolation=achieved))
            with trio.move_on_after(WITHIN_S):
                while its.fleet.providers["p"].core.state != "failed":
                    await trio.lowlevel.checkpoint()
            core = its.fleet.providers["p"].core
            assert (core.state, core.reason) == ("failed", "isolation_unavailable")
            process = its.fleet.providers["p"].processes[1]
            assert process.killed
            assert process.link.queued.now == 0, "nothing was sent to it"
            its.fleet.apply("p", supervision.Stop(now=True))

    trio.run(main)


def test_a_worker_is_told_its_own_providers_addresses() -> None:
    async def main() -> None:
        async with scene(setup()) as its:
            its.say(wire.Resolve(id=7, host=OWN[0], port=OWN[1]))
            assert await its.next() == wire.Resolved(id=7, addresses=["192.0.2.1", "2001:db8::1"])

    trio.run(main)


@pytest.mark.parametrize(
    ("host", "port"),
    [("evil.example.org", 443), ("c2VjcmV0.api.example.com", 443), ("api.example.com", 53), ("API.example.com", 443),
     ("", 0), ("localhost", 443)],
)  # fmt: skip
def test_no_other_name_is_looked_up_for_a_worker_as_the_question_would_leave_the_machine(host: str, port: int) -> None:
    async def main() -> None:
        async with scene(setup()) as its:
            its.say(wire.Resolve(id=1, host=host, port=port))
            assert await its.next() == wire.Resolved(id=1, reason="not a name of this provider")
            assert its.asked == []

    trio.run(main)


def test_a_worker_that_asks_too_much_at_once_is_told_so() -> None:
    async def main() -> None:
        never = trio.Event()
        async with scene(setup(), lambda *_: never.wait()) as its:
            for number in range(QUESTIONS_MAX + 1):
                its.say(wire.Resolve(id=number + 1, host=OWN[0], port=OWN[1]))
            assert await its.next() == wire.Resolved(id=QUESTIONS_MAX + 1, reason="too many questions at once")
            await trio.testing.wait_all_tasks_blocked()
            assert its.asked == [OWN]

    trio.run(main)


def test_an_answer_for_a_worker_that_is_gone_is_dropped() -> None:
    async def main() -> None:
        go = trio.Event()
        async with scene(setup(), lambda *_: go.wait()) as its:
            its.say(wire.Resolve(id=1, host=OWN[0], port=OWN[1]))
            with trio.fail_after(WITHIN_S):
                while not its.asked:
                    await trio.lowlevel.checkpoint()
            its.fleet.providers["p"].processes[1].link.close()
            go.set()
            await trio.testing.wait_all_tasks_blocked()

    trio.run(main)


def test_a_provider_on_demand_is_started_by_its_first_call_and_rests_when_nobody_asks_for_long() -> None:
    async def main() -> None:
        async with scene(setup(), on_demand=True) as its:
            provider = its.fleet.providers["p"]
            its.say(wire.Hello(pid=1))
            its.say(wire.Ready())
            assert isinstance(await its.next(), wire.Configure)
            assert isinstance(await its.next(), wire.Open)
            its.say(wire.End(id=1))
            its.say(wire.Beat())
            await trio.testing.wait_all_tasks_blocked()
            assert provider.current is not None
            provider.asked_at -= REST_AFTER_S
            provider.core.since -= REST_AFTER_S
            its.say(wire.Beat())
            assert await its.next() == wire.Drain()
            assert provider.core.state == "idle"

    trio.run(main)


@dataclass
class Waiting:
    """Waits for one attempt; ``heard`` is what it was told."""

    heard: list[str] = field(default_factory=list[str])

    def on_frame(self, frame: wire.Frame) -> None:
        self.heard.append(frame.kind)

    def on_lost(self, reason: str) -> None:
        self.heard.append(f"lost: {reason}")


async def _ended(its: Scene) -> None:
    """The worker's process is gone: its link ends, and there is no exit to be waited for."""
    its.worker.close()
    its.launcher.requests.pop(0).on_result(None, "ended")
    await trio.testing.wait_all_tasks_blocked()


async def _ready_with_calls(its: Scene, count: int) -> list[Waiting]:
    """The worker is ready and has so many attempts."""
    its.say(wire.Hello(isolation=FULL))
    assert isinstance(await its.next(), wire.Configure)
    its.say(wire.Ready())
    with trio.fail_after(WITHIN_S):
        while its.fleet.providers["p"].core.state != "ready":
            await trio.lowlevel.checkpoint()
    waiting = [Waiting() for _ in range(count)]
    for number, sink in enumerate(waiting, 1):
        its.fleet.dispatch("p", number, wire.Open(body=b"x"), sink)
        assert isinstance(await its.next(), wire.Open)
    return waiting


def _event(number: int, body: bytes = b"x") -> bytes:
    return link_bytes(wire.Event(id=number, body=body))


END_1, SENT_1 = link_bytes(wire.End(id=1)), link_bytes(wire.Sent(id=1))
ERROR_1 = link_bytes(wire.Error(id=1, error={"code": "internal", "message": "no"}))
READY = link_bytes(wire.Ready())
PIECES = st.sampled_from([END_1, ERROR_1, SENT_1, READY, _event(1), _event(2)])


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        (_event(1) + END_1 + END_1 + ERROR_1 + _event(1) + SENT_1, ["event", "end"]),
        (END_1 + _event(1) + SENT_1, ["end"]),
        (ERROR_1 + END_1, ["error"]),
        (SENT_1 + SENT_1 + END_1, ["sent", "sent", "end"]),
        (_event(77) + link_bytes(wire.End(id=78)) + END_1, ["end"]),
        (READY + READY + link_bytes(wire.Drained()) + END_1, ["end"]),
        (link_bytes(wire.Hello(isolation=FULL)) + END_1, ["end"]),
    ],
    ids=["doubled", "the end first", "an error, then an end", "sent twice", "of attempts it has not",
         "ready again", "hello again"],
)  # fmt: skip
def test_doubled_and_misplaced_frames_of_a_worker_never_end_a_call_twice_or_touch_another(
    data: bytes, heard: list[str]
) -> None:
    async def main() -> None:
        async with scene(setup()) as its:
            mine, other = await _ready_with_calls(its, 2)
            await its.raw(data)
            with trio.fail_after(WITHIN_S):
                while len(mine.heard) < len(heard):
                    await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert (mine.heard, other.heard) == (heard, [])
            assert its.fleet.providers["p"].core.state == "ready"

    trio.run(main)


@pytest.mark.parametrize("cut", [1, 3, 4, 5, len(END_1) - 1])
def test_a_frame_that_never_becomes_whole_ends_with_its_worker(cut: int) -> None:
    async def main() -> None:
        async with scene(setup()) as its:
            (mine,) = await _ready_with_calls(its, 1)
            await its.raw(END_1[:cut])
            await trio.testing.wait_all_tasks_blocked()
            assert mine.heard == []
            await _ended(its)
            assert mine.heard == ["lost: ended"]

    trio.run(main)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), PIECES), max_size=8), st.randoms(use_true_random=False))
def test_whatever_a_worker_writes_each_of_its_calls_ends_once_and_the_fleet_goes_on(
    pieces: list[bytes], chance: random.Random
) -> None:
    data = bytearray(b"".join(pieces))
    for _ in range(chance.randint(0, 3)):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)

    async def main() -> None:
        async with scene(setup()) as its:
            waiting = await _ready_with_calls(its, 2)
            await its.raw(bytes(data))
            await trio.testing.wait_all_tasks_blocked()
            await _ended(its)
            for each in waiting:
                last = [told for told in each.heard if told in ("end", "error") or told.startswith("lost")]
                assert len(last) == 1, each.heard
                assert each.heard[-1] == last[0]

    trio.run(main)
