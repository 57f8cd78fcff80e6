"""Costs are exact, and what is not known costs None."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import catalog
from kruxos.catalog import Model, flat, price, with_reported
from kruxos.events import Usage

NOON_SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def row(profile: str, model: str) -> Model:
    found = catalog.lookup(profile, model)
    assert found is not None
    return found


def total(usage: Usage, model: Model, at: float = NOON_SUNDAY) -> str | None:
    cost = price(usage, model, at=at)
    return None if cost is None else cost["total"]


def test_every_bucket_has_its_price() -> None:
    usage = Usage(1_000, 2_000, 300, 500, 400, 100)
    assert price(usage, row("anthropic", "claude-sonnet-4-6"), at=NOON_SUNDAY) == {
        "currency": "USD", "total": "0.01245", "input": "0.003", "cache_read": "0.0006", "cache_write": "0.00135",
        "output": "0.0075", "other": "0", "row": "anthropic/claude-sonnet-4-6", "as_of": "2026-11-22", "rates": "base",
        "uncached": "0.0174",
    }  # fmt: skip


def test_small_amounts_are_exact_decimals_without_an_exponent() -> None:
    assert total(Usage(1, 0, 0, 0), row("openai", "gpt-5.4-nano")) == "0.0000002"
    assert total(Usage(0, 0, 0, 0), row("openai", "gpt-5.4-nano")) == "0"


def test_cache_reads_and_writes_without_a_price_of_their_own_cost_what_input_costs() -> None:
    assert total(Usage(0, 0, 1_000_000, 0), row("openai", "gpt-5.2")) == "1.75"
    assert total(Usage(0, 1_000_000, 0, 0), row("groq", "llama-3.1-8b-instant")) == "0.05"


def test_a_price_of_zero_is_zero() -> None:
    assert total(Usage(0, 0, 1_000_000, 0), row("glm", "glm-5")) == "0"


@pytest.mark.parametrize(("tokens", "cost", "rates"), [(272_000, "0.68", "base"), (272_001, "1.360005", "tier")])
def test_above_its_threshold_a_tier_prices_the_whole_request(tokens: int, cost: str, rates: str) -> None:
    found = price(Usage(tokens, 0, None, 0), row("openai", "gpt-5.4"), at=0)
    assert found is not None
    assert (found["total"], found["rates"]) == (cost, rates)


def test_the_threshold_counts_cached_input_too() -> None:
    found = price(Usage(1, 300_000, None, 0), row("openai", "gpt-5.4"), at=0)
    assert found is not None
    assert (found["cache_read"], found["rates"]) == ("0.15", "tier")


@pytest.mark.parametrize(
    ("moment", "rates"),
    [
        (datetime(2026, 11, 23, 0, 59, tzinfo=UTC), "base"),
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "peak"),
        (datetime(2026, 11, 23, 3, 59, tzinfo=UTC), "peak"),
        (datetime(2026, 11, 23, 4, 0, tzinfo=UTC), "base"),
        (datetime(2026, 11, 27, 9, 59, tzinfo=UTC), "peak"),
        (datetime(2026, 11, 28, 9, 0, tzinfo=UTC), "base"),
        (datetime(2026, 11, 29, 2, 0, tzinfo=UTC), "base"),
    ],
)
def test_deepseek_costs_double_in_beijings_working_hours(moment: datetime, rates: str) -> None:
    cost = price(Usage(1_000_000, 0, None, 0), row("deepseek", "deepseek-flash"), at=moment.timestamp())
    assert cost is not None
    assert (cost["rates"], cost["total"]) == (rates, {"base": "0.15", "peak": "0.3"}[rates])


@pytest.mark.parametrize("usage", [Usage(), Usage(output_tokens=5), Usage(uncached_input_tokens=5)])
def test_usage_that_is_not_known_costs_none(usage: Usage) -> None:
    assert price(usage, row("openai", "gpt-4o"), at=0) is None


def test_a_model_without_a_price_costs_none() -> None:
    assert price(Usage(1, 0, 0, 1), row("gemini", "gemini-2.0-flash"), at=0) is None


def test_what_a_compaction_used_is_priced_by_its_kind_of_token() -> None:
    other = {
        "compaction_input_tokens": 1_000_000,
        "compaction_output_tokens": 100_000,
        "compaction_cache_read_tokens": 10_000_000,
    }
    usage = Usage(0, 0, 0, 0, other_tokens=other)
    assert total(usage, row("anthropic", "claude-sonnet-4-6")) == "7.5"  # 3 + 1.5 + 3


def test_other_tokens_cost_what_the_row_says_or_none() -> None:
    usage = Usage(0, 0, 0, 0, other_tokens={"audio_input": 1_000_000})
    assert total(usage, row("gemini", "gemini-2.5-flash")) == "1"
    assert total(usage, row("mistral", "mistral-large-latest")) is None


COUNT = st.integers(0, 10**9)


@given(COUNT, COUNT, COUNT, COUNT, st.integers(0, 10**9), st.sampled_from(catalog.models()), st.integers(0, 2**32))
def test_the_total_is_the_sum_of_its_shares(
    uncached: int, read: int, written: int, output: int, long: int, model: Model, at: int
) -> None:
    cost = price(Usage(uncached, read, written, output, None, min(long, written)), model, at=at)
    if model.prices is None:
        assert cost is None
        return
    assert cost is not None
    shares = sum(Decimal(cost[name]) for name in ("input", "cache_read", "cache_write", "output", "other"))
    assert shares == Decimal(cost["total"])


def test_a_long_lived_write_without_a_price_costs_what_a_short_one_costs() -> None:
    sonnet = row("anthropic", "claude-sonnet-4-6")
    assert sonnet.prices is not None
    cheaper = replace(sonnet, prices=replace(sonnet.prices, cache_write_1h=None))
    assert total(Usage(0, 0, 1_000_000, 0, None, 1_000_000), cheaper) == "3.75"


def test_a_batch_costs_half_of_everything() -> None:
    usage = Usage(1_000, 2_000, 300, 500, 400, 100)
    cost = price(usage, row("anthropic", "claude-sonnet-4-6"), at=NOON_SUNDAY, batch=True)
    assert cost is not None
    assert (cost["total"], cost["output"], cost["uncached"], cost["rates"]) == (
        "0.006225", "0.00375", "0.0174", "batch base",
    )  # fmt: skip


def test_a_subscription_pays_nothing_for_a_call_and_says_what_it_had_cost() -> None:
    cost = price(Usage(1_000, 0, 0, 100), row("openai", "gpt-5.4"), at=NOON_SUNDAY)
    assert cost is not None
    assert flat(cost) == {
        "currency": "USD", "total": "0", "list_total": "0.004", "row": "openai/gpt-5.4", "as_of": "2026-11-22",
        "rates": "flat",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"cost": 0.00256995}, "0.00256995"),
        ({"cost": 0.0001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}, "0.0021"),
        ({"cost_in_usd_ticks": 9_243_500}, "0.00092435"),
    ],
)
def test_what_a_provider_says_it_charged_stands_beside_ours_with_the_difference(raw: dict[str, Any], told: str) -> None:
    ours = {"currency": "USD", "total": "0.002"}
    cost = with_reported(ours, raw)
    assert cost is not None
    assert (cost["total"], cost["reported"]) == ("0.002", told)
    assert Decimal(cost["difference"]) == Decimal(told) - Decimal("0.002")
    alone = with_reported(None, raw)
    assert alone is not None
    assert (alone["total"], alone["rates"]) == (told, "reported")


@pytest.mark.parametrize("raw", [{}, {"cost": None}, {"cost": "3"}, {"cost": True}, {"cost": -1}, {"cost": {"a": 1}}])
def test_what_is_no_cost_is_not_taken_for_one(raw: dict[str, Any]) -> None:
    assert with_reported(None, raw) is None
