"""A provider's own bytes: cut where events end, held back where an answer breaks off."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kruxos import wire
from kruxos.dialects.base import Decoder
from kruxos.errors import ProviderFailedError, StreamInterruptedError
from kruxos.messages import Message, Native, Request
from kruxos_workers.raw import RawBytes, wants_raw

EVENTS = b'event: a\ndata: {"x": 1}\n\n: ping\r\n\r\ndata: [DONE]\n\n'


def decoder(**known: Any) -> Decoder:
    return cast("Decoder", SimpleNamespace(**({"ending": None, "error": None} | known)))


@given(some.lists(some.integers(0, len(EVENTS)), max_size=12))
def test_the_bytes_are_all_there_and_every_piece_ends_where_an_event_does(cuts: list[int]) -> None:
    raw, out = RawBytes(stream=True), b""
    edges = [0, *sorted(cuts), len(EVENTS)]
    for start, end in pairwise(edges):
        for piece in raw.take(EVENTS[start:end], decoder()):
            out += piece.data
            assert out.endswith((b"\n\n", b"\r\n\r\n"))
    assert out == EVENTS
    assert raw.finish(decoder(ending=object())) == []


def test_the_last_piece_says_so() -> None:
    raw = RawBytes(stream=True)
    assert [each.is_last for each in raw.take(b"data: 1\n\n", decoder())] == [False]
    assert [each.is_last for each in raw.take(b"data: 2\n\ndata: ", decoder(ending=object()))] == [True]
    assert [each.data for each in raw.finish(decoder(ending=object()))] == [b"data: "]


def test_of_a_stream_that_breaks_off_no_half_event_leaves() -> None:
    raw = RawBytes(stream=True)
    assert raw.take(b"data: 1\n\ndata: 2", decoder())[0].data == b"data: 1\n\n"
    assert raw.finish(decoder(error=StreamInterruptedError())) == []


def test_a_providers_own_error_event_leaves_as_it_came() -> None:
    (piece,) = RawBytes(stream=True).take(b"event: error\ndata: {}\n\n", decoder(error=ProviderFailedError()))
    assert piece.is_last


def test_a_whole_answer_leaves_at_its_end_in_pieces_that_frames_can_hold() -> None:
    raw, body = RawBytes(stream=False), b"x" * (wire.EVENT_BYTES_AIM * 2 + 5)
    assert raw.take(body, decoder()) == []
    pieces = raw.finish(decoder(ending=object()))
    assert b"".join(piece.data for piece in pieces) == body
    assert [piece.is_last for piece in pieces] == [False, False, True]
    assert max(len(piece.data) for piece in pieces) <= wire.EVENT_BYTES_AIM


@pytest.mark.parametrize(("dialect", "asked", "content_type", "stream", "wanted"), [
    ("anthropic", True, "text/event-stream; charset=utf-8", True, True),
    ("anthropic", True, "application/json", False, True),
    ("anthropic", True, "text/event-stream", False, False),  # it streams whatever it was asked for
    ("anthropic", True, "application/json", True, False),
    ("openai-chat", True, "text/event-stream", True, False),
    ("anthropic", False, "text/event-stream", True, False),
])  # fmt: skip
def test_bytes_go_out_as_they_are_to_who_speaks_the_protocol_and_asked_for_them(
    dialect: str, asked: bool, content_type: str, stream: bool, wanted: bool
) -> None:
    request = Request([Message.of("user", "x")], native=Native("anthropic", b"{}"), raw_events=asked)
    assert wants_raw(request, dialect, content_type=content_type, stream=stream) == wanted
