"""Every form of "try again at" that providers use is the same moment."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects import hints

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1), ("6m0s", 360), ("12ms", 0.012), ("50.529s", 50.529), ("1h2m3.5s", 3723.5), ("9m52.272s", 592.272),
        ("2.5", 2.5), ("30", 30), ("100us", 1e-4), ("7µs", 7e-6), ("5ns", 5e-9), ("0s", 0), ("1d", 86_400),
    ],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float) -> None:
    assert hints.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "s", "1x", "-1s", "1s2", "1e5"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert hints.duration_s(text) is None


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for gpt-5.4. Please try again in 6.57s. Visit https://x", 6.57),
        ("Please try again in 9m52.272s.", 592.272),
        ("Please retry in 34.4s", 34.4),
        ("try again in 20 seconds", 20),
        ("Try again in 2 minutes", 120),
        ("please retry after 500ms", 0.5),
        ("the model takes 5s", None),
        ("try again later", None),
    ],
)
def test_messages_say_how_long_to_wait(message: str, seconds: float | None) -> None:
    assert hints.spoken_s(message) == seconds


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "99999999999"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "7.66s"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000042000"}, 42),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000042"}, 42),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2027-01-15T08:01:00Z"}, 60),
        ({}, None),
    ],
)
def test_headers_say_when(headers: dict[str, str], after: float | None) -> None:
    at = hints.retry_at(headers, "", NOW)
    assert at == (None if after is None else pytest.approx(NOW + after))


def test_a_header_counts_more_than_the_message_and_the_message_more_than_a_reset() -> None:
    reset = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "60s"}
    assert hints.retry_at(reset, "try again in 5s", NOW) == NOW + 5
    assert hints.retry_at({"retry-after": "2", **reset}, "try again in 5s", NOW) == NOW + 2


def test_a_moment_in_the_past_is_now() -> None:
    assert hints.retry_at({"retry-after": "Fri, 15 Jan 2020 08:00:30 GMT"}, "", NOW) == NOW


@pytest.mark.parametrize(("now", "first"), [(1_796_083_200.0, 1_798_761_600.0), (1_798_761_599.0, 1_798_761_600.0)])
def test_the_next_month_begins_on_its_first_at_midnight_utc(now: float, first: float) -> None:
    assert hints.next_month(now) == first  # December 2026, its first and last second, to 1 January 2027


@given(st.integers(0, 2**32))
def test_http_dates_go_out_and_come_back(at: int) -> None:
    assert hints.moment(hints.http_date(at), 0.0) == at
    assert parsedate_to_datetime(hints.http_date(at)).timestamp() == at


@pytest.mark.parametrize("text", ["Sun, 31 Feb 2026 12:00:00 GMT", "Sun, 22 Foo 2026 12:00:00 GMT", "2026-13-01"])
def test_days_that_do_not_exist_are_none(text: str) -> None:
    assert hints.moment(text, 0.0) is None
