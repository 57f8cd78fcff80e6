"""Tables fit the terminal, and show nothing that it would take for orders."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import Terminal, clean, cut, one_line, plain, styled, width_of

COLUMNS = (
    Column("NAME"),
    Column("MODEL", gives=True),
    Column("CALLS", right=True),
    Column("NOTE", gives=True, optional=True),
)
ROWS = [["deepseek", "deepseek-chat", "7", ""], ["local-default", "a-model-with-a-very-long-name", "12345", ""]]


def test_columns_are_as_wide_as_what_they_hold() -> None:
    assert table(COLUMNS, ROWS, Terminal()) == [
        "NAME           MODEL                          CALLS  NOTE",
        "deepseek       deepseek-chat                      7  -",
        "local-default  a-model-with-a-very-long-name  12345  -",
    ]


def test_where_there_is_no_room_empty_columns_go_first() -> None:
    assert table(COLUMNS, ROWS, Terminal(width=54))[0] == "NAME           MODEL                          CALLS"


def test_then_what_may_give_is_cut_and_marked() -> None:
    assert table(COLUMNS, ROWS, Terminal(width=40)) == [
        "NAME           MODEL               CALLS",
        "deepseek       deepseek-chat           7",
        "local-default  a-model-with-a-ve…  12345",
    ]


def test_without_unicode_the_mark_is_plain() -> None:
    assert ".." in table(COLUMNS, ROWS, Terminal(width=40, unicode=False))[2]


def test_colours_take_no_room() -> None:
    row: list[Cell | str] = [Cell("a", "good"), "b", "1", "x"]
    plain_line = table(COLUMNS, [row], Terminal())[1]
    coloured = table(COLUMNS, [row], Terminal(colour=True))[1]
    assert coloured == plain_line.replace("a", "\x1b[32ma\x1b[0m")


def test_wide_signs_count_for_two_columns() -> None:
    assert width_of("模型") == 4
    first, second = table((Column("N"), Column("M")), [["模型", "x"], ["ab", "y"]], Terminal())[1:]
    assert (first, second) == ("模型  x", "ab    y")


def test_what_a_terminal_would_take_for_orders_is_shown_as_a_mark() -> None:
    assert clean("a\x1b[31mb\x07\u202e") == "a\ufffd[31mb\ufffd\ufffd"
    assert one_line("two\nlines\t!") == "two lines !"
    assert clean("two\nlines") == "two\nlines"


def test_signs_that_a_terminal_has_not_are_replaced() -> None:
    assert plain("a · b — c … µs", Terminal(unicode=False)) == "a - b - c ... us"


def test_styles_are_for_terminals_with_colours() -> None:
    assert styled("x", "bad", Terminal()) == "x"
    assert styled("x", "bad", Terminal(colour=True)) == "\x1b[31mx\x1b[0m"


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_what_is_cut_never_takes_more_room_than_there_is(text: str, width: int) -> None:
    assert width_of(cut(one_line(text), width, Terminal())) <= width


@given(st.lists(st.lists(st.text(max_size=30), min_size=4, max_size=4), max_size=4), st.integers(20, 120))
def test_a_table_never_takes_more_room_than_its_smallest_form(rows: list[list[str]], width: int) -> None:
    fixed = max([width_of("NAME"), *(width_of(one_line(row[0]) or "-") for row in rows)])
    fixed += max([width_of("CALLS"), *(width_of(one_line(row[2]) or "-") for row in rows)])
    for line in table(COLUMNS, rows, Terminal(width=width)):
        assert width_of(line) <= max(width, fixed + 3 * 2 + 2 * 6)
