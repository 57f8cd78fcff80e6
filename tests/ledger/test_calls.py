"""Rows of calls: taken without waiting, written in batches, lost never silently."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.config.directory import DataDirectory
from kruxos.events import Usage
from kruxos.ledger import calls as module
from kruxos.ledger.calls import Call, LedgerWriter
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.problems import LedgerError
from tests.ledger.conftest import NOW

CALL = Call(
    call_id="c-1", started_at=NOW, agent="code-bot", provider="claude-api", model="m-1", outcome="answered", op="chat",
    finish_reason="stop", stream=True, attempts=[{"provider": "x", "outcome": "rate_limited"}],
    usage=Usage(10, 20, 30, 40, 5, 15, {"audio": 3}), raw_usage={"in": 60, "deep": {"er": [1]}},
    cost=Decimal("0.000123456789012345"), currency="USD", price_row="m-1/2026-01", billed_maybe=True,
    overhead_us=300, upstream_us=900_000, duration_ms=901, upstream_request_id="req_1",
)  # fmt: skip


def test_a_row_comes_back_as_it_was(ledger: Ledger) -> None:
    assert ledger.writer.append(CALL) is True
    assert ledger.writer.flush() == 1
    assert ledger.calls() == [CALL]


def test_a_row_of_which_little_is_known_comes_back_too(ledger: Ledger) -> None:
    bare = Call("c", NOW, None, None, None, "no_provider")
    ledger.writer.append(bare)
    ledger.writer.flush()
    (found,) = ledger.calls()
    assert replace(found, attempts=()) == bare


def test_nothing_is_written_before_a_flush_and_all_at_the_end(data: DataDirectory, ledger: Ledger) -> None:
    ledger.writer.append(CALL)
    assert (ledger.calls(), ledger.writer.waiting) == ([], 1)
    ledger.close()
    with Ledger.open(data, NOW) as again:
        assert again.calls() == [CALL]


def test_writing_a_row_twice_is_writing_it_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.writer.append(CALL)
        ledger.writer.flush()
    assert ledger.calls() == [CALL]


def test_the_steps_of_a_call_are_rows_of_their_own(ledger: Ledger) -> None:
    for step, op in enumerate(("count_tokens", "chat", "chat")):
        ledger.writer.append(replace(CALL, step=step, op=op, last=step == 2))
    ledger.writer.append(replace(CALL, call_id="c-2"))
    ledger.writer.flush()
    assert [(call.step, call.op) for call in ledger.calls(call_id="c-1")] == [
        (2, "chat"),
        (1, "chat"),
        (0, "count_tokens"),
    ]


def test_the_latest_calls_come_first_and_as_many_as_wanted(ledger: Ledger) -> None:
    for number in range(5):
        ledger.writer.append(replace(CALL, call_id=f"c-{number}", started_at=NOW + number, agent=f"a{number % 2}"))
    ledger.writer.flush()
    assert [call.call_id for call in ledger.calls(limit=2)] == ["c-4", "c-3"]
    assert [call.call_id for call in ledger.calls(agent="a1")] == ["c-3", "c-1"]


def test_who_reads_on_from_cursor_to_cursor_leaves_nothing_out(ledger: Ledger) -> None:
    found: list[str] = []
    cursor = 0
    for number in range(7):
        ledger.writer.append(replace(CALL, call_id=f"c-{number}"))
    ledger.writer.flush()
    while calls := (page := ledger.log(after=cursor, limit=3, forward=True))[0]:
        found += [call.call_id for call in calls]
        cursor = page[1]
    assert found == [f"c-{number}" for number in range(7)]
    assert ledger.log(after=cursor, forward=True) == ([], cursor)


def test_a_cursor_of_a_file_that_was_set_aside_begins_again(ledger: Ledger) -> None:
    ledger.writer.append(CALL)
    ledger.writer.flush()
    assert ledger.log(after=1_000, forward=True) == ([], 1)


def test_a_large_queue_is_written_in_several_transactions(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRANSACTION_ROWS_MAX", 3)
    for number in range(8):
        ledger.writer.append(replace(CALL, call_id=f"c-{number}"))
    assert ledger.writer.flush() == 8
    assert len(ledger.calls()) == 8


def test_a_full_queue_refuses_rows_and_counts_them(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_ROWS_MAX", 2)
    assert [ledger.writer.append(replace(CALL, call_id=str(n))) for n in range(4)] == [True, True, False, False]
    assert (ledger.writer.waiting, ledger.writer.dropped) == (2, 2)


def test_half_of_the_queue_is_for_rows_that_may_have_cost_something(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_ROWS_MAX", 4)
    monkeypatch.setattr(module, "FREE_ROWS_MAX", 2)
    refused = replace(CALL, outcome="rate_limited", billed_maybe=False)
    assert [ledger.writer.append(replace(refused, call_id=str(n))) for n in range(3)] == [True, True, False]
    assert ledger.writer.append(replace(CALL, call_id="3", billed_maybe=False))
    assert ledger.writer.append(replace(refused, call_id="4", billed_maybe=True))


def test_rows_that_could_not_be_written_wait_in_their_order(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        ledger.writer.append(replace(CALL, call_id=f"c-{number}"))

    def full() -> None:
        raise LedgerError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ledger._database, "writing", full)
        with pytest.raises(LedgerError, match="the disk is full"):
            ledger.writer.flush()
    assert ledger.writer.waiting == 3
    ledger.writer.append(replace(CALL, call_id="c-3"))
    assert ledger.writer.flush() == 4
    assert {call.call_id for call in ledger.calls()} == {"c-0", "c-1", "c-2", "c-3"}


def test_what_a_provider_says_of_its_usage_is_bounded(ledger: Ledger) -> None:
    ledger.writer.append(replace(CALL, raw_usage={"x": "y" * 100_000}))
    ledger.writer.flush()
    assert ledger.calls()[0].raw_usage == {}


def test_old_rows_can_be_pruned(ledger: Ledger) -> None:
    for number in range(4):
        ledger.writer.append(replace(CALL, call_id=f"c-{number}", started_at=NOW + number))
    ledger.writer.flush()
    assert ledger.prune(NOW + 2) == 2
    assert [call.call_id for call in ledger.calls()] == ["c-3", "c-2"]


def test_there_is_no_field_for_a_body() -> None:
    names = {each.name for each in fields(Call)}
    assert not names & {"body", "messages", "prompt", "request", "reply", "text", "content", "arguments"}


numbers = st.none() | st.integers(0, 10**12)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(
            Call, call_id=st.uuids().map(str), started_at=st.floats(0, 2e9), agent=st.none() | st.text(max_size=5),
            provider=st.none() | st.text(max_size=5), model=st.none() | st.text(max_size=5),
            outcome=st.sampled_from(["answered", "rate_limited"]), stream=st.booleans(),
            usage=st.builds(Usage, numbers, numbers, numbers, numbers, numbers, numbers),
            cost=st.none() | st.decimals(0, 1000, places=18), duration_ms=numbers,
        ),
        max_size=8,
    )
)  # fmt: skip
def test_any_row_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, calls: list[Call]) -> None:
    data = DataDirectory(tmp_path_factory.mktemp("ledger") / "kruxos")
    data.create()
    with Ledger.open(data, NOW) as ledger:
        writer: LedgerWriter = ledger.writer
        for call in calls:
            writer.append(call)
        writer.flush()
        found = {call.call_id: replace(call, attempts=()) for call in ledger.calls()}
    assert found == {call.call_id: call for call in calls}
