"""The vault: secrets at rest, each given out only for where it may go.

    locked    -- unlock: the key is had and verified -->  unlocked
    unlocked  -- lock: the key is overwritten -->         locked

A vault with a passphrase opens locked; so does one whose key cannot be had just now, and ``status`` says why. Names,
kinds and destinations can be read without the key; nothing else can.

A record is bound to its destination: ``get`` names where the secret is to go, and gives it only where that is what
the record was stored for. ``rebind`` is the operator's word that the new destination is right.

What this does not protect against: whoever can write vault.db can put an old copy of a record, or of the whole file,
in its place; whoever can read the key can read everything.

Thread-safe: every operation holds the vault's own lock. Whoever writes holds the directory's lock as well.
"""

from __future__ import annotations

import builtins
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from kruxos.config.directory import DataDirectory
from kruxos.config.files import require_safe
from kruxos.config.model import Destination
from kruxos.config.secret import Secret
from kruxos.errors import DestinationChangedError, NoCredentialsError, VaultLockedError
from kruxos.vault.keys import RandomBytes, SourceName
from kruxos.vault.master import KeyPlaces, MasterKey, new_key
from kruxos.vault.problems import (
    BadRecordError,
    KeyUnavailableError,
    SwappedRecordError,
    TamperedRecordError,
    VaultError,
)
from kruxos.vault.sealing import NONCE_BYTES, record_identity, seal, unseal
from kruxos.vault.store import Head, Kind, Record, Store

SECRET_BYTES_MAX = 64 * 1024
PROVIDER_PREFIX = "model-provider:"
_NAME = re.compile(r"[a-z][a-z-]{0,30}:[a-z0-9][a-z0-9._-]{0,62}")
_API_KEY = re.compile(rb"[\x21-\x7e]{1,8192}")


def record_name(provider: str) -> str:
    """The name of a provider's record."""
    return f"{PROVIDER_PREFIX}{provider}"


