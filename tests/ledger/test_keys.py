"""Idempotency keys: one call a key, on the disk before the call."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.ledger.keys import KeyRecord, State
from kruxos.ledger.ledger import Ledger
from tests.ledger.conftest import NOW

ROOT = Path(__file__).parents[2]
CLAIMER = """
import sys
from pathlib import Path
from kruxos.config.directory import DataDirectory
from kruxos.ledger.ledger import Ledger
ledger = Ledger.open(DataDirectory(Path(sys.argv[1])), 0.0)
number = 0
while True:
    number += 1
    assert ledger.keys.claim("a", f"{sys.argv[2]}-{number}", b"d", "c", 0.0) is None
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_the_first_to_claim_a_key_makes_the_call_and_the_others_learn_of_it(ledger: Ledger) -> None:
    assert ledger.keys.claim("a", "k", b"digest", "call-1", NOW) is None
    known = KeyRecord("a", "k", b"digest", "running", "call-1", NOW)
    assert ledger.keys.claim("a", "k", b"other", "call-2", NOW + 1) == known
    assert ledger.keys.claim("b", "k", b"other", "call-3", NOW + 1) is None, "a key belongs to its agent"


def test_of_many_at_once_one_gets_the_key(ledger: Ledger) -> None:
    def claim(number: int) -> KeyRecord | None:
        return ledger.keys.claim("a", "k", b"d", f"call-{number}", NOW)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(claim, range(32)))
    assert answers.count(None) == 1
    winner = f"call-{answers.index(None)}"
    assert {answer.call_id for answer in answers if answer is not None} == {winner}


@pytest.mark.parametrize("state", ["answered", "failed", "outcome_unknown"])
def test_a_settled_key_tells_how_it_ended(ledger: Ledger, state: State) -> None:
    ledger.keys.claim("a", "k", b"d", "call-1", NOW)
    ledger.keys.settle("a", "k", state)
    found = ledger.keys.claim("a", "k", b"d", "call-2", NOW)
    assert found is not None
    assert (found.state, found.call_id) == (state, "call-1")


def test_a_key_for_which_nothing_was_sent_is_free_again(ledger: Ledger) -> None:
    ledger.keys.claim("a", "k", b"d", "call-1", NOW)
    ledger.keys.release("a", "k")
    assert ledger.keys.claim("a", "k", b"d", "call-2", NOW) is None


def test_after_a_crash_a_running_call_has_an_unknown_outcome(data: DataDirectory, ledger: Ledger) -> None:
    ledger.keys.claim("a", "ran", b"d", "call-1", NOW)
    ledger.keys.claim("a", "done", b"d", "call-2", NOW)
    ledger.keys.settle("a", "done", "answered")
    with Ledger.open(data, NOW) as again:
        assert again.keys.give_up_running() == 1
        states = {key: again.keys.claim("a", key, b"d", "call-3", NOW) for key in ("ran", "done")}
    assert {key: record and record.state for key, record in states.items()} == {
        "ran": "outcome_unknown", "done": "answered",
    }  # fmt: skip


def test_a_gateway_that_starts_learns_the_keys_since_a_time(ledger: Ledger) -> None:
    for key, at in (("c", NOW + 2), ("a", NOW), ("b", NOW + 1)):
        ledger.keys.claim("a", key, b"d", f"call-{key}", at)
    assert ledger.keys.since(NOW + 1) == [
        KeyRecord("a", "b", b"d", "running", "call-b", NOW + 1),
        KeyRecord("a", "c", b"d", "running", "call-c", NOW + 2),
    ]


def test_old_keys_are_forgotten_but_not_those_still_running(ledger: Ledger) -> None:
    for key, at in (("old", NOW), ("running", NOW), ("new", NOW + 10)):
        ledger.keys.claim("a", key, b"d", key, at)
    for key in ("old", "new"):
        ledger.keys.settle("a", key, "answered")
    assert ledger.keys.expire(NOW + 5) == 1
    assert ledger.keys.claim("a", "old", b"d", "again", NOW) is None
    assert ledger.keys.claim("a", "running", b"d", "again", NOW) is not None
    assert ledger.keys.claim("a", "new", b"d", "again", NOW) is not None


@pytest.mark.real
def test_a_claim_that_was_told_is_there_after_a_kill(data: DataDirectory) -> None:
    for attempt in range(4):
        command = [sys.executable, "-c", CLAIMER, str(data.root), str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(1 + 3 * attempt)]
            process.kill()
            told += [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
        with Ledger.open(data, NOW) as ledger:
            assert ledger.notice == ""
            assert all(ledger.keys.claim("a", f"{attempt}-{number}", b"d", "x", NOW) for number in told)
