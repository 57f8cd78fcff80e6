"""Addresses: what may be written, what it is bound to, what counts as this machine."""

from __future__ import annotations

import pytest

from kruxos.config.addresses import Address, AddressError, parse_address


@pytest.mark.parametrize(
    ("text", "origin", "path"),
    [
        ("https://api.deepseek.com/v1", "https://api.deepseek.com:443", "/v1"),
        ("https://API.DeepSeek.com/v1/", "https://api.deepseek.com:443", "/v1"),
        ("http://localhost:11434", "http://localhost:11434", ""),
        ("http://localhost", "http://localhost:80", ""),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443", "/x"),
    ],
)
def test_an_address_has_one_origin_however_it_is_spelled(text: str, origin: str, path: str) -> None:
    address = parse_address(text)
    assert (address.origin, address.path) == (origin, path)


@pytest.mark.parametrize(
    "text",
    [
        "", "api.deepseek.com/v1", "ftp://x/v1", "https://", "https:///v1", "https://a b/", "https://a:99999/",
        "https://a:0/", "https://a/v1?key=x", "https://a/#x", "https://a/?", "https://user@a/", "https://u:p@a/v1",
        "https://a\n.b/", "https://ünï.de/", "https://[::1/", "https://[1.2.3.4]x/", "https://a_b/\x00", "https://-/",
        "https://" + "a" * 3000, "HTTPS//a", "https://a\\@b/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "localhost.", "127.0.0.1", "127.9.9.9", "[::1]"]
)
def test_this_machine_is_loopback(host: str) -> None:
    assert parse_address(f"http://{host}:1/v1").is_loopback


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "127.0.0.1.nip.io", "10.0.0.1", "[::2]", "notlocalhost", "0.0.0.0"]
)
def test_another_machine_is_not_loopback_whatever_its_name(host: str) -> None:
    assert not parse_address(f"http://{host}:1/v1").is_loopback


def test_addresses_are_plain_values() -> None:
    assert parse_address("https://a/v1") == Address("https", "a", 443, "/v1")
