"""vault.add, list, remove, import, lock, unlock, status and set_passphrase."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.config.model import destination
from kruxos.config.secret import Secret
from kruxos.cores import supervision
from kruxos.errors import BadRequestError, GatewayUnreachableError, RefusedError, VaultLockedError
from kruxos.vault.vault import Vault
from tests.operations.conftest import KEY, Direct, Live

DEEPSEEK = """\
providers:
  deepseek:
    type: openai
    base_url: https://api.deepseek.com/v1
    model: deepseek-chat
    auth: api_key
"""
RECORD = "model-provider:deepseek"
PASSPHRASE = "correct horse battery"


def key_in(vault: Vault, direct: Direct) -> str:
    return vault.get(RECORD, destination(direct.config.providers["deepseek"])).reveal()


class TestAdding:
    def test_the_documented_way_after_uncommenting_a_provider(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        stored = direct("vault.add", name=RECORD, secret=KEY)
        assert stored == {
            "name": RECORD,
            "provider": "deepseek",
            "replaced": False,
            "destination": "https://api.deepseek.com:443",
            "told": [],
        }
        with Vault.open(direct.data) as vault:
            assert key_in(vault, direct) == KEY

    def test_a_second_key_takes_the_place_of_the_first(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.add", name=RECORD, secret="first-key")
        assert direct("vault.add", name=RECORD, secret=KEY)["replaced"] is True
        with Vault.open(direct.data) as vault:
            assert key_in(vault, direct) == KEY

    @pytest.mark.parametrize("name", ["deepseek", "model-provider:", "model-provider:../x", "other:deepseek"])
    def test_what_is_no_record_of_a_provider_is_refused(self, direct: Direct, name: str) -> None:
        with pytest.raises(RefusedError, match="write it as model-provider:NAME"):
            direct("vault.add", name=name, secret=KEY)

    def test_a_provider_that_models_yaml_does_not_have_is_refused(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="there is no provider deepseek"):
            direct("vault.plan", name=RECORD)

    def test_an_account_takes_no_key(self, direct: Direct) -> None:
        direct.write("providers:\n  deepseek:\n    type: openai-codex\n")
        with pytest.raises(RefusedError, match="signs in with an account"):
            direct("vault.add", name=RECORD, secret=KEY)

    def test_a_key_that_nobody_will_use_is_told(self, direct: Direct) -> None:
        direct.write("providers:\n  deepseek:\n    type: local\n")
        assert "auth: api_key" in direct("vault.add", name=RECORD, secret=KEY)["told"][0]

    @pytest.mark.parametrize("secret", ["", "   ", "two words", "line\nbreak"])
    def test_what_is_no_key_is_refused_without_being_repeated(self, direct: Direct, secret: str) -> None:
        direct.write(DEEPSEEK)
        with pytest.raises((RefusedError, BadRequestError)) as caught:
            direct("vault.add", name=RECORD, secret=secret)
        assert "two words" not in str(caught.value)

    def test_the_worker_gets_the_new_key_and_a_hand_written_entry_comes_into_force(self, live: Live) -> None:
        live.write(DEEPSEEK)
        live("vault.add", name=RECORD, secret=KEY)
        assert live.gateway.log == [("apply", ["deepseek"])]
        live("vault.add", name=RECORD, secret=KEY)
        assert live.gateway.log[1:] == [("apply", ["deepseek"]), ("secrets_changed", "deepseek")]


class TestListing:
    def test_it_shows_names_and_destinations_and_no_secret(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.add", name=RECORD, secret=KEY)
        direct.write("")
        (record,) = direct("vault.list")["records"]
        assert (record["name"], record["kind"], record["used"]) == (RECORD, "api-key", False)
        assert record["destination"] == "https://api.deepseek.com:443"
        assert KEY not in str(record)

    def test_on_a_fresh_machine_it_is_empty_and_no_vault_is_made(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        assert direct("vault.list")["records"] == []
        assert direct("vault.status")["state"] == "none"
        assert not direct.data.vault.exists()


class TestRotating:
    def test_the_record_has_the_new_key_for_the_same_place(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.add", name=RECORD, secret="an-old-key")
        assert direct("vault.rotate", name=RECORD, secret=KEY)["destination"] == "https://api.deepseek.com:443"
        with Vault.open(direct.data) as vault:
            assert key_in(vault, direct) == KEY

    def test_a_record_that_there_is_not_is_not_made(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        with pytest.raises(RefusedError, match="kruxos vault add model-provider:deepseek api-key"):
            direct("vault.rotate", name=RECORD, secret=KEY)
        assert direct("vault.list")["records"] == []

    def test_the_worker_is_replaced(self, live: Live) -> None:
        live.start_with(DEEPSEEK)
        live("vault.add", name=RECORD, secret="an-old-key")
        live("vault.rotate", name=RECORD, secret=KEY)
        assert live.gateway.log[-1] == ("secrets_changed", "deepseek")


class TestRemoving:
    def test_the_record_goes(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.add", name=RECORD, secret=KEY)
        direct("vault.remove", name=RECORD)
        assert direct("vault.list")["records"] == []
        with pytest.raises(RefusedError, match="there is no model-provider:deepseek in the vault"):
            direct("vault.remove", name=RECORD)

    def test_a_worker_that_has_the_key_in_memory_goes_at_once(self, live: Live) -> None:
        live.start_with(DEEPSEEK)
        live("vault.add", name=RECORD, secret=KEY)
        live("vault.remove", name=RECORD)
        assert live.gateway.log[-1] == ("deepseek", supervision.Restart(now=True, reason="its key was removed"))

    def test_a_worker_that_an_operator_stopped_stays_so(self, live: Live) -> None:
        live.start_with(DEEPSEEK)
        live("vault.add", name=RECORD, secret=KEY)
        live.gateway.states["deepseek"] = "stopped"
        live("vault.remove", name=RECORD)
        assert not any(isinstance(event, supervision.Restart) for _, event in live.gateway.log)


class TestImporting:
    PASTED = DEEPSEEK.replace("    auth: api_key\n", f"    api_key: {KEY}\n")

    def test_a_pasted_key_moves_to_the_vault_and_out_of_the_file(self, direct: Direct) -> None:
        direct.write(self.PASTED)
        assert direct("vault.import")["providers"] == ["deepseek"]
        assert KEY not in direct.text
        with Vault.open(direct.data) as vault:
            assert key_in(vault, direct) == KEY

    def test_without_pasted_keys_nothing_changes(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        assert direct("vault.import")["providers"] == []
        assert direct.text == DEEPSEEK

    def test_a_gateway_that_could_not_use_the_file_takes_it_up(self, live: Live) -> None:
        live.write(self.PASTED)
        live("vault.import")
        assert live.gateway.log == [("apply", ["deepseek"])]


class TestThePassphrase:
    def test_with_one_the_vault_opens_locked_and_each_command_asks(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
        assert direct("vault.status")["state"] == "locked"
        with pytest.raises(VaultLockedError, match="kruxos vault unlock"):
            direct("vault.add", name=RECORD, secret=KEY)
        direct.ask_passphrase = lambda: Secret(PASSPHRASE)
        direct("vault.add", name=RECORD, secret=KEY)
        assert direct("vault.list")["records"][0]["name"] == RECORD

    def test_a_wrong_one_is_told(self, direct: Direct) -> None:
        direct.write(DEEPSEEK)
        direct("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
        direct.ask_passphrase = lambda: Secret("not this one")
        with pytest.raises(RefusedError, match="this is not the vault's passphrase"):
            direct("vault.add", name=RECORD, secret=KEY)

    def test_who_changes_it_knows_it(self, direct: Direct) -> None:
        direct("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
        for old in ({}, {"old_passphrase": "not this one"}):
            with pytest.raises(RefusedError, match="passphrase"):
                direct("vault.set_passphrase", place="file", **old)
        direct("vault.set_passphrase", place="file", old_passphrase=PASSPHRASE)
        assert direct("vault.status")["state"] == "unlocked"

    def test_a_short_one_is_refused(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="too short"):
            direct("vault.set_passphrase", place="passphrase", passphrase="short")

    @pytest.mark.parametrize(("name", "arguments"), [("vault.lock", {}), ("vault.unlock", {"passphrase": PASSPHRASE})])
    def test_only_a_running_gateway_can_be_locked_and_unlocked(
        self, direct: Direct, name: str, arguments: dict[str, Any]
    ) -> None:
        with pytest.raises(GatewayUnreachableError, match="kruxos serve"):
            direct(name, **arguments)

    def test_a_gateways_vault_is_locked_and_unlocked_and_waiting_workers_are_started(self, live: Live) -> None:
        assert live("vault.lock")["state"] == "locked"
        assert live("vault.unlock")["state"] == "unlocked"
        assert live.gateway.log == [("secrets_changed", None)]

    def test_a_gateways_vault_with_a_passphrase_needs_it(self, live: Live) -> None:
        live("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
        live("vault.lock")
        with pytest.raises(Exception, match="passphrase"):
            live("vault.unlock")
        assert live("vault.unlock", passphrase=PASSPHRASE)["state"] == "unlocked"
