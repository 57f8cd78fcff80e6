"""Bytes cut anywhere become the same lines and events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.sse import EventStream, Lines
from kruxos.errors import ProviderProtocolError


def events(*pieces: bytes, limit: int = 1000) -> list[tuple[str, str]]:
    stream = EventStream(limit)
    found = [event for piece in pieces for event in stream.feed(piece)]
    return [(event.name, event.data) for event in [*found, *stream.finish()]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_lf_crlf_or_cr(end: bytes) -> None:
    body = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert events(body) == [("a", "1"), ("", "2")]


def test_a_line_separator_inside_json_is_no_line_end() -> None:
    assert events('data: {"a":"x\u2028y\u0085z\x0bw"}\n\n'.encode()) == [("", '{"a":"x\u2028y\u0085z\x0bw"}')]


def test_comments_blank_lines_and_unknown_fields_are_passed_over() -> None:
    assert events(b"\n\n: OPENROUTER PROCESSING\n\nid: 7\nretry: 10\ndata: 1\n\n: bye\n\n") == [("", "1")]


def test_several_data_lines_are_one_text() -> None:
    assert events(b"data: a\ndata:b\ndata\ndata:  c\n\n") == [("", "a\nb\n\n c")]


def test_a_name_without_data_is_no_event_and_does_not_stay() -> None:
    assert events(b"event: ping\n\ndata: 1\n\n") == [("", "1")]


def test_a_field_named_error_is_an_event_of_that_name() -> None:
    assert events(b'error: {"message":"no"}\n\n') == [("error", '{"message":"no"}')]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert events(b"\xef\xbb\xbfdata: 1\n\n") == [("", "1")]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert events(b"data: a\xffb\n\n") == [("", "a\ufffdb")]


def test_an_event_that_the_end_cuts_off_is_given() -> None:
    assert events(b"data: 1\n\ndata: 2") == [("", "1"), ("", "2")]


BARE = b'{\n  "error": {\n    "code": 499,\n    "message": "a } in \\" it"\n  }\n}'


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_bare_json_between_the_events_is_an_event(end: bytes) -> None:
    assert events(b"data: 1\n\n" + BARE + end) == [("", "1"), ("", BARE.decode())]
    assert events(b'data: 1\r\n\r\n[{"error":{}}]\r\ndata: 2\n\n') == [("", "1"), ("", '[{"error":{}}]'), ("", "2")]


def test_bare_json_ends_the_event_before_it() -> None:
    assert events(b'data: 1\n{"error":1}\n') == [("", "1"), ("", '{"error":1}')]


def test_what_only_begins_like_json_is_a_field_that_nobody_knows() -> None:
    assert events(b"[DONE]\n{no: json}\n{\nevent: n\ndata: 1\n\n") == [("n", "1")]
    assert events(b"{\ndata: 1\n\n}\n") == [("", "1")]
    assert events(b'{"a":\n') == []


def test_bare_json_over_the_limit_is_an_error() -> None:
    with pytest.raises(ProviderProtocolError):
        events(b"{\n" + b'"a",\n' * 10, limit=20)


def test_an_event_over_the_limit_is_an_error_after_the_events_before_it() -> None:
    events_before_it = EventStream(20).feed(b"data: 1\n\ndata: " + b"x" * 30 + b"\n\ndata: 2\n\n")
    assert next(events_before_it).data == "1"
    with pytest.raises(ProviderProtocolError, match="over the cap of 20 bytes"):
        next(events_before_it)


@pytest.mark.parametrize("step", [1, 3, 100])
def test_an_event_of_endlessly_many_lines_is_over_the_limit_too(step: int) -> None:
    body = b"data: xxx\n" * 10
    with pytest.raises(ProviderProtocolError):
        events(*(body[at : at + step] for at in range(0, len(body), step)), limit=20)


def test_a_line_that_never_ends_is_held_to_the_limit() -> None:
    lines = Lines(10)
    states = [(lines.feed(piece), lines.overflowed) for piece in [b"x" * 10, b"x", b"\ny\n"]]
    assert states == [([], False), ([], True), ([], True)]


FRAGMENTS = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"event: n",
        b": c",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"x",
        "\u2028ü".encode(),
        b"id: 1",
        b" ",
        b'{"a":',
        b"1}",
        b"}",
        b"[",
    ]
)


@given(st.lists(FRAGMENTS, max_size=20).map(b"".join), st.lists(st.integers(0, 80), max_size=8))
def test_no_cut_changes_the_events(body: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places)]
    assert events(*pieces) == events(body) == events(*(body[at : at + 1] for at in range(len(body))))


@given(st.lists(st.sampled_from([b"ab", b"\n", b"\r", b"c"]), max_size=20).map(b"".join))
def test_lines_are_what_the_standard_splits(body: bytes) -> None:
    lines = Lines()
    found = [line for at in range(len(body)) for line in lines.feed(body[at : at + 1])]
    assert [*found, lines.finish()] == body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def test_an_event_of_nothing_but_short_lines_is_bounded_by_what_it_costs_to_hold() -> None:
    stream = EventStream(limit=64_000)
    assert list(stream.feed(b"data: a\n" * 900)) == []
    with pytest.raises(ProviderProtocolError, match="over the cap"):
        list(stream.feed(b"data: a\n" * 100))
