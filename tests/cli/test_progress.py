"""What takes longer than a second says so, at a terminal only, and leaves nothing behind."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from kruxos.cli import progress


class Screen(io.StringIO):
    """A terminal that tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def screen_at(monkeypatch: pytest.MonkeyPatch) -> Screen:
    found = Screen()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setattr(progress, "AFTER_S", 0.01)
    return found


def test_what_is_slow_is_told_and_the_line_is_gone_when_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_at(monkeypatch)
    with progress.waiting("model test is under way"):
        assert screen.written.wait(10)
    assert screen.getvalue().startswith("\r\x1b[Kmodel test is under way (0 s)")
    assert screen.getvalue().endswith("\r\x1b[K")


def test_what_is_quick_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_at(monkeypatch)
    monkeypatch.setattr(progress, "AFTER_S", 60.0)
    with progress.waiting("x"):
        pass
    assert screen.getvalue() == ""


def test_it_can_be_ended_before_somebody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_at(monkeypatch)
    with progress.waiting("x") as end:
        assert screen.written.wait(10)
        end()
        screen.write("Vault passphrase: ")
    assert screen.getvalue().endswith("\r\x1b[KVault passphrase: ")


def test_in_a_pipe_nothing_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "AFTER_S", 0.0)
    with progress.waiting("x"):
        pass
    assert capsys.readouterr().err == ""
