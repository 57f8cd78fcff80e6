"""Every command, by the parsers' own tree: examples, JSON for what lists, the manual."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from kruxos.cli.main import NOUNS, main, parser_of
from kruxos.cli.man import whole_manual
from kruxos.cli.parsing import Parser
from tests.cli.running import ROOT

DOES = {
    "setup", "serve", "chat", "man", "completions", "simulate", "config schema", "service install", "service uninstall",
    "agent create", "agent env", "agent set-model", "agent rotate", "agent revoke", "agent restore",
    "model add", "model login", "model remove", "model default", "model confirm", "model enable", "model disable",
    "vault add", "vault rotate", "vault remove", "vault import", "vault lock", "vault unlock", "vault key",
    "vault change-passphrase", "vault set-passphrase", "worker restart", "worker stop", "worker start", "worker reset",
    "worker logs", "batch results",
}  # fmt: skip
"""Commands that do something, or print what is no list."""


def commands(parser: Parser, path: str = "") -> Iterator[tuple[str, Parser]]:
    for name, below in parser.commands.items():
        here = f"{path} {name}".strip()
        if below.commands:
            yield from commands(below, here)
        else:
            yield here, below


WHOLE = dict(commands(parser_of(*NOUNS)))


def options(parser: Parser) -> set[str]:
    return {option for action in parser.actions for option in action.option_strings}


@pytest.mark.parametrize("command", sorted(WHOLE.keys() - DOES))
def test_what_lists_or_tells_does_so_as_json_too(command: str) -> None:
    assert "--json" in options(WHOLE[command])


@pytest.mark.parametrize("command", sorted(WHOLE))
def test_every_command_has_examples_that_its_own_parser_takes(command: str) -> None:
    examples = (WHOLE[command].epilog or "").partition("examples:")[2]
    assert f"kruxos {command}" in examples


@pytest.mark.parametrize("command", sorted(WHOLE))
def test_every_option_says_what_it_is_for(command: str) -> None:
    assert [action.dest for action in WHOLE[command].actions if not action.help] == []


def test_the_manual_is_the_one_that_is_installed() -> None:
    written = (ROOT / "docs/kruxos.1").read_text(encoding="utf-8")
    assert whole_manual() == written, "scripts/pages manual writes it anew"


def test_the_manual_has_every_command() -> None:
    page = whole_manual().replace("\\-", "-")
    assert [command for command in WHOLE if f".SS kruxos {command}" not in page] == []


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man here")
def test_man_has_nothing_against_the_manual() -> None:
    done = subprocess.run(
        ["man", "--warnings", "-l", ROOT / "docs/kruxos.1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "kruxos model add" in done.stdout


def test_a_commands_help_is_shown_by_man_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "model", "add"]) == 0
    assert "kruxos model add anthropic" in capsys.readouterr().out
    assert main(["man", "modle"]) == 2
