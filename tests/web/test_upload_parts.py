"""What uploads are made of, without a network: forms and lists of requests, cut anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.errors import BadRequestError, KruxosError, OverloadedError
from kruxos.web.doors.batches_anthropic import Requests
from kruxos.web.doors.batching import Lines
from kruxos.web.doors.form import Form, boundary_of
from kruxos.web.doors.reading import Bodies

BOUNDARY = b"xYzZY"
CUTS = st.lists(st.integers(0, 1000), max_size=12)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[first:last] for first, last in pairwise(places)]


def form_of(file: bytes, *, purpose: bytes = b"batch", file_first: bool = False) -> bytes:
    parts = [
        b'content-disposition: form-data; name="purpose"\r\n\r\n' + purpose,
        b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\nContent-Type: text/plain\r\n\r\n' + file,
    ]
    if file_first:
        parts.reverse()
    return b"".join(b"--%b\r\n%b\r\n" % (BOUNDARY, part) for part in parts) + b"--%b--\r\n" % BOUNDARY


@given(
    st.one_of(st.binary(max_size=300), st.text("\r\n-xYzZY", max_size=60).map(str.encode)), CUTS, st.booleans()
)  # fmt: skip
def test_a_forms_file_comes_out_as_it_went_in_however_it_is_cut(file: bytes, cuts: list[int], file_first: bool) -> None:
    if b"\r\n--" + BOUNDARY in b"\r\n" + file:
        return
    form = Form(BOUNDARY)
    got = b"".join(form.feed(piece) for piece in pieces(form_of(file, file_first=file_first), cuts))
    form.finish()
    assert got == file
    assert (form.fields, form.filename) == ({"purpose": "batch"}, "a.jsonl")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        form_of(b"abc")[:-12],
        b"--xYzZY\r\n" + b"a" * 9000,
        form_of(b"abc", purpose=b"a" * 9000),
        form_of(b"abc").replace(b'"purpose"', b'"file"'),
        b"--xYzZYno\r\n\r\n",
        b"--xYzZY--\r\n",
        b"--xYzZY\r\n" + b'x: form-data; name="a"\r\n\r\n\r\n--xYzZY\r\n' * 40,
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(data: bytes) -> None:
    def read() -> None:
        form = Form(BOUNDARY)
        for each in pieces(data, range(0, 10_000, 500)):
            form.feed(each)
        form.finish()

    with pytest.raises(BadRequestError):
        read()


def test_the_boundary_is_in_the_content_type() -> None:
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('Multipart/Form-Data; charset=utf-8; boundary="a b"') == b"a b"
    for wrong in ("", "application/json", "multipart/form-data", "multipart/form-data; boundary="):
        with pytest.raises(BadRequestError):
            boundary_of(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('"\\{}[],\n\ré', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=4), CUTS, st.sampled_from([None, 1]))
def test_each_request_becomes_a_line_however_the_body_is_cut(values: list[Any], cuts: list[int], indent: Any) -> None:
    every = [{"custom_id": str(place), "params": value} for place, value in enumerate(values)]
    requests = Requests({"anthropic-beta": "b", "x-api-key": "k"})
    body = json.dumps({"requests": every}, indent=indent).encode()
    lines = b"".join(requests.feed(piece) for piece in pieces(body, cuts)).splitlines()
    requests.finish()
    assert [json.loads(line) for line in lines] == [each | {"headers": {"anthropic-beta": "b"}} for each in every]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"requests":', b'{"requests":[{"a":1}', b'{"requests":[{"a":[1]}', b'{"requests":[{"']
)  # fmt: skip
def test_a_body_that_is_cut_off_or_of_another_form_is_refused(body: bytes) -> None:
    requests = Requests({})
    requests.feed(body)
    with pytest.raises(BadRequestError):
        requests.finish()


def test_what_is_no_list_of_requests_is_not_held() -> None:
    with pytest.raises(BadRequestError):
        Requests({}).feed(b" " * 5000)


async def _given(*every: bytes) -> AsyncIterator[bytes]:
    for piece in every:
        yield piece


def test_the_first_line_is_looked_at_and_passed_on_and_held_no_longer() -> None:
    async def run() -> None:
        bodies = Bodies()
        lines = Lines(_given(b"\n ab", b"c\nde", b"f\n", b"g"), bodies)
        assert await lines.first() == b"abc"
        assert bodies.held_bytes > 0
        assert b"".join([piece async for piece in lines.every()]) == b"\n abc\ndef\ng"
        assert bodies.held_bytes == 0

    asyncio.run(run())


@pytest.mark.parametrize(("given_pieces", "held", "error"), [
    ((b"\n", b" "), 0, BadRequestError),
    ((b"x" * 17 * 1024 * 1024,) * 2, 0, BadRequestError),
    ((b"x" * 1024,), 256 * 1024 * 1024, OverloadedError),
])  # fmt: skip
def test_a_first_line_has_bounds(given_pieces: tuple[bytes, ...], held: int, error: type[KruxosError]) -> None:
    async def run() -> None:
        bodies = Bodies(held)
        lines = Lines(_given(*given_pieces), bodies)
        with pytest.raises(error):
            await lines.first()
        await lines.aclose()
        assert bodies.held_bytes == held

    asyncio.run(run())
