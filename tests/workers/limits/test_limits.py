"""Who may ask the provider, as a script of calls and answers. Times are seconds from a moment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import errors
from kruxos_workers.limits import Admitted, Ask, Configured, Limits, Refused, Waiting
from kruxos_workers.limits.cooling import BACKOFF_MAX_S, COOLING_MAX_S, FAILURES_IN_A_ROW
from kruxos_workers.limits.limits import WAITING_MAX
from kruxos_workers.limits.waiting import PATIENCE_S, PLACE_WITHIN_S
from kruxos_workers.limits.window import FIRST


def limits_of(**configured: int) -> Limits:
    limits = Limits(lambda: 1.0, Configured(**configured))
    limits.restore({}, 0.0)
    return limits


def ask(number: int, agent: str = "a", model: str = "m", **more: Any) -> Ask:
    return Ask(number, agent, model, **more)


def refused(limits: Limits, asked: Ask, now: float) -> errors.KruxosError:
    verdict = limits.ask(asked, now)
    assert isinstance(verdict, Refused)
    return verdict.error


def fail(limits: Limits, error: errors.KruxosError, now: float, number: int = 99, model: str = "m") -> None:
    assert limits.ask(ask(number, model=model), now) == Admitted(number)
    limits.failed(number, error, now)


class TestCooling:
    def test_a_provider_that_says_when_is_left_alone_until_then(self) -> None:
        limits = limits_of()
        fail(limits, errors.RateLimitedError("no", retry_at=130.0), 100.0)
        error = refused(limits, ask(1), 101.0)
        assert (error.code, error.retry_at) == ("rate_limited", 130.0)
        assert limits.news
        assert limits.cooling(101.0) == (130.0, "rate_limited")
        assert limits.ask(ask(2), 130.0) == Admitted(2)

    def test_a_rate_limit_is_the_models_a_quota_the_providers(self) -> None:
        limits = limits_of()
        fail(limits, errors.RateLimitedError("no", retry_at=130.0), 100.0)
        assert limits.ask(ask(1, model="other"), 101.0) == Admitted(1)
        limits.failed(1, errors.QuotaExhaustedError("daily", retry_at=5000.0), 101.0)
        assert refused(limits, ask(2, model="third"), 102.0).code == "quota_exhausted"

    def test_a_patient_call_waits_and_one_call_tries_before_the_others(self) -> None:
        limits = limits_of()
        fail(limits, errors.RateLimitedError("no", retry_at=130.0), 100.0)
        for number in (1, 2):
            assert limits.ask(ask(number, wait_s=60.0), 101.0) == Waiting(number)
        assert limits.next_wake(101.0) == 130.0
        assert limits.verdicts(129.0) == []
        assert limits.verdicts(130.0) == [Admitted(1)]
        limits.worked(1, None, 131.0)
        assert limits.verdicts(131.0) == [Admitted(2)]
        assert limits.cooling(131.0) is None

    def test_a_probe_that_fails_makes_the_others_wait_longer(self) -> None:
        limits = limits_of()
        fail(limits, errors.ProviderOverloadedError("busy"), 100.0)
        first = limits.cooling(100.0)
        assert first is not None
        assert limits.ask(ask(1), first[0]) == Admitted(1)
        limits.failed(1, errors.ProviderFailedError("500"), first[0])
        second = limits.cooling(first[0])
        assert second is not None
        assert second[0] - first[0] > first[0] - 100.0

    def test_failures_in_a_row_make_it_cool_and_one_success_forgets_them(self) -> None:
        limits = limits_of()
        for number in range(FAILURES_IN_A_ROW - 1):
            fail(limits, errors.ProviderFailedError("500"), 100.0, number)
        assert limits.ask(ask(50), 100.0) == Admitted(50)
        limits.worked(50, None, 100.0)
        for number in range(FAILURES_IN_A_ROW - 1):
            fail(limits, errors.ProviderFailedError("500"), 101.0, number)
        assert limits.cooling(101.0) is None
        fail(limits, errors.ProviderTimeoutError("late"), 101.0)
        assert limits.cooling(101.0) is not None

    def test_pauses_are_bounded(self) -> None:
        limits, now = limits_of(), 0.0
        for number in range(20):
            fail(limits, errors.ProviderOverloadedError("busy"), now, number)
            cooling = limits.cooling(now)
            assert cooling is not None
            assert 0 < cooling[0] - now <= BACKOFF_MAX_S
            now = cooling[0]
        fail(limits, errors.RateLimitedError("next year", retry_at=now + 400 * 86_400), now)
        assert limits.cooling(now) == (now + COOLING_MAX_S, "rate_limited")

    def test_a_callers_mistake_and_a_cancelled_probe_teach_nothing(self) -> None:
        limits = limits_of()
        fail(limits, errors.BadRequestError("no"), 100.0)
        assert limits.cooling(100.0) is None
        fail(limits, errors.RateLimitedError("no", retry_at=101.0), 100.0)
        assert limits.ask(ask(1), 102.0) == Admitted(1)
        limits.left(1)
        assert limits.ask(ask(2), 102.0) == Admitted(2)

    def test_calls_that_were_under_way_when_it_began_count_once(self) -> None:
        limits = limits_of()
        for number in range(8):
            assert limits.ask(ask(number), 100.0) == Admitted(number)
        for number in range(8):
            limits.failed(number, errors.ProviderOverloadedError("busy"), 100.5)
        cooling = limits.cooling(100.5)
        assert cooling is not None
        assert cooling[0] - 100.5 <= 2.0

    def test_an_answer_to_a_call_from_before_it_began_does_not_end_it(self) -> None:
        limits = limits_of()
        assert limits.ask(ask(1), 99.0) == Admitted(1)
        fail(limits, errors.RateLimitedError("no", retry_at=130.0), 100.0)
        limits.worked(1, None, 101.0)
        assert limits.cooling(101.0) == (130.0, "rate_limited")


class TestKnownLimits:
    def heard(self, limits: Limits, remaining: int, reset: str, now: float = 0.0) -> None:
        assert limits.ask(ask(99), now) == Admitted(99)
        limits.heard(99, {
            "x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": str(remaining),
            "x-ratelimit-reset-requests": reset,
        }, now)  # fmt: skip
        limits.worked(99, None, now)

    def test_what_the_provider_says_is_left_is_kept_to(self) -> None:
        limits = limits_of()
        self.heard(limits, 2, "80s")
        assert [limits.ask(ask(number), 0.0) for number in (1, 2)] == [Admitted(1), Admitted(2)]
        error = refused(limits, ask(3), 0.0)
        assert (error.code, error.retry_at) == ("rate_limited", 10.0)
        assert limits.ask(ask(4, wait_s=20.0), 0.0) == Waiting(4)
        assert limits.verdicts(10.0) == [Admitted(4)]

    def test_a_short_wait_is_waited(self) -> None:
        limits = limits_of()
        self.heard(limits, 0, "8s")
        assert limits.ask(ask(1), 0.0) == Waiting(1)
        assert limits.next_wake(0.0) == pytest.approx(0.8)
        assert limits.verdicts(PATIENCE_S) == [Admitted(1)]

    def test_calls_on_their_way_are_not_counted_as_free(self) -> None:
        limits = limits_of()
        for number in (1, 2):
            limits.ask(ask(number), 0.0)
        self.heard(limits, 3, "70s")  # 1 and 2 may not be in it
        assert limits.ask(ask(3), 0.0) == Admitted(3)
        assert isinstance(limits.ask(ask(4), 0.0), Refused)

    def test_a_big_call_is_not_overtaken_by_small_ones_of_others(self) -> None:
        limits = limits_of(tokens_per_minute=600)
        assert limits.ask(ask(1, tokens=600), 0.0) == Admitted(1)
        assert limits.ask(ask(2, "big", tokens=300, wait_s=60), 0.0) == Waiting(2)
        assert limits.ask(ask(3, "small", tokens=10, wait_s=60), 0.0) == Waiting(3)
        assert limits.verdicts(10.0) == []
        assert limits.verdicts(30.0) == [Admitted(2)]

    def test_configured_tokens_are_settled_with_what_was_used(self) -> None:
        limits = limits_of(tokens_per_minute=600)
        limits.ask(ask(1, tokens=100), 0.0)
        limits.worked(1, 600, 0.0)
        assert isinstance(limits.ask(ask(2, tokens=1), 0.0), Waiting)
        assert isinstance(limits.ask(ask(3, tokens=100), 0.0), Refused)

    def test_configured_requests_are_kept_to(self) -> None:
        limits = limits_of(requests_per_minute=2)
        assert [type(limits.ask(ask(number), 0.0)) for number in range(3)] == [Admitted, Admitted, Refused]


class TestWindow:
    def test_only_so_many_are_under_way_and_agents_take_turns(self) -> None:
        limits = limits_of(concurrency=1)
        assert limits.ask(ask(1), 0.0) == Admitted(1)
        for number in (2, 3, 4):
            assert limits.ask(ask(number, "greedy"), 0.0) == Waiting(number)
        assert limits.ask(ask(5, "modest"), 0.0) == Waiting(5)
        order = [1]
        for _ in range(4):
            limits.worked(order[-1], None, 1.0)
            (verdict,) = limits.verdicts(1.0)
            order.append(verdict.id)
        assert order == [1, 2, 5, 3, 4]

    def test_whoever_waits_too_long_for_a_place_is_refused(self) -> None:
        limits = limits_of(concurrency=1)
        limits.ask(ask(1), 0.0)
        assert limits.ask(ask(2), 0.0) == Waiting(2)
        assert limits.next_wake(0.0) == PLACE_WITHIN_S
        (verdict,) = limits.verdicts(PLACE_WITHIN_S)
        assert isinstance(verdict, Refused)
        assert isinstance(limits.ask(ask(3, wait_s=0.0), 0.0), Refused)

    def test_whoever_stands_behind_a_more_patient_one_does_not_wait_as_long(self) -> None:
        limits = limits_of(concurrency=1)
        limits.ask(ask(1), 0.0)
        assert limits.ask(ask(2, wait_s=20.0), 0.0) == Waiting(2)
        assert limits.ask(ask(3, wait_s=0.5), 0.0) == Waiting(3)
        assert limits.next_wake(0.0) == 0.5
        (verdict,) = limits.verdicts(0.5)
        assert isinstance(verdict, Refused)
        assert verdict.id == 3
        assert limits.next_wake(0.5) == 20.0

    def test_it_shrinks_once_for_those_under_way_and_grows_when_it_holds_back(self) -> None:
        limits = limits_of()
        for number in range(30):
            limits.ask(ask(number), 0.0)
        for number in range(10):
            limits.failed(number, errors.ProviderOverloadedError("busy", retry_at=0.1), 0.05)
        assert limits.window.calls == 20
        for number in range(10, 30):
            limits.worked(number, None, 1.0)
        shrunk = limits.window.size
        now = 2.0
        assert limits.ask(ask(999), now) == Admitted(999)  # the probe
        limits.worked(999, None, now)
        for turn in range(10):
            batch = range(100 * turn, 100 * turn + limits.window.calls)
            for number in batch:
                assert limits.ask(ask(1000 + number), now) == Admitted(1000 + number)
            for number in batch:
                limits.worked(1000 + number, None, now)
        assert limits.window.size > shrunk

    def test_a_rate_limit_that_names_its_end_is_not_one_of_calls_at_once(self) -> None:
        limits = limits_of()
        fail(limits, errors.RateLimitedError("no", retry_at=1.0), 0.0)
        assert limits.window.calls == FIRST
        fail(limits, errors.RateLimitedError("too many at once"), 2.0)
        assert limits.window.calls == 2

    def test_the_queue_is_bounded(self) -> None:
        limits = limits_of(concurrency=1)
        limits.ask(ask(0), 0.0)
        for number in range(1, WAITING_MAX + 1):
            assert limits.ask(ask(number), 0.0) == Waiting(number)
        assert refused(limits, ask(5000), 0.0).retry_at == 1.0

    def test_a_call_that_is_cancelled_while_it_waits_is_gone(self) -> None:
        limits = limits_of(concurrency=1)
        limits.ask(ask(1), 0.0)
        waits = ask(2)
        limits.ask(waits, 0.0)
        limits.cancel(waits)
        limits.worked(1, None, 1.0)
        assert limits.verdicts(1.0) == []
        assert limits.next_wake(1.0) is None


def test_a_successor_knows_what_its_forerunner_knew() -> None:
    limits = limits_of()
    fail(limits, errors.QuotaExhaustedError("no", retry_at=500.0), 100.0)
    state = json.loads(json.dumps(limits.state(101.0)))
    again = Limits(lambda: 1.0)
    again.restore(state, 102.0)
    assert again.cooling(102.0) == (500.0, "quota_exhausted")
    assert again.window.size == limits.window.size
    assert again.state(102.0)["places"] == state["places"]


@pytest.mark.parametrize("state", [{}, {"places": 1, "buckets": [], "window": "x"}, {"places": {"m": {"until": 9e99}}}])
def test_a_state_that_makes_no_sense_is_passed_over(state: dict[str, Any]) -> None:
    limits = Limits(lambda: 1.0)
    limits.restore(state, 0.0)
    assert limits.ask(ask(1), 0.0) == Admitted(1)


FAILURES = [
    errors.RateLimitedError("no", retry_at=50.0), errors.ProviderOverloadedError("busy"),
    errors.ProviderFailedError("500"), errors.BadRequestError("bad"), errors.StreamInterruptedError("cut"),
]  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "work", "fail", "leave", "wait", "cancel"]), st.integers(0, 4), st.floats(0.0, 30.0)
    ),
    max_size=60,
)


class Played:
    """A provider's limits, and the calls that wait and are under way."""

    def __init__(self, places: int) -> None:
        self.limits = limits_of(concurrency=places, requests_per_minute=30)
        self.now, self.number = 0.0, 0
        self.waiting: dict[int, tuple[Ask, float]] = {}
        self.under_way: list[int] = []

    def ask(self, agent: int, wait_s: float) -> None:
        self.number += 1
        asked = ask(self.number, f"agent {agent}", wait_s=wait_s)
        verdict = self.limits.ask(asked, self.now)
        if isinstance(verdict, Admitted):
            self.under_way.append(self.number)
        elif isinstance(verdict, Waiting):
            self.waiting[self.number] = (asked, self.now + wait_s)

    def end(self, what: str, which: int) -> None:
        if not self.under_way:
            return
        call = self.under_way.pop(which % len(self.under_way))
        if what == "work":
            self.limits.worked(call, 10, self.now)
        elif what == "fail":
            self.limits.failed(call, FAILURES[which], self.now)
        else:
            self.limits.left(call)

    def settle(self) -> None:
        for verdict in self.limits.verdicts(self.now):
            self.waiting.pop(verdict.id)
            if isinstance(verdict, Admitted):
                self.under_way.append(verdict.id)
            else:
                assert verdict.error.retry_at is not None
                assert verdict.error.retry_at > self.now


