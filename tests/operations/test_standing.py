"""model.show and model.why: what is known of a provider, and why it does not answer."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kruxos.errors import RefusedError
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from tests.operations.conftest import KEY, Direct, Live

CONFIG = """\
providers:
  deepseek:
    type: openai
    base_url: https://api.deepseek.com/v1
    headers:
      x-team: hidden-value
    limits:
      concurrency: 4
  spare:
    type: local
  off:
    type: local
    enabled: false
defaults:
  chat: deepseek
"""
NOW = time.time()
LATER = NOW + 86_400  # the tests before this one take their time


def tried(provider: str, outcome: str) -> dict[str, Any]:
    return {"provider": provider, "model": "m", "outcome": outcome, "elapsed_ms": 1}


def book(ledger: Ledger, number: int, provider: str, outcome: str, *attempts: dict[str, Any], at: float = NOW) -> None:
    ledger.writer.append(Call(f"c{number}", at, "a", provider, "m", outcome, attempts=attempts))


class TestShowing:
    def test_everything_is_filled_in_and_no_secret_is_shown(self, direct: Direct) -> None:
        direct.write(CONFIG)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        direct("agent.create", name="a", model="deepseek")
        shown = direct("model.show", name="deepseek")
        assert (shown["dialect"], shown["credentials"], shown["default_for"]) == ("openai-chat", "stored", ["chat"])
        assert (shown["agents"], shown["headers"], shown["limits"]["concurrency"]) == (["a"], ["x-team"], 4)
        assert KEY not in str(shown)
        assert "hidden-value" not in str(shown)

    def test_a_provider_that_there_is_not_is_told(self, direct: Direct) -> None:
        direct.write(CONFIG)
        for operation in ("model.show", "model.why"):
            with pytest.raises(RefusedError, match="there is no provider groq"):
                direct(operation, name="groq")


class TestWhy:
    def test_failures_are_counted_by_code_and_so_are_calls_that_moved(self, live: Live) -> None:
        live.start_with(CONFIG)
        ledger = live.context.ledger
        book(ledger, 1, "deepseek", "answered", tried("deepseek", "answered"), at=NOW - 90)
        book(ledger, 2, "spare", "answered", tried("deepseek", "rate_limited"), tried("spare", "answered"), at=NOW - 60)
        book(ledger, 3, "spare", "answered", tried("deepseek", "rate_limited"), tried("spare", "answered"), at=NOW - 30)
        book(ledger, 4, "deepseek", "provider_timeout", tried("deepseek", "provider_timeout"), at=NOW - 20)
        book(ledger, 5, "spare", "answered", tried("deepseek", "skipped"), tried("spare", "answered"), at=NOW - 10)
        book(ledger, 6, "spare", "answered", tried("spare", "answered"))
        book(ledger, 7, "deepseek", "worker_lost", tried("deepseek", "worker_lost"), at=NOW - 200_000)
        lately = live("model.why", name="deepseek")["lately"]
        assert (lately["answered"], lately["last_answered_at"]) == (1, NOW - 90)
        assert [(each["code"], each["count"], each["first_at"], each["last_at"]) for each in lately["failures"]] == [
            ("provider_timeout", 1, NOW - 20, NOW - 20),
            ("rate_limited", 2, NOW - 60, NOW - 30),
        ]
        assert lately["moved_to"] == {"spare": 3}
        assert live("model.why", name="deepseek", since=NOW - 40)["lately"]["moved_to"] == {"spare": 2}

    @pytest.mark.parametrize(
        ("worker", "code", "next_try_at"),
        [
            ({"state": "ready"}, "", None),
            ({"state": "failed", "reason": "vault_locked", "retry_at": 7.0}, "vault_locked", 7.0),
            ({"state": "backoff", "reason": "killed", "retry_at": 9.0}, "worker_lost", 9.0),
            ({"state": "stopped", "reason": "stopped by operator"}, "stopped by operator", None),
            (
                {"state": "ready", "cooling_until": LATER, "cooling_reason": "rate_limited"},
                "rate_limited",
                LATER,
            ),
            ({"state": "ready", "last_error": "invalid_credentials"}, "invalid_credentials", None),
            ({"state": "ready", "last_error": "provider_timeout"}, "", None),
        ],
    )
    def test_the_worker_and_its_last_error_say_what_is_wrong(
        self, live: Live, monkeypatch: pytest.MonkeyPatch, worker: dict[str, Any], code: str, next_try_at: float | None
    ) -> None:
        live.start_with(CONFIG)
        shown = {"provider": "spare", "reason": ""} | worker
        monkeypatch.setattr(type(live.gateway), "status", lambda _: {"workers": [shown]})
        found = live("model.why", name="spare")
        assert (found["code"], found["next_try_at"]) == (code, next_try_at)
        assert bool(found["fix"]) is bool(code)

    def test_a_key_that_is_missing_and_a_provider_out_of_use(self, direct: Direct) -> None:
        direct.write(CONFIG)
        assert direct("model.why", name="deepseek")["fix"] == "kruxos vault add model-provider:deepseek api-key"
        assert "kruxos model enable off" in direct("model.why", name="off")["fix"]

    def test_without_a_gateway_nothing_is_made(self, direct: Direct) -> None:
        direct.write(CONFIG)
        found = direct("model.why", name="spare")
        assert (found["running"], found["code"], found["lately"]["answered"]) == (False, "", 0)
        assert not direct.data.ledger.exists()
