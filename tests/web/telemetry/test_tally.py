"""What is counted, and that labels are bounded."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from kruxos.web.telemetry.tally import AGENTS_MAX, MODELS_MAX, OTHER, Histogram, Tally
from tests.web.telemetry.rows import row

WHO = ("code-bot", "claude", "claude-sonnet-4-6")


def test_a_call_is_counted_with_its_tokens_cost_and_attempts() -> None:
    tally = Tally()
    tally.add(row())
    assert tally.calls == {(*WHO, "answered"): 1}
    assert tally.tokens == {
        (*WHO, "uncached_input"): 10, (*WHO, "cache_read"): 300, (*WHO, "cache_write"): 40, (*WHO, "output"): 50,
        (*WHO, "reasoning"): 20,
    }  # fmt: skip
    assert tally.cost == {(*WHO, "USD"): Decimal("0.0012345")}
    assert tally.attempts == {("gpt", "rate_limited"): 1, ("claude", "answered"): 1}
    assert tally.duration[("claude",)].sum == 0.75
    assert tally.overhead[("claude",)].sum == 0.0008


def test_a_call_of_several_steps_is_one_call_whose_tokens_are_added_up() -> None:
    tally = Tally()
    tally.add(row(last=False))
    tally.add(row(step=1))
    assert tally.calls == {(*WHO, "answered"): 1}
    assert tally.tokens[*WHO, "output"] == 100


def test_an_answer_without_a_price_is_counted_apart_and_not_taken_for_nothing() -> None:
    tally = Tally()
    tally.add(row(cost=None))
    tally.add(row(cost=None, outcome="rate_limited"))
    assert tally.unpriced == {("claude",): 1}
    assert not tally.cost


def test_what_may_have_been_billed_is_counted() -> None:
    tally = Tally()
    tally.add(row(billed_maybe=True, outcome="worker_lost"))
    assert tally.billed_maybe == {("claude",): 1}


def test_agents_may_name_any_model_and_the_number_of_labels_stays_bounded() -> None:
    tally = Tally()
    for number in range(2 * MODELS_MAX):
        tally.add(row(model=f"made-up-{number}", agent=f"agent-{number * 3}"))
    assert len({model for _, _, model, _ in tally.calls}) == MODELS_MAX + 1
    assert sum(count for (_, _, model, _), count in tally.calls.items() if model == OTHER) == MODELS_MAX
    assert len({agent for agent, _, _, _ in tally.calls}) <= AGENTS_MAX + 1


@given(st.lists(st.floats(0, 1000)))
def test_each_value_is_in_the_first_bucket_whose_bound_it_does_not_exceed(values: list[float]) -> None:
    histogram = Histogram((0.5, 5.0, 50.0))
    for value in values:
        histogram.add(value)
    expected = [sum(value <= bound for value in values) for bound in (0.5, 5.0, 50.0, float("inf"))]
    assert [count for _, count in histogram.cumulative()] == expected
