"""Batches on disk: rows, and the spool that puts results in order."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.cores.batches import Part
from kruxos.errors import BadRequestError, InternalError
from kruxos.ledger.batches import Batch
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.spool import Spool, log_of, read_results, results_of

ONE = Batch("batch_1", "bot", "claude", None, "monday", "receiving", 100.0, headers={"a": "b"})
PART = Part("batch_1", 0, "kx1-p0", 0, 2, 0, 10, 100.0, outputs=("/x",))


def record(place: int, line: bytes) -> bytes:
    return struct.pack(">II", place, len(line)) + line


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path, "batch_1")
    made.create()
    return made


def test_a_batch_and_its_parts_are_read_as_they_were_written(ledger: Ledger) -> None:
    assert ledger.batches.begin(ONE) == ONE
    ledger.batches.put(ONE, [PART])
    assert ledger.batches.get("batch_1") == ONE
    assert ledger.batches.parts("batch_1") == [PART]
    assert ledger.batches.list("other") == []
    assert ledger.batches.open() == [ONE]


def test_a_key_that_was_used_gives_the_batch_that_has_it(ledger: Ledger) -> None:
    ledger.batches.begin(ONE)
    again = Batch("batch_2", "bot", "claude", None, "monday", "receiving", 200.0)
    assert ledger.batches.begin(again) == ONE
    other = Batch("batch_3", "other", "claude", None, "monday", "receiving", 200.0)
    assert ledger.batches.begin(other) == other


def test_what_a_part_used_is_booked_once_however_often_it_is_written(ledger: Ledger) -> None:
    call = Call("batch_1", 100.0, "bot", "claude", "m", "answered", op="batch", attempts=[])
    for _ in range(3):
        ledger.batches.put_part(PART, [call])
    assert ledger.calls(call_id="batch_1") == [call]


def test_old_batches_are_forgotten(ledger: Ledger) -> None:
    ledger.batches.put(Batch("batch_9", "bot", "claude", None, None, "over", 1.0, over_at=2.0), [])
    assert ledger.batches.forget(1.0) == []
    assert ledger.batches.forget(3.0) == ["batch_9"]
    assert ledger.batches.get("batch_9") is None


def test_a_chunk_that_comes_again_changes_nothing_and_a_gap_is_refused(spool: Spool) -> None:
    assert spool.receive(0, b"abc") == 3
    assert spool.receive(0, b"abc") == 3
    assert spool.receive(1, b"bcde") == 5
    assert spool.read("input.jsonl", 0, 99) == b"abcde"
    with pytest.raises(BadRequestError, match="5 bytes so far"):
        spool.receive(6, b"x")


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=30), st.integers(0, 99))
def test_results_are_in_order_once_each_whatever_order_they_came_in(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], seed: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("s"), "b")
    spool.create()
    records = [record(place, line) for place, line in enumerate(lines)] + [record(0, b"again")]
    Random(seed).shuffle(records[1:])
    spool.append(log_of(0), b"".join(records))
    spool.put_in_order(0, len(lines))
    assert spool.read(results_of(0), 0, 10_000) == b"".join(line + b"\n" for line in lines)


def test_results_that_lack_one_or_are_cut_are_not_taken_for_whole(spool: Spool) -> None:
    for log in (record(0, b"x"), record(0, b"x") + record(1, b"yy")[:-1], record(5, b"x")):
        spool.empty(log_of(0))
        spool.append(log_of(0), log)
        with pytest.raises(InternalError, match="of 2 results"):
            spool.put_in_order(0, 2)


def test_parts_are_read_as_one_file_up_to_the_first_that_is_not_there(spool: Spool) -> None:
    spool.append(results_of(0), b"a\nb\n")
    spool.append(results_of(1), b"c\n")
    assert read_results(spool, 2, 0, 3) == (b"a\nb", 3)
    assert read_results(spool, 2, 4, 9) == (b"c\n", 6)
    assert read_results(spool, 1, 4, 9) == (b"", 4)
