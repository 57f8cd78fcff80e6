"""The vault as its callers see it."""

from __future__ import annotations

import copy
import pickle
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.config.directory import DataDirectory
from kruxos.config.model import Destination
from kruxos.config.secret import Secret
from kruxos.errors import DestinationChangedError, NoCredentialsError, VaultLockedError
from kruxos.vault.problems import (
    BadRecordError,
    TamperedRecordError,
    VaultError,
    WrongPassphraseError,
)
from kruxos.vault.store import Head, Store
from kruxos.vault.vault import Entry, Status, Vault, record_name
from tests.vault.conftest import ELSEWHERE, HERE, NAME, change

KEY = "sk-CANARY-0123456789"
PASSPHRASE = Secret("correct horse battery")


# First start.


def test_the_first_start_makes_a_vault_and_says_where_its_key_is(data: DataDirectory, vault: Vault) -> None:
    assert vault.status() == Status("unlocked", "file", f"the file {data.vault_key}", 0, created=True, reason="")
    assert oct(data.vault.stat().st_mode)[-3:] == "600"
    assert oct(data.vault_key.stat().st_mode)[-3:] == "600"


def test_the_next_start_finds_it(vault: Vault, open_vault: Callable[..., Vault]) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.close()
    again = open_vault()
    assert again.status().created is False
    assert again.get(NAME, HERE).reveal() == KEY


def cut_off(store: Store, head: Head) -> None:
    raise OSError("the power is gone")


