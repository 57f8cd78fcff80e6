"""agent.create, list, revoke and rotate, and what an operator is told of an agent's fallback."""

from __future__ import annotations

import re

import pytest

from kruxos.config.load import load
from kruxos.config.secret import Secret
from kruxos.cores.caps import Policy
from kruxos.cores.routing import AgentFacts
from kruxos.errors import RefusedError, UnauthorizedError
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from kruxos.operations.moves import fallback_warnings
from tests.operations.conftest import Direct, Live

THREE = """\
providers:
  claude-api:
    type: anthropic
  codex-subscription:
    type: openai-codex
  local-default:
    type: local
defaults:
  chat: claude-api
"""


def warnings(provider: str | None, fallback: str = "any", *, defaults: str = "", role: str | None = None) -> list[str]:
    config = load(THREE.replace("  chat: claude-api\n", defaults or "  chat: claude-api\n"))
    return fallback_warnings(config, AgentFacts("a", provider, role, fallback))


class TestCreating:
    def test_the_token_is_shown_once_and_kept_as_a_hash(self, direct: Direct) -> None:
        direct.write(THREE)
        made = direct("agent.create", name="code-bot", model="claude-api", purpose="writes code")
        assert re.fullmatch("[0-9a-f]{64}", made["token"])
        assert made["token"] not in str(direct("agent.list"))
        with Ledger.open(direct.data, 0.0) as ledger:
            agent = ledger.agents.authenticate(Secret(made["token"]))
        assert (agent.name, agent.provider, agent.purpose) == ("code-bot", "claude-api", "writes code")

    @pytest.mark.parametrize(
        ("asked", "provider", "model"),
        [
            (None, None, None),
            ("claude-api", "claude-api", None),
            ("claude-api/claude-opus-4-6", "claude-api", "claude-opus-4-6"),
            ("claude-opus-4-6", None, "claude-opus-4-6"),
        ],
    )
    def test_its_model_is_a_provider_or_a_providers_model_or_a_model(
        self, direct: Direct, asked: str | None, provider: str | None, model: str | None
    ) -> None:
        direct.write(THREE)
        made = direct("agent.create", name="a", **({} if asked is None else {"model": asked}))
        assert (made["provider"], made["model"]) == (provider, model)

    def test_a_provider_that_there_is_not_is_refused(self, direct: Direct) -> None:
        direct.write(THREE)
        with pytest.raises(RefusedError, match="there is no provider deepseek"):
            direct("agent.create", name="research", model="deepseek")
        assert direct("agent.list")["agents"] == []

    def test_a_name_that_is_taken_is_refused(self, direct: Direct) -> None:
        direct("agent.create", name="a")
        with pytest.raises(RefusedError, match="there is an agent `a` already"):
            direct("agent.create", name="a")


class TestFallback:
    def test_a_local_agent_that_may_leave_the_machine_is_told(self) -> None:
        (told,) = warnings("local-default")
        assert told.startswith("when local-default cannot answer, its calls may go to claude-api and leave this")
        assert told.endswith("to rule that out: --fallback local_only")

    def test_a_flat_rate_that_may_become_a_price_by_use_is_told(self) -> None:
        (told,) = warnings("codex-subscription")
        assert "its calls may go to claude-api and be billed by use" in told
        assert told.endswith("to rule that out: --fallback same_billing")

    def test_the_fallback_provider_counts_too(self) -> None:
        (told,) = warnings("local-default", defaults="  chat: claude-api\n  fallback: codex-subscription\n")
        assert "may go to claude-api or codex-subscription and leave this machine" in told

    def test_the_default_of_its_own_role_counts(self) -> None:
        assert warnings("local-default", defaults="  autonomous: claude-api\n") == []
        assert len(warnings("local-default", defaults="  autonomous: claude-api\n", role="autonomous")) == 1

    @pytest.mark.parametrize(
        ("provider", "fallback"),
        [
            ("local-default", "local_only"),
            ("local-default", "none"),
            ("codex-subscription", "same_billing"),
            ("claude-api", "any"),
        ],
    )
    def test_what_cannot_happen_is_not_told(self, provider: str, fallback: str) -> None:
        assert warnings(provider, fallback) == []

    def test_without_any_provider_that_is_told(self) -> None:
        (told,) = fallback_warnings(load(""), AgentFacts("a"))
        assert "no provider is available" in told


class TestListing:
    def test_an_agents_calls_are_counted(self, direct: Direct) -> None:
        direct("agent.create", name="a")
        with Ledger.open(direct.data, 0.0) as ledger:
            for number in range(3):
                ledger.writer.append(Call(f"call_{number}", 100.0 + number, "a", "p", "m", "answered"))
        (agent,) = direct("agent.list")["agents"]
        assert (agent["status"], agent["calls"], agent["last_call_at"]) == ("active", 3, 102.0)

    def test_on_a_fresh_machine_there_are_none_and_no_ledger_is_made(self, direct: Direct) -> None:
        assert direct("agent.list")["agents"] == []
        assert not direct.data.root.exists()


