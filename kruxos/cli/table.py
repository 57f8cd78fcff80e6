"""Tables: as wide as they need, and no wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kruxos.cli.terminal import Terminal, cut, one_line, styled, width_of

GAP = "  "
NOTHING = "-"
SHRUNK_MIN = 6


class Column(NamedTuple):
    """One column. ``right``: numbers. ``gives``: it may be cut. ``optional``: it may go where it holds nothing."""

    title: str
    right: bool = False
    gives: bool = False
    optional: bool = False


class Cell(NamedTuple):
    """A text in a style; empty text shows as nothing."""

    text: str
    style: str = ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], terminal: Terminal) -> list[str]:
    """The lines: titles, then a line for each row."""
    cells = [[_cell(each) for each in row] for row in rows]
    kept, widths = _fit(columns, cells, terminal.width)
    titles = [Cell(column.title, "dim") for column in columns]
    return [_line(columns, row, kept, widths, terminal) for row in [titles, *cells]]


def _cell(value: Cell | str) -> Cell:
    cell = value if isinstance(value, Cell) else Cell(value)
    return Cell(one_line(cell.text) or NOTHING, cell.style)


def _fit(columns: Sequence[Column], rows: list[list[Cell]], room: int | None) -> tuple[list[int], list[int]]:
    """Which columns are shown, and how wide each is."""
    widths = [
        max([width_of(column.title), *(width_of(row[at].text) for row in rows)]) for at, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    if room is None:
        return kept, widths
    for at in reversed(range(len(columns))):
        if _total(kept, widths) > room and columns[at].optional and all(row[at].text == NOTHING for row in rows):
            kept.remove(at)
    giving = [at for at in kept if columns[at].gives]
    while _total(kept, widths) > room and giving:
        widest = max(giving, key=lambda at: widths[at])
        if widths[widest] <= SHRUNK_MIN:
            break
        widths[widest] -= 1
    return kept, widths


def _total(kept: list[int], widths: list[int]) -> int:
    return sum(widths[at] for at in kept) + len(GAP) * (len(kept) - 1)


def _line(columns: Sequence[Column], row: list[Cell], kept: list[int], widths: list[int], terminal: Terminal) -> str:
    pieces: list[str] = []
    for at in kept:
        text = cut(row[at].text, widths[at], terminal)
        space = " " * (widths[at] - width_of(text))
        shown = styled(text, row[at].style, terminal)
        pieces.append(space + shown if columns[at].right else shown + space)
    return GAP.join(pieces).rstrip()
