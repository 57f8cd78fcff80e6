"""What a call may do by policy and budgets, attempt by attempt."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from kruxos import wire
from kruxos.catalog import Shelf
from kruxos.cores.budgets import Crossing
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.caps import Policy, parse_caps
from kruxos.cores.estimates import OUTPUT_TOKENS_UNSAID, PriceList, Seller, estimate
from kruxos.cores.policing import GATEWAY, Purse, Steward, permitted
from kruxos.cores.routing import AgentFacts, Candidate, Outlook, Plan

NOW = 1_764_068_400.0
PRICES = PriceList({
    "gpt": Seller(Shelf("openai"), "gpt-4o"),
    "unknown": Seller(Shelf("openai"), "gpt-of-tomorrow"),
    "local": Seller(Shelf("ollama"), "llama", local=True),
})  # fmt: skip
ROW = Row(
    "gpt", "gpt-4o", "answered", billed_maybe=False, usage={}, raw_usage={}, cost={}, finish_reason=None,
    upstream_request_id=None, upstream_us=0, overhead_us=0, elapsed_s=0.0, attempts=[], last=True,
)  # fmt: skip


class Ready:
    def outlook(self, provider: str, model: str | None) -> Outlook:
        return Outlook("ready")


def steward() -> Steward:
    return Steward(prices=PRICES)


def agent(*caps: str) -> AgentFacts:
    return AgentFacts("a", policy=Policy(parse_caps(caps)))


def purse(keeper: Steward, who: AgentFacts, **more: Any) -> Purse:
    return Purse(keeper, Ready(), who, wire.Open(body=b"x" * 4000, **more), lambda: NOW)


def end(cost: str | None = "0.01", tokens: int = 100) -> wire.End:
    usage = {"uncached_input_tokens": tokens, "output_tokens": 0}
    return wire.End(model="gpt-4o", usage=usage, cost={} if cost is None else {"currency": "USD", "total": cost})


def used(keeper: Steward, who: AgentFacts) -> list[Decimal]:
    assert who.policy is not None
    (limited, *_) = keeper.limited(who, "gpt")
    return [each.used for each in keeper.budgets.standing(limited, NOW)]


class TestEstimates:
    def test_it_is_the_body_and_the_output_that_the_header_allows_at_the_models_price(self) -> None:
        charge = estimate(PRICES.quote("gpt", None, NOW), 4000, 1000, NOW)
        assert charge.tokens == 1001 + 1000
        assert charge.money == (1001 * Decimal("2.5") + 1000 * 10) / 1_000_000

    def test_what_is_not_said_is_taken_for_a_usual_answer(self) -> None:
        assert estimate(PRICES.quote("gpt", None, NOW), 0, None, NOW).tokens == 1 + OUTPUT_TOKENS_UNSAID

    def test_no_body_is_taken_for_more_than_the_models_window(self) -> None:
        row = PRICES.quote("gpt", None, NOW).row
        assert row is not None
        assert row.context is not None
        assert estimate(PRICES.quote("gpt", None, NOW), 32_000_000, 1, NOW).tokens <= row.context + 1

    def test_a_local_model_without_a_price_is_free_and_an_unknown_one_is_not(self) -> None:
        assert estimate(PRICES.quote("local", None, NOW), 0, 1, NOW).money == 0
        assert estimate(PRICES.quote("unknown", None, NOW), 0, 1, NOW).money is None

    def test_a_batch_is_all_its_requests_at_half_the_price_each_within_the_models_window(self) -> None:
        quote = PRICES.quote("gpt", None, NOW)
        charge = estimate(quote, 3996, 1000, NOW, batch_of=10)
        assert (charge.tokens, charge.money) == (2000, (1000 * Decimal("2.5") + 1000 * 10) / 2_000_000)
        assert estimate(quote, 0, 0, NOW, batch_of=10).tokens == 1 + 10 * OUTPUT_TOKENS_UNSAID
        assert quote.row is not None
        assert quote.row.context is not None
        assert estimate(quote, 32_000_000, 10, NOW, batch_of=10).tokens <= 10 * quote.row.context + 10


class TestAttempts:
    def test_one_that_was_not_sent_gives_back_what_was_set_aside(self) -> None:
        keeper, who = steward(), agent("0.02usd/day")
        call = purse(keeper, who, max_output_tokens=1000)
        call.dispatched(Candidate("gpt", None))
        assert purse(keeper, who, max_output_tokens=1000).outlook("gpt", None).standing == "cooling"
        call.failed(wire.Error(failure="never_sent"))
        assert call.outlook("gpt", None).standing == "ready"
        assert used(keeper, who) == [0]

    def test_one_that_may_have_been_billed_keeps_its_estimate_and_the_ledger_is_told(self) -> None:
        keeper, who = steward(), agent("1usd/day", "1atonce")
        call = purse(keeper, who, max_output_tokens=1000)
        call.dispatched(Candidate("gpt", None))
        call.failed(wire.Error(failure="ambiguous"))
        assert call.outlook("gpt", None).standing == "ready", "its place is free for the next attempt"
        row = call.booked(replace(ROW, outcome="interrupted", billed_maybe=True))
        assert row.estimated_cost is not None
        assert used(keeper, who) == [Decimal(row.estimated_cost)]

    def test_an_answer_without_usage_counts_with_its_estimate(self) -> None:
        keeper, who = steward(), agent("1Mtok/day")
        call = purse(keeper, who, max_output_tokens=1000)
        call.dispatched(Candidate("gpt", None))
        call.answered(wire.End())
        assert call.booked(ROW).estimated_tokens == 2001
        assert used(keeper, who) == [2001]

    def test_a_step_before_the_answer_counts_beside_it(self) -> None:
        keeper, who = steward(), agent("1usd/day")
        call = purse(keeper, who, max_output_tokens=1000)
        call.dispatched(Candidate("gpt", None))
        spent = end("0.02")
        step = replace(ROW, op="summarise", usage=spent.usage, cost=spent.cost, last=False)
        assert call.booked(step) == step
        call.answered(end())
        call.booked(ROW)
        assert used(keeper, who) == [Decimal("0.03")]

    def test_an_answer_counts_with_what_it_cost(self) -> None:
        keeper, who = steward(), agent("1usd/day")
        call = purse(keeper, who)
        call.dispatched(Candidate("gpt", None))
        assert call.answered(end()).notices == []
        assert call.booked(ROW) == ROW
        assert used(keeper, who) == [Decimal("0.01")]

    def test_an_agent_that_is_not_registered_has_no_budget_but_the_gateway_has(self) -> None:
        keeper = steward()
        keeper.gateway = parse_caps(["10tok/day"])
        assert "gateway's" in purse(keeper, AgentFacts("anybody")).outlook("gpt", None).reason

    def test_counting_tokens_costs_nothing(self) -> None:
        keeper, who = steward(), agent("1tok/day")
        call = purse(keeper, who, op="count_tokens")
        assert call.outlook("gpt", None).standing == "ready"
        call.dispatched(Candidate("gpt", None))
        assert call.answered(end()) == end()
        assert used(keeper, who) == [0]


class TestTelling:
    def test_crossings_are_told_to_the_agent_whose_limit_it_is_and_to_the_operator(self) -> None:
        keeper, who = steward(), agent("1usd/day")
        keeper.gateway = parse_caps(["1usd/day"])
        told: list[Crossing] = []
        keeper.crossed = told.append
        call = purse(keeper, who, max_output_tokens=10)
        call.dispatched(Candidate("gpt", None))
        (notice,) = call.answered(end("0.9")).notices
        assert notice["code"] == "budget"
        assert notice["message"].startswith("80 % of this agent's limit of 1usd/day is used")
        assert [str(each.owner) for each in told] == ["agent a", str(GATEWAY)]

    def test_an_answer_whose_price_is_not_known_says_that_it_does_not_count(self) -> None:
        keeper, who = steward(), agent("1usd/day")
        call = purse(keeper, who)
        call.dispatched(Candidate("unknown", None))
        assert [each["code"] for each in call.answered(end(None)).notices] == ["unpriced"]


class TestPermission:
    def test_the_final_model_counts_and_the_reason_is_told(self) -> None:
        who = AgentFacts("a", policy=Policy(models=("gpt-4o",)))
        plan = permitted(Plan((Candidate("gpt", None), Candidate("local", None))), who, PRICES, NOW)
        assert [each.provider for each in plan.candidates] == ["gpt"]
        assert [(each.code, each.model) for each in plan.skipped] == [("forbidden", "llama")]
