"""The budget of repeats, shared by all calls."""

from __future__ import annotations

from kruxos.cores.policy import RETRY_RESERVE, RETRY_RESERVE_PER_S, RETRY_SHARE, RetryBudget


def test_a_tenth_of_the_calls_may_be_repeated_and_a_small_reserve() -> None:
    budget, repeats = RetryBudget(), 0
    for number in range(1000):
        now = number / 1000
        budget.opened(now)
        repeats += budget.take(now)
    assert 1000 * RETRY_SHARE <= repeats <= 1000 * RETRY_SHARE + RETRY_RESERVE + 1


def test_good_times_save_no_more_than_the_reserve() -> None:
    budget = RetryBudget()
    for number in range(10_000):
        budget.opened(number)
    assert sum(budget.take(10_000) for _ in range(100)) == RETRY_RESERVE


def test_where_calls_are_few_time_fills_the_reserve() -> None:
    budget = RetryBudget()
    budget.opened(0)
    assert sum(budget.take(0) for _ in range(100)) == RETRY_RESERVE
    assert not budget.take(0.5 / RETRY_RESERVE_PER_S)
    assert budget.take(1.1 / RETRY_RESERVE_PER_S)
