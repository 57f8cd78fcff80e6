"""Base URLs and proxies: read once, joined exactly, refused with a reason."""

from __future__ import annotations

import pytest

from kruxos.errors import BadRequestError, ProviderMisconfiguredError
from kruxos_workers.http.origin import Origin, origin_from_url, proxy_from_url


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.openai.com/v1", Origin("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
        ("https://api.openai.com/v1/", Origin("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
        ("https://API.Host:8443", Origin("https", "api.host", 8443, ""), "api.host:8443"),
        ("http://localhost:11434", Origin("http", "localhost", 11434, ""), "localhost:11434"),
        ("http://h:80/a/b", Origin("http", "h", 80, "/a/b"), "h"),
        ("http://[::1]:8080/v1", Origin("http", "::1", 8080, "/v1"), "[::1]:8080"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443, ""), "xn--bcher-kva.example"),
    ],
)
def test_a_base_url_names_an_origin_and_a_path(url: str, origin: Origin, authority: str) -> None:
    assert origin_from_url(url) == origin
    assert origin_from_url(url).authority == authority


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("https://h/v1", "/chat/completions", "/v1/chat/completions"),
        ("https://h/v1/", "/chat/completions", "/v1/chat/completions"),
        ("https://h", "/x", "/x"),
        ("https://h", "", "/"),
        ("https://h/v1", "", "/v1"),
        ("https://h", "?a=b", "/?a=b"),
        ("https://h/v1", "?a=b", "/v1?a=b"),
        ("https://h/v1beta", "/models/m:stream?alt=sse", "/v1beta/models/m:stream?alt=sse"),
        ("https://h/v1", "/files/a%2Fb", "/v1/files/a%2Fb"),
        ("https://h/v1", "//x/../y", "/v1//x/../y"),
    ],
)
def test_a_path_follows_the_base_path_as_it_is(base: str, path: str, target: str) -> None:
    assert origin_from_url(base).target(path) == target


@pytest.mark.parametrize("path", ["chat", "/a b", "/a\r\nX: y", "/a#b", "/é", "/a\x00", "https://other/x", "@other"])
def test_a_path_that_could_mean_something_else_is_refused(path: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        origin_from_url("https://h/v1").target(path)
    assert caught.value.detail.field == "path"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("api.openai.com/v1", "must begin with https"),
        ("ftp://h/v1", "must begin with https"),
        ("https:///v1", "host name"),
        ("https://", "host name"),
        ("https://a b/v1", "host name"),
        ("https://bücher..example/v1", "host name"),
        ("https://h:0x1/v1", "port"),
        ("https://h:99999/v1", "port"),
        ("https://user:hush@h/v1", "vault"),
        ("https://h/v1?key=hush", r"no \? and no #"),
        ("https://h/v1#x", r"no \? and no #"),
        ("https://h/v 1", "percent-encoded"),
        ("https://[::1/v1", "not a URL"),
    ],
)
def test_a_base_url_that_cannot_be_right_is_refused_with_its_reason_and_without_its_secrets(url: str, why: str) -> None:
    with pytest.raises(ProviderMisconfiguredError, match=why) as caught:
        origin_from_url(url)
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://box.localhost", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]", True),
        ("http://192.168.1.5", False),
        ("http://localhost.example", False),
        ("http://0.0.0.0", False),
    ],
)
def test_loopback_is_known_by_name_and_address(url: str, loopback: bool) -> None:
    assert origin_from_url(url).is_loopback is loopback


def test_a_proxy_has_no_path_and_shows_no_password() -> None:
    proxy = proxy_from_url("https://proxy.example:3129/", "user", "hush")
    assert proxy.origin == Origin("https", "proxy.example", 3129, "")
    assert "hush" not in repr(proxy)
    with pytest.raises(ProviderMisconfiguredError):
        proxy_from_url("http://proxy/path")
    with pytest.raises(ProviderMisconfiguredError, match="must begin"):
        proxy_from_url("socks5://proxy")
    with pytest.raises(ProviderMisconfiguredError, match="colon"):
        proxy_from_url("http://proxy", "us:er", "x")
