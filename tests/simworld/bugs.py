"""Planted bugs: each breaks one promise of the cores, and the judges must notice.

``PLANTED`` names each with the function that plants it, and the rules of which one has to speak up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kruxos import wire
from kruxos.cores import call_vocabulary as words
from kruxos.cores import outbox, routing
from kruxos.cores.call import Call
from kruxos.cores.calls import CallTable, Running
from kruxos.cores.children import Worker
from kruxos.cores.dispatching import Desk
from kruxos.cores.idempotency import Idempotency
from kruxos.errors import KruxosError
from kruxos_workers.limits.cooling import Cooling
from kruxos_workers.limits.limits import Limits
from tests.simworld.checkers import judge
from tests.simworld.story import tell

Patch = pytest.MonkeyPatch


def retry_after_commit(patch: Patch) -> None:
    def interrupted(self: Call, error: KruxosError, frame: wire.Error, now: float) -> list[words.Command]:
        return self._move_on(error, now, repeatable=False)

    patch.setattr(Call, "_interrupted", interrupted)


def deliver_twice(patch: Patch) -> None:
    deliver = CallTable._deliver

    def twice(self: CallTable, running: Running, body: bytes) -> None:
        deliver(self, running, body)
        deliver(self, running, body)

    patch.setattr(CallTable, "_deliver", twice)


def never_release_a_key(patch: Patch) -> None:
    patch.setattr(Idempotency, "release", lambda *_: None)


def fall_back_off_the_machine(patch: Patch) -> None:
    patch.setattr(routing, "_barred", lambda *_: None)


def lose_the_last_word_on_a_crash(patch: Patch) -> None:
    patch.setattr(Desk, "lose", staticmethod(lambda *_: None))


def wait_without_bound(patch: Patch) -> None:
    begin = Call.__post_init__

    def patient(self: Call) -> None:
        self.terms = replace(self.terms, deadline_at=self.terms.deadline_at + 3600.0)
        begin(self)

    patch.setattr(Call, "__post_init__", patient)


def ignore_cooldowns(patch: Patch) -> None:
    patch.setattr(Cooling, "failed", lambda *_, **__: False)


def mix_up_the_order(patch: Patch) -> None:
    def put_events(self: outbox.Outbox, number: int, body: bytes) -> bool:
        self._waiting(number).bodies.insert(0, body)
        self._waiting(number).bytes += len(body)
        self.queued_bytes += len(body)
        return False

    patch.setattr(outbox.Outbox, "put_events", put_events)


def never_end_a_probe(patch: Patch) -> None:
    patch.setattr(Cooling, "leave", lambda *_: None)


def repeat_what_may_be_paid(patch: Patch) -> None:
    failed = Call._failed

    def careless(self: Call, frame: wire.Error, candidate: routing.Candidate, now: float) -> list[words.Command]:
        self.terms = replace(self.terms, at_most_once=False)
        return failed(self, frame, candidate, now)

    patch.setattr(Call, "_failed", careless)


def believe_a_given_up_call_was_not_sent(patch: Patch) -> None:
    def stop(self: Call, error: KruxosError, now: float) -> list[words.Command]:
        if self.candidate is None:
            return self._close_with(error, now)
        self._stop_error = error
        return [words.CancelAttempt(self.candidate.provider), self._close_stopped(now)]

    patch.setattr(Call, "_stop", stop)


def forget_keys_in_a_crash(patch: Patch) -> None:
    patch.setattr(Idempotency, "remember", lambda *_: None)


def let_old_answers_end_a_cooldown(patch: Patch) -> None:
    worked = Limits.worked

    def any_answer(self: Limits, call_id: int, tokens: int | None, now: float) -> None:
        for place in self.places.values():
            place.since = float("-inf")
        worked(self, call_id, tokens, now)

    patch.setattr(Limits, "worked", any_answer)


def trust_the_silent(patch: Patch) -> None:
    patch.setattr(Worker, "overdue", lambda *_: None)


def leave_calls_waiting_for_the_stopped(patch: Patch) -> None:
    announced = Desk.announced

    def silent(self: Desk[Any], change: Any) -> None:
        waiting, self.waiting = self.waiting, {}
        announced(self, change)
        self.waiting = waiting

    patch.setattr(Desk, "announced", silent)


def wait_as_long_as_those_before(patch: Patch) -> None:
    patch.setattr(Limits, "_overdue", lambda *_: [])


@dataclass(frozen=True, slots=True)
class Bug:
    """``rules``: one of these judges has to notice."""

    plant: Callable[[Patch], None]
    rules: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.plant.__name__


PLANTED = (
    Bug(retry_after_commit, ("after_content_nobody_else_is_asked", "nothing_is_lost_repeated_or_out_of_order")),
    Bug(deliver_twice, ("nothing_is_lost_repeated_or_out_of_order",)),
    Bug(never_release_a_key, ("KeyError",)),
    Bug(fall_back_off_the_machine, ("what_must_stay_here_stays_here",)),
    Bug(lose_the_last_word_on_a_crash, ("a_workers_end_is_told_at_once",)),
    Bug(wait_without_bound, ("every_wait_is_bounded",)),
    Bug(ignore_cooldowns, ("a_cooldown_is_obeyed",)),
    Bug(mix_up_the_order, ("nothing_is_lost_repeated_or_out_of_order",)),
    Bug(never_end_a_probe, ("every_provider_answers_again",)),
    Bug(repeat_what_may_be_paid, ("no_key_is_paid_twice",)),
    Bug(believe_a_given_up_call_was_not_sent, ("what_may_have_been_paid_is_labelled", "no_key_is_paid_twice")),
    Bug(forget_keys_in_a_crash, ("no_key_is_paid_twice",)),
    Bug(let_old_answers_end_a_cooldown, ("a_cooldown_is_obeyed",)),
    Bug(trust_the_silent, ("everything_is_at_rest", "every_provider_answers_again")),
    Bug(leave_calls_waiting_for_the_stopped, ("nobody_waits_for_what_does_not_come",)),
    Bug(wait_as_long_as_those_before, ("the_gate_keeps_nobody_for_too_long",)),
)


def seeds_until_found(bug: Bug, most: int) -> int | None:
    """How many seeds it takes until one of the bug's own rules speaks up; None: more than ``most``."""
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for seed in range(most):
            try:
                wrong = judge(tell(seed))
            except Exception as fault:  # noqa: BLE001 - a bug may as well break the world
                wrong = [f"{type(fault).__name__}: {fault}"]
            if any(what.startswith(f"{rule}:") for rule in bug.rules for what in wrong):
                return seed + 1
    return None
