"""``budgets:``, ``budget:`` and ``alerts:`` in models.yaml."""

from __future__ import annotations

import pytest

from kruxos.config.difference import difference
from kruxos.config.load import load
from kruxos.config.problems import ConfigError
from kruxos.cores.alerting import ALERT_KINDS

PROVIDER = "providers:\n  p:\n    type: anthropic\n"


def test_limits_are_lists_or_a_single_one() -> None:
    config = load("budgets: 100usd/month\n" + PROVIDER + "    budget: [2usd/day, 30/min]\n")
    assert [str(cap) for cap in config.budgets.gateway] == ["100usd/month"]
    assert [str(cap) for cap in config.budgets.providers["p"]] == ["30/min", "2usd/day"]


def test_a_changed_limit_replaces_no_worker() -> None:
    changes = difference(load(PROVIDER), load(PROVIDER + "    budget: 2usd/day\n"))
    assert changes.changed == ()
    assert changes.gateway_changed == ("budgets",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("budgets: 5\n", "must be a list of limits"),
        ("budgets: [5eur/day]\n", "must be an amount for a time"),
        ("alerts: {on: [failed]}\n", "neither `command` nor `webhook`"),
        ("alerts: {command: [tell-me]}\n", "must begin with an absolute path"),
        ("alerts: {webhook: http://hooks.example.org/x}\n", "in clear text"),
        ("alerts: {command: [/bin/true], on: [fail]}\n", "did you mean `failed`"),
    ],
)
def test_what_is_wrong_with_them_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(text)


def test_alerts_tell_of_everything_unless_they_say_of_what() -> None:
    alerts = load("proxy: http://proxy.example.org:3128\nalerts: {webhook: https://hooks.example.org/x}\n").alerts
    assert alerts is not None
    assert alerts.on == frozenset(ALERT_KINDS)
    assert alerts.repeat_s == 3600.0
    assert alerts.proxy == "http://proxy.example.org:3128"
