"""Processes are killed at any instant: what ends, what goes on, and what is there again."""

from __future__ import annotations

import os
import re
import signal

import pytest

from kruxos import BlockingClient, Reply
from kruxos.client import BlockingEventStream
from kruxos.errors import ConnectionLostError, OutcomeUnknownError, WorkerLostError
from tests.service.running import Installation, Simulator, kill, until, wait_gone

pytestmark = pytest.mark.real

VICTIM = "gpt-5.2"
SILENT = f"[[simulate silence where=headers on={VICTIM}]]"
HALF = f"[[simulate silence where=middle after=3 on={VICTIM}]]"


def kill_worker(gateway: Installation, name: str) -> int:
    """SIGKILL for a provider's worker, and the wait until its successor takes calls."""

    def pid_of_ready() -> int | None:
        told: int | None = gateway.wait_worker(name, state="ready")["pid"]  # the launcher may tell it a moment later
        return told

    pid = until(pid_of_ready, f"the pid of {name}")
    assert pid is not None
    kill(pid)
    assert wait_gone(pid)
    return pid


@pytest.fixture(autouse=True)
def _fresh_victim(request: pytest.FixtureRequest) -> None:
    """An operator's start forgives earlier deaths, so that those of several tests do not add up."""
    if "gateway" in request.fixturenames:
        shared: Installation = request.getfixturevalue("gateway")
        shared.control("worker.start", provider="victim")
        shared.wait_ready("victim")


def rest(events: BlockingEventStream) -> Reply:
    """Reads a stream to its end."""
    for _ in events:
        pass
    return events.reply()


def wait_asked(simulator: Simulator, model: str, before: int) -> None:
    until(lambda: len(simulator.requests(model)) > before, f"a request for {model}")


def test_a_call_whose_worker_dies_before_its_first_token_moves_on_and_is_labelled(
    gateway: Installation, simulator: Simulator
) -> None:
    asked = len(simulator.requests(VICTIM))
    with gateway.client() as client, client.stream(f"Hello {SILENT}", provider="victim") as events:
        wait_asked(simulator, VICTIM, asked)
        kill_worker(gateway, "victim")
        reply = rest(events)
    lost, answered = reply.attempts
    assert (lost.provider, lost.outcome, lost.billed_maybe) == ("victim", "worker_lost", True)
    assert (answered.provider, answered.outcome) == ("gpt", "answered")


def test_a_call_that_is_at_most_once_ends_with_an_unknown_outcome_instead(
    gateway: Installation, simulator: Simulator
) -> None:
    before = simulator.counts()
    with gateway.client() as client, client.stream(f"Hi {SILENT}", provider="victim", at_most_once=True) as events:
        wait_asked(simulator, VICTIM, before.get(VICTIM, 0))
        kill_worker(gateway, "victim")
        with pytest.raises(OutcomeUnknownError) as caught:
            rest(events)
    assert caught.value.billed_maybe
    assert simulator.counts().get("gpt-4o") == before.get("gpt-4o")


def test_a_call_that_never_left_its_worker_moves_on_without_a_label(gateway: Installation) -> None:
    pid = int(gateway.wait_worker("victim", state="ready")["pid"])
    os.kill(pid, signal.SIGSTOP)
    with gateway.client() as client, client.stream("Hello", provider="victim") as events:
        until(lambda: gateway.worker("victim")["in_flight"] == 1, "a call at the worker")
        kill(pid)
        reply = rest(events)
    assert [(each.provider, each.outcome, each.billed_maybe) for each in reply.attempts] == [
        ("victim", "worker_lost", False), ("gpt", "answered", False),
    ]  # fmt: skip


def test_a_stream_under_way_ends_with_the_part_that_came(gateway: Installation) -> None:
    with gateway.client() as client, client.stream(f"Hello {HALF}", provider="victim") as events:
        next(events)
        kill_worker(gateway, "victim")
        with pytest.raises(WorkerLostError) as caught:
            list(events)
    error = caught.value
    assert error.billed_maybe
    assert error.retryable
    assert error.reply is not None
    assert error.reply.text


def test_other_providers_calls_do_not_notice(gateway: Installation, simulator: Simulator) -> None:
    slow = "Go on [[simulate silence where=middle after=3 seconds=0.6]]"
    with gateway.client() as client, client.stream(slow, provider="claude") as others:
        next(others)
        pids = gateway.workers()
        kill_worker(gateway, "victim")
        assert client.chat("Hello", provider="gpt").provider == "gpt"
        assert rest(others).provider == "claude"
    after = gateway.workers()
    assert {name: after[name] for name in pids if name != "victim"} == {
        name: pid for name, pid in pids.items() if name != "victim"
    }


