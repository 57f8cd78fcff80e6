"""``kruxos man``: the manual page; ``kruxos man COMMAND``: that command's help."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from kruxos import __version__
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.parsing import Subparsers, example_text

_TEXT = """\
Show the manual: at a terminal with `man`, else in man's own language. With a command, show the help of that command."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's arguments."""
    examples = example_text("kruxos man\nkruxos man model add\nkruxos man > kruxos.1")
    parser = subparsers.add_parser("man", description=_TEXT, epilog=examples)
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="such as: model add")


def run(arguments: argparse.Namespace) -> int:
    """Shows it."""
    if arguments.command:
        return _help(arguments.command)
    page = whole_manual()
    if sys.stdout.isatty() and shutil.which("man"):
        return subprocess.run(["man", "/dev/stdin"], input=page, text=True, check=False).returncode  # noqa: S607 - the user's man
    print(page, end="")
    return OK


def whole_manual() -> str:
    """The page of all commands."""
    from kruxos.cli.main import NOUNS, parser_of  # noqa: PLC0415 - that is what loads this file
    from kruxos.cli.manual import manual  # noqa: PLC0415 - not for a command's help

    return manual(parser_of(*NOUNS), __version__)


def _help(command: list[str]) -> int:
    from kruxos.cli.main import NOUNS, parser_of  # noqa: PLC0415 - that is what loads this file

    known = command[0] in NOUNS
    parser = parser_of(command[0]) if known else None
    for word in command:
        parser = None if parser is None else parser.commands.get(word)
    if parser is None:
        raise CommandError("there is no such command", "kruxos --help shows those there are", USAGE)
    parser.print_help()
    return OK
