"""model.add, list, remove, default, confirm, enable and disable."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.config import models_file
from kruxos.config.model import destination
from kruxos.config.problems import EditError
from kruxos.cores import supervision
from kruxos.errors import BadRequestError, DestinationChangedError, NoCredentialsError, RefusedError, VaultLockedError
from kruxos.vault.vault import Vault
from tests.operations.conftest import KEY, Direct, Live

DEEPSEEK = {"type": "openai", "name": "deepseek", "endpoint": "https://api.deepseek.com/v1", "model": "deepseek-chat"}
HAND_WRITTEN = """\
providers:
  deepseek:   # ours
    type: openai
    base_url: https://api.deepseek.com/v1
    model: deepseek-chat
    auth: api_key
"""
MOVED = HAND_WRITTEN.replace("api.deepseek.com", "deepseek.example.com")


def key_of(direct: Direct, name: str) -> str:
    """The key that the provider's worker would get."""
    with Vault.open(direct.data) as vault:
        return vault.get(f"model-provider:{name}", destination(direct.config.providers[name])).reveal()


def records(direct: Direct) -> list[str]:
    return [each["name"] for each in direct("vault.list")["records"]]


class TestAdding:
    def test_it_writes_the_entry_and_stores_the_key_for_its_address(self, direct: Direct) -> None:
        direct("model.add", **DEEPSEEK, api_key=f" {KEY}\n")
        provider = direct.config.providers["deepseek"]
        assert (provider.base_url, provider.model) == ("https://api.deepseek.com/v1", "deepseek-chat")
        assert key_of(direct, "deepseek") == KEY

    def test_the_key_is_in_no_file_and_not_in_the_result(self, direct: Direct) -> None:
        added = direct("model.add", **DEEPSEEK, api_key=KEY)
        assert KEY not in str(added)
        found = [path for path in direct.data.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
        assert found == []

    def test_a_fresh_directory_gets_the_file_with_the_examples(self, direct: Direct) -> None:
        direct("model.add", type="local")
        assert "# Anthropic." in direct.text

    def test_the_first_provider_becomes_the_default_for_chat_and_the_second_does_not(self, direct: Direct) -> None:
        assert direct("model.add", type="local")["default_for"] == ["chat"]
        assert direct("model.add", **DEEPSEEK, api_key=KEY)["default_for"] == []
        assert direct.config.defaults.chat == "local-default"

    def test_a_name_that_is_taken_is_refused_with_two_ways_out(self, direct: Direct) -> None:
        direct("model.add", type="local")
        with pytest.raises(RefusedError) as caught:
            direct("model.plan", type="local")
        assert "there is a provider local-default already" in caught.value.message
        assert "--name local-default-2; or first: `kruxos model remove local-default`" in caught.value.message

    def test_the_plan_says_whether_a_key_is_needed_and_changes_nothing(self, direct: Direct) -> None:
        assert direct("model.plan", type="anthropic")["needs_key"] is True
        assert direct("model.plan", type="local")["needs_key"] is False
        assert not direct.data.root.exists()

    def test_without_its_key_nothing_is_written(self, direct: Direct) -> None:
        with pytest.raises(BadRequestError, match="no API key was given"):
            direct("model.add", **DEEPSEEK, api_key="  ")
        assert direct.config.providers == {}

    def test_what_the_file_would_refuse_is_told_without_a_line_that_nobody_wrote(self, direct: Direct) -> None:
        with pytest.raises(RefusedError) as caught:
            direct("model.plan", type="openai", name="x", endpoint="http://example.com/v1", model="m")
        assert caught.value.message.startswith("base_url: a key would travel in clear text\n  fix: use https://")

    def test_an_address_without_a_version_path_is_told(self, direct: Direct) -> None:
        told = direct("model.plan", type="openai", name="x", endpoint="https://example.com", model="m")["told"]
        assert told == ["base_url has no version path, without which most servers answer 404, such as https://host/v1"]

    def test_what_was_wrong_with_the_file_before_is_told_with_its_line(self, direct: Direct) -> None:
        direct.write("providers:\n  x:\n    type: nonsense\n")
        with pytest.raises(RefusedError, match="line 3"):
            direct("model.plan", type="local")

    def test_a_crash_after_the_key_was_stored_loses_nothing_and_the_command_can_be_repeated(
        self, direct: Direct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(models_file, "edit_models", power_cut)
            with pytest.raises(KeyboardInterrupt):
                direct("model.add", **DEEPSEEK, api_key="of-the-first-try")
        assert records(direct) == ["model-provider:deepseek"]
        direct("model.add", **DEEPSEEK, api_key=KEY)
        assert key_of(direct, "deepseek") == KEY

    def test_an_entry_that_cannot_be_written_leaves_no_key_behind(
        self, direct: Direct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models_file, "edit_models", saved_by_somebody_else)
        with pytest.raises(RefusedError, match="saved by somebody else"):
            direct("model.add", **DEEPSEEK, api_key=KEY)
        assert records(direct) == []

    def test_the_gateway_gets_the_configuration_once_the_key_is_there(self, live: Live) -> None:
        assert live("model.add", **DEEPSEEK, api_key=KEY)["in_force"] is True
        assert live.gateway.log == [("apply", ["deepseek"])]
        assert live.gateway.config.defaults.chat == "deepseek"

    def test_a_locked_vault_is_told_before_anybody_types_a_key(self, live: Live) -> None:
        live.context.vault.lock()
        with pytest.raises(VaultLockedError, match="kruxos vault unlock"):
            live("model.plan", **DEEPSEEK)


def power_cut(*arguments: Any) -> None:
    raise KeyboardInterrupt


def saved_by_somebody_else(*arguments: Any) -> None:
    raise EditError("models.yaml was saved by somebody else just now", "try again")


class TestListing:
    def test_on_a_fresh_machine_there_is_nothing_and_nothing_is_made(self, direct: Direct) -> None:
        assert direct("model.list")["providers"] == []
        assert not direct.data.root.exists()

    def test_it_tells_of_each_key_whether_it_is_there_and_for_this_address(self, direct: Direct) -> None:
        direct("model.add", **DEEPSEEK, api_key=KEY)
        direct("model.add", type="local")
        direct.write(direct.text.replace("api.deepseek.com", "deepseek.example.com"))
        direct.write(direct.text.replace("\ndefaults:", "\n  bare:\n    type: anthropic\ndefaults:"))
        found = {each["name"]: each for each in direct("model.list")["providers"]}
        assert {name: each["credentials"] for name, each in found.items()} == {
            "deepseek": "destination_changed",
            "local-default": "not_needed",
            "bare": "missing",
        }
        assert found["deepseek"]["stored_for"] == "https://api.deepseek.com:443"
        assert found["deepseek"]["wanted_for"] == "https://deepseek.example.com:443"
        assert found["deepseek"]["state"] is None

    def test_in_a_gateway_it_has_the_workers_states(self, live: Live) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n")
        live.write("providers:\n  ours:\n    type: local\n  fresh:\n    type: local\n")
        assert {each["name"]: each["state"] for each in live("model.list")["providers"]} == {
            "ours": "ready",
            "fresh": None,
        }

    def test_a_file_that_is_wrong_now_does_not_hide_what_is_in_force(self, live: Live) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n")
        live.write("providers: [")
        found = live("model.list")
        assert [each["name"] for each in found["providers"]] == ["ours"]
        assert "line 1" in found["config_problem"]


class TestRemoving:
    def test_the_entry_its_defaults_and_its_key_go_and_the_comments_stay(self, direct: Direct) -> None:
        direct.write("# mine\n" + HAND_WRITTEN + "defaults:\n  chat: deepseek\n")
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        removed = direct("model.remove", name="deepseek")
        assert removed == {
            "name": "deepseek",
            "had_entry": True,
            "had_key": True,
            "was_default_for": ["chat"],
            "told": [],
        }
        assert direct.config.providers == {}
        assert direct.text.startswith("# mine\n")
        assert records(direct) == []

    def test_a_crash_after_the_entry_went_is_mended_by_the_same_command(
        self, direct: Direct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        direct("model.add", **DEEPSEEK, api_key=KEY)
        with monkeypatch.context() as patch:
            patch.setattr(Vault, "remove", power_cut)
            with pytest.raises(KeyboardInterrupt):
                direct("model.remove", name="deepseek")
        assert direct("model.remove", name="deepseek") == {
            "name": "deepseek",
            "had_entry": False,
            "had_key": True,
            "was_default_for": [],
            "told": [],
        }
        assert records(direct) == []

    def test_nothing_is_removed_by_another_name_than_its_own(self, direct: Direct) -> None:
        direct("model.add", type="local", name="mine")
        with pytest.raises(RefusedError, match="there is no provider local-default\n  fix: use one of: mine"):
            direct("model.remove", name="local-default")

    def test_the_gateway_hears_of_it(self, live: Live) -> None:
        live("model.add", **DEEPSEEK, api_key=KEY)
        live("model.remove", name="deepseek")
        assert live.gateway.log[-1] == ("apply", [])


class TestDefaults:
    @pytest.mark.parametrize("role", ["chat", "autonomous", "fallback"])
    def test_a_role_gets_its_provider(self, direct: Direct, role: str) -> None:
        direct("model.add", type="local")
        direct("model.default", role=role, name="local-default")
        assert getattr(direct.config.defaults, role) == "local-default"

    def test_the_documents_example_name_stands_for_the_only_provider_of_its_kind(self, direct: Direct) -> None:
        direct("model.add", type="anthropic", api_key=KEY)
        done = direct("model.default", role="chat", name="claude-api")
        assert done["name"] == "anthropic"
        assert done["told"] == ["there is no provider claude-api: anthropic is meant, the only one of this kind"]

    def test_of_two_of_a_kind_none_is_meant(self, direct: Direct) -> None:
        direct("model.add", type="anthropic", api_key=KEY)
        direct("model.add", type="anthropic", name="other", api_key=KEY)
        with pytest.raises(RefusedError, match="there is no provider claude-api\n  fix: use one of: anthropic, other"):
            direct("model.default", role="chat", name="claude-api")

    def test_a_compatible_server_is_not_taken_for_openai_itself(self, direct: Direct) -> None:
        direct("model.add", **DEEPSEEK, api_key=KEY)
        with pytest.raises(RefusedError, match="there is no provider openai-api"):
            direct("model.default", role="chat", name="openai-api")

    def test_without_any_provider_the_fix_adds_one(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="kruxos model add anthropic --auth api-key"):
            direct("model.default", role="chat", name="claude-api")

    def test_a_role_that_there_is_not_is_refused(self, direct: Direct) -> None:
        with pytest.raises(BadRequestError, match="'chat' or 'autonomous' or 'fallback'"):
            direct("model.default", role="night", name="x")


class TestConfirming:
    def test_the_key_goes_to_the_new_address_from_then_on(self, direct: Direct) -> None:
        direct.write(HAND_WRITTEN)
        direct("vault.add", name="model-provider:deepseek", secret=KEY)
        direct.write(MOVED)
        with pytest.raises(DestinationChangedError):
            key_of(direct, "deepseek")
        assert direct("model.confirm", name="deepseek")["destination"] == "https://deepseek.example.com:443"
        assert key_of(direct, "deepseek") == KEY

    def test_without_a_key_there_is_nothing_to_confirm(self, direct: Direct) -> None:
        direct.write(HAND_WRITTEN)
        with pytest.raises(NoCredentialsError, match="no credentials configured"):
            direct("model.confirm", name="deepseek")

    def test_the_gateway_takes_up_the_file_and_then_the_key(self, live: Live) -> None:
        live.start_with(HAND_WRITTEN)
        live("vault.add", name="model-provider:deepseek", secret=KEY)
        live.write(MOVED)
        live.gateway.log.clear()
        live("model.confirm", name="deepseek")
        assert live.gateway.log == [("apply", ["deepseek"]), ("secrets_changed", "deepseek")]


class TestEnabling:
    def test_a_provider_goes_out_of_use_and_comes_back(self, direct: Direct) -> None:
        direct("model.add", type="local")
        told = direct("model.disable", name="local-default")["told"]
        assert told == ["it is still the default for chat: calls go on to the next in the order"]
        assert not direct.config.providers["local-default"].enabled
        direct("model.enable", name="local-default")
        assert direct.config.providers["local-default"].enabled

    def test_the_gateway_hears_of_it(self, live: Live) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n")
        live("model.disable", name="ours")
        assert not live.gateway.config.providers["ours"].enabled


class TestWorkers:
    def test_a_worker_is_restarted_stopped_and_started(self, live: Live) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n")
        live("worker.restart", provider="ours")
        live("worker.restart", provider="ours", now=True)
        live("worker.stop", provider="ours")
        live("worker.start", provider="ours")
        assert live.gateway.log == [
            ("ours", supervision.Restart()),
            ("ours", supervision.Restart(now=True)),
            ("ours", supervision.Stop()),
            ("ours", supervision.Start()),
        ]

    @pytest.mark.parametrize("verb", ["worker.restart", "worker.start"])
    def test_a_disabled_provider_is_not_started_by_hand(self, live: Live, verb: str) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n    enabled: false\n")
        with pytest.raises(RefusedError, match="kruxos model enable ours"):
            live(verb, provider="ours")

    def test_an_unknown_provider_is_refused_with_those_there_are(self, live: Live) -> None:
        live.start_with("providers:\n  ours:\n    type: local\n")
        with pytest.raises(RefusedError, match="use one of: ours"):
            live("worker.stop", provider="theirs")


class TestCatalogue:
    def test_it_lists_a_kinds_models_with_prices_and_ends(self, direct: Direct) -> None:
        found = {each["id"]: each for each in direct("model.catalog", profile="deepseek")["models"]}
        assert found["deepseek-chat"]["successor"] == "deepseek-flash"
        assert found["deepseek-flash"]["input_price"] == "0.15"

    def test_an_unknown_kind_is_refused_with_those_there_are(self, direct: Direct) -> None:
        with pytest.raises(RefusedError, match="one of anthropic, openai"):
            direct("model.catalog", profile="nobody")


def test_what_has_become_otherwise_is_told_with_the_list(live: Live) -> None:
    live.start_with("""
providers:
  a: {type: openai, base_url: https://api.z.ai/v1, model: glm-5, auth: none}
  b: {type: openai, base_url: https://api.deepseek.com/v1, model: deepseek-chat, auth: none}
  c: {type: openai, base_url: https://api.deepseek.com/v1, model: deepseek-chat, auth: none, retired_models: refuse}
  d: {type: openai, base_url: http://localhost:1/v1, model: deepseek-chat, auth: none}
""")
    told = {each["name"]: each["told"] for each in live("model.list")["providers"]}
    assert "answers no more: https://api.z.ai/api/paas/v4" in told["a"][0]
    assert told["b"][0].startswith("deepseek-chat is retired since 2026-07-24: deepseek-flash answers in its place")
    assert told["c"][0].endswith("`retired_models: refuse` is set: write deepseek-flash")
    assert told["d"] == []
