"""A request's head: exact bytes, and nothing that a caller can add a line with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.errors import BadRequestError
from kruxos_workers.http.origin import origin_from_url
from kruxos_workers.http.request import RESERVED, checked_headers, encode_connect, encode_head, encode_lines

ORIGIN = origin_from_url("https://host:8443/v1")


def test_a_head_is_the_request_line_the_host_the_headers_and_the_length() -> None:
    head = encode_head("POST", ORIGIN, "/chat", {"accept": "text/event-stream", "x-a": "é"}, 17)
    assert head == (
        b"POST /v1/chat HTTP/1.1\r\nhost: host:8443\r\naccept: text/event-stream\r\nx-a: \xe9\r\ncontent-length: 17\r\n"
    )


@pytest.mark.parametrize(
    ("method", "body_bytes", "expected"),
    [("GET", 0, False), ("DELETE", 0, False), ("POST", 0, True), ("PUT", 0, True), ("GET", 5, True)],
)
def test_the_length_is_there_where_a_body_may_be_expected(method: str, body_bytes: int, expected: bool) -> None:
    assert (b"content-length" in encode_head(method, ORIGIN, "/x", {}, body_bytes)) is expected


def test_connect_names_host_and_port() -> None:
    head = encode_connect("host:443", {"proxy-authorization": "Basic x"})
    assert head == b"CONNECT host:443 HTTP/1.1\r\nhost: host:443\r\nproxy-authorization: Basic x\r\n\r\n"


def test_header_names_become_lower_case() -> None:
    assert checked_headers({"X-A": "1", "Accept": "2"}) == {"x-a": "1", "accept": "2"}


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Host", "Transfer-Encoding"])
def test_a_header_that_frames_or_routes_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        checked_headers({name: "hush"})
    assert caught.value.detail.field == f"headers.{name.lower()}"
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a\x00"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(BadRequestError):
        checked_headers({name: "x"})


@pytest.mark.parametrize("value", ["hush\r\nX: y", "hush\n", "hush\x00", "hush\x7f", "hush€"])
def test_a_value_that_could_end_its_line_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        checked_headers({"x-a": value})
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("method", ["get", "", "GET /x HTTP/1.1\r\n", "G T"])
def test_a_method_is_capital_letters(method: str) -> None:
    with pytest.raises(BadRequestError):
        encode_head(method, ORIGIN, "/x", {}, 0)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_whatever_is_accepted_is_one_line_a_header(headers: dict[str, str]) -> None:
    try:
        checked = checked_headers(headers)
    except BadRequestError:
        return
    lines = encode_lines(checked)
    assert lines.count(b"\r") == lines.count(b"\n") == lines.count(b"\r\n") == len(checked)
