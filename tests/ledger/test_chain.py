"""Lines that prove each other: every change, swap and gap shows."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from kruxos.ledger.chain import End, check, end_after, seal

ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(["kind", "subject", "at"]), st.text(max_size=5) | st.integers(0, 9)),
    min_size=2, max_size=6,
)  # fmt: skip


def chain(entries: list[dict[str, str | int]]) -> list[bytes]:
    lines: list[bytes] = []
    end = End()
    for entry in entries:
        line, end = seal(end, entry)
        lines.append(line[:-1])
    return lines


@given(ENTRIES)
def test_a_chain_that_nobody_touched_holds(entries: list[dict[str, str | int]]) -> None:
    lines = chain(entries)
    verdict = check(lines, End())
    assert (verdict.problem, verdict.lines, verdict.end) == ("", len(entries), end_after(lines[-1]))


@given(ENTRIES, st.data())
def test_a_byte_that_was_changed_shows(entries: list[dict[str, str | int]], data: st.DataObject) -> None:
    lines = chain(entries)
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[at]) - 1))
    changed = bytearray(lines[at])
    changed[place] ^= 1
    if json.loads(lines[at]) != _loaded(bytes(changed)):
        lines[at] = bytes(changed)
        assert check(lines, End()).problem


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


@given(ENTRIES, st.data())
def test_a_line_that_was_taken_out_shows_unless_it_was_the_last(
    entries: list[dict[str, str | int]], data: st.DataObject
) -> None:
    lines = chain(entries)
    at = data.draw(st.integers(0, len(lines) - 1))
    verdict = check(lines[:at] + lines[at + 1 :], End())
    assert bool(verdict.problem) is (at < len(lines) - 1)


def test_what_is_wrong_is_named() -> None:
    lines = chain([{"kind": "a"}, {"kind": "b"}, {"kind": "c"}])
    assert check([lines[0], lines[2]], End()).problem == "entry 3 does not follow entry 1"
    assert check([lines[0].replace(b'"a"', b'"x"'), lines[1]], End()).problem == "entry 1 was changed"
    assert check([lines[0], b"garbage", lines[2]], End()).problem == "the line after 1 cannot be read"
    assert check(lines[1:], End()).problem == "entry 2 does not follow entry 0"
    assert check(lines[1:]).problem == ""


def test_a_chain_goes_on_after_a_line_that_cannot_be_read_and_the_fault_stays() -> None:
    lines = [*chain([{"kind": "a"}]), b"garbage"]
    line, _ = seal(end_after(lines[-1]), {"kind": "b"})
    assert check([b"garbage", line[:-1]]).problem == "its first line cannot be read"
    assert check([line[:-1]], end_after(b"garbage")).problem == ""
