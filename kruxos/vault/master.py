"""The master key of one vault: had or not, checked, changed, overwritten. Not thread-safe: ``Vault`` holds a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kruxos.config.secret import Secret
from kruxos.vault.keys import KeySource, RandomBytes, SourceName, choose_source, source_named
from kruxos.vault.problems import KeyUnavailableError, VaultError, WrongPassphraseError
from kruxos.vault.sealing import (
    NONCE_BYTES,
    SALT_BYTES,
    Cost,
    derive_key,
    seal_verifier,
    verifier_identity,
    verifies,
)
from kruxos.vault.store import Head

PASSPHRASE_CHARS_MIN = 8


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where this machine can keep a key: the path of the key file, and what the environment offers."""

    key_file: Path
    environment: Mapping[str, str]

    def choose(self) -> KeySource:
        """The source for a new vault."""
        return choose_source(self.key_file, self.environment)

    def named(self, name: SourceName) -> KeySource:
        """One source. Raises ``KeyUnavailableError`` where it is not here now."""
        return source_named(name, self.key_file, self.environment)

    def describe(self, name: SourceName) -> str:
        """Where a source keeps the key, for people."""
        if name == "passphrase":
            return "nothing but the passphrase"
        try:
            return self.named(name).describe()
        except KeyUnavailableError:
            return f"the {name}"


class MasterKey:
    """``key`` is None while the vault is locked; ``reason`` says why. ``head`` is what the vault says of its key."""

    def __init__(self, head: Head, places: KeyPlaces) -> None:
        self.head = head
        self.key: bytearray | None = None
        self.reason = ""
        self._places = places

    def open_without_asking(self) -> None:
        """Gets the key where that needs nobody."""
        self.reason = "the vault has a passphrase: unlock it with `kruxos vault unlock`"
        if self.head.source != "passphrase":
            try:
                self.unlock(None)
            except KeyUnavailableError as error:
                self.reason = f"{error.message}: {error.fix}"

    def unlock(self, passphrase: Secret | None) -> None:
        """Gets the key. Raises ``WrongPassphraseError``, ``KeyUnavailableError``."""
        self.take(self.head, self._derived(passphrase) if self.head.source == "passphrase" else self._kept())

    def take(self, head: Head, key: bytearray) -> None:
        """From now on this is the key."""
        self.lock()
        self.head, self.key, self.reason = head, key, ""

    def lock(self) -> None:
        """Overwrites the key. Copies that libraries made are theirs."""
        if self.key is not None:
            self.key[:] = bytes(len(self.key))
        self.key = None
        self.reason = "the vault is locked: unlock it with `kruxos vault unlock`"

    def forget(self, head: Head) -> None:
        """Removes a key that is of no use any more; where that cannot be done now, it still is of none."""
        if head.source != "passphrase":
            try:
                self._places.named(head.source).forget(head.key_id)
            except KeyUnavailableError:
                return

    def _kept(self) -> bytearray:
        source = self._places.named(self.head.source)
        key = source.load(self.head.key_id)
        if not _is_of(key, self.head):
            raise KeyUnavailableError(f"the key in {source.describe()} is not this vault's", "put the right one back")
        return key

    def _derived(self, passphrase: Secret | None) -> bytearray:
        if passphrase is None:
            raise WrongPassphraseError("the vault has a passphrase, and none was given", "give it")
        key = derive_key(passphrase.reveal_bytes(), self.head.salt, self.head.cost)
        if not _is_of(key, self.head):
            raise WrongPassphraseError("this is not the vault's passphrase", "try again")
        return key


def new_key(
    vault_id: str, source: KeySource | None, passphrase: Secret | None, random_bytes: RandomBytes
) -> tuple[Head, bytearray]:
    """A new key, kept by ``source`` before this returns, or made of ``passphrase`` where there is no source."""
    key_id, salt = random_bytes(8).hex(), random_bytes(SALT_BYTES)
    key = derive_key(_usable(passphrase), salt, Cost()) if source is None else source.make(key_id)
    name: SourceName = "passphrase" if source is None else source.name
    identity = verifier_identity(vault_id, name, key_id, salt, Cost())
    return Head(vault_id, name, key_id, salt, Cost(), seal_verifier(key, identity, random_bytes(NONCE_BYTES))), key


def _is_of(key: bytearray, head: Head) -> bool:
    return verifies(
        key, head.verifier, verifier_identity(head.vault_id, head.source, head.key_id, head.salt, head.cost)
    )


def _usable(passphrase: Secret | None) -> bytes:
    data = b"" if passphrase is None else passphrase.reveal_bytes()
    if len(data.decode(errors="replace")) < PASSPHRASE_CHARS_MIN:
        raise VaultError("the passphrase is too short", f"take one of at least {PASSPHRASE_CHARS_MIN} characters")
    return data
