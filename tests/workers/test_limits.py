"""When a provider is left alone."""

from __future__ import annotations

from kruxos.errors import (
    InvalidCredentialsError,
    ProviderOverloadedError,
    QuotaExhaustedError,
    RateLimitedError,
)
from kruxos_workers.limits import COOLING_MAX_S, Limits


def test_a_provider_that_says_when_is_left_alone_until_then() -> None:
    limits = Limits()
    assert limits.failed(RateLimitedError("no", retry_at=130.0), 100.0)
    error = limits.refusal(101.0, 101.0)
    assert error is not None
    assert (error.code, error.retry_at) == ("rate_limited", 130.0)
    assert limits.refusal(130.0, 130.0) is None


def test_a_patient_call_is_admitted_and_waits() -> None:
    limits = Limits()
    limits.failed(RateLimitedError("no", retry_at=130.0), 100.0)
    assert limits.refusal(101.0, 140.0) is None
    assert limits.wait_s(101.0) == 29.0


def test_a_used_up_quota_is_told_as_such() -> None:
    limits = Limits()
    limits.failed(QuotaExhaustedError("daily", retry_at=5000.0), 100.0)
    error = limits.refusal(101.0, 101.0)
    assert error is not None
    assert error.code == "quota_exhausted"


def test_no_word_of_a_time_is_no_cooling() -> None:
    limits = Limits()
    assert not limits.failed(ProviderOverloadedError("busy"), 100.0)
    assert not limits.failed(InvalidCredentialsError("key"), 100.0)
    assert limits.refusal(100.0, 100.0) is None


def test_a_time_too_far_away_is_believed_for_a_day() -> None:
    limits = Limits()
    limits.failed(RateLimitedError("no", retry_at=1e9), 100.0)
    assert limits.cooling_until == 100.0 + COOLING_MAX_S


def test_a_shorter_wait_does_not_shorten_a_longer_one() -> None:
    limits = Limits()
    limits.failed(RateLimitedError("no", retry_at=200.0), 100.0)
    assert not limits.failed(RateLimitedError("no", retry_at=150.0), 101.0)
    assert limits.cooling_until == 200.0


def test_a_successor_knows_what_its_forerunner_knew() -> None:
    limits = Limits()
    limits.failed(RateLimitedError("no", retry_at=200.0), 100.0)
    assert Limits.from_state(limits.state(), 150.0) == limits
    assert Limits.from_state(limits.state(), 201.0) == Limits()
    assert Limits.from_state({"cooling_until": "soon"}, 0.0) == Limits()
