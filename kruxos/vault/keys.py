"""Where the master key is kept.

A vault knows its key by an id. A source makes a key for a new id, loads the key of an id, and forgets one, so that a
change of key is: make the new one, commit the records under it, forget the old one. Whenever the power goes, the key
that the vault names can still be had.

The vault chooses at its first start: a systemd credential where the unit gives one, the desktop's keyring where it is
usable, else a file. A passphrase is the user's choice, and no source: it is nowhere kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from kruxos.config.files import require_safe, write_atomically
from kruxos.vault.desktop import Desktop, find_desktop, open_desktop
from kruxos.vault.problems import KeyUnavailableError
from kruxos.vault.sealing import KEY_BYTES

SourceName = Literal["credential", "keyring", "file", "passphrase"]
CREDENTIAL = "kruxos-master-key"
_FILE_BYTES_MAX = 64 * 1024

RandomBytes = Callable[[int], bytes]


class KeySource(Protocol):
    """A place for the master key. ``describe`` names it for people."""

    name: SourceName

    def make(self, key_id: str) -> bytearray:
        """A key for a new id, kept before this returns."""
        ...

    def load(self, key_id: str) -> bytearray:
        """The key of an id. Raises ``KeyUnavailableError``."""
        ...

    def forget(self, key_id: str) -> None:
        """Removes the key of an id."""
        ...

    def describe(self) -> str:
        """Where the key is, for people."""
        ...


@dataclass(slots=True)
class FileSource:
    """vault.key, for its owner alone: a line for each key, ``id hex``."""

    path: Path
    random_bytes: RandomBytes = os.urandom
    name: SourceName = "file"

    def make(self, key_id: str) -> bytearray:
        """Adds a line; the old keys stay until they are forgotten."""
        key = bytearray(self.random_bytes(KEY_BYTES))
        self._write({**self._read(), key_id: key.hex()})
        return key

    def load(self, key_id: str) -> bytearray:
        """The key on the line of this id."""
        found = self._read().get(key_id)
        if found is None:
            raise KeyUnavailableError(f"the vault's key is not in {self.path}", "put the file back from a backup")
        return _key_of(found.encode(), str(self.path))

    def forget(self, key_id: str) -> None:
        """Removes the line, and the file with the last one."""
        rest = {each: key for each, key in self._read().items() if each != key_id}
        if rest:
            self._write(rest)
        else:
            self.path.unlink(missing_ok=True)

    def describe(self) -> str:
        """Where the key is, for people."""
        return f"the file {self.path}"

    def _read(self) -> dict[str, str]:
        require_safe(self.path)
        try:
            with self.path.open("rb") as file:
                lines = file.read(_FILE_BYTES_MAX).decode("ascii", "replace").split("\n")
        except FileNotFoundError:
            return {}
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def _write(self, keys: Mapping[str, str]) -> None:
        write_atomically(self.path, "".join(f"{key_id} {key}\n" for key_id, key in keys.items()).encode())


@dataclass(slots=True)
class KeyringSource:
    """The desktop's keyring: an entry for each key."""

    desktop: Desktop
    random_bytes: RandomBytes = os.urandom
    name: SourceName = "keyring"

    def make(self, key_id: str) -> bytearray:
        """Adds an entry."""
        key = bytearray(self.random_bytes(KEY_BYTES))
        self.desktop.set(_entry(key_id), key.hex())
        if self.load(key_id) != key:
            raise KeyUnavailableError("the desktop's keyring does not keep what it is given", "choose another place")
        return key

    def load(self, key_id: str) -> bytearray:
        """The key in the entry of this id."""
        found = self.desktop.get(_entry(key_id))
        if found is None:
            raise KeyUnavailableError("the vault's key is not in the desktop's keyring", "put its entry back")
        return _key_of(found.encode(), "the desktop's keyring")

    def forget(self, key_id: str) -> None:
        """Removes the entry."""
        self.desktop.delete(_entry(key_id))

    def describe(self) -> str:
        """Where the key is, for people."""
        return "the desktop's keyring"


@dataclass(slots=True)
class CredentialSource:
    """A systemd credential (systemd.exec: LoadCredentialEncrypted=): 32 bytes, or their 64 hex digits."""

    directory: Path
    name: SourceName = "credential"

    def make(self, key_id: str) -> bytearray:
        """The key that the unit gives; it has no id of its own."""
        return self.load(key_id)

    def load(self, key_id: str) -> bytearray:
        """The key that the unit gives."""
        path = self.directory / CREDENTIAL
        try:
            with path.open("rb") as file:
                return _key_of(file.read(_FILE_BYTES_MAX), f"the systemd credential {CREDENTIAL}")
        except OSError as error:
            raise _no_credential(f"cannot be read: {error.strerror}") from None

    def forget(self, key_id: str) -> None:
        """Nothing: the unit's file is the administrator's."""

    def describe(self) -> str:
        """Where the key is, for people."""
        return f"the systemd credential {CREDENTIAL}"


def choose_source(path: Path, environment: Mapping[str, str]) -> KeySource:
    """The source for a new vault; ``path`` is that of the key file."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / CREDENTIAL).exists():
        return CredentialSource(Path(directory))
    desktop = find_desktop(environment)
    return FileSource(path) if desktop is None else KeyringSource(desktop)


def source_named(name: SourceName, path: Path, environment: Mapping[str, str]) -> KeySource:
    """The source of an existing vault. Raises ``KeyUnavailableError`` where this machine has none such now."""
    if name == "file":
        return FileSource(path)
    if name == "credential":
        directory = environment.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise _no_credential("is not given to this process")
        return CredentialSource(Path(directory))
    desktop = open_desktop(environment)
    if desktop is None:
        message = "the vault's key is in the desktop's keyring, and this process has no desktop"
        raise KeyUnavailableError(message, "start it within the desktop's session")
    return KeyringSource(desktop)


def _entry(key_id: str) -> str:
    return f"vault key {key_id}"


def _no_credential(what: str) -> KeyUnavailableError:
    fix = f"set LoadCredentialEncrypted={CREDENTIAL} in the gateway's unit"
    return KeyUnavailableError(f"the systemd credential {CREDENTIAL} {what}", fix)


def _key_of(data: bytes, where: str) -> bytearray:
    if len(data) == KEY_BYTES:
        return bytearray(data)
    try:
        key = bytearray.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = bytearray()
    if len(key) != KEY_BYTES:
        message = f"what {where} holds is not a key of {KEY_BYTES} bytes or {2 * KEY_BYTES} hex digits"
        raise KeyUnavailableError(message, "put the right one back; a new one is made by: openssl rand -hex 32")
    return key
