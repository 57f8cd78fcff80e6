"""Logins as operations see them: planned, stored, replaced, revoked with what they belong to. The issuer is played."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.config.model import destination
from kruxos.config.secret import Secret
from kruxos.errors import BadRequestError, RefusedError
from kruxos.login import Login, read_login
from kruxos.operations import logins
from kruxos.operations.issuing import Issuer
from kruxos.vault.vault import Vault
from tests.operations.conftest import Direct, Live

NAME = "model-provider:openai-codex"
LOGIN = Login("access-canary", "refresh-canary", "account-1", 2e9, 1e9)
RECORD = LOGIN.to_record().decode()
CODEX = {"type": "openai-codex", "auth": "oauth"}


@pytest.fixture
def revoked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Issuer, str]]:
    """What the issuer was told to revoke; it says yes."""
    told: list[tuple[Issuer, str]] = []

    def revoke(issuer: Issuer, record: Secret) -> str:
        told.append((issuer, read_login(record.reveal_bytes()).refresh_token))
        return ""

    monkeypatch.setattr(logins, "revoke", revoke)
    return told


def stored(direct: Direct) -> Login:
    with Vault.open(direct.data) as vault:
        return read_login(vault.get(NAME, destination(direct.config.providers["openai-codex"])).reveal_bytes())


class TestAdding:
    def test_the_plan_says_where_one_signs_in_and_changes_nothing(self, direct: Direct) -> None:
        plan = direct("model.plan", **CODEX)
        assert plan["issuer"] == {
            "issuer": "https://auth.openai.com",
            "client_id": "app_EMoamEEZ73f0CkXaXp7hrann",
            "proxy": None,
            "ca_bundle": None,
        }
        assert (plan["needs_key"], plan["renews"]) == (False, None)
        assert not direct.data.root.exists()

    def test_the_login_is_stored_and_the_entry_is_the_documents(self, direct: Direct) -> None:
        added = direct("model.add", **CODEX, login=RECORD)
        assert (added["name"], added["default_for"], added["told"]) == ("openai-codex", ["chat"], [])
        assert stored(direct) == LOGIN
        block = '  openai-codex:\n    type: openai-codex\n    auth: oauth\n    model: gpt-5.4\n    label: "GPT-5.4'
        assert block in direct.text
        assert "canary" not in str(added) + direct.text

    def test_the_record_is_listed_without_its_tokens(self, direct: Direct) -> None:
        direct("model.add", **CODEX, login=RECORD)
        (listed,) = direct("vault.list")["records"]
        assert (listed["name"], listed["kind"], listed["used"]) == (NAME, "oauth", True)
        assert listed["destination"] == "https://chatgpt.com:443 and https://auth.openai.com:443"
        assert "canary" not in str(listed)

    @pytest.mark.parametrize(
        "record", [None, "", "canary", "[]", "{}", json.dumps({"access_token": "canary"}), '{"ended": "canary"}']
    )
    def test_without_a_whole_login_nothing_is_written(self, direct: Direct, record: str | None) -> None:
        with pytest.raises(BadRequestError) as caught:
            direct("model.add", **CODEX, **({} if record is None else {"login": record}))
        assert "canary" not in caught.value.message
        assert "openai-codex:\n    type" not in direct.text
        assert direct("vault.list")["records"] == []

    def test_the_same_command_again_renews(self, direct: Direct) -> None:
        direct("model.add", **CODEX, login=RECORD)
        assert direct("model.plan", **CODEX)["renews"] == "openai-codex"

    def test_another_address_is_another_provider(self, direct: Direct) -> None:
        direct("model.add", **CODEX, login=RECORD)
        with pytest.raises(RefusedError, match="there is a provider openai-codex already"):
            direct("model.plan", **CODEX, endpoint="http://127.0.0.1:1/codex")


class TestLoggingInAgain:
    def test_the_new_login_takes_the_place_of_the_old_one(self, direct: Direct) -> None:
        direct("model.add", **CODEX, login=RECORD)
        second = Login("access-2", "refresh-2", "account-1", 2e9, 1e9)
        assert direct("model.plan_login", name="openai-codex")["issuer"]["issuer"] == "https://auth.openai.com"
        direct("model.login", name="openai-codex", login=second.to_record().decode())
        assert stored(direct) == second

    def test_a_provider_with_a_key_has_none(self, direct: Direct) -> None:
        direct.write("providers:\n  claude-api:\n    type: anthropic\n")
        with pytest.raises(RefusedError, match="kruxos vault add model-provider:claude-api api-key"):
            direct("model.plan_login", name="claude-api")

    def test_the_type_is_understood_where_one_provider_has_it(self, direct: Direct) -> None:
        direct.write("providers:\n  codex-subscription:\n    type: openai-codex\n")
        assert direct("model.login", name="openai-codex", login=RECORD)["name"] == "codex-subscription"

    def test_a_running_gateway_is_told(self, live: Live) -> None:
        live.start_with("providers:\n  openai-codex:\n    type: openai-codex\n")
        live("model.login", name="openai-codex", login=RECORD)
        assert ("secrets_changed", "openai-codex") in live.gateway.log


class TestRemoving:
    def test_the_login_is_revoked_at_its_issuer(self, direct: Direct, revoked: list[Any]) -> None:
        direct("model.add", **CODEX, login=RECORD)
        removed = direct("model.remove", name="openai-codex")
        assert revoked == [(Issuer("https://auth.openai.com", "app_EMoamEEZ73f0CkXaXp7hrann"), "refresh-canary")]
        assert removed["told"] == ["the login was revoked at https://auth.openai.com"]
        assert direct("vault.list")["records"] == []

    def test_a_login_that_has_ended_is_not_revoked_again(self, direct: Direct, revoked: list[Any]) -> None:
        direct("model.add", **CODEX, login=RECORD)
        with Vault.open(direct.data) as vault:
            vault.rotate(NAME, Secret(LOGIN.over("refresh_token_reused").to_record()))
        assert direct("model.remove", name="openai-codex")["told"] == []
        assert revoked == []

    def test_a_login_that_belongs_elsewhere_is_not_sent_anywhere(self, direct: Direct, revoked: list[Any]) -> None:
        direct("model.add", **CODEX, login=RECORD)
        direct.write(
            direct.text.replace("    auth: oauth\n", "    auth: oauth\n    oauth_issuer: https://evil.example\n")
        )
        (told,) = direct("model.remove", name="openai-codex")["told"]
        assert "could not be revoked at https://evil.example" in told
        assert revoked == []
        assert direct("vault.list")["records"] == []

    def test_what_is_left_of_a_provider_without_an_entry_is_removed_and_its_login_is_told(
        self, direct: Direct, revoked: list[Any]
    ) -> None:
        direct("model.add", **CODEX, login=RECORD)
        direct.write("")
        assert direct("model.remove", name="openai-codex")["told"] == [
            "its login was not revoked: sign out at its issuer yourself"
        ]
        assert revoked == []
