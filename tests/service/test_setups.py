"""What a worker is told, and how far it reaches."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, cast

import pytest

from kruxos.config.load import load
from kruxos.config.model import Destination
from kruxos.config.secret import Secret
from kruxos.errors import NeedsLoginError, ProviderMisconfiguredError
from kruxos.login import Login
from kruxos.service.providers import Setup
from kruxos.service.setups import CA_BUNDLE_BYTES_MAX, worker_setup
from kruxos.vault.vault import Vault
from kruxos_workers.settings import read_settings


def setup(more: str = "", base_url: str = "https://api.example.com/v1") -> Setup:
    text = f"providers:\n  p:\n    type: openai\n    base_url: {base_url}\n    auth: none\n    model: m\n{more}"
    return worker_setup(load(text).providers["p"], cast("Vault", None))


@pytest.mark.parametrize(
    ("base_url", "port", "names"),
    [
        ("https://api.example.com/v1", 443, {("api.example.com", 443)}),
        ("https://API.Example.com:8443/v1", 8443, {("api.example.com", 8443)}),
        ("http://localhost:11434/v1", 11434, {("localhost", 11434)}),
        ("http://127.0.0.1:8000/v1", 8000, set[Any]()),
        ("http://[::1]:8000/v1", 8000, set[Any]()),
    ],
)
def test_a_worker_reaches_its_providers_port_and_asks_for_its_name(
    base_url: str, port: int, names: set[tuple[str, int]]
) -> None:
    made = setup(base_url=base_url)
    assert (made.ports, set(made.names)) == ((port,), names)


def test_behind_a_proxy_it_reaches_the_proxy_and_nothing_else() -> None:
    made = setup("    proxy: http://proxy.example.net:3128\n")
    assert (made.ports, set(made.names)) == ((3128,), {("proxy.example.net", 3128)})
    assert read_settings("p", made.settings, b"").proxy == "http://proxy.example.net:3128"


@pytest.mark.parametrize("word", ["required", "best_effort", "off"])
def test_isolation_goes_along(word: str) -> None:
    assert setup(f"    isolation: {word}\n").isolation == word


def test_the_certificates_of_ca_bundle_go_along_as_bytes(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    made = setup(f"    ca_bundle: {bundle}\n")
    assert read_settings("p", made.settings, b"").ca_bundle == b"-----BEGIN CERTIFICATE-----\n"
    assert read_settings("p", setup().settings, b"").ca_bundle is None


def test_a_ca_bundle_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMisconfiguredError, match=r"p: ca_bundle .*none.pem cannot be read: no such file"):
        setup(f"    ca_bundle: {tmp_path}/none.pem\n")


def test_a_ca_bundle_that_is_no_file_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(ProviderMisconfiguredError, match="is not a file"):
        setup(f"    ca_bundle: {tmp_path}/pipe\n")
    with pytest.raises(ProviderMisconfiguredError, match=r"cannot be read: is a directory|is not a file"):
        setup(f"    ca_bundle: {tmp_path}\n")


def test_a_ca_bundle_without_end_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.pem").open("wb") as file:
        file.truncate(CA_BUNDLE_BYTES_MAX + 1)
    with pytest.raises(ProviderMisconfiguredError, match="is larger than"):
        setup(f"    ca_bundle: {tmp_path}/large.pem\n")


class LoginVault:
    """A vault with one login, whatever its name."""

    def __init__(self, login: Login) -> None:
        self.login = login

    def get(self, _name: str, _destination: Destination) -> Secret:
        return Secret(self.login.to_record())


def signed_in(login: Login, more: str = "") -> Setup:
    text = f"providers:\n  p:\n    type: openai-codex\n    model: m\n{more}"
    return worker_setup(load(text).providers["p"], cast("Vault", LoginVault(login)))


def test_a_worker_with_a_login_reaches_its_issuer_too() -> None:
    login = Login("access", "refresh", "account-1")
    made = signed_in(login, "    oauth_issuer: https://login.example:8443\n")
    assert made.ports == (443, 8443)
    assert set(made.names) == {("chatgpt.com", 443), ("login.example", 8443)}
    settings = read_settings("p", made.settings, made.secret)
    assert settings.login == login
    assert (settings.oauth_issuer, settings.account_id) == ("https://login.example:8443", "account-1")


def test_behind_a_proxy_a_login_is_renewed_through_it() -> None:
    made = signed_in(Login("access", "refresh"), "    proxy: https://proxy.example.net:3128\n")
    assert (made.ports, set(made.names)) == ((3128,), {("proxy.example.net", 3128)})


def test_a_login_that_has_ended_starts_no_worker() -> None:
    with pytest.raises(NeedsLoginError, match="kruxos model login p"):
        signed_in(Login("access", "refresh").over("refresh_token_reused"))