def test_a_first_start_that_was_cut_off_is_begun_again(
    data: DataDirectory, open_vault: Callable[..., Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "create", cut_off)
        with pytest.raises(OSError, match="the power is gone"):
            open_vault()
    assert data.vault.read_bytes() == b""
    assert data.vault_key.exists()
    vault = open_vault()
    assert vault.status().created is True
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.close()
    assert open_vault().get(NAME, HERE).reveal() == KEY


# Records.


def test_what_was_stored_comes_back_for_its_destination(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    assert vault.get(NAME, HERE) == Secret(KEY)


def test_nothing_of_a_secret_is_on_the_disk(data: DataDirectory, vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.replace(NAME, "api-key", Secret("sk-OTHER-CANARY"), HERE)
    for path in data.root.rglob("*"):
        assert not path.is_file() or b"CANARY" not in path.read_bytes()


def test_the_same_secret_is_sealed_differently_every_time(data: DataDirectory, vault: Vault) -> None:
    nonces = set()
    for _ in range(3):
        vault.replace(NAME, "api-key", Secret(KEY), HERE)
        connection = sqlite3.connect(data.vault)
        nonces.add(connection.execute("SELECT nonce, ciphertext FROM records").fetchone())
        connection.close()
    assert len({nonce for nonce, _ in nonces}) == len({text for _, text in nonces}) == 3
    assert {len(nonce) for nonce, _ in nonces} == {12}


def test_a_missing_record_is_no_credentials_with_the_command_that_stores_them(vault: Vault) -> None:
    with pytest.raises(NoCredentialsError) as caught:
        vault.get(NAME, HERE)
    assert caught.value.message == (
        "no credentials configured: store the key with `kruxos vault add model-provider:deepseek api-key`"
    )
    assert caught.value.detail.provider == "deepseek"


def test_the_list_tells_all_but_the_secrets(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.add(record_name("codex"), "oauth", Secret('{"refresh": "CANARY two"}'), ELSEWHERE)
    assert vault.list() == [
        Entry("model-provider:codex", "oauth", 1000.0, 1000.0, ELSEWHERE),
        Entry("model-provider:deepseek", "api-key", 1000.0, 1000.0, HERE),
    ]
    assert "CANARY" not in repr(vault.list())


def test_adding_does_not_replace(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    with pytest.raises(
        BadRecordError, match=r"in the vault already\n  fix: .*`kruxos vault rotate model-provider:deepseek`"
    ):
        vault.add(NAME, "api-key", Secret("other-key"), HERE)
    assert vault.get(NAME, HERE).reveal() == KEY


def test_replacing_keeps_when_it_was_first_stored(open_vault: Callable[..., Vault]) -> None:
    now = [1.0]
    vault = open_vault(clock=lambda: now[0])
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    now[0] = 2.0
    vault.replace(NAME, "oauth", Secret("{}"), ELSEWHERE)
    assert vault.list() == [Entry(NAME, "oauth", 1.0, 2.0, ELSEWHERE)]


def test_rotating_changes_the_secret_alone(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.rotate(NAME, Secret("sk-new"))
    assert vault.get(NAME, HERE).reveal() == "sk-new"
    with pytest.raises(NoCredentialsError):
        vault.rotate("model-provider:nobody", Secret("x"))


def test_removing_removes(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    assert vault.remove(NAME) is True
    assert vault.remove(NAME) is False
    with pytest.raises(NoCredentialsError):
        vault.get(NAME, HERE)


def test_a_pasted_key_loses_the_white_space_around_it(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(f"  {KEY}\r\n"), HERE)
    assert vault.get(NAME, HERE).reveal() == KEY


@pytest.mark.parametrize("bad", ["", " \n", "two words", "two\nlines", "schlüssel", "x" * 9000, "\x00"])
def test_what_is_no_key_is_refused_without_repeating_it(vault: Vault, bad: str) -> None:
    with pytest.raises(BadRecordError) as caught:
        vault.add(NAME, "api-key", Secret(bad), HERE)
    assert not bad.strip() or bad not in str(caught.value)


def test_an_oauth_record_is_any_bytes_within_bounds(vault: Vault) -> None:
    vault.add(NAME, "oauth", Secret(bytes(range(256))), HERE)
    assert vault.get(NAME, HERE).reveal_bytes() == bytes(range(256))
    for size in (0, 64 * 1024 + 1):
        with pytest.raises(BadRecordError, match="1 to 65536 bytes"):
            vault.replace(NAME, "oauth", Secret(bytes(size)), HERE)


@pytest.mark.parametrize(
    "name", ["", "deepseek", "model-provider:", "model-provider:A", "x:y/z", "x:" + "y" * 64, "X:y"]
)
def test_other_names_are_refused(vault: Vault, name: str) -> None:
    with pytest.raises(BadRecordError, match="not a name for a record"):
        vault.add(name, "api-key", Secret(KEY), HERE)


# Destinations.


@pytest.mark.parametrize(
    "moved",
    [
        ELSEWHERE,
        Destination("http://api.example:80"),
        Destination(HERE.origin, proxy="http://proxy:3128"),
        Destination(HERE.origin, ca_bundle="/etc/evil.pem"),
    ],
)
def test_a_key_is_withheld_from_any_other_destination_until_that_is_confirmed(vault: Vault, moved: Destination) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    with pytest.raises(DestinationChangedError) as caught:
        vault.get(NAME, moved)
    assert caught.value.detail.provider == "deepseek"
    assert caught.value.message == (
        f"the key of deepseek was stored for {HERE}, and is now wanted for {moved}: "
        "confirm that with `kruxos model confirm deepseek`"
    )
    vault.rebind(NAME, moved)
    assert vault.get(NAME, moved).reveal() == KEY
    with pytest.raises(DestinationChangedError):
        vault.get(NAME, HERE)


def test_a_destination_that_was_changed_in_the_file_opens_nothing(data: DataDirectory, vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    change(data, "UPDATE records SET origin = ?", ELSEWHERE.origin)
    for attempt in (
        lambda: vault.get(NAME, ELSEWHERE),
        lambda: vault.rotate(NAME, Secret("sk-new")),
        lambda: vault.rebind(NAME, HERE),
        lambda: vault.keep_key_in("file"),
    ):
        with pytest.raises(TamperedRecordError, match="changed by something else than the vault"):
            attempt()
    change(data, "UPDATE records SET origin = ?", HERE.origin)
    assert vault.get(NAME, HERE).reveal() == KEY, "the failed change of key left everything"


# The key.


def test_a_locked_vault_tells_names_and_nothing_else(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.lock()
    assert vault.status().state == "locked"
    assert [entry.name for entry in vault.list()] == [NAME]
    for attempt in (
        lambda: vault.get(NAME, HERE),
        lambda: vault.add("model-provider:b", "api-key", Secret(KEY), HERE),
        lambda: vault.rotate(NAME, Secret("x")),
        lambda: vault.rebind(NAME, ELSEWHERE),
        lambda: vault.keep_key_in("file"),
    ):
        with pytest.raises(VaultLockedError, match="`kruxos vault unlock`"):
            attempt()
    vault.unlock()
    assert vault.get(NAME, HERE).reveal() == KEY


def test_a_missing_record_is_no_credentials_locked_or_not(vault: Vault) -> None:
    vault.lock()
    with pytest.raises(NoCredentialsError):
        vault.get(NAME, HERE)


def test_locking_overwrites_the_key(vault: Vault) -> None:
    held = vault._master.key
    assert held is not None
    assert any(held)
    vault.lock()
    assert held == bytearray(32)


def test_a_vault_with_a_passphrase_opens_locked(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault]
) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.keep_key_in("passphrase", PASSPHRASE)
    assert vault.get(NAME, HERE).reveal() == KEY
    assert not data.vault_key.exists(), "the old key is forgotten"
    vault.close()
    again = open_vault()
    assert again.status() == Status(
        "locked", "passphrase", "nothing but the passphrase", 1, created=False,
        reason="the vault has a passphrase: unlock it with `kruxos vault unlock`",
    )  # fmt: skip
    with pytest.raises(VaultLockedError, match="has a passphrase"):
        again.get(NAME, HERE)
    for wrong in (None, Secret("wrong passphrase")):
        with pytest.raises(WrongPassphraseError):
            again.unlock(wrong)
    again.unlock(PASSPHRASE)
    assert again.get(NAME, HERE).reveal() == KEY


def test_changing_the_passphrase_needs_the_old_one(vault: Vault) -> None:
    with pytest.raises(VaultError, match="this vault has no passphrase: its key is in the file"):
        vault.change_passphrase(PASSPHRASE, Secret("another one"))
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.keep_key_in("passphrase", PASSPHRASE)
    with pytest.raises(WrongPassphraseError):
        vault.change_passphrase(Secret("wrong passphrase"), Secret("another one"))
    vault.change_passphrase(PASSPHRASE, Secret("another one"))
    vault.lock()
    with pytest.raises(WrongPassphraseError):
        vault.unlock(PASSPHRASE)
    vault.unlock(Secret("another one"))
    assert vault.get(NAME, HERE).reveal() == KEY


def test_a_short_passphrase_is_refused_and_changes_nothing(vault: Vault) -> None:
    for short in (None, Secret(""), Secret("1234567")):
        with pytest.raises(VaultError, match="at least 8 characters"):
            vault.keep_key_in("passphrase", short)
    assert vault.status().source == "file"


def test_a_new_key_in_the_file_replaces_the_old_one(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault]
) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    before = data.vault_key.read_text()
    vault.keep_key_in("file")
    after = data.vault_key.read_text()
    assert before.count("\n") == after.count("\n") == 1
    assert before.split()[1] != after.split()[1]
    vault.close()
    assert open_vault().get(NAME, HERE).reveal() == KEY


def test_a_vault_whose_key_file_is_gone_opens_locked_and_says_so(
    data: DataDirectory, vault: Vault, open_vault: Callable[..., Vault]
) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    vault.close()
    kept = data.vault_key.read_bytes()
    data.vault_key.unlink()
    again = open_vault()
    with pytest.raises(VaultLockedError, match=rf"the vault's key is not in {data.vault_key}: put the file back"):
        again.get(NAME, HERE)
    data.vault_key.touch(mode=0o600)
    data.vault_key.write_bytes(kept)
    again.unlock()
    assert again.get(NAME, HERE).reveal() == KEY


def test_the_vault_cannot_be_copied_into_a_log(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)
    assert "CANARY" not in repr(vault) + repr(vars(vault))
    with pytest.raises(TypeError):
        pickle.dumps(vault.get(NAME, HERE))
    with pytest.raises(TypeError):
        copy.deepcopy(vault.get(NAME, HERE))


def test_several_threads_may_use_one_vault(vault: Vault) -> None:
    vault.add(NAME, "api-key", Secret(KEY), HERE)

    def work(number: int) -> str:
        for _ in range(10):
            vault.replace(f"model-provider:p{number}", "api-key", Secret(KEY), HERE)
        return vault.get(NAME, HERE).reveal()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [KEY] * 4
    assert len(vault.list()) == 5


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "rebind", "new key", "reopen"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([HERE, ELSEWHERE]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(ACTIONS)
def test_after_any_history_the_vault_holds_what_a_plain_map_would(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, Destination]]
) -> None:
    data = DataDirectory(tmp_path_factory.mktemp("vault") / "kruxos")
    data.create()
    vault = Vault.open(data, environment={})
    model: dict[str, tuple[str, Destination]] = {}
    for step, (action, provider, to) in enumerate(actions):
        name = record_name(provider)
        if action == "put":
            vault.replace(name, "api-key", Secret(f"key-{step}"), to)
            model[name] = (f"key-{step}", to)
        elif action == "remove":
            assert vault.remove(name) is (model.pop(name, None) is not None)
        elif action == "rebind" and name in model:
            vault.rebind(name, to)
            model[name] = (model[name][0], to)
        elif action == "new key":
            vault.keep_key_in("file")
        elif action == "reopen":
            vault.close()
            vault = Vault.open(data, environment={})
    found = {
        entry.name: (vault.get(entry.name, entry.destination).reveal(), entry.destination) for entry in vault.list()
    }
    vault.close()
    assert found == model


def test_a_secret_takes_the_place_of_the_one_that_is_there_and_of_no_other(vault: Vault) -> None:
    vault.add(NAME, "oauth", Secret("first"), HERE)
    assert vault.swap(NAME, Secret("first"), Secret("second"), HERE) is True
    assert vault.swap(NAME, Secret("first"), Secret("third"), HERE) is False
    assert vault.get(NAME, HERE).reveal() == "second"
    assert vault.list()[0].kind == "oauth"
    with pytest.raises(DestinationChangedError):
        vault.swap(NAME, Secret("second"), Secret("third"), ELSEWHERE)
    vault.remove(NAME)
    with pytest.raises(NoCredentialsError):
        vault.swap(NAME, Secret("second"), Secret("third"), HERE)
