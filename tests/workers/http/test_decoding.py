"""Content codings: undone in bounded pieces, whole or failed."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos_workers.http.decoding import PIECE_BYTES_MAX, Decoding, decoding_for
from kruxos_workers.http.failures import BodyFailure

TEXT = b"data: {}\n\n" * 50


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZip ": gzip.compress,
    "deflate": zlib.compress,
    "deflate raw": raw_deflate,
    "identity": bytes,
    "": bytes,
}


def decoder(name: str) -> Decoding:
    return decoding_for(name.removesuffix(" raw"))


def taken(decoding: Decoding, *pieces: bytes) -> list[bytes]:
    out: list[bytes] = []
    for piece in pieces:
        decoding.feed(piece)
        while more := decoding.take():
            out.append(more)
    return out


@pytest.mark.parametrize("name", PACK)
def test_a_coded_body_comes_out_as_it_was(name: str) -> None:
    decoding = decoder(name)
    assert b"".join(taken(decoding, PACK[name](TEXT))) == TEXT
    decoding.finish()


@given(st.sampled_from(sorted(PACK)), st.binary(max_size=3000), st.integers(1, 700))
def test_a_coded_body_may_be_cut_anywhere(name: str, data: bytes, size: int) -> None:
    packed = PACK[name](data)
    decoding = decoder(name)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert b"".join(taken(decoding, *pieces)) == data
    decoding.finish()


def test_what_a_server_flushes_comes_out_at_once() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS + 16)
    decoding = decoding_for("gzip")
    for event in (b"data: one\n\n", b"data: two\n\n"):
        assert taken(decoding, packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)) == [event]


def test_a_bomb_comes_out_in_bounded_pieces() -> None:
    size = 20 * PIECE_BYTES_MAX + 7
    decoding = decoding_for("gzip")
    pieces = taken(decoding, gzip.compress(bytes(size)))
    assert max(map(len, pieces)) == PIECE_BYTES_MAX
    assert sum(map(len, pieces)) == size
    decoding.finish()


@pytest.mark.parametrize("name", ["gzip", "deflate", "deflate raw"])
def test_a_coded_body_without_its_end_is_truncated(name: str) -> None:
    decoding = decoder(name)
    taken(decoding, PACK[name](TEXT)[:-5])
    with pytest.raises(BodyFailure) as caught:
        decoding.finish()
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_an_empty_body_has_no_coding_to_fail_on(name: str) -> None:
    decoding = decoder(name)
    assert taken(decoding, b"") == []
    decoding.finish()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT)[:-8] + bytes(8)),
        ("deflate", b"\x78\x00 wrong"),
        ("deflate", b"\xff\xff\xff"),
        ("gzip", gzip.compress(b"a") + b"more"),
        ("br", b"anything"),
        ("zstd", b"anything"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"a"))),
    ],
)
def test_a_body_that_is_not_in_its_coding_is_a_protocol_failure(name: str, data: bytes) -> None:
    with pytest.raises(BodyFailure) as caught:
        taken(decoding_for(name), data)
    assert caught.value.kind == "protocol"


def test_what_is_decoded_before_bytes_that_should_not_follow_still_comes() -> None:
    decoding = decoding_for("gzip")
    decoding.feed(gzip.compress(b"whole") + b"more")
    assert decoding.take() == b"whole"
    with pytest.raises(BodyFailure):
        decoding.take()