@given(STEPS, st.integers(1, 3))
def test_every_call_gets_one_verdict_within_its_time(steps: list[tuple[str, int, float]], places: int) -> None:
    played = Played(places)
    for what, which, pause_s in steps:
        if what == "ask":
            played.ask(which, pause_s)
        elif what == "wait":
            played.now += pause_s
        elif what == "cancel" and played.waiting:
            played.limits.cancel(played.waiting.popitem()[1][0])
        else:
            played.end(what, which)
        played.settle()
        assert len(played.under_way) <= places
        assert all(ends_at >= played.now for _, ends_at in played.waiting.values())
    played.now += 100.0
    played.settle()
    while played.under_way:
        played.end("leave", 0)
        played.settle()
    assert not played.waiting


def test_what_others_on_their_way_may_use_is_summed_as_they_come_and_go() -> None:
    limits = limits_of()
    for number, tokens in enumerate((10, 20, 40)):
        limits.ask(ask(number, tokens=tokens), 0.0)
    limits.left(0)
    limits.heard(1, {
        "x-ratelimit-limit-tokens": "1000", "x-ratelimit-remaining-tokens": "900", "x-ratelimit-reset-tokens": "6s",
    }, 0.0)  # fmt: skip
    ((_, bucket),) = limits.buckets["m"].items()
    assert bucket.available(0.0) == 860
    limits.worked(1, None, 0.0)
    limits.worked(2, None, 0.0)
    assert not limits._unheard


