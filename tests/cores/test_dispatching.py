"""One provider's calls: who has them, who waits, and how things stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kruxos import wire
from kruxos.cores.dispatching import FEW, FULL_PAUSE_S, Desk
from kruxos.cores.ports import Sink
from kruxos.cores.supervision import Announce, BecameReady, Start, Supervision

UNIX = 1_000_000.0


@dataclass(slots=True)
class Wire:
    """A link that remembers."""

    full: bool = False
    sent: list[wire.Frame] = field(default_factory=list[wire.Frame])

    def send(self, frame: wire.Frame) -> None:
        self.sent.append(frame)


@dataclass(slots=True)
class Process:
    link: Wire = field(default_factory=Wire)
    in_flight: dict[int, Sink] = field(default_factory=dict[int, Sink])
    forgotten: bool = False


@dataclass(slots=True)
class Hearing:
    """A sink that remembers."""

    frames: list[wire.Frame] = field(default_factory=list[wire.Frame])
    lost: list[str] = field(default_factory=list[str])

    def on_frame(self, frame: wire.Frame) -> None:
        self.frames.append(frame)

    def on_lost(self, reason: str) -> None:
        self.lost.append(reason)


def starting() -> Desk[Process]:
    desk = Desk[Process]("p", Supervision(lambda: 0.5), model="m")
    desk.core.step(Start(), 0.0)
    return desk


def ready() -> tuple[Desk[Process], Process]:
    desk, process = starting(), Process()
    desk.core.step(BecameReady(1), 0.1)
    desk.processes[1] = process
    desk.promote(process)
    return desk, process


def health(**until: float) -> wire.Health:
    return wire.Health(state={"places": {name: {"until": at, "reason": "rate_limited"} for name, at in until.items()}})


def kinds(process: Process) -> list[str]:
    return [frame.kind for frame in process.link.sent]


def test_calls_wait_for_a_provider_that_starts_and_go_to_its_worker_when_it_is_ready() -> None:
    desk, process, sink = starting(), Process(), Hearing()
    desk.dispatch(7, wire.Open(body=b"x"), sink)
    assert desk.busy == 1
    desk.promote(process)
    assert kinds(process) == ["open"]
    assert desk.waiting == {}


def test_a_call_that_waits_is_taken_back_by_a_cancel_and_by_nothing_else() -> None:
    desk, sink = starting(), Hearing()
    desk.dispatch(7, wire.Open(), sink)
    desk.tell(7, wire.Resume(id=7))
    assert sink.lost == []
    desk.tell(7, wire.Cancel(id=7))
    assert sink.lost == ["cancelled before it was sent"]


def test_whoever_waits_hears_when_the_provider_will_not_come() -> None:
    desk, sink = starting(), Hearing()
    desk.dispatch(7, wire.Open(), sink)
    desk.announced(Announce("starting", "failed", "vault_locked"))
    assert sink.lost == ["vault_locked"]


def test_a_provider_that_does_not_run_takes_nothing() -> None:
    sink = Hearing()
    Desk[Process]("p", Supervision(lambda: 0.5)).dispatch(7, wire.Open(), sink)
    assert sink.lost == ["not running"]


def test_a_worker_that_is_far_behind_gets_nothing_more() -> None:
    desk, process = ready()
    process.link.full, sink = True, Hearing()
    desk.dispatch(7, wire.Open(), sink)
    assert sink.lost == ["it is too far behind"]
    assert desk.busy == 0


def test_an_attempt_ends_once_with_its_last_frame_or_its_workers_end() -> None:
    desk, process = ready()
    first, second = Hearing(), Hearing()
    desk.dispatch(1, wire.Open(), first)
    desk.dispatch(2, wire.Open(), second)
    desk.on_call_frame(process, wire.Event(id=1))
    desk.on_call_frame(process, wire.End(id=1))
    desk.on_call_frame(process, wire.End(id=1))
    desk.removed(1, process)
    desk.lose(process, "killed")
    assert [frame.kind for frame in first.frames] == ["event", "end"]
    assert (first.lost, second.lost) == ([], ["killed"])


def test_a_cooldown_holds_for_its_model_and_a_predecessor_is_not_heard() -> None:
    desk, process = ready()
    desk.on_health(process, health(m=UNIX + 10), UNIX)
    assert desk.outlook(None, 0.0, UNIX).standing == "cooling"
    assert desk.outlook("other", 0.0, UNIX).standing == "ready"
    desk.on_health(Process(), health(), UNIX)
    assert desk.outlook("m", 0.0, UNIX).retry_at == UNIX + 10


def test_what_a_worker_still_says_of_limits_that_were_cleared_is_not_heard() -> None:
    desk, process = ready()
    desk.forget_limits()
    desk.on_health(process, health(m=UNIX + 10), UNIX)
    assert desk.outlook(None, 0.0, UNIX).standing == "ready"


def share(desk: Desk[Process], unix: float) -> float:
    return desk.outlook(None, 0.0, unix).share


def test_after_a_cooldown_one_call_tries_it_and_others_come_by_share() -> None:
    desk, process = ready()
    desk.on_health(process, health(m=UNIX + 10), UNIX)
    assert share(desk, UNIX + 11) == 1.0
    desk.dispatch(1, wire.Open(), Hearing())
    assert share(desk, UNIX + 11) < 0.5


def test_while_the_share_grows_a_few_calls_at_once_are_no_rush() -> None:
    desk, process = ready()
    desk.on_health(process, health(m=UNIX + 10), UNIX)
    desk.on_health(process, health(), UNIX + 11)
    shares: list[Any] = []
    for number in range(FEW + 1):
        shares.append(share(desk, UNIX + 11))
        desk.dispatch(number, wire.Open(), Hearing())
    assert shares[:FEW] == [1.0] * FEW
    assert shares[FEW] < 1.0


def opened(desk: Desk[Process], count: int) -> None:
    for number in range(1, count + 1):
        desk.dispatch(number, wire.Open(), Hearing())


def test_a_provider_whose_worker_has_as_many_calls_as_it_takes_is_full() -> None:
    desk, process = ready()
    desk.calls_max = 3
    opened(desk, 2)
    assert desk.outlook(None, 1.0, UNIX).standing == "ready"
    opened(desk, 3)
    outlook = desk.outlook(None, 1.0, UNIX)
    assert (outlook.standing, outlook.code, outlook.retry_at) == ("full", "overloaded", UNIX + FULL_PAUSE_S)
    desk.on_call_frame(process, wire.End(id=1))
    assert desk.outlook(None, 1.0, UNIX).standing == "ready"


def test_as_many_wait_for_one_that_starts_as_its_worker_would_take() -> None:
    desk = starting()
    desk.calls_max = 3
    opened(desk, 3)
    assert desk.outlook(None, 0.0, UNIX).standing == "full"


def test_while_one_call_tries_a_provider_the_others_leave_it_alone() -> None:
    desk, process = ready()
    desk.on_health(process, health(m=UNIX + 1), UNIX)
    assert desk.outlook("m", 2.0, UNIX + 2).share > 0
    desk.dispatch(7, wire.Open(model="m"), Hearing())
    assert desk.outlook("m", 2.0, UNIX + 2).share == 0
    assert desk.outlook("other", 2.0, UNIX + 2).share == 1
    desk.on_call_frame(process, wire.Error(id=7, error={"code": "cancelled"}))
    assert desk.outlook("m", 2.0, UNIX + 2).share > 0


def test_calls_from_before_a_pause_are_no_probes() -> None:
    desk, process = ready()
    desk.dispatch(1, wire.Open(model="m"), Hearing())
    desk.on_health(process, health(m=UNIX + 1), UNIX)
    assert desk.outlook("m", 2.0, UNIX + 2).share > 0
