"""One call: when a provider is asked again, and who is waited for."""

from __future__ import annotations

from unittest.mock import ANY

from kruxos import wire
from kruxos.cores.call import CALL_WITHIN_S, PATIENCE_S, Call
from kruxos.cores.call_vocabulary import (
    Answered,
    Begin,
    Close,
    Dispatch,
    Lost,
    Sent,
    Terms,
    Tick,
)
from kruxos.cores.routing import Outlook, Plan, Skip
from kruxos.errors import (
    InvalidCredentialsError,
    RateLimitedError,
)
from tests.cores.call_script import FIRST, SECOND, UNIX, Health, begun, call, closing_error, failed
from tests.cores.playbook import Script


def test_the_last_provider_is_tried_again_twice_with_jitter() -> None:
    machine = call(FIRST)
    script = begun(machine)
    script.at(1, failed(RateLimitedError("no"))).gives_nothing()
    assert (machine.state, machine.wake_at) == ("waiting", 1 + 0.5 * 0.5)
    script.at(1.2, Tick()).gives_nothing()
    script.at(1.25, Tick()).gives(Dispatch(FIRST, 598.75, 0.0))
    script.at(2, failed(RateLimitedError("no"))).gives_nothing()
    script.at(3, Tick()).gives(Dispatch(FIRST, 597.0, 0.0))
    error = closing_error(machine.step(failed(RateLimitedError("no")), 4))
    assert error.code == "rate_limited"
    assert len(error.attempts) == 3


def test_nothing_is_repeated_that_may_have_been_paid() -> None:
    machine = call(FIRST)
    begun(machine)
    machine.step(Sent(), 0)
    assert closing_error(machine.step(Lost("killed"), 1)).code == "worker_lost"


def test_a_provider_that_said_when_is_not_asked_before_and_not_waited_for_beyond_the_calls_patience() -> None:
    machine = call(FIRST)
    begun(machine)
    error = closing_error(machine.step(failed(RateLimitedError("no", retry_at=UNIX + 60)), 1))
    assert (error.code, error.retry_at) == ("rate_limited", UNIX + 60)


def test_a_patient_call_waits_until_the_provider_said() -> None:
    machine = call(FIRST, wait_s=90.0)
    script = begun(machine)
    script.at(1, failed(RateLimitedError("no", retry_at=UNIX + 60))).gives_nothing()
    assert machine.wake_at == 60.0
    script.at(60, Tick()).gives(Dispatch(FIRST, 540.0, 30.0))
    close = machine.step(Answered(wire.End(upstream_us=0)), 61)[0]
    assert isinstance(close, Close)
    assert isinstance(close.frame, wire.End)
    assert close.frame.overhead_us == 2_000_000  # the waiting itself is not overhead


def test_a_patient_call_waits_for_a_provider_that_asked_others_to_wait() -> None:
    health = Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 60))
    machine = call(FIRST, health=health, wait_s=90.0)
    script = Script(machine)
    script.at(1, Begin()).gives_nothing()
    assert (machine.state, machine.wake_at) == ("waiting", 60.0)
    script.at(60, Tick()).gives_nothing()  # not quite back yet, by its own clock
    health.standing.clear()
    script.at(60.01, Tick()).gives(Dispatch(FIRST, ANY, ANY))


def test_nobody_is_waited_for_while_another_can_answer() -> None:
    health = Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 60))
    Script(call(health=health, wait_s=90.0)).at(0, Begin()).gives(Dispatch(SECOND, 600.0, 90.0))


def test_of_those_who_may_answer_later_the_first_one_is_waited_for() -> None:
    health = Health(second=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 10))
    machine = call(health=health, wait_s=90.0)
    script = begun(machine)
    script.at(1, failed(RateLimitedError("no", retry_at=UNIX + 60))).gives_nothing()
    assert (machine.state, machine.wake_at) == ("waiting", 10.0)
    health.standing.clear()
    script.at(10, Tick()).gives(Dispatch(SECOND, 590.0, 80.0))


def test_a_repeat_needs_the_gateways_budget() -> None:
    machine = call(FIRST)
    machine.budget.left = 0.0
    begun(machine)
    assert closing_error(machine.step(failed(RateLimitedError("no")), 1)).code == "rate_limited"


def test_a_repeat_that_comes_when_the_provider_said_needs_no_budget() -> None:
    machine = call(FIRST, wait_s=90.0)
    machine.budget.left = 0.0
    script = begun(machine)
    script.at(1, failed(RateLimitedError("no", retry_at=UNIX + 60))).gives_nothing()
    script.at(60, Tick()).gives(Dispatch(FIRST, 540.0, 30.0))


def test_another_provider_is_no_repeat() -> None:
    machine = call()
    machine.budget.left = 0.0
    begun(machine).at(1, failed(RateLimitedError("no"))).gives(Dispatch(SECOND, 599.0, 0.0))


def test_a_call_that_does_not_say_how_long_it_may_wait_waits_little_while_another_can_answer() -> None:
    terms = Terms("call_1", Plan((FIRST, SECOND)), stream=True, deadline_at=CALL_WITHIN_S, wait_until=None)
    script = Script(Call(terms, Health(), lambda: 0.5, 0.0))
    script.at(0, Begin()).gives(Dispatch(FIRST, 600.0, PATIENCE_S))
    script.at(1, failed(RateLimitedError("no"))).gives(Dispatch(SECOND, 599.0, None))


def test_all_out_tells_each_cause_once_and_the_earliest_time_still_to_come() -> None:
    machine = call(wait_s=20.0)
    script = begun(machine)
    script.at(1, failed(RateLimitedError("no", retry_at=UNIX + 3))).gives(Dispatch(SECOND, 599.0, 19.0))
    script.at(2, failed(InvalidCredentialsError("wrong key"))).gives_nothing()
    script.at(3, Tick()).gives(Dispatch(FIRST, 597.0, 17.0))
    error = closing_error(machine.step(failed(RateLimitedError("no", retry_at=UNIX + 70)), 4))
    assert error.message == "no provider could answer (first: rate_limited; second: invalid_credentials)"
    assert error.retry_at == UNIX + 70


def test_a_wait_that_cannot_help_is_not_begun() -> None:
    health = Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 60))
    assert closing_error(call(FIRST, health=health, wait_s=50.0).step(Begin(), 0)).code == "rate_limited"
    health = Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 700))
    assert closing_error(call(FIRST, health=health, wait_s=900.0).step(Begin(), 0)).code == "rate_limited"


def test_providers_that_the_agent_forbids_do_not_hide_the_one_cause() -> None:
    forbidden = (Skip("second", None, "forbidden", "the agent's calls do not fall back"),)
    machine = call(FIRST, skipped=forbidden)
    begun(machine)
    error = closing_error(machine.step(failed(InvalidCredentialsError("wrong key")), 1))
    assert error.code == "invalid_credentials"
    assert [attempt.outcome for attempt in error.attempts] == ["forbidden", "invalid_credentials"]
    health = Health(first=Outlook("cooling", "rate_limited", "asked to wait", UNIX + 50))
    error = closing_error(call(FIRST, skipped=forbidden, health=health).step(Begin(), 0))
    assert (error.code, error.retry_at) == ("rate_limited", UNIX + 50)