def test_long_answers_open_the_window_as_they_begin_until_the_provider_says_no() -> None:
    limits = limits_of()
    for number in range(int(FIRST) + 36):
        limits.ask(ask(number, wait_s=60.0), 0.0)
    admitted: list[int] = []
    for number in range(int(FIRST)):
        limits.heard(number, {}, 1.0)
        admitted += [verdict.id for verdict in limits.verdicts(1.0)]
    assert admitted == list(range(int(FIRST), int(FIRST) + 36))
    limits.failed(99, errors.ProviderOverloadedError("busy", retry_at=2.1), 2.0)
    shrunk = limits.window.size
    limits.heard(98, {}, 2.0)
    assert limits.window.size == shrunk


def test_a_refusal_does_not_open_the_window() -> None:
    limits = limits_of()
    for number in range(int(FIRST)):
        limits.ask(ask(number), 0.0)
    limits.heard(0, {}, 1.0, accepted=False)
    assert limits.window.calls == FIRST


def test_those_that_did_not_say_are_refused_soon_behind_a_patient_one() -> None:
    limits = limits_of(concurrency=1)
    limits.ask(ask(0), 0.0)
    limits.ask(ask(1, wait_s=600.0), 0.0)
    limits.ask(ask(2), 0.0)
    limits.failed(0, errors.RateLimitedError("no", retry_at=100.0), 5.0)
    assert limits.next_wake(5.0) is not None
    (verdict,) = [*limits.verdicts(5.0), *limits.verdicts(6.1)]
    assert isinstance(verdict, Refused)
    assert verdict.id == 2