@dataclass(frozen=True, slots=True)
class Status:
    """What a person may know. ``created``: this start made the vault; ``reason``: why it is locked, and what helps."""

    state: Literal["locked", "unlocked"]
    source: SourceName
    key_kept_in: str
    records: int
    created: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A record without its secret. Times are Unix seconds."""

    name: str
    kind: Kind
    created_at: float
    changed_at: float
    destination: Destination


class Vault:
    """See the module. ``Vault.open`` makes one; a context manager that closes."""

    def __init__(
        self, store: Store, places: KeyPlaces, *, clock: Callable[[], float], random_bytes: RandomBytes
    ) -> None:
        self._store = store
        self._places = places
        self._clock = clock
        self._random_bytes = random_bytes
        self._lock = threading.RLock()
        head = store.head()
        self._created = head is None
        self._master = MasterKey(head or self._create(), places)

    @classmethod
    def open(
        cls, data: DataDirectory, *, environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time, random_bytes: RandomBytes = os.urandom,
    ) -> Vault:  # fmt: skip
        """The vault of a data directory, made at the first start, and unlocked where that needs nobody.

        Raises ``UnsafePathError`` where others could have touched it, ``VaultDamagedError``, ``VaultVersionError``.
        """
        require_safe(data.vault_key)
        places = KeyPlaces(data.vault_key, os.environ if environment is None else environment)
        store = Store(data.vault)
        try:
            vault = cls(store, places, clock=clock, random_bytes=random_bytes)
            vault._master.open_without_asking()
        except BaseException:
            store.close()
            raise
        return vault

    def close(self) -> None:
        """Locks it and closes its file."""
        with self._lock:
            self._master.lock()
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # The key.

    def status(self) -> Status:
        """State, where the key is kept, how many records."""
        with self._lock:
            source = self._master.head.source
            return Status(
                state="locked" if self._master.key is None else "unlocked",
                source=source,
                key_kept_in=self._places.describe(source),
                records=self._store.count(),
                created=self._created,
                reason=self._master.reason,
            )

    def unlock(self, passphrase: Secret | None = None) -> None:
        """Gets the key. Raises ``WrongPassphraseError``, ``KeyUnavailableError``."""
        with self._lock:
            self._master.unlock(passphrase)

    def lock(self) -> None:
        """Overwrites the key in memory."""
        with self._lock:
            self._master.lock()

    def keep_key_in(self, source: SourceName, passphrase: Secret | None = None) -> None:
        """Makes a new key, kept in another place or the same, and seals everything under it at once.

        ``passphrase`` goes with that source alone. Raises ``VaultLockedError``, ``KeyUnavailableError``; then the
        vault is as it was.
        """
        with self._lock:
            old_key, old_head = self._need_key(), self._master.head
            kept = None if source == "passphrase" else self._places.named(source)
            head, key = new_key(old_head.vault_id, kept, passphrase, self._random_bytes)
            try:
                self._store.rekey(head, [self._resealed(record, old_key, key) for record in self._store.records()])
            except BaseException:
                self._master.forget(head)
                raise
            self._master.take(head, key)
            self._master.forget(old_head)

    def change_passphrase(self, old: Secret, new: Secret) -> None:
        """Another passphrase for a vault that has one. Raises ``WrongPassphraseError``."""
        with self._lock:
            source = self._master.head.source
            if source != "passphrase":
                message = f"this vault has no passphrase: its key is in {self._places.describe(source)}"
                raise VaultError(message, "give it one: `kruxos vault key passphrase`")
            self._master.unlock(old)
            self.keep_key_in("passphrase", new)

    # The records.

    def list(self) -> builtins.list[Entry]:
        """All records without their secrets, locked or not."""
        with self._lock:
            found = self._store.records()
        return [Entry(each.name, each.kind, each.created_at, each.changed_at, each.destination) for each in found]

    def add(self, name: str, kind: Kind, secret: Secret, destination: Destination) -> None:
        """Stores a secret under a new name. Raises ``BadRecordError``, also where the name is taken."""
        with self._lock:
            if self._store.record(name) is not None:
                fix = f"give it a new value: `kruxos vault rotate {name}`"
                raise BadRecordError(f"{name} is in the vault already", fix)
            self.replace(name, kind, secret, destination)

    def replace(self, name: str, kind: Kind, secret: Secret, destination: Destination) -> None:
        """Stores a secret in place of whatever has its name."""
        with self._lock:
            key, data = self._need_key(name), _storable(name, kind, secret)
            now, old = self._clock(), self._store.record(name)
            version, created_at = (old.version + 1, old.created_at) if old else (1, now)
            identity = record_identity(self._master.head.vault_id, name, kind, destination, version)
            sealed = seal(key, data, identity, self._random_bytes(NONCE_BYTES))
            self._store.put(Record(name, kind, version, created_at, now, destination, sealed))

    def rotate(self, name: str, secret: Secret) -> None:
        """Gives a record a new secret; its kind and destination, which are proved first, stay."""
        with self._lock:
            old = self._need_record(name)
            self._unseal(old, self._need_key(name))
            self.replace(name, old.kind, secret, old.destination)

    def swap(self, name: str, old: Secret, new: Secret, destination: Destination) -> bool:
        """Puts ``new`` in the place of ``old``; False, and nothing done, where something else is stored by now.

        Raises as ``get``.
        """
        with self._lock:
            if self.get(name, destination) != old:
                return False
            self.rotate(name, new)
            return True

    def rebind(self, name: str, destination: Destination) -> None:
        """Confirms another destination for a record (`kruxos model confirm`)."""
        with self._lock:
            old = self._need_record(name)
            self.replace(name, old.kind, Secret(self._unseal(old, self._need_key(name))), destination)

    def remove(self, name: str) -> bool:
        """Removes a record, locked or not; False where there is none."""
        with self._lock:
            return self._store.remove(name)

    def get(self, name: str, destination: Destination) -> Secret:
        """The secret, for this destination.

        Raises ``NoCredentialsError``, ``VaultLockedError``, ``DestinationChangedError``; ``TamperedRecordError``,
        ``SwappedRecordError`` where the record is not what the vault wrote.
        """
        with self._lock:
            record, key = self._need_record(name), self._need_key(name)
            if record.destination != destination:
                raise _moved_away(record, destination)
            return Secret(self._unseal(record, key))

    # Within.

    def _create(self) -> Head:
        vault_id, source = self._random_bytes(16).hex(), self._places.choose()
        try:
            head, _ = new_key(vault_id, source, None, self._random_bytes)
        except KeyUnavailableError:
            if source.name != "keyring":  # a keyring that fails after all is no reason not to start
                raise
            head, _ = new_key(vault_id, self._places.named("file"), None, self._random_bytes)
        self._store.create(head)
        return head

    def _need_key(self, name: str = "") -> bytearray:
        if self._master.key is None:
            raise VaultLockedError(self._master.reason, provider=_provider(name))
        return self._master.key

    def _need_record(self, name: str) -> Record:
        record = self._store.record(name)
        if record is None:
            message = f"no credentials configured: store the key with `kruxos vault add {name} api-key`"
            raise NoCredentialsError(message, provider=_provider(name))
        return record

    def _unseal(self, record: Record, key: bytearray) -> bytes:
        data = unseal(key, record.sealed, self._identity(record))
        if data is not None:
            return data
        fix = f"store it again: `kruxos vault add {record.name} {record.kind}`"
        for other in self._store.records():
            if other.name != record.name and unseal(key, record.sealed, self._identity(other)) is not None:
                raise SwappedRecordError(f"the record of {record.name} is the one of {other.name}", fix)
        raise TamperedRecordError(f"the record of {record.name} was changed by something else than the vault", fix)

    def _identity(self, record: Record) -> bytes:
        vault_id = self._master.head.vault_id
        return record_identity(vault_id, record.name, record.kind, record.destination, record.version)

    def _resealed(self, record: Record, old_key: bytearray, key: bytearray) -> Record:
        data = self._unseal(record, old_key)
        return replace(record, sealed=seal(key, data, self._identity(record), self._random_bytes(NONCE_BYTES)))


def _provider(name: str) -> str | None:
    return name.removeprefix(PROVIDER_PREFIX) if name.startswith(PROVIDER_PREFIX) else None


def _moved_away(record: Record, destination: Destination) -> DestinationChangedError:
    provider = _provider(record.name)
    stored, wanted = f"was stored for {record.destination}", f"is now wanted for {destination}"
    confirm = f"confirm that with `kruxos model confirm {provider or 'NAME'}`"
    return DestinationChangedError(
        f"the key of {provider or record.name} {stored}, and {wanted}: {confirm}", provider=provider
    )


def _storable(name: str, kind: Kind, secret: Secret) -> bytes:
    if not _NAME.fullmatch(name):
        raise BadRecordError("this is not a name for a record", "write it as model-provider:NAME")
    data = secret.reveal_bytes()
    if kind == "api-key":
        data = data.strip()
        if not _API_KEY.fullmatch(data):
            raise BadRecordError(
                "this is no API key: it is empty, or has spaces or line breaks in it", "paste it again"
            )
    if not 0 < len(data) <= SECRET_BYTES_MAX:
        raise BadRecordError(f"a secret has 1 to {SECRET_BYTES_MAX} bytes", "store the secret itself")
    return data
