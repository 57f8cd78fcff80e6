"""Moving pasted keys from models.yaml to the vault."""

from __future__ import annotations

import pytest

from kruxos.config.load import load
from kruxos.config.model import Destination, destination
from kruxos.config.problems import ConfigError
from kruxos.config.secret import Secret
from kruxos.errors import NoCredentialsError, VaultLockedError
from kruxos.vault.importing import import_pasted
from kruxos.vault.problems import BadRecordError
from kruxos.vault.vault import Vault, record_name

TEXT = """\
# mine
providers:
  a:
    type: anthropic
    api_key: sk-ant-CANARY-0123456789  # the real one
  b: {type: openai, base_url: https://b.example/v1, token: CANARY-b}
  c: {type: gemini}
"""

CLEAN = """\
# mine
providers:
  a:
    type: anthropic
  b: {type: openai, base_url: https://b.example/v1}
  c: {type: gemini}
"""


def test_keys_go_to_the_vault_bound_to_where_their_providers_are(vault: Vault) -> None:
    imported = import_pasted(vault, TEXT)
    assert imported.text == CLEAN
    assert imported.providers == ("a", "b")
    config = load(imported.text)
    assert vault.get(record_name("a"), destination(config.providers["a"])).reveal() == "sk-ant-CANARY-0123456789"
    assert vault.get(record_name("b"), Destination("https://b.example:443")).reveal() == "CANARY-b"
    with pytest.raises(NoCredentialsError):
        vault.get(record_name("c"), destination(config.providers["c"]))
    assert "CANARY" not in repr(imported)


def test_doing_it_again_does_no_harm(vault: Vault) -> None:
    import_pasted(vault, TEXT)
    assert import_pasted(vault, TEXT).text == CLEAN
    assert import_pasted(vault, CLEAN).providers == ()


def test_a_newer_key_in_the_file_takes_the_old_ones_place(vault: Vault) -> None:
    vault.add(record_name("b"), "api-key", Secret("old"), Destination("https://old.example:443"))
    import_pasted(vault, TEXT)
    assert vault.get(record_name("b"), Destination("https://b.example:443")).reveal() == "CANARY-b"


def test_a_provider_that_signed_in_with_nothing_signs_in_with_its_key_now(vault: Vault) -> None:
    imported = import_pasted(vault, "providers:\n  o:\n    type: ollama\n    key: CANARY-o\n")
    assert imported.text == "providers:\n  o:\n    type: ollama\n    auth: api_key\n"


def test_a_key_for_clear_text_is_not_imported(vault: Vault) -> None:
    with pytest.raises(ConfigError, match="a key would travel in clear text"):
        import_pasted(vault, "providers: {o: {type: ollama, endpoint: http://lan:1, key: CANARY-o}}")
    assert vault.list() == []


def test_two_keys_of_one_provider_are_not_guessed_between(vault: Vault) -> None:
    with pytest.raises(BadRecordError, match="line 2: a has two keys"):
        import_pasted(vault, "providers: {a: {type: openai, api_key: CANARY-1,\n  token: CANARY-2}}")


def test_a_key_for_an_account_is_refused(vault: Vault) -> None:
    with pytest.raises(BadRecordError, match="a signs in with an account"):
        import_pasted(vault, "providers: {a: {type: openai-codex, api_key: CANARY-1}}")


def test_nothing_is_stored_from_a_file_that_is_wrong_otherwise(vault: Vault) -> None:
    with pytest.raises(ConfigError) as caught:
        import_pasted(vault, TEXT + "nonsense: 1\n")
    assert "CANARY" not in str(caught.value)
    assert vault.list() == []


def test_a_locked_vault_takes_nothing(vault: Vault) -> None:
    vault.lock()
    with pytest.raises(VaultLockedError):
        import_pasted(vault, TEXT)
