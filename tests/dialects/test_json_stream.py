"""JSON objects that follow each other are found however they are laid out and cut."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.json_stream import ObjectStream
from kruxos.errors import ProviderProtocolError


def objects(*pieces: bytes, limit: int = 1000) -> list[Any]:
    stream = ObjectStream(limit)
    found = [event for piece in pieces for event in stream.feed(piece)]
    return [json.loads(event.data) for event in [*found, *stream.finish()]]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}\n{"b":{"c":2}}\n',
        b'{"a":1}\r\n{"b":{"c":2}}\r\n',
        b'{"a":1}\n{"b":{"c":2}}',
        b'{"a":1}{"b":{"c":2}}',
        b'[{"a":1},{"b":{"c":2}}]',
        b'[{\n  "a": 1\n}\n,\r\n{\n  "b": {\n "c": 2}\n}\n]',
        b'\n\n [ {"a":1} ,\n\n{"b":{"c":2}}\n]\n',
        b'{"a":\n1}\n\n\n{"b":{"c":2}\n}\n',
    ],
)
def test_objects_are_found_in_lines_in_an_array_and_over_many_lines(body: bytes) -> None:
    assert objects(body) == [{"a": 1}, {"b": {"c": 2}}]


def test_braces_and_quotes_in_strings_are_no_marks() -> None:
    body = b'{"a":"}{\\"}"}\n{"b":"{"}\n{"c":"\\\\"}\n{"d":"}"}'
    assert objects(body) == [{"a": '}{"}'}, {"b": "{"}, {"c": "\\"}, {"d": "}"}]


def test_an_object_is_given_as_soon_as_its_last_brace_is_there() -> None:
    stream = ObjectStream()
    assert list(stream.feed(b'[{"a":{}')) == []
    assert [event.data for event in stream.feed(b"}")] == ['{"a":{}}']


def test_an_object_that_the_end_cuts_off_is_none() -> None:
    assert objects(b'{"a":1}\n{"a":') == [{"a": 1}]


def test_an_object_over_the_limit_is_an_error_after_those_before_it() -> None:
    found = ObjectStream(20).feed(b'{"a":1}\n{"a":"' + b"x" * 30)
    assert next(found).data == '{"a":1}'
    with pytest.raises(ProviderProtocolError, match="over the cap of 20 bytes"):
        next(found)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\{}[\n,ü', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(alphabet='a"\\{}', max_size=3), VALUES, max_size=3), max_size=4)


@given(OBJECTS, st.sampled_from([None, 1]), st.sampled_from(["\n", "\r\n", ",", ",\r\n", ""]), st.data())
def test_no_layout_and_no_cut_changes_the_objects(
    values: list[Any], indent: int | None, between: str, data: st.DataObject
) -> None:
    body = between.join(json.dumps(value, indent=indent, ensure_ascii=False) for value in values).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]
    assert objects(*pieces) == objects(*(body[at : at + 1] for at in range(len(body)))) == values


@pytest.mark.parametrize("fill", [b"x", b"{", b'"', b"\\\\", b"\n"])
def test_an_object_in_many_pieces_costs_no_more_than_its_bytes(fill: bytes) -> None:
    def seconds(count: int) -> float:
        stream = ObjectStream()
        began = time.process_time()
        list(stream.feed(b'{"a":"'))
        for _ in range(count):
            assert list(stream.feed(fill)) == []
        return time.process_time() - began

    def ratio() -> float:
        return seconds(40_000) / max(seconds(10_000), 1e-6)

    assert min(ratio() for _ in range(3)) < 8