class TestRevoking:
    def test_the_token_is_refused_from_then_on(self, direct: Direct) -> None:
        token = direct("agent.create", name="a")["token"]
        direct("agent.revoke", name="a")
        assert direct("agent.list")["agents"][0]["status"] == "revoked"
        with Ledger.open(direct.data, 0.0) as ledger, pytest.raises(UnauthorizedError, match="revoked"):
            ledger.agents.authenticate(Secret(token))

    def test_a_new_token_restores_it(self, direct: Direct) -> None:
        direct("agent.create", name="a")
        direct("agent.revoke", name="a")
        token = direct("agent.rotate", name="a")["token"]
        with Ledger.open(direct.data, 0.0) as ledger:
            assert ledger.agents.authenticate(Secret(token)).name == "a"

    def test_its_connections_end(self, live: Live) -> None:
        live("agent.create", name="a")
        live("agent.revoke", name="a")
        live("agent.rotate", name="a")
        assert live.gateway.log == [("agent_revoked", "a"), ("agent_revoked", "a")]

    def test_an_agent_that_there_is_not_is_told(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="there is no agent a"):
            direct("agent.revoke", name="a")


class TestShowing:
    def test_it_says_who_answers_in_which_order_and_what_was_used(self, direct: Direct) -> None:
        direct.write(THREE)
        direct("agent.create", name="a", model="local-default", purpose="helps")
        with Ledger.open(direct.data, 0.0) as ledger:
            ledger.writer.append(Call("c", 5.0, "a", "claude-api", "m", "answered"))
        shown = direct("agent.show", name="a")
        assert shown["candidates"] == ["local-default", "claude-api"]
        assert (shown["usage"]["calls"], shown["last_call_at"], shown["purpose"]) == (1, 5.0, "helps")
        assert "leave this machine" in shown["told"][0]
        assert shown["address"] == f"ipc://{direct.data.root}/run/agents/agent.sock"

    def test_its_token_is_never_shown_again(self, direct: Direct) -> None:
        direct.write(THREE)
        token = direct("agent.create", name="a")["token"]
        assert token not in str(direct("agent.show", name="a"))

    def test_before_its_first_call_nothing_was_used(self, direct: Direct) -> None:
        direct.write(THREE)
        direct("agent.create", name="a")
        shown = direct("agent.show", name="a")
        assert (shown["usage"], shown["last_call_at"]) == (None, None)

    def test_an_agent_that_there_is_not_is_told(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="there is no agent a"):
            direct("agent.show", name="a")
        assert not direct.data.root.exists()


class TestItsModel:
    def test_it_is_answered_by_another_and_the_rest_stays(self, direct: Direct) -> None:
        direct.write(THREE)
        token = direct("agent.create", name="a", model="claude-api", purpose="p", fallback="none")["token"]
        changed = direct("agent.set_model", name="a", model="local-default")
        assert (changed["provider"], changed["purpose"], changed["fallback"]) == ("local-default", "p", "none")
        with Ledger.open(direct.data, 0.0) as ledger:
            assert ledger.agents.authenticate(Secret(token)).provider == "local-default"

    def test_open_sessions_hear_of_it(self, live: Live) -> None:
        live.start_with(THREE)
        live("agent.create", name="a", role="autonomous")
        live("agent.set_model", name="a", model="claude-api/claude-opus-4-6")
        assert live.gateway.log == [
            ("agent_changed", AgentFacts("a", "claude-api/claude-opus-4-6", "autonomous", "any", policy=Policy()))
        ]

    def test_without_a_model_it_is_the_defaults_again(self, direct: Direct) -> None:
        direct.write(THREE)
        direct("agent.create", name="a", model="local-default/llama3.3:8b")
        changed = direct("agent.set_model", name="a")
        assert (changed["provider"], changed["model"]) == (None, None)

    def test_where_its_calls_may_go_now_is_told(self, direct: Direct) -> None:
        direct.write(THREE)
        direct("agent.create", name="a", model="claude-api")
        assert "leave this machine" in direct("agent.set_model", name="a", model="local-default")["told"][0]

    def test_a_provider_that_there_is_not_changes_nothing(self, direct: Direct) -> None:
        direct.write(THREE)
        direct("agent.create", name="a", model="claude-api")
        with pytest.raises(RefusedError, match="there is no provider deepseek"):
            direct("agent.set_model", name="a", model="deepseek")
        assert direct("agent.show", name="a")["provider"] == "claude-api"


class TestRestoring:
    def test_a_revoked_agent_comes_in_again_by_a_new_token_alone(self, direct: Direct) -> None:
        old = direct("agent.create", name="a")["token"]
        direct("agent.revoke", name="a")
        new = direct("agent.restore", name="a")["token"]
        with Ledger.open(direct.data, 0.0) as ledger:
            assert ledger.agents.authenticate(Secret(new)).name == "a"
            with pytest.raises(UnauthorizedError):
                ledger.agents.authenticate(Secret(old))

    def test_one_that_is_not_revoked_keeps_its_token(self, direct: Direct) -> None:
        token = direct("agent.create", name="a")["token"]
        with pytest.raises(RefusedError, match="is not revoked"):
            direct("agent.restore", name="a")
        with Ledger.open(direct.data, 0.0) as ledger:
            assert ledger.agents.authenticate(Secret(token)).name == "a"
