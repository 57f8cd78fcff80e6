"""The dashboard's pure parts."""

from __future__ import annotations

from itertools import count as counting
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores.links import LINK_S, LINKS_MAX, Links
from kruxos.ledger import agents as ledger_agents
from kruxos.web.dashboard import agents, charts
from kruxos.web.dashboard.rendering import count
from kruxos.web.dashboard.sessions import LIFETIME_S, SESSIONS_MAX, Sessions


def sessions() -> Sessions:
    numbers = counting()
    return Sessions(lambda: f"word-{next(numbers)}")


def test_a_link_is_good_once_and_for_a_while() -> None:
    links = Links()
    links.made("a", 0.0)
    links.made("b", 0.0)
    assert links.take("a", 1.0)
    assert not links.take("a", 1.0)
    assert not links.take("b", LINK_S)
    assert not links.take("never made", 1.0)


def test_the_oldest_link_gives_way() -> None:
    links = Links()
    for number in range(LINKS_MAX + 1):
        links.made(str(number), 0.0)
    assert not links.take("0", 1.0)
    assert links.take("1", 1.0)


def test_a_session_is_found_by_its_cookie_until_it_is_over() -> None:
    made = sessions()
    cookie = made.begin(0.0)
    assert made.find(cookie, LIFETIME_S - 1) is not None
    assert made.find(cookie, LIFETIME_S) is None
    assert made.find(cookie, 0.0) is None


def test_signing_out_and_newer_sessions_end_one() -> None:
    made = sessions()
    first, second = made.begin(0.0), made.begin(0.0)
    made.end(first)
    assert made.find(first, 1.0) is None
    for _ in range(SESSIONS_MAX):
        made.begin(0.0)
    assert made.find(second, 1.0) is None


def test_what_a_session_has_to_say_is_said_once() -> None:
    made = sessions()
    session = made.find(made.begin(0.0), 0.0)
    assert session is not None
    session.tell("done", token="t")
    assert [each["token"] for each in session.take_notes()] == ["t"]
    assert session.take_notes() == []


def test_the_fallbacks_offered_are_the_ledgers() -> None:
    assert agents.FALLBACKS == ledger_agents.FALLBACKS


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1)), max_size=90))
def test_bars_stay_within_their_chart(values: list[tuple[float, float]]) -> None:
    chart = charts.bars([("2026-11-01", value, value * part, "") for value, part in values])
    for bar in chart.bars:
        assert -0.01 <= bar.y <= charts.CHART_HEIGHT
        assert bar.y + bar.height <= charts.CHART_HEIGHT + 0.02
        assert 0 <= bar.second <= bar.height + 0.02
        assert 0 <= bar.x <= bar.x + bar.width <= charts.CHART_WIDTH + 0.1


@given(st.floats(1e-9, 1e12))
def test_the_top_of_a_chart_is_round_and_near(value: float) -> None:
    top = charts.round_up(value)
    assert value <= top <= value * 2.5 * 1.0001


@given(st.lists(st.integers(0, 10**7), max_size=20), st.integers(0, 10**7))
def test_a_timeline_stays_within_its_width(taken: list[int], duration: int) -> None:
    attempts: list[dict[str, Any]] = [{"provider": "p", "outcome": "timeout", "elapsed_ms": each} for each in taken]
    for stretch in charts.timeline(attempts, duration):
        assert 0 <= stretch.x <= stretch.x + stretch.width <= charts.TIMELINE_WIDTH + 0.1


def test_days_without_usage_are_there_too() -> None:
    rows = charts.last_days([{"day": "1970-01-02", "calls": 1}], 3, 86_400.0 * 2)
    assert [(day, bool(row)) for day, row in rows] == [
        ("1970-01-01", False), ("1970-01-02", True), ("1970-01-03", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9999, "9,999"), (12_400, "12.4k"), (3_100_000, "3.1M"), (None, "–")],  # noqa: RUF001
)
def test_numbers_fit_into_columns(number: float | None, text: str) -> None:
    assert count(number) == text
