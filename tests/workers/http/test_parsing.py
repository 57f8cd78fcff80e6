"""One answer from bytes: heads, framing, ends, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.errors import ProviderProtocolError
from kruxos_workers.http import parsing
from kruxos_workers.http.parsing import AnswerParser, Truncated

OK = b"HTTP/1.1 200 OK\r\n"
Feed = Callable[[bytes], tuple[AnswerParser, bytes]]


def parsed(data: bytes, method: str = "POST") -> tuple[AnswerParser, bytes]:
    parser = AnswerParser(method)
    return parser, parser.feed(data)


def one_byte_at_a_time(data: bytes, method: str = "POST") -> tuple[AnswerParser, bytes]:
    parser = AnswerParser(method)
    return parser, b"".join(parser.feed(data[at : at + 1]) for at in range(len(data)))


def test_a_head_has_lower_case_names_and_joined_values() -> None:
    parser, _ = parsed(OK + b"X-A: 1\r\nx-a:2 \t\r\nX-B: \xe9\r\nContent-Length: 0\r\n\r\n")
    assert parser.head is not None
    assert (parser.head.status, parser.head.headers) == (200, {"x-a": "1, 2", "x-b": "é", "content-length": "0"})


def test_cookies_are_not_handed_on() -> None:
    parser, _ = parsed(OK + b"Set-Cookie: a=b\r\nset-cookie: c=d\r\nContent-Length: 0\r\n\r\n")
    assert parser.head is not None
    assert parser.head.headers == {"content-length": "0"}


def test_a_reason_phrase_may_be_missing() -> None:
    parser, body = parsed(b"HTTP/1.1 204\r\n\r\n")
    assert (parser.complete, parser.reusable, body) == (True, True, b"")


WHOLE_ANSWERS = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "no bytes": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "chunks": (OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
    "extension": (OK + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;z\r\n\r\n", b"hello"),
    "trailer": (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n", b"hello"),
    "line ends within": (OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n\r\n"),
    "interim": (
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n!",
        b"!",
    ),
}


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
@pytest.mark.parametrize("feed", [parsed, one_byte_at_a_time])
def test_a_whole_answer_leaves_a_reusable_connection(name: str, feed: Feed) -> None:
    data, expected = WHOLE_ANSWERS[name]
    parser, body = feed(data)
    assert body == expected
    assert parser.complete
    assert parser.reusable


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
@pytest.mark.parametrize("feed", [parsed, one_byte_at_a_time])
@pytest.mark.parametrize("surplus", [b"\r\n", b"x", OK + b"Content-Length: 0\r\n\r\n"])
def test_any_byte_after_the_end_is_not_body_and_makes_the_connection_unusable(
    name: str, feed: Feed, surplus: bytes
) -> None:
    data, expected = WHOLE_ANSWERS[name]
    parser, body = feed(data + surplus)
    assert body == expected
    assert parser.complete
    assert parser.surplus
    assert not parser.reusable


@pytest.mark.parametrize("name", WHOLE_ANSWERS)
def test_an_end_before_the_end_is_a_truncation_at_every_byte(name: str) -> None:
    data, _ = WHOLE_ANSWERS[name]
    for size in range(len(data)):
        parser, _ = parsed(data[:size])
        assert not parser.complete
        with pytest.raises(Truncated):
            parser.feed_end()


@given(st.sampled_from(sorted(WHOLE_ANSWERS)), st.lists(st.integers(0, 200)))
def test_bytes_may_be_cut_anywhere(name: str, cuts: list[int]) -> None:
    data, expected = WHOLE_ANSWERS[name]
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    parser = AnswerParser("POST")
    body = b"".join(parser.feed(data[start:end]) for start, end in pairwise(edges))
    assert body == expected
    assert parser.reusable


@given(
    st.sampled_from(sorted(WHOLE_ANSWERS)),
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b":", b"0", b"\x00", b"g"]))
    ),
    st.integers(1, 50),
)
def test_whatever_comes_is_an_answer_or_a_typed_failure(name: str, edits: list[tuple[int, bytes]], size: int) -> None:
    data = bytearray(WHOLE_ANSWERS[name][0])
    for at, replacement in edits:
        data[at : at + 1] = replacement
    parser = AnswerParser("POST")
    try:
        for at in range(0, len(data), size):
            parser.feed(bytes(data[at : at + size]))
        parser.feed_end()
    except (ProviderProtocolError, Truncated):
        assert not parser.reusable
    else:
        assert parser.complete
        assert parser.head is not None


def test_an_answer_without_length_ends_with_the_connection() -> None:
    parser, body = parsed(OK + b"\r\nhel")
    assert (body, parser.complete) == (b"hel", False)
    assert parser.feed(b"lo") == b"lo"
    parser.feed_end()
    assert (parser.complete, parser.reusable) == (True, False)


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (OK + b"Content-Length: 5\r\n\r\n", "HEAD"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n", "POST"),
        (b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 Established\r\n\r\n", "CONNECT"),
    ],
)
def test_an_answer_that_has_no_body_is_complete_with_its_head(head: bytes, method: str) -> None:
    parser, _ = parsed(head, method)
    assert parser.complete
    assert parser.feed(b"smuggled") == b""
    assert parser.surplus


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
        OK + b"Connection: keep-alive\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        OK + b"Connection: x, close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_the_server_closes_is_not_reusable(head: bytes) -> None:
    parser, _ = parsed(head)
    assert parser.complete
    assert not parser.reusable


NOT_HTTP = {
    "a page": b"<html><body>404</body></html>",
    "http 0.9": b"hello\n",
    "http 2": b"HTTP/2.0 200 OK\r\n\r\n",
    "http 2 settings": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    "http 0.9 by name": b"HTTP/0.9 200 OK\r\n\r\n",
    "another protocol": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "icy": b"ICY 200 OK\r\n\r\n",
    "lower case": b"http/1.1 200 OK\r\n\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "leading line end": b"\r\n" + OK + b"\r\n",
    "glued status": b"HTTP/1.1 200OK\r\n\r\n",
    "long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "short status": b"HTTP/1.1 99 OK\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded header": OK + b"A: b\r\n c\r\n\r\n",
    "space before colon": OK + b"A : b\r\n\r\n",
    "empty name": OK + b": b\r\n\r\n",
    "nul in value": OK + b"A: b\x00c\r\n\r\n",
    "cr in value": OK + b"A: b\rc\r\n\r\n",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "list of lengths": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": OK + b"Content-Length: +5\r\n\r\nhello",
    "negative length": OK + b"Content-Length: -5\r\n\r\nhello",
    "empty length": OK + b"Content-Length: \r\n\r\nhello",
    "endless length": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nhello",
    "length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "another transfer coding": OK + b"Transfer-Encoding: gzip\r\n\r\nxx",
    "two transfer codings": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks not last": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunks twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nPRI",
    "bare 101": b"HTTP/1.1 101 Switching\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
@pytest.mark.parametrize("feed", [parsed, one_byte_at_a_time])
def test_a_head_that_is_not_proper_http_is_refused(name: str, feed: Feed) -> None:
    with pytest.raises(ProviderProtocolError):
        feed(NOT_HTTP[name])


def test_an_upgrade_that_is_only_offered_is_no_harm() -> None:
    parser, _ = parsed(OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n")
    assert parser.reusable


BAD_CHUNKS = {
    "not hexadecimal": b"zz\r\n",
    "negative": b"-5\r\nhello",
    "prefixed": b"0x5\r\nhello",
    "too large for 64 bits": b"f" * 17 + b"\r\n",
    "no line end after data": b"5\r\nhelloXX",
    "bare line feed": b"5\nhello\n",
    "a second answer instead": OK,
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_bad_chunk_is_a_failure_and_what_came_before_it_counts(name: str) -> None:
    parser, body = parsed(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n" + BAD_CHUNKS[name])
    assert body.startswith(b"good")
    assert isinstance(parser.failure, ProviderProtocolError)
    assert not parser.complete
    assert not parser.reusable
    assert parser.feed(b"0\r\n\r\n") == b""


def test_a_head_may_be_as_long_as_its_bound_and_no_longer() -> None:
    rest = b"\r\nContent-Length: 0\r\n\r\n"
    for excess in (0, 1):
        filler = b"a" * (parsing.HEAD_BYTES_MAX - len(OK) - len(b"X: ") - len(rest) + excess)
        data = OK + b"X: " + filler + rest
        if excess:
            with pytest.raises(ProviderProtocolError, match="longer than 65536 bytes"):
                parsed(data)
        else:
            assert parsed(data)[0].complete


def test_an_endless_header_line_is_refused_as_soon_as_it_is_over_the_bound() -> None:
    parser, _ = parsed(OK + b"X: ")
    for _ in range(parsing.HEAD_BYTES_MAX // 1000):
        assert parser.feed(b"a" * 1000) == b""
    with pytest.raises(ProviderProtocolError, match="longer than"):
        parser.feed(b"a" * 1000)


@pytest.mark.parametrize(("headers", "fine"), [(parsing.HEADERS_MAX, True), (parsing.HEADERS_MAX + 1, False)])
def test_a_head_has_a_bounded_number_of_headers(headers: int, fine: bool) -> None:
    data = OK + b"A: b\r\n" * (headers - 1) + b"Content-Length: 0\r\n\r\n"
    if fine:
        assert parsed(data)[0].complete
    else:
        with pytest.raises(ProviderProtocolError, match="more than 200 headers"):
            parsed(data)


@pytest.mark.parametrize(
    ("interim", "fine"), [(parsing.INTERIM_ANSWERS_MAX, True), (parsing.INTERIM_ANSWERS_MAX + 1, False)]
)
def test_interim_answers_are_skipped_up_to_a_bound(interim: int, fine: bool) -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\n" * interim + OK + b"Content-Length: 0\r\n\r\n"
    if fine:
        assert parsed(data)[0].reusable
    else:
        with pytest.raises(ProviderProtocolError, match="interim"):
            parsed(data)


def test_chunk_extensions_are_bounded() -> None:
    parser, _ = parsed(OK + b"Transfer-Encoding: chunked\r\n\r\n5;")
    for _ in range(parsing.EXCESS_FRAMING_BYTES_MAX // 1000 + 1):
        parser.feed(b"a" * 1000)
    assert parser.failure is not None
    assert "extensions" in parser.failure.message


def test_trailers_are_bounded() -> None:
    parser, _ = parsed(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    for _ in range(parsing.EXCESS_FRAMING_BYTES_MAX // 1000 + 1):
        parser.feed(b"X: " + b"a" * 995 + b"\r\n")
    assert parser.failure is not None


def test_many_small_chunks_are_not_excess() -> None:
    parser, body = parsed(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1;id=7\r\nx\r\n" * 50_000)
    assert body == b"x" * 50_000
    assert parser.failure is None
