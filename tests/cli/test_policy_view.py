"""What commands show of policies and limits, of defaults for a while, and of what remains."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.cli.agent_view import limit_texts, policy_lines, used_text
from kruxos.cli.model_view import default_texts
from kruxos.cli.moments import parse_span
from kruxos.cli.status_view import status_lines
from kruxos.cli.terminal import Terminal

NOW = 1_800_000_000.0
MONEY = {"limit": "5usd/day", "unit": "usd", "amount": "5", "used": "4.1", "resets_at": NOW + 60}
TOKENS = {"limit": "2Mtok/day", "unit": "tokens", "amount": "2000000", "used": "50000", "resets_at": NOW + 60}
AGENT: dict[str, Any] = {
    "name": "bot", "limits": ["30/min", "5usd/day", "2Mtok/day"], "budgets": [MONEY, TOKENS], "effort": None,
    "compaction": {"template": "coder", "at": 0.7},
    "providers_allowed": [], "models_allowed": ["claude-*"], "fallback": "any",
}  # fmt: skip


def test_a_policy_is_said_line_by_line() -> None:
    assert policy_lines(AGENT) == [
        "bot has, from its next call on:",
        "  limits     30/min, 5usd/day, 2Mtok/day",
        "  providers  all",
        "  models     claude-*",
        "  effort     as the model does by itself",
        "  compaction coder, from 70% of the window on",
        "  fallback   any",
    ]


def test_limits_of_money_and_tokens_come_with_what_is_used() -> None:
    assert limit_texts(AGENT) == ["30/min", "5usd/day (82 %)", "2Mtok/day (2 %)"]
    assert used_text(MONEY, NOW).startswith("5usd/day: $4.10 used (82 %), resets at ")
    assert used_text(TOKENS, NOW).startswith("2Mtok/day: 50,000 tokens used (2 %), resets at ")


def test_a_default_for_a_while_says_until_when() -> None:
    first, second = default_texts(["chat", "fallback"], {"chat": NOW + 60}, NOW)
    assert first.startswith("chat (until ")
    assert second == "fallback"


def test_status_shows_budgets_and_what_remains() -> None:
    remains = [
        {"what": "credit", "model": None, "left": "7.25", "limit": "10", "unit": "USD", "resets_at": None},
        {"what": "5 hour window", "model": None, "left": "58", "limit": "100", "unit": "percent", "resets_at": None},
        {"what": "requests", "model": "m", "left": "50", "limit": "100", "unit": "requests", "resets_at": None},
    ]
    worker = {"provider": "p", "state": "ready", "type": "openai", "model": "m", "last_error": "", "remains": remains}
    status = {
        "running": True, "version": "1", "pid": 1, "draining": False, "vault": None, "agents": 1, "sessions": 0,
        "defaults": {"chat": "p"}, "defaults_until": {"chat": NOW + 60}, "calls": 0, "started_at": NOW,
        "workers": [worker],
        "data_directory": "/d", "config_problem": "", "notices": [],
        "budgets": [MONEY | {"of": "agent", "name": "bot"}],
    }  # fmt: skip
    text = "\n".join(status_lines(status, NOW, Terminal()))
    assert "agent bot 5usd/day: $4.10 used (82 %)" in text
    assert "chat p (until " in text
    assert "p: credit: 7.25 USD of 10 left; 5 hour window: 58 % left; requests (m): 50 of 100 left" in text


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("2h", 7200), ("1h30m", 5400), ("7d", 604_800)])
def test_a_span_is_written_with_its_units(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "2hours", "h", "-2h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2h"):
        parse_span(text)
