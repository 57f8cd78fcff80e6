"""Where the master key is kept: files, systemd's credentials, and the choice at the first start."""

from __future__ import annotations

from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.problems import UnsafePathError
from kruxos.config.secret import Secret
from kruxos.errors import VaultLockedError
from kruxos.vault import keys
from kruxos.vault.desktop import Desktop
from kruxos.vault.keys import CREDENTIAL, CredentialSource, FileSource, KeyringSource
from kruxos.vault.problems import KeyUnavailableError
from kruxos.vault.vault import Vault
from tests.vault.conftest import HERE, NAME


class FakeBackend:
    """A keyring of the desktop, as the package ``keyring`` has them."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = ""

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """A desktop with a keyring, for every vault that is opened."""
    made = FakeBackend()
    desktop = Desktop(made, lambda: made.locked)
    monkeypatch.setattr(keys, "open_desktop", lambda environment: desktop)
    monkeypatch.setattr(keys, "find_desktop", lambda environment: None if made.locked else desktop)
    return made


@pytest.fixture
def credentials(tmp_path: Path) -> dict[str, str]:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / CREDENTIAL).write_bytes(b"07" * 32 + b"\n")
    return {"CREDENTIALS_DIRECTORY": str(directory)}


def test_a_file_keeps_several_keys_until_they_are_forgotten(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "vault.key")
    first, second = source.make("one"), source.make("two")
    assert (source.load("one"), source.load("two")) == (first, second)
    assert oct(source.path.stat().st_mode)[-3:] == "600"
    source.forget("one")
    with pytest.raises(KeyUnavailableError, match=r"not in .*vault\.key\n  fix: put the file back from a backup"):
        source.load("one")
    assert source.load("two") == second
    source.forget("two")
    assert not source.path.exists()
    source.forget("two")


def test_a_key_file_that_others_can_read_is_not_read(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "vault.key")
    source.make("one")
    source.path.chmod(0o604)
    with pytest.raises(UnsafePathError, match="can be read by others"):
        source.load("one")


@pytest.mark.parametrize("content", ["", "one", "one \n", "one zz\n", "one 0707\n", "\x00\xff one 00"])
def test_a_key_file_that_was_damaged_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault.key"
    path.touch(mode=0o600)
    path.write_text(content, encoding="latin-1")
    with pytest.raises(KeyUnavailableError):
        FileSource(path).load("one")


def test_the_first_start_takes_the_credential_of_its_unit(data: DataDirectory, credentials: dict[str, str]) -> None:
    with Vault.open(data, environment=credentials) as vault:
        assert (vault.status().source, vault.status().key_kept_in) == (
            "credential", "the systemd credential kruxos-master-key",
        )  # fmt: skip
        vault.add(NAME, "api-key", Secret("key-one"), HERE)
    assert not data.vault_key.exists()
    with Vault.open(data, environment=credentials) as vault:
        assert vault.get(NAME, HERE).reveal() == "key-one"


def test_a_vault_without_its_credential_opens_locked_and_says_so(
    data: DataDirectory, credentials: dict[str, str]
) -> None:
    Vault.open(data, environment=credentials).close()
    with Vault.open(data, environment={}) as vault:
        assert vault.status().reason == (
            "the systemd credential kruxos-master-key is not given to this process: "
            "set LoadCredentialEncrypted=kruxos-master-key in the gateway's unit"
        )
        assert vault.status().key_kept_in == "the credential"


def test_a_credential_may_be_raw_bytes_or_hex_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / CREDENTIAL
    for content, key in ((bytes(range(32)), bytes(range(32))), (b"0a" * 32, b"\n" * 32)):
        path.write_bytes(content)
        assert CredentialSource(tmp_path).load("any") == key
    for wrong in (b"", b"short", b"z" * 64, bytes(33)):
        path.write_bytes(wrong)
        with pytest.raises(KeyUnavailableError, match="openssl rand -hex 32"):
            CredentialSource(tmp_path).load("any")
    path.unlink()
    with pytest.raises(KeyUnavailableError, match="cannot be read: No such file"):
        CredentialSource(tmp_path).load("any")


def test_a_credential_that_is_no_key_does_not_become_a_file_key(
    data: DataDirectory, credentials: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "credentials" / CREDENTIAL).write_bytes(b"short")
    with pytest.raises(KeyUnavailableError):
        Vault.open(data, environment=credentials)
    assert not data.vault_key.exists()


def test_the_first_start_on_a_desktop_takes_its_keyring(data: DataDirectory, backend: FakeBackend) -> None:
    with Vault.open(data, environment={}) as vault:
        assert vault.status().key_kept_in == "the desktop's keyring"
        vault.add(NAME, "api-key", Secret("key-one"), HERE)
    assert not data.vault_key.exists()
    assert [service for service, _ in backend.kept] == ["kruxos"]
    with Vault.open(data, environment={}) as vault:
        assert vault.get(NAME, HERE).reveal() == "key-one"


def test_a_locked_keyring_leaves_the_vault_locked_until_it_is_open(data: DataDirectory, backend: FakeBackend) -> None:
    Vault.open(data, environment={}).close()
    backend.locked = "is locked"
    with Vault.open(data, environment={}) as vault:
        with pytest.raises(VaultLockedError, match="the desktop's keyring is locked: log in to the desktop"):
            vault.add(NAME, "api-key", Secret("key-one"), HERE)
        backend.locked = ""
        vault.unlock()
        vault.add(NAME, "api-key", Secret("key-one"), HERE)


def test_an_entry_that_somebody_deleted_is_told(data: DataDirectory, backend: FakeBackend) -> None:
    Vault.open(data, environment={}).close()
    backend.kept.clear()
    with Vault.open(data, environment={}) as vault:
        assert vault.status().reason.startswith("the vault's key is not in the desktop's keyring")


def test_a_keyring_that_keeps_nothing_is_not_trusted_with_the_key(data: DataDirectory, backend: FakeBackend) -> None:
    backend.set_password = lambda service, username, password: None  # type: ignore[method-assign]  # it forgets
    with Vault.open(data, environment={}) as vault:
        assert vault.status().source == "file"


def test_the_key_moves_between_places_and_the_old_one_is_forgotten(
    data: DataDirectory, backend: FakeBackend, credentials: dict[str, str]
) -> None:
    with Vault.open(data, environment=credentials) as vault:
        vault.add(NAME, "api-key", Secret("key-one"), HERE)
        for source in ("file", "keyring", "passphrase", "credential", "file"):
            vault.keep_key_in(source, Secret("correct horse battery") if source == "passphrase" else None)
            assert (vault.status().source, vault.get(NAME, HERE).reveal()) == (source, "key-one")
            assert data.vault_key.exists() is (source == "file")
            assert bool(backend.kept) is (source == "keyring")


def test_a_vault_of_a_desktop_that_is_away_opens_locked(
    data: DataDirectory, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Vault.open(data, environment={}).close()
    monkeypatch.setattr(keys, "open_desktop", lambda environment: None)
    with Vault.open(data, environment={}) as vault:
        assert "this process has no desktop: start it within the desktop's session" in vault.status().reason


def test_a_change_of_key_that_fails_forgets_the_new_key(
    data: DataDirectory, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Vault.open(data, environment={}) as vault:
        before = dict(backend.kept)

        def full(*_: object) -> None:
            raise OSError("disk full")

        monkeypatch.setattr(vault._store, "rekey", full)
        with pytest.raises(OSError, match="disk full"):
            vault.keep_key_in("keyring")
        assert backend.kept == before
        vault.add(NAME, "api-key", Secret("key-one"), HERE)


def test_sources_describe_themselves(tmp_path: Path, backend: FakeBackend) -> None:
    assert KeyringSource(Desktop(backend, lambda: "")).describe() == "the desktop's keyring"
    assert FileSource(tmp_path / "k").describe() == f"the file {tmp_path / 'k'}"
