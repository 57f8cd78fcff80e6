"""How limits are written, and which providers and models a policy lets through."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores.caps import Cap, Policy, merge_caps, parse_cap, parse_caps, parse_kind


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("5usd/day", Cap("usd", Decimal(5), "day")),
        ("$5/day", Cap("usd", Decimal(5), "day")),
        ("0.05 USD/month", Cap("usd", Decimal("0.05"), "month")),
        ("2Mtok/day", Cap("tokens", Decimal(2_000_000), "day")),
        ("500ktok/month", Cap("tokens", Decimal(500_000), "month")),
        ("30/min", Cap("calls", Decimal(30), "minute")),
        ("4atonce", Cap("calls", Decimal(4), "at once")),
        ("4 at once", Cap("calls", Decimal(4), "at once")),
    ],
)
def test_a_limit_is_an_amount_for_a_time(text: str, cap: Cap) -> None:
    assert parse_cap(text) == cap


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("5", "5usd/day"),
        ("5usd", "5usd/day"),
        ("5eur/day", "5usd/day"),
        ("5usd/year", "day, month or min"),
        ("0usd/day", "more than nothing"),
        ("30/day", "calls by the minute"),
        ("2Mtok/min", "by day or month"),
        ("1.5tok/day", "whole number"),
    ],
)
def test_what_is_no_limit_is_told_how_it_is_written(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_cap(text)


amounts = st.decimals(min_value="0.000001", max_value=10**9, places=6)


@given(st.one_of(
    st.builds(Cap, st.just("usd"), amounts, st.sampled_from(["day", "month"])),
    st.builds(Cap, st.just("tokens"), st.integers(1, 10**12).map(Decimal), st.sampled_from(["day", "month"])),
    st.builds(Cap, st.just("calls"), st.integers(1, 10**5).map(Decimal), st.sampled_from(["minute", "at once"])),
))  # fmt: skip
def test_a_limit_is_read_back_as_it_is_written(cap: Cap) -> None:
    assert parse_cap(str(cap)) == cap


def test_of_each_kind_there_is_one_limit_and_the_later_counts() -> None:
    assert [str(cap) for cap in parse_caps(["5usd/day", "30/min", "7usd/day"])] == ["30/min", "7usd/day"]
    assert merge_caps(parse_caps(["5usd/day"]), parse_caps(["9usd/month"])) == parse_caps(["5usd/day", "9usd/month"])


def test_a_kind_is_a_limit_without_its_amount() -> None:
    assert [parse_kind(text) for text in ("usd/day", "tok/month", "/min", "atonce")] == [
        ("usd", "day"), ("tokens", "month"), ("calls", "minute"), ("calls", "at once"),
    ]  # fmt: skip


def test_a_policy_names_providers_and_models_by_patterns() -> None:
    policy = Policy(providers=("claude-*", "local"), models=("claude-*",))
    assert policy.refusal("claude-api", "claude-opus-4-6") == ""
    assert "this provider" in policy.refusal("gpt", "gpt-5.4")
    assert "llama3" in policy.refusal("local", "llama3")
    assert "not known" in policy.refusal("local", None)
    assert Policy().refusal("anybody", None) == ""
