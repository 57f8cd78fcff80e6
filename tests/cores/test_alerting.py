"""An operator is told once of each trouble, and of its end; never in floods."""

from __future__ import annotations

from kruxos.cores.alerting import ALERT_KINDS, ALERTS_MAX, TROUBLES_MAX, WINDOW_S, Alerting

P = "provider p"


def alerting(*on: str, repeat_s: float = 3600.0) -> Alerting:
    return Alerting(frozenset(on or ALERT_KINDS), repeat_s)


def test_the_same_trouble_is_told_once_until_it_is_over() -> None:
    core = alerting()
    assert core.wrong("failed", P, "down", 0.0) is not None
    assert core.wrong("failed", P, "down", 10.0) is None
    over = core.over(P, "back", 20.0)
    assert over is not None
    assert over.kind == "recovered"
    assert core.over(P, "back", 21.0) is None
    assert core.wrong("failed", P, "down", 30.0) is not None


def test_a_trouble_that_lasts_is_told_again_and_one_of_another_kind_at_once() -> None:
    core = alerting()
    core.wrong("failed", P, "down", 0.0)
    assert core.wrong("needs_login", P, "signed out", 1.0) is not None
    assert core.wrong("needs_login", P, "signed out", 3600.0) is None
    assert core.wrong("needs_login", P, "signed out", 3601.0) is not None


def test_kinds_that_nobody_asked_for_are_not_told_and_neither_is_their_end() -> None:
    core = alerting("recovered", "budget")
    assert core.wrong("failed", P, "down", 0.0) is None
    assert core.over(P, "back", 1.0) is None
    core = alerting("failed")
    core.wrong("failed", P, "down", 0.0)
    assert core.is_told(P)
    assert core.over(P, "back", 1.0) is None
    assert not core.is_told(P)


def test_a_flood_is_held_back_and_counted() -> None:
    core = alerting()
    told = [core.wrong("failed", f"provider {each}", "down", 0.0) for each in range(ALERTS_MAX + 5)]
    assert sum(alert is not None for alert in told) == ALERTS_MAX
    late = core.wrong("failed", P, "down", WINDOW_S)
    assert late is not None
    assert late.held_back == 5
    again = core.wrong("failed", "provider 24", "down", WINDOW_S)
    assert again is not None
    assert again.held_back == 0


def test_the_troubles_that_are_remembered_are_bounded() -> None:
    core = alerting()
    for each in range(TROUBLES_MAX + 1):
        core.wrong("failed", f"provider {each}", "down", each * WINDOW_S)
    assert not core.is_told("provider 0")
    assert core.is_told("provider 1")
