"""Agents' policies: asked for in words, shown with what is used; defaults for a while."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from kruxos.errors import GatewayUnreachableError, RefusedError
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from tests.operations.conftest import Direct, Live

TWO = """\
providers:
  claude-api:
    type: anthropic
    model: claude-sonnet-4-6
  mystery:
    type: openai
    base_url: https://api.example.org/v1
    model: who-knows
defaults:
  chat: claude-api
"""


@pytest.fixture
def made(direct: Direct) -> Direct:
    direct.write(TWO)
    direct("agent.create", name="bot", limits=["5usd/day", "30/min"], effort="high", providers=["claude-*"])
    return direct


def test_an_agent_is_made_with_its_policy_and_shows_it(made: Direct) -> None:
    shown = made("agent.show", name="bot")
    assert shown["limits"] == ["30/min", "5usd/day"]
    assert shown["effort"] == "high"
    assert shown["providers_allowed"] == ["claude-*"]
    assert [(each["limit"], each["used"]) for each in shown["budgets"]] == [("5usd/day", "0")]


def test_what_is_not_said_stays_and_what_is_said_takes_the_place_of_its_kind(made: Direct) -> None:
    made("agent.set_policy", name="bot", limits=["7usd/day", "1Mtok/month"], fallback="none")
    changed = made("agent.set_policy", name="bot", drop=["/min"], effort="default", providers=["any"])
    assert changed["limits"] == ["1Mtok/month", "7usd/day"]
    assert (changed["effort"], changed["providers_allowed"], changed["fallback"]) == (None, [], "none")
    assert made("agent.set_policy", name="bot", drop=["all"])["limits"] == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"limits": ["5eur/day"]}, "a limit must be an amount for a time"),
        ({"limits": ["30/day"]}, "calls by the minute"),
        ({"drop": ["eur"]}, "a kind of limit must be"),
        ({"models": ["two words"]}, "a model must be a name, or a pattern"),
    ],
)
def test_what_cannot_be_meant_says_how_it_is_written(made: Direct, asked: dict[str, list[str]], told: str) -> None:
    with pytest.raises(RefusedError, match=told) as refused:
        made("agent.set_policy", name="bot", **asked)
    assert "kruxos agent set-policy --help" in str(refused.value)
    assert made("agent.show", name="bot")["limits"] == ["30/min", "5usd/day"]


def test_money_that_cannot_be_counted_is_told(made: Direct) -> None:
    told = made("agent.create", name="other", model="mystery", limits=["1usd/day"])["told"]
    assert any("the price of mystery is not known" in each for each in told)
    assert not any("not known" in each for each in made("agent.show", name="bot")["told"])


def test_what_is_used_is_what_the_ledger_has_with_estimates_where_nobody_knows(made: Direct) -> None:
    with Ledger.open(made.data, 0.0) as ledger:
        now = time.time()
        rows = [
            Call("call_1", now, "bot", "claude-api", "m", "answered", usage=Usage(10, output_tokens=5),
                 cost=Decimal("0.25"), currency="USD"),
            Call("call_2", now, "bot", "claude-api", "m", "interrupted", usage=Usage(10), billed_maybe=True,
                 cost=Decimal("0.01"), currency="USD", estimated_tokens=900, estimated_cost=Decimal("0.5")),
            Call("call_3", now, "somebody", "claude-api", "m", "answered", cost=Decimal(9), currency="USD"),
        ]  # fmt: skip
        for row in rows:
            ledger.writer.append(row)
        ledger.writer.flush()
        assert [each.estimated_cost for each in ledger.calls(call_id="call_2")] == [Decimal("0.5")]
    made("agent.set_policy", name="bot", limits=["1Mtok/month"])
    (listed,) = made("agent.list")["agents"]
    assert {each["limit"]: each["used"] for each in listed["budgets"]} == {"5usd/day": "0.75", "1Mtok/month": "915"}


def test_open_sessions_hear_of_a_new_policy(live: Live) -> None:
    live.start_with(TWO)
    live("agent.create", name="bot")
    live("agent.set_policy", name="bot", limits=["5usd/day"])
    ((what, facts),) = live.gateway.log
    assert what == "agent_changed"
    assert [str(cap) for cap in facts.policy.caps] == ["5usd/day"]


class TestDefaultsForAWhile:
    def test_models_yaml_stays_as_it_is_and_the_list_says_until_when(self, direct: Direct) -> None:
        direct.write(TWO)
        done = direct("model.default", role="chat", name="mystery", for_s=7200)
        assert done["then"] == "claude-api"
        assert direct.text == TWO
        found = direct("model.list")
        assert {each["name"]: each["default_for"] for each in found["providers"]} == {
            "claude-api": [], "mystery": ["chat"],
        }  # fmt: skip
        assert found["defaults_until"] == {"chat": done["until"]}
        assert direct("status")["defaults"] == {"chat": "mystery"}

    def test_one_that_is_set_for_good_ends_it(self, direct: Direct) -> None:
        direct.write(TWO)
        direct("model.default", role="chat", name="mystery", for_s=7200)
        direct("model.default", role="chat", name="claude-api")
        found = direct("model.list")
        assert found["defaults_until"] == {}
        assert found["providers"][0]["default_for"] == ["chat"]

    def test_one_whose_provider_is_gone_holds_no_more(self, direct: Direct) -> None:
        direct.write(TWO)
        direct("model.default", role="chat", name="mystery", for_s=7200)
        direct("model.remove", name="mystery")
        assert direct("model.list")["defaults_until"] == {}
        assert direct("status")["defaults"] == {"chat": "claude-api"}

    def test_the_gateway_hears_of_it(self, live: Live) -> None:
        live.start_with(TWO)
        live("model.default", role="fallback", name="mystery", for_s=60)
        what, timed = live.gateway.log[-1]
        assert what == "defaults_timed"
        assert timed["fallback"].provider == "mystery"


class TestAlerts:
    def test_a_test_says_what_came_of_each_way(self, live: Live) -> None:
        live.start_with("alerts: {command: [/bin/true]}\n")
        assert live("alerts.test") == {"sent": {"command": "sent"}}

    def test_without_alerts_there_is_nothing_to_test(self, live: Live, direct: Direct) -> None:
        live.start_with(TWO)
        with pytest.raises(RefusedError, match="no `alerts:`"):
            live("alerts.test")

    def test_without_a_gateway_nobody_sends(self, direct: Direct) -> None:
        with pytest.raises(GatewayUnreachableError):
            direct("alerts.test")
