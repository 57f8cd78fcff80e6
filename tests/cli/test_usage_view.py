"""Sums as CSV."""

from __future__ import annotations

from typing import Any

from kruxos.cli.usage import csv_rows

COUNTS: dict[str, Any] = {
    "calls": 3, "failed_calls": 1, "unpriced_calls": 0, "billed_maybe_calls": 1, "uncached_input_tokens": 10,
    "cache_read_tokens": 20, "cache_write_tokens": 30, "output_tokens": 40, "reasoning_tokens": 5,
}  # fmt: skip


def rows(*found: dict[str, Any]) -> list[list[Any]]:
    return csv_rows({"by": ["model"], "rows": list(found), "total": None})


def test_the_head_names_the_groups_the_counts_and_the_money() -> None:
    assert rows() == [["model", *COUNTS, "cost", "currency"]]


def test_a_group_is_a_line_with_its_exact_cost() -> None:
    assert rows({"model": "m", **COUNTS, "cost": {"USD": "0.0012345"}})[1:] == [
        ["m", *COUNTS.values(), "0.0012345", "USD"]
    ]


def test_several_currencies_are_several_lines_and_counts_still_add_up() -> None:
    found = rows({"model": "m", **COUNTS, "cost": {"EUR": "1", "USD": "2"}})[1:]
    assert [line[-2:] for line in found] == [["1", "EUR"], ["2", "USD"]]
    assert [sum(line[1 + at] for line in found) for at in range(len(COUNTS))] == list(COUNTS.values())


def test_what_has_no_price_has_an_empty_cost_and_not_nought() -> None:
    assert rows({"model": "m", **COUNTS, "cost": {}})[1][-2:] == ["", ""]
