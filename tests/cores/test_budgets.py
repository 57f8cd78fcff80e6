"""Budgets: set aside before a call, settled after it, emptied when their period ends."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores.budgets import Budgets, Charge, Limited, Owner, Refusal, Reservation
from kruxos.cores.calendar import period_at
from kruxos.cores.caps import parse_caps

ZONE = ZoneInfo("Europe/Berlin")
NOON = 1_764_068_400.0
"""2025-11-25 12:00 in Berlin."""
MIDNIGHT = NOON + 12 * 3600


def budgets() -> Budgets:
    return Budgets(lambda period, unix: period_at(period, unix, ZONE))


def limited(*caps: str, owner: Owner = Owner("agent", "a")) -> tuple[Limited, ...]:  # noqa: B008 - frozen
    return (Limited(owner, parse_caps(caps)),)


def dollars(amount: str, tokens: int = 0) -> Charge:
    return Charge(tokens, Decimal(amount))


def take(book: Budgets, who: tuple[Limited, ...], charge: Charge, unix: float = NOON) -> Reservation | Refusal:
    return book.check(who, charge, unix) or book.reserve(who, charge, unix)


def spend(book: Budgets, who: tuple[Limited, ...], charge: Charge, unix: float = NOON) -> None:
    book.settle(book.reserve(who, charge, unix), charge, unix)


def refusal(found: Refusal | None) -> Refusal:
    assert found is not None
    return found


class TestMoney:
    def test_what_is_set_aside_counts_until_the_real_cost_is_known(self) -> None:
        book, who = budgets(), limited("1usd/day")
        first = take(book, who, dollars("0.8"))
        assert isinstance(first, Reservation)
        assert isinstance(take(book, who, dollars("0.3")), Refusal)
        book.settle(first, dollars("0.1"), NOON)
        assert isinstance(take(book, who, dollars("0.3")), Reservation)

    def test_a_call_that_surely_was_not_made_costs_nothing(self) -> None:
        book, who = budgets(), limited("1usd/day")
        reservation = book.reserve(who, dollars("1"), NOON)
        book.release(reservation)
        book.release(reservation)
        assert book.settle(reservation, dollars("9"), NOON) == []
        assert book.standing(who[0], NOON)[0].used == book.standing(who[0], NOON)[0].set_aside == 0

    def test_a_refusal_says_which_limit_how_much_is_used_and_when_it_resets(self) -> None:
        book, who = budgets(), limited("5usd/day")
        spend(book, who, dollars("4.97"))
        found = refusal(book.check(who, dollars("0.05"), NOON))
        assert found.retry_at == MIDNIGHT
        assert "the agent's limit of 5usd/day has no room" in found.message
        assert "4.9700 usd used" in found.message
        spend(book, who, dollars("0.03"))
        assert "is used up" in refusal(book.check(who, dollars("0.05"), NOON)).message

    def test_a_price_that_is_not_known_counts_as_no_money_until_the_money_is_used_up(self) -> None:
        book, who = budgets(), limited("1usd/day", "100tok/day")
        spend(book, who, Charge(10, None))
        assert [each.used for each in book.standing(who[0], NOON)] == [10, 0]
        assert book.check(who, Charge(10, None), NOON) is None
        spend(book, who, dollars("1"))
        assert refusal(book.check(who, Charge(10, None), NOON)).cap.unit == "usd"

    def test_what_costs_nothing_is_not_refused_for_money(self) -> None:
        book, who = budgets(), limited("1usd/day")
        spend(book, who, dollars("1"))
        assert book.check(who, dollars("0"), NOON) is None


class TestPeriods:
    def test_a_day_ends_at_midnight_where_the_gateway_is(self) -> None:
        book, who = budgets(), limited("1usd/day", "10usd/month")
        spend(book, who, dollars("1"))
        assert book.check(who, dollars("0.5"), MIDNIGHT - 1) is not None
        assert book.check(who, dollars("0.5"), MIDNIGHT) is None
        assert [each.used for each in book.standing(who[0], MIDNIGHT)] == [0, 1]

    def test_a_call_belongs_to_the_day_it_began_in(self) -> None:
        book, who = budgets(), limited("1usd/day", "10usd/month")
        late = book.reserve(who, dollars("1"), MIDNIGHT - 1)
        assert book.check(who, dollars("1"), MIDNIGHT) is None
        book.settle(late, dollars("1"), MIDNIGHT + 5)
        assert [each.used for each in book.standing(who[0], MIDNIGHT + 5)] == [0, 1]
        assert [each.set_aside for each in book.standing(who[0], MIDNIGHT + 5)] == [0, 0]

    def test_days_that_are_shorter_or_longer_for_the_clocks_change_end_at_midnight_too(self) -> None:
        spring, autumn = 1_743_289_200.0, 1_761_429_600.0  # 2025-03-30 and 2025-10-26, 0:00 in Berlin
        assert [round((at.end - at.start) / 3600) for at in (period_at("day", t, ZONE) for t in (spring, autumn))] == [
            23, 25,
        ]  # fmt: skip
        march = period_at("month", spring, ZONE)
        assert (march.end - march.start) / 3600 == 31 * 24 - 1


class TestCalls:
    def test_calls_of_the_last_minute_are_counted(self) -> None:
        book, who = budgets(), limited("2/min")
        for at in (NOON, NOON + 10):
            book.release(book.reserve(who, Charge(), at))
        assert refusal(book.check(who, Charge(), NOON + 20)).retry_at == NOON + 60
        assert book.check(who, Charge(), NOON + 60) is None

    def test_another_attempt_of_a_call_is_no_further_call_of_its_agent_but_is_one_of_the_provider(self) -> None:
        agent, provider = limited("1/min"), limited("1/min", owner=Owner("provider", "p"))
        book = budgets()
        book.release(book.reserve((*agent, *provider), Charge(), NOON))
        assert book.check(agent, Charge(), NOON, again=True) is None
        assert book.check(provider, Charge(), NOON, again=True) is not None

    def test_a_place_among_the_calls_at_once_is_free_when_its_attempt_has_ended(self) -> None:
        book, who = budgets(), limited("1atonce")
        first = book.reserve(who, dollars("1"), NOON)
        assert refusal(book.check(who, Charge(), NOON)).message == "the agent's limit of 1atonce is reached"
        book.ended(first)
        assert book.check(who, Charge(), NOON) is None
        assert [each.set_aside for each in book.standing(limited("1usd/day")[0], NOON)] == [1]


class TestWarnings:
    def test_80_percent_and_the_end_are_told_once_in_a_period(self) -> None:
        book, who = budgets(), limited("10usd/day")

        def told(cost: str, at: float) -> list[Decimal]:
            return [each.share for each in book.settle(book.reserve(who, dollars(cost), at), dollars(cost), at)]

        assert told("7.9", NOON) == []
        assert told("0.2", NOON) == [Decimal("0.8")]
        assert told("0.2", NOON) == []
        assert told("2", NOON) == [Decimal(1)]
        assert told("1", NOON) == []
        assert told("8", MIDNIGHT) == [Decimal("0.8")]

    def test_what_was_told_before_a_restart_is_not_told_again(self) -> None:
        book, who = budgets(), limited("10usd/day")
        book.restore(who[0].owner, dollars("8.5"), NOON, today=True)
        book.restore(who[0].owner, dollars("3"), NOON, today=False)
        book.told_already(who[0], NOON)
        assert book.settle(book.reserve(who, dollars("0.1"), NOON), dollars("0.1"), NOON) == []
        assert book.standing(who[0], NOON)[0].used == Decimal("8.6")


costs = st.lists(st.tuples(st.integers(1, 500), st.integers(0, 900)), min_size=1, max_size=100)


@given(costs, st.integers(100, 5_000))
def test_calls_that_begin_together_overshoot_by_no_more_than_they_cost_above_their_estimates(
    calls: list[tuple[int, int]], cap_cents: int
) -> None:
    book, cap = budgets(), Decimal(cap_cents) / 100
    who = limited(f"{cap}usd/day")
    under_way = [
        (taken, Decimal(cost) / 100)
        for estimate, cost in calls
        if isinstance(taken := take(book, who, Charge(1, Decimal(estimate) / 100)), Reservation)
    ]
    above = sum((max(Decimal(0), cost - (taken.charge.money or 0)) for taken, cost in under_way), Decimal(0))
    for taken, cost in under_way:
        book.settle(taken, Charge(1, cost), NOON)
    (standing,) = book.standing(who[0], NOON)
    assert standing.set_aside == 0
    assert standing.used == sum((cost for _, cost in under_way), Decimal(0))
    assert standing.used <= cap + above