def test_a_dead_worker_is_back_and_status_tells_why_it_was_started(
    gateway: Installation, client: BlockingClient
) -> None:
    before = gateway.wait_worker("victim", state="ready")
    kill(int(before["pid"]))
    now = until(lambda: _other(gateway, before["pid"]), "a successor")
    assert now["restarts"] == before["restarts"] + 1
    assert now["last_exit"] == "killed by SIGKILL"
    assert client.chat("Hello", provider="victim").provider == "victim"


def _other(gateway: Installation, pid: int) -> dict[str, object]:
    now = gateway.worker("victim")
    return now if now["pid"] not in (None, pid) else {}


def test_a_worker_that_dies_again_and_again_is_left_alone_until_an_operator_starts_it(own: Installation) -> None:
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["gpt", "victim"])
        for deaths in range(1, 6):
            kill_worker(own, "victim")
            daemon.wait_log(r"provider victim: ready -> \w+ \(killed by SIGKILL\)", times=deaths)
        kill_worker(own, "victim")
        daemon.wait_log(r"provider victim: \w+ -> failed")
        assert own.worker("victim")["reason"] == "killed by SIGKILL"
        assert client.chat("Hello", provider="victim").provider == "gpt"
        own.control("worker.start", provider="victim")
        own.wait_ready("victim")
        assert client.chat("Hello", provider="victim").provider == "victim"


def test_the_launchers_death_costs_no_worker_and_no_call(gateway: Installation) -> None:
    before, pids = gateway.status(), gateway.workers()
    slow = "Go on [[simulate silence where=middle after=3 seconds=0.5]]"
    with gateway.client() as client, client.stream(slow, provider="claude") as events:
        next(events)
        kill(before["launcher_pid"])
        assert rest(events).provider == "claude"

        def is_back() -> bool:
            return gateway.status()["launcher_pid"] not in (None, before["launcher_pid"])

        until(is_back, "another launcher")
        assert gateway.status()["launcher_restarts"] == before["launcher_restarts"] + 1
        assert gateway.workers() == pids
        gateway.control("worker.restart", provider="spare", now=True)
        until(lambda: gateway.worker("spare")["pid"] not in (None, pids["spare"]), "a worker of the new launcher")
        assert client.chat("Hello", provider="spare").provider == "spare"


def test_a_worker_asked_for_while_there_is_no_launcher_comes_with_the_next_one(own: Installation) -> None:
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["gpt", "victim"])
        launcher, victim = own.status()["launcher_pid"], own.workers()["victim"]
        os.kill(launcher, signal.SIGSTOP)  # it will not answer what it is asked next
        kill(victim)
        daemon.wait_log(r"provider victim: \w+ -> starting \(killed by SIGKILL\)", times=1)
        kill(launcher)
        until(lambda: own.worker("victim")["pid"] not in (None, victim), "a worker of the new launcher")
        assert client.chat("Hello", provider="victim").provider == "victim"


@pytest.mark.parametrize("instant", ["idle", "answering"])
def test_the_supervisors_death_ends_its_workers_and_the_next_start_works(own: Installation, instant: str) -> None:
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["claude", "victim"])
        pids = [*own.workers().values(), own.status()["launcher_pid"]]
        if instant == "answering":
            with client.stream(f"Hello {HALF}", provider="victim") as events:
                next(events)
                kill(daemon.pid)
                with pytest.raises(ConnectionLostError) as caught:
                    list(events)
            assert caught.value.billed_maybe
            assert caught.value.reply is not None
        else:
            kill(daemon.pid)
        assert daemon.wait_end() == -signal.SIGKILL
        assert [pid for pid in pids if not wait_gone(pid, 1.0)] == []
    assert (own.kruxos.root / "run" / "agents" / "agent.sock").exists(), "what it left behind is part of the test"
    with own.serving(), own.client() as client:
        own.wait_ready("claude", "victim")
        assert client.chat("Hello", provider="claude").provider == "claude"


def test_no_worker_outlives_a_supervisor_that_dies_while_it_starts(own: Installation) -> None:
    with own.serving() as daemon:
        launcher = own.status()["launcher_pid"]
        kill(daemon.pid)
        daemon.wait_end()
        if launcher is not None:
            assert wait_gone(launcher, 1.0)
    with own.serving():
        assert re.fullmatch(r"unlocked|locked", own.status()["vault"]["state"])
