"""Moving keys that were pasted into models.yaml to the vault (`kruxos vault import`)."""

from __future__ import annotations

from dataclasses import dataclass

from kruxos.config.edit import remove_secret_lines, set_field
from kruxos.config.load import load, pasted_keys
from kruxos.config.model import destination
from kruxos.config.secret import Secret
from kruxos.vault.problems import BadRecordError
from kruxos.vault.vault import Vault, record_name


@dataclass(frozen=True, slots=True)
class Imported:
    """The file's text without the keys, to be written by the caller, and the providers whose keys were stored."""

    text: str
    providers: tuple[str, ...]


def import_pasted(vault: Vault, text: str) -> Imported:
    """Stores the keys that stand in ``text``. Doing it again after a power cut does no harm.

    A provider that signed in with nothing signs in with its key from now on. Raises ``ConfigError`` for whatever else
    is wrong with the file; ``BadRecordError``, ``VaultLockedError``.
    """
    keys = _one_each(text)
    clean = remove_secret_lines(text)
    for name in keys:
        provider = load(clean).providers[name]
        if provider.auth == "oauth":
            message = f"{name} signs in with an account, not with a key"
            raise BadRecordError(message, "remove the key from the file")
        if provider.auth == "none":
            clean = set_field(clean, name, "auth", "api_key")
    providers = load(clean).providers
    for name, secret in keys.items():
        vault.replace(record_name(name), "api-key", secret, destination(providers[name]))
    return Imported(clean, tuple(keys))


def _one_each(text: str) -> dict[str, Secret]:
    keys: dict[str, Secret] = {}
    for each in pasted_keys(text):
        if each.provider is not None:
            if each.provider in keys:
                message = f"line {each.problem.line}: {each.provider} has two keys"
                raise BadRecordError(message, "remove one of them from the file")
            keys[each.provider] = each.secret
    return keys
