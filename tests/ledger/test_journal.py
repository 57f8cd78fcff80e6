"""The journal: entries that outlive the process, files that stay bounded, and nothing secret in them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.problems import UnsafePathError
from kruxos.ledger import journal as module
from kruxos.ledger.journal import HIDDEN, Journal, check_journal, older, read_entries

KEY = "sk-ant-api03-canary-0123456789abcdef"


def kinds(path: Path) -> list[str]:
    return [entry["kind"] for entry in read_entries(path)]


def test_an_entry_is_in_the_file_when_it_is_told_and_only_its_owner_reads_it(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        journal.tell(5.0, "state", "deepseek", before="ready", after="failed", reason=None)
        (entry,) = read_entries(data.events)
        assert data.events.stat().st_mode & 0o777 == 0o600
    assert {name: entry[name] for name in entry if name not in ("hash", "prev")} == {
        "n": 1, "at": 5.0, "kind": "state", "subject": "deepseek", "before": "ready", "after": "failed",
    }  # fmt: skip


def test_the_chain_goes_on_after_a_restart(data: DataDirectory) -> None:
    for kind in ("a", "b", "c"):
        with Journal.open(data) as journal:
            journal.tell(1.0, kind, "x")
    assert kinds(data.events) == ["a", "b", "c"]
    assert (check_journal(data.events).lines, check_journal(data.events).problem) == (3, "")


def test_half_a_line_that_a_power_cut_left_is_cut_off(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        journal.tell(1.0, "a", "x")
    with data.events.open("ab") as file:
        file.write(b'{"n":2,"ki')
    assert check_journal(data.events).problem == ""
    with Journal.open(data) as journal:
        journal.tell(2.0, "b", "x")
    assert kinds(data.events) == ["a", "b"]
    assert check_journal(data.events).problem == ""


def test_an_entry_that_was_changed_is_named(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        for number in range(3):
            journal.tell(1.0, "a", f"x{number}")
    data.events.write_bytes(data.events.read_bytes().replace(b"x1", b"y1"))
    assert check_journal(data.events).problem == "entry 2 was changed"


def test_a_full_file_is_put_aside_and_the_chain_goes_on(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILE_BYTES_MAX", 1000)
    with Journal.open(data) as journal:
        for number in range(20):
            journal.tell(float(number), "a", "x")
            assert check_journal(data.events).problem == ""
    assert data.events.stat().st_size <= 1000
    assert older(data.events).stat().st_size <= 1000
    found = read_entries(data.events)
    assert [entry["n"] for entry in found] == list(range(found[0]["n"], 21))
    with Journal.open(data) as journal:
        journal.tell(20.0, "a", "x")
    assert check_journal(data.events).problem == ""


def test_an_empty_new_file_follows_the_older_one(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        journal.tell(1.0, "a", "x")
    data.events.rename(older(data.events))
    with Journal.open(data) as journal:
        journal.tell(2.0, "b", "x")
    assert kinds(data.events) == ["a", "b"]
    assert check_journal(data.events).problem == ""


def test_what_looks_like_a_key_is_not_repeated_and_long_texts_are_cut(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        journal.tell(1.0, "operator", KEY, note=f"x {KEY}", long="y" * 5000)
    (entry,) = read_entries(data.events)
    assert (entry["subject"], entry["note"], len(entry["long"])) == (HIDDEN, HIDDEN, module.TEXT_CHARS_MAX)
    assert KEY not in data.events.read_text()


def test_a_full_disk_loses_the_entry_and_breaks_nothing(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.open(data) as journal:
        journal.tell(1.0, "a", "x")
        with monkeypatch.context() as full:
            real = os.write
            full.setattr(os, "write", lambda fd, line: real(fd, line[:5]))
            journal.tell(2.0, "b", "x")
        journal.tell(3.0, "c", "x")
        assert journal.lost == 1
    assert kinds(data.events) == ["a", "c"]
    assert check_journal(data.events).problem == ""


def test_sync_asks_the_disk_only_for_what_is_new(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with Journal.open(data) as journal:
        journal.sync()
        journal.tell(1.0, "a", "x")
        journal.sync()
        journal.sync()
        assert len(synced) == 1


def test_time_and_number_narrow_it_down(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        for number in range(5):
            journal.tell(float(number), str(number), "x")
    assert [entry["kind"] for entry in read_entries(data.events, since=2.0)] == ["2", "3", "4"]
    assert [entry["kind"] for entry in read_entries(data.events, limit=2)] == ["3", "4"]
    assert read_entries(data.root / "nothing") == []


def test_a_file_that_others_can_read_is_refused(data: DataDirectory) -> None:
    data.events.write_text("")
    data.events.chmod(0o644)
    with pytest.raises(UnsafePathError):
        Journal.open(data)


def test_lines_are_json_that_anybody_can_read(data: DataDirectory) -> None:
    with Journal.open(data) as journal:
        journal.tell(1.0, "a", "x\ny")
    (line,) = data.events.read_text().splitlines()
    assert json.loads(line)["subject"] == "x\ny"
