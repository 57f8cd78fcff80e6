"""Workers that hang, spin, leak or lie are found and replaced; their calls end as designed, and nobody else notices."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from time import monotonic

import pytest

from kruxos.cores.children import BEAT_SILENCE_S
from kruxos.errors import WorkerLostError
from tests.rogue.deeds import FLOOD, GARBAGE, LEAK, MEMORY_MAX, SPIN, Deed
from tests.service.running import Installation, Simulator, kill, until, wait_gone

pytestmark = pytest.mark.real

MODELS = """\
memory_max: {memory_max}
providers:
  hung: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-5.2}}
  spun: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-5.1}}
  other: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
defaults: {{chat: other}}
"""
NAMES = ("hung", "spun", "other")
FOREVER = "Hello [[simulate silence where=middle after=3]]"
A_WHILE = "Hello [[simulate silence where=middle after=3 seconds=1.5]]"
FOUND_WITHIN_S = BEAT_SILENCE_S + 2.0


@pytest.fixture(scope="module")
def rogues(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A gateway whose workers misbehave on demand."""
    made = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root, memory_max=MEMORY_MAX))
    made.serve_words = ("-m", "tests.rogue.serve")
    with made.serving():
        made.store_keys(NAMES)
        yield made


@pytest.fixture(autouse=True)
def _as_found(rogues: Installation) -> Iterator[None]:
    """Earlier deaths are forgiven; after each test all providers answer, and only those hurt have other workers."""
    for name in NAMES:
        rogues.control("worker.start", provider=name)
    rogues.wait_ready(*NAMES)
    other = rogues.workers()["other"]
    yield
    rogues.wait_ready(*NAMES)
    with rogues.client() as client:
        for name in NAMES:
            assert client.chat("Hello", provider=name, fallback="none").provider == name
    assert rogues.workers()["other"] == other
    assert "fault in" not in rogues.gateway.log


def test_workers_that_hang_and_spin_are_killed_after_five_seconds_and_their_calls_end(rogues: Installation) -> None:
    pids, seen = rogues.workers(), len(rogues.gateway.lines)
    with rogues.client() as client, rogues.client() as second:
        hung = client.stream(FOREVER, provider="hung", fallback="none")
        spun = second.stream(FOREVER, provider="spun", fallback="none")
        with hung as hung_events, spun as spun_events:
            next(hung_events)
            next(spun_events)
            struck_at = monotonic()
            os.kill(pids["hung"], signal.SIGSTOP)
            SPIN.have_done(pids["spun"])
            for events in (hung_events, spun_events):
                with pytest.raises(WorkerLostError) as caught:
                    list(events)
                assert caught.value.billed_maybe
    for name in ("hung", "spun"):
        _, at = rogues.gateway.wait_line(rf"provider {name}: ready -> \w+ \(silent for 5 s\)", seen)
        assert BEAT_SILENCE_S - 1.1 <= at - struck_at <= FOUND_WITHIN_S
        assert wait_gone(pids[name])


def test_a_call_at_a_hung_worker_that_was_not_sent_moves_on(rogues: Installation) -> None:
    os.kill(rogues.workers()["hung"], signal.SIGSTOP)
    with rogues.client() as client:
        reply = client.chat("Hello", provider="hung")
    assert [(each.provider, each.outcome, each.billed_maybe) for each in reply.attempts] == [
        ("hung", "worker_lost", False), ("other", "answered", False),
    ]  # fmt: skip


def test_a_leaking_worker_is_drained_and_replaced_without_a_cut(rogues: Installation) -> None:
    before, seen = rogues.worker("hung"), len(rogues.gateway.lines)
    with rogues.client() as client, client.stream(A_WHILE, provider="hung", fallback="none") as events:
        next(events)
        LEAK.have_done(before["pid"])
        rogues.wait_other("hung", before["pid"])
        assert client.chat("Hello", provider="hung", fallback="none").text, "its successor answers meanwhile"
        assert list(events), "the open stream goes on"
        assert events.reply().finish_reason == "stop"
    assert wait_gone(before["pid"])
    rogues.gateway.wait_line(r"provider hung: its worker is replaced: memory over its cap \(1\d\d of 128 MiB\)", seen)
    now = rogues.worker("hung")
    assert now["restarts"] == before["restarts"] + 1
    assert now["last_exit"].startswith("memory over its cap")
    assert now["rss_bytes"] < now["memory_max_bytes"] == 128 * 2**20
    assert "memory over its cap" in rogues.kruxos.well("worker", "list")
    told = json.loads(rogues.kruxos.well("events", "--json"))["events"]
    (event,) = (each for each in told if each["kind"] == "memory")
    assert (event["subject"], event["reason"]) == ("hung", now["last_exit"])


def test_one_that_takes_all_memory_is_killed_or_gets_no_more_of_it(rogues: Installation) -> None:
    pid, seen = rogues.workers()["hung"], len(rogues.gateway.lines)
    with rogues.client() as client, client.stream(FOREVER, provider="hung", fallback="none") as events:
        next(events)
        FLOOD.have_done(pid)
        with pytest.raises(WorkerLostError):
            list(events)
    rogues.gateway.wait_line(r"provider hung: \w+ -> \w+ \(memory over its cap \(\d+ of 128 MiB\)\)", seen)


@pytest.mark.parametrize("deed", GARBAGE, ids=[deed.name for deed in GARBAGE])
def test_a_worker_that_sends_garbage_is_killed_and_its_calls_end(rogues: Installation, deed: Deed) -> None:
    pid, seen = rogues.workers()["hung"], len(rogues.gateway.lines)
    with rogues.client() as client, client.stream(FOREVER, provider="hung", fallback="none") as events:
        next(events)
        deed.have_done(pid)
        with pytest.raises(WorkerLostError) as caught:
            list(events)
    assert caught.value.billed_maybe
    assert wait_gone(pid)
    rogues.gateway.wait_line(r"provider hung: ready -> \w+ \((garbage on its link|sent a open frame)", seen)


def test_a_worker_killed_while_it_leaks_changes_nothing_for_its_successor(rogues: Installation) -> None:
    pid, seen = rogues.workers()["hung"], len(rogues.gateway.lines)
    with rogues.client() as client, client.stream(FOREVER, provider="hung", fallback="none") as events:
        next(events)
        LEAK.have_done(pid)
        successor = rogues.wait_other("hung", pid)
        kill(pid)
        with pytest.raises(WorkerLostError):
            list(events)
    assert wait_gone(pid)
    until(lambda: rogues.worker("hung")["draining"] == 0, "the end of the old worker")
    assert rogues.workers()["hung"] == successor
    rogues.gateway.wait_line("its worker is replaced", seen)
