"""How calls come back to a provider after it was left alone."""

from __future__ import annotations

import pytest

from kruxos.cores.recovery import FIRST_SHARE, GROW_WITHIN_S, Recovery


def cooled(for_s: float, *, until: float | None = None) -> Recovery:
    recovery = Recovery()
    recovery.told({"m": (for_s if until is None else until, "rate_limited")}, 0.0)
    return recovery


def test_nobody_is_sent_while_it_cools_and_few_when_the_time_is_over() -> None:
    recovery = cooled(20.0)
    assert recovery.cooling("m", 19.9) is not None
    assert recovery.cooling("m", 20.0) is None
    assert recovery.share("m", 20.0) == (FIRST_SHARE, "rate_limited")
    assert recovery.share("other", 20.0) == (1.0, "")


def test_where_calls_are_rare_somebody_tries_it_before_long() -> None:
    recovery = cooled(20.0)
    assert recovery.share("m", 30.0)[0] == pytest.approx((1 + FIRST_SHARE) / 2)
    assert recovery.share("m", 40.0) == (1.0, "")


def test_after_an_answer_the_share_grows_in_as_much_time_as_the_pause_took() -> None:
    recovery = cooled(20.0)
    recovery.told({}, 20.0)
    assert recovery.share("m", 20.0)[0] == pytest.approx(FIRST_SHARE)
    assert recovery.share("m", 30.0)[0] == pytest.approx((1 + FIRST_SHARE) / 2)
    assert recovery.share("m", 40.0) == (1.0, "")


def test_after_a_late_answer_it_grows_from_half_of_the_way() -> None:
    recovery = cooled(10.0)
    recovery.told({}, 20.0)
    assert recovery.share("m", 20.0)[0] == pytest.approx((1 + FIRST_SHARE) / 2)


def test_after_a_long_pause_all_are_back_within_a_bound() -> None:
    recovery = cooled(3600.0)
    recovery.told({}, 3600.0)
    assert recovery.share("m", 3600.0 + GROW_WITHIN_S - 1)[0] < 1.0
    assert recovery.share("m", 3600.0 + GROW_WITHIN_S) == (1.0, "")


def test_trouble_that_returns_while_the_share_grows_is_the_same_trouble() -> None:
    recovery = cooled(10.0)
    recovery.told({}, 10.0)
    recovery.told({"m": (14.0, "rate_limited")}, 12.0)
    recovery.told({}, 14.0)
    assert recovery.share("m", 14.0 + 13.9)[0] < 1.0
    assert recovery.share("m", 28.0) == (1.0, "")


def test_a_pause_that_is_only_told_again_goes_on() -> None:
    recovery = cooled(10.0)
    recovery.told({"m": (20.0, "rate_limited")}, 10.0)
    recovery.told({}, 20.0)
    assert recovery.share("m", 39.0)[0] < 1.0
