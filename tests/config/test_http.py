"""``http:`` in models.yaml: on this machine alone, unless the file says plainly otherwise."""

from __future__ import annotations

import pytest

from kruxos.config.load import load
from kruxos.config.model import Http
from kruxos.config.problems import ConfigError


def http(*lines: str) -> Http:
    return load("\n".join(["http:", *(f"  {line}" for line in lines), ""])).http


def test_without_the_block_it_is_off() -> None:
    assert load("providers:\n").http == Http()
    assert not Http().enabled


def test_the_block_enables_it_unless_it_says_otherwise() -> None:
    assert http("port: 8080") == Http(enabled=True, port=8080)
    assert not http("enabled: false").enabled


@pytest.mark.parametrize(("host", "used"), [
    ("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ('"::1"', "::1"),
])  # fmt: skip
def test_it_listens_on_this_machine(host: str, used: str) -> None:
    assert http(f"host: {host}").host == used


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", '"::"', "10.0.0.1"])
def test_another_address_wants_a_plain_word(host: str) -> None:
    with pytest.raises(ConfigError, match="clear text"):
        http(f"host: {host}")
    assert http(f"host: {host}", "remote: true", "names: [Gateway.example]").names == ("gateway.example",)


@pytest.mark.parametrize("line", ["host: example.org", "port: 0", "port: 70000", "names: ['a b']", "names: ['x:80']"])
def test_what_cannot_be_is_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        http(line)
