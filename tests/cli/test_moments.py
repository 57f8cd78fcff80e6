"""Times, sizes and money as people read them."""

from __future__ import annotations

import pytest

from kruxos.cli.moments import ago, clock, day, money, parse_since, size, span

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (192, "3m 12s"),
        (13_320, "3h 42m"),
        (86_400, "1d"),
        (10**6, "11d 13h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_times_are_told_from_now() -> None:
    assert ago(NOW - 2, NOW) == "2s ago"
    assert ago(None, NOW) == ""
    assert len(clock(NOW + 1, NOW)) == len("12:34:56")
    assert len(clock(NOW + 3 * 86_400, NOW)) == len("2026-11-22 12:34")
    assert day(None) == ""


@pytest.mark.parametrize(("count", "shown"), [(0, ""), (23_400_000, "23 MB"), (2_500_000_000, "2.5 GB")])
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ({}, ""),
        ({"USD": "0"}, "$0.0000"),
        ({"USD": "0.000123"}, "$0.000123"),
        ({"USD": "0.0123456"}, "$0.0123"),
        ({"USD": "12.3456"}, "$12.35"),
        ({"USD": "1", "EUR": "2"}, "$1.00 + 2.00 EUR"),
    ],
)
def test_money(cost: dict[str, str], shown: str) -> None:
    assert money(cost) == shown


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("24h", NOW - 86_400),
        ("7d", NOW - 7 * 86_400),
        ("90 m", NOW - 5400),
        ("2w", NOW - 14 * 86_400),
        ("1970-01-02", 86_400.0),
        ("1970-01-01T01:00", 3600.0),
        ("1970-01-01T01:00:01Z", 3601.0),
        ("999999d", 0.0),
    ],
)
def test_since_is_written_as_a_span_or_a_day(text: str, at: float) -> None:
    assert parse_since(text, NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "7", "7y", "2026-13-01", "2026-02-30", "01.11.2026"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"like 24h|no such day"):
        parse_since(text, NOW)
