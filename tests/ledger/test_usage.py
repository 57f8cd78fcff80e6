"""Sums: exact, by group, and honest about what is not known."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.config.directory import DataDirectory
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.usage import UsageSum
from tests.ledger.conftest import NOW

DAY = 86_400.0


def book(ledger: Ledger, *calls: Call) -> None:
    for call in calls:
        assert ledger.writer.append(call)
    ledger.writer.flush()


def call(number: int, *, agent: str = "a", provider: str = "p", outcome: str = "answered", **more: object) -> Call:
    at = {"started_at": NOW, "model": "m", "usage": Usage(1, 2, 3, 4, 1)} | more
    return Call(call_id=f"c-{number}", agent=agent, provider=provider, outcome=outcome, **at)  # type: ignore[arg-type]  # as given


def test_nothing_booked_is_no_sum(ledger: Ledger) -> None:
    assert ledger.usage() == []
    assert ledger.usage(["agent"]) == []


def test_one_sum_over_everything(ledger: Ledger) -> None:
    book(ledger, call(1, cost=Decimal("0.1"), currency="USD"), call(2, cost=Decimal("0.2"), currency="USD"))
    assert ledger.usage() == [
        UsageSum(
            (), calls=2, uncached_input_tokens=2, cache_read_tokens=4, cache_write_tokens=6, output_tokens=8,
            reasoning_tokens=2, cost={"USD": Decimal("0.3")},
        )
    ]  # fmt: skip


def test_sums_by_agent_provider_model_and_day(ledger: Ledger) -> None:
    book(
        ledger,
        call(1, agent="a", provider="p"),
        call(2, agent="a", provider="q", model="n"),
        call(3, agent="b", provider="p", started_at=NOW + DAY),
    )
    by_agent = {each.group: each.calls for each in ledger.usage(["agent"])}
    assert by_agent == {("a",): 2, ("b",): 1}
    assert {each.group for each in ledger.usage(["provider", "model"])} == {("p", "m"), ("q", "n")}
    assert [each.group for each in ledger.usage(["day"])] == [("2023-11-14",), ("2023-11-15",)]
    assert [each.group for each in ledger.usage(["day", "agent"], provider="p")] == [
        ("2023-11-14", "a"),
        ("2023-11-15", "b"),
    ]


def test_sums_over_a_time_take_the_start_and_leave_the_end(ledger: Ledger) -> None:
    book(ledger, *(call(number, started_at=NOW + number) for number in range(5)))
    (found,) = ledger.usage(since=NOW + 1, until=NOW + 3)
    assert found.calls == 2
    assert ledger.usage(agent="nobody") == []


def test_money_is_added_without_rounding(ledger: Ledger) -> None:
    tenth = Decimal("0.1")
    book(ledger, *(call(number, cost=tenth, currency="USD") for number in range(10)))
    book(ledger, call(10, cost=Decimal("1e-18"), currency="USD"), call(11, cost=Decimal(10**12), currency="USD"))
    assert ledger.usage()[0].cost == {"USD": Decimal("1000000000001.000000000000000001")}


def test_each_currency_is_added_by_itself(ledger: Ledger) -> None:
    book(ledger, call(1, cost=Decimal(1), currency="USD"), call(2, cost=Decimal(2), currency="EUR"), call(3))
    (found,) = ledger.usage()
    assert (found.calls, found.unpriced_calls, found.cost) == (3, 1, {"USD": Decimal(1), "EUR": Decimal(2)})


def test_an_unknown_price_is_counted_and_not_taken_for_nothing(ledger: Ledger) -> None:
    book(ledger, call(1), call(2, outcome="rate_limited"), call(3, cost=Decimal(0), currency="USD"))
    (found,) = ledger.usage()
    assert (found.calls, found.failed_calls, found.unpriced_calls, found.cost) == (3, 1, 1, {"USD": Decimal(0)})


def test_what_may_have_been_billed_is_counted(ledger: Ledger) -> None:
    book(ledger, call(1, outcome="interrupted", billed_maybe=True), call(2))
    assert ledger.usage()[0].billed_maybe_calls == 1


def test_a_call_of_several_steps_is_one_call_with_all_its_tokens(ledger: Ledger) -> None:
    book(ledger, call(1, step=0, last=False), call(1, step=1, last=False), call(1, step=2))
    (found,) = ledger.usage()
    assert (found.calls, found.unpriced_calls, found.output_tokens) == (1, 1, 12)


def test_an_attempt_that_failed_is_counted_where_it_was_paid_and_the_call_where_it_was_answered(ledger: Ledger) -> None:
    book(ledger, call(1, provider="p", outcome="interrupted", billed_maybe=True, step=0, last=False))
    book(ledger, call(1, provider="q", step=1))
    assert [(each.group, each.calls, each.failed_calls, each.billed_maybe_calls, each.output_tokens)
            for each in ledger.usage(["provider"])] == [(("p",), 0, 0, 1, 4), (("q",), 1, 0, 0, 4)]  # fmt: skip


def test_a_cost_that_somebody_else_wrote_does_not_stop_the_report(data: DataDirectory, ledger: Ledger) -> None:
    book(ledger, call(1, cost=Decimal(1), currency="USD"), call(2, cost=Decimal(1), currency="USD"))
    connection = sqlite3.connect(data.ledger)
    with connection:
        connection.execute("UPDATE calls SET cost = 'much' WHERE call_id = 'c-1'")
    connection.close()
    assert ledger.usage()[0].cost == {"USD": Decimal(1)}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("pq"), st.integers(0, 10**9),
            st.none() | st.tuples(st.sampled_from(["USD", "EUR"]), st.decimals(0, 10**6, places=12)),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_the_sums_are_what_adding_by_hand_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int, tuple[str, Decimal] | None]]
) -> None:
    data = DataDirectory(tmp_path_factory.mktemp("ledger") / "kruxos")
    data.create()
    wanted: dict[tuple[str, ...], UsageSum] = {}
    with Ledger.open(data, NOW) as ledger:
        for number, (agent, provider, tokens, price) in enumerate(rows):
            currency, cost = price or (None, None)
            book(
                ledger, call(number, agent=agent, provider=provider, usage=Usage(tokens), cost=cost, currency=currency)
            )
            into = wanted.setdefault((agent, provider), UsageSum((agent, provider)))
            into.calls += 1
            into.uncached_input_tokens += tokens
            into.unpriced_calls += cost is None
            if currency is not None and cost is not None:
                into.cost[currency] = into.cost.get(currency, Decimal(0)) + cost
        assert {each.group: each for each in ledger.usage(["agent", "provider"])} == wanted


def test_what_was_saved_is_summed_where_both_prices_are_known(ledger: Ledger) -> None:
    book(
        ledger,
        call(1, cost=Decimal("0.25"), currency="USD", cost_uncached=Decimal("1.10")),
        call(2, cost=Decimal("0.40"), currency="USD", cost_uncached=Decimal("0.30"), cost_reported=Decimal("0.41")),
        call(3, cost=None, cost_uncached=None),
        call(4, cost=Decimal("0.5"), currency="USD"),
    )
    (total,) = ledger.usage(())
    assert total.saved == {"USD": Decimal("0.75")}
    assert total.reported_difference == {"USD": Decimal("0.01")}
