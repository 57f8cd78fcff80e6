"""The life of a batch at its provider, told as scripts: what is done next, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores import batches
from kruxos.cores.batches import (
    GIVE_UP_S,
    LOOK_FOR_S,
    LOOK_ON_FOR_S,
    LOOKS_MIN,
    WINDOW_S,
    Ask,
    Become,
    CancelTaken,
    Collected,
    Failed,
    Heard,
    NotFound,
    Over,
    Part,
    Seen,
    Uploaded,
    Wait,
    heard,
    overall,
    plan,
    recovered,
)

NEW = Part("batch_1", 0, "kx1-p0", 0, 10, 0, 1000, created_at=100.0, uploads=True)
RUNNING = replace(NEW, state="in_progress", upstream="b", submitted_at=100.0)
LOST = Failed("worker_lost", "killed", "never_sent")


def become(part: Part, now: float = 100.0) -> Part:
    move = plan(part, now)
    assert isinstance(move, Become)
    return move.part


def test_a_batch_goes_up_is_made_polled_collected_and_done() -> None:
    uploading = become(NEW)
    assert (uploading.state, plan(uploading, 100.0)) == ("uploading", Ask("upload"))
    uploaded = heard(uploading, "upload", Uploaded("file-1"), 101.0, 0.0)
    submitting = become(uploaded, 101.0)
    assert (submitting.state, submitting.submitted_at) == ("submitting", 101.0)
    assert plan(submitting, 101.0) == Ask("create")
    running = heard(submitting, "create", Seen("batch-9", expires_at=900.0), 102.0, 0.0)
    assert (running.state, running.upstream, running.expires_at) == ("in_progress", "batch-9", 900.0)
    assert isinstance(plan(running, 102.0), Wait)
    assert plan(running, running.next_at) == Ask("poll")
    ended = heard(running, "poll", Seen("batch-9", "completed", ("/out",), 9, 1), 200.0, 0.0)
    assert (ended.state, plan(ended, 200.0)) == ("collecting", Ask("collect"))
    done = heard(ended, "collect", Collected(9, 1), 201.0, 0.0)
    assert (done.state, done.succeeded, done.failed, plan(done, 201.0)) == ("done", 9, 1, Over())


def test_being_submitted_is_written_down_before_anything_is_asked() -> None:
    move = plan(replace(NEW, uploads=False), 100.0)
    assert isinstance(move, Become)
    assert move.part.state == "submitting"


def test_a_post_that_nobody_heard_the_end_of_is_matched_and_never_sent_again() -> None:
    found = recovered(replace(NEW, state="submitting", submitted_at=100.0))
    assert (found.state, plan(found, 100.0)) == ("matching", Ask("match"))


@pytest.mark.parametrize("state", [each for each in get_args(batches.State) if each != "submitting"])
def test_every_other_state_is_gone_on_with_as_it_was(state: batches.State) -> None:
    assert recovered(replace(NEW, state=state)).state == state


@pytest.mark.parametrize(
    ("failure", "code", "state"),
    [
        ("never_sent", "worker_lost", "accepted"),
        ("refused", "rate_limited", "accepted"),
        ("refused", "invalid_credentials", "accepted"),
        ("refused", "too_large", "failed"),
        ("ambiguous", "provider_failed", "matching"),
        ("ambiguous", "bad_request", "matching"),
    ],
)
def test_what_becomes_of_a_post_that_failed(failure: str, code: str, state: str) -> None:
    submitting = replace(NEW, state="submitting", submitted_at=100.0)
    after = heard(submitting, "create", Failed(code, "why", failure), 101.0, 0.0)
    assert (after.state, after.problem) == (state, "why")


def test_a_lost_batch_is_looked_for_often_enough_before_its_outcome_is_unknown() -> None:
    part, now = replace(NEW, state="matching", submitted_at=100.0), 100.0
    for _ in range(LOOKS_MIN + int(LOOK_FOR_S)):
        part = heard(part, "match", NotFound(), now, 0.0)
        if part.state == "outcome_unknown":
            break
        now = part.next_at
    assert part.state == "outcome_unknown"
    assert part.looks >= LOOKS_MIN
    assert now - 100.0 >= LOOK_FOR_S
    assert plan(part, part.next_at) == Ask("match")
    assert heard(part, "match", Seen("late"), part.next_at, 0.0).state == "in_progress"
    assert plan(part, 100.0 + LOOK_ON_FOR_S + 1) == Over()


def test_a_batch_that_may_be_ours_keeps_the_search_going() -> None:
    part = replace(NEW, state="matching", submitted_at=100.0, looks=50)
    assert heard(part, "match", NotFound(maybe=True), 100.0 + 20 * LOOK_FOR_S, 0.0).state == "matching"


def test_an_unknown_outcome_that_is_given_up_is_cancelled_and_says_so() -> None:
    part = become(replace(NEW, state="outcome_unknown", cancel_wanted=True, submitted_at=100.0))
    assert part.state == "cancelled"
    assert "unknown" in part.problem


def test_a_batch_that_was_not_sent_is_cancelled_at_once() -> None:
    assert become(replace(NEW, cancel_wanted=True)).state == "cancelled"
    assert become(replace(NEW, state="uploading", cancel_wanted=True)).state == "cancelled"


def test_cancelling_at_the_provider_does_not_wait_for_the_next_poll() -> None:
    wanted = replace(RUNNING, cancel_wanted=True, next_at=1e9)
    assert plan(wanted, 101.0) == Ask("cancel")
    sent = heard(wanted, "cancel", CancelTaken(), 101.0, 0.0)
    assert sent.cancel_sent
    assert plan(sent, sent.next_at) == Ask("poll")
    ended = heard(sent, "poll", Seen("b", "cancelled", ("/out",)), 110.0, 0.0)
    assert heard(ended, "collect", Collected(3, 7), 111.0, 0.0).state == "cancelled"


def test_a_cancellation_that_comes_too_late_goes_on_to_the_results() -> None:
    late = heard(replace(RUNNING, cancel_wanted=True), "cancel", Failed("bad_request", "over"), 101.0, 0.0)
    assert plan(late, 101.0) == Ask("poll")


def test_polls_become_seldom_and_never_too_seldom() -> None:
    pauses = []
    for age_s in (0.0, 600.0, 3600.0, 80_000.0):
        after = heard(RUNNING, "poll", Seen("b"), 100.0 + age_s, 0.0)
        pauses.append(after.next_at - 100.0 - age_s)
    assert pauses == sorted(pauses)
    assert pauses[0] == batches.POLL_FIRST_S
    assert pauses[-1] == batches.POLL_LONGEST_S


def test_a_batch_that_cannot_be_submitted_for_a_day_has_failed() -> None:
    assert become(NEW, NEW.created_at + WINDOW_S + 1).state == "failed"


def test_a_batch_that_cannot_be_collected_is_given_up_when_no_provider_keeps_it() -> None:
    for state in ("in_progress", "collecting"):
        assert become(replace(RUNNING, state=state), 101.0 + GIVE_UP_S).state == "failed"


def test_the_worst_part_names_the_whole() -> None:
    done, expired = replace(NEW, state="done"), replace(NEW, state="expired")
    assert overall([done, done]) == "done"
    assert overall([done, expired]) == "expired"
    assert overall([done, RUNNING]) == "in_progress"
    assert overall([RUNNING, replace(NEW, state="outcome_unknown")]) == "outcome_unknown"


OPS: dict[batches.State, batches.Op] = {"uploading": "upload", "submitting": "create", "matching": "match"}
ANSWERS: dict[batches.Op, list[Heard]] = {
    "upload": [Uploaded("f")],
    "create": [Seen("b"), Seen("b", "completed", ("/o",))],
    "match": [NotFound(), NotFound(maybe=True), Seen("b")],
    "poll": [Seen("b"), Seen("b", "expired", ("/o",)), Seen("b", "failed")],
    "cancel": [CancelTaken()],
    "collect": [Collected(1, 9)],
}
FAILURES = st.sampled_from([
    Failed("worker_lost", "", "never_sent"), Failed("worker_lost", "", "ambiguous"), Failed("rate_limited", ""),
    Failed("bad_request", ""), Failed("invalid_credentials", ""),
])  # fmt: skip


@given(st.data())
def test_no_history_makes_a_batch_twice(data: st.DataObject) -> None:
    """A second POST comes only after a first one that was never sent or cleanly refused; and every history ends."""
    part, now, may_be_made = replace(NEW, uploads=data.draw(st.booleans())), 100.0, False
    for _ in range(200):
        match plan(part, now):
            case Over():
                return
            case Wait(until):
                now = until
            case Become(changed):
                part = changed
            case Ask(op):
                if op == "create":
                    assert not may_be_made
                    if data.draw(st.booleans(), label="crash"):
                        part, may_be_made = recovered(part), True
                        continue
                what = data.draw(st.one_of(st.sampled_from(ANSWERS[op]), FAILURES))
                if op == "create":
                    may_be_made = not isinstance(what, Failed) or what.failure == "ambiguous"
                part = heard(part, op, what, now, data.draw(st.floats(0, 1)))
        if data.draw(st.booleans(), label="cancel"):
            part = replace(part, cancel_wanted=True)
        now += data.draw(st.floats(0, 50_000))
