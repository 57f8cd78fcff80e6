"""The last lines of a log file, and those that come after."""

from __future__ import annotations

from pathlib import Path

import pytest

from kruxos import logfile
from kruxos.logfile import Follower, tail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.log"


@pytest.mark.parametrize(
    ("text", "lines", "found"),
    [
        ("", 5, []),
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb\n", 5, ["a", "b"]),
        ("a\nb\n", 0, []),
        ("a\nhalf", 5, ["a"]),
        ("half", 5, []),
    ],
)
def test_the_last_whole_lines(path: Path, text: str, lines: int, found: list[str]) -> None:
    path.write_text(text)
    assert tail(path, lines) == (found, text.rfind("\n") + 1)


def test_a_large_file_is_read_from_near_its_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "TAIL_BYTES_MAX", 12)
    path.write_text("first line\nsecond\nthird\n")
    assert tail(path, 5)[0] == ["third"]


def test_a_follower_goes_on_where_the_tail_ended(path: Path) -> None:
    path.write_text("a\nhal")
    _, offset = tail(path, 5)
    follower = Follower(path, offset)
    assert follower.more() == []
    with path.open("a") as file:
        file.write("f\nb\n")
    assert follower.more() == ["half", "b"]
    assert follower.more() == []


def test_a_file_that_was_cut_is_read_from_its_beginning(path: Path) -> None:
    path.write_text("a\nb\n")
    follower = Follower(path, tail(path, 5)[1])
    path.write_text("c\n")
    assert follower.more() == ["c"]


def test_a_file_that_was_replaced_is_read_from_its_beginning(path: Path) -> None:
    path.write_text("a\nb\n")
    follower = Follower(path, tail(path, 5)[1])
    path.rename(path.with_suffix(".1"))
    assert follower.more() == []
    path.write_text("c\nd\ne\n")
    assert follower.more() == ["c", "d", "e"]


def test_a_line_without_an_end_is_not_waited_for_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "READ_BYTES_MAX", 4)
    path.write_text("")
    follower = Follower(path, 0)
    path.write_text("abcdefgh")
    assert [follower.more(), follower.more(), follower.more()] == [["abcd"], ["efgh"], []]
