"""Asking the person at the terminal: for secrets, without showing them, and for a yes."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from kruxos.cli.failing import CommandError

if TYPE_CHECKING:
    import argparse

    from kruxos.cli.parsing import Parser
    from kruxos.config.secret import Secret

INPUT_CHARS_MAX = 64 * 1024


def at_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def ask_key(*, from_stdin: bool = False) -> str:
    """An API key: asked for at a terminal, else all of standard input. Raises ``CommandError`` for nothing."""
    key = _hidden("API key: ") if at_terminal() and not from_stdin else sys.stdin.read(INPUT_CHARS_MAX + 1).strip()
    if not key:
        raise CommandError("no API key was given", "type it at the prompt, or pipe it in: kruxos ... < key.txt")
    if len(key) > INPUT_CHARS_MAX:
        raise CommandError("what came on standard input is too long for a key", "pipe in the key alone")
    return key


def ask_passphrase(prompt: str) -> str:
    """A passphrase: asked for at a terminal, else a line of standard input. Raises ``CommandError`` for nothing."""
    typed = _hidden(prompt) if at_terminal() else sys.stdin.readline(INPUT_CHARS_MAX).rstrip("\r\n")
    if not typed:
        raise CommandError("no passphrase was given", "type it at the prompt, or pipe it in as one line")
    return typed


def ask_new_passphrase() -> str:
    """A new passphrase, at a terminal twice."""
    typed = ask_passphrase("New vault passphrase: ")
    if at_terminal() and ask_passphrase("The same again: ") != typed:
        raise CommandError("the two are not the same", "try again")
    return typed


@cache
def vault_passphrase() -> Secret:
    """The vault's passphrase, asked for once in the life of this command."""
    from kruxos.config.secret import Secret  # noqa: PLC0415 - only where there is one

    return Secret(ask_passphrase("Vault passphrase: "))


def ask_yes(question: str) -> bool:
    """Whether the person says yes; anything else is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(INPUT_CHARS_MAX).strip().lower() in ("y", "yes")


def agreed(question: str, arguments: argparse.Namespace) -> bool:
    """Whether it may be done: with ``--yes``, or where nobody can be asked, without a question."""
    return arguments.yes or not at_terminal() or ask_yes(question)


def add_yes(parser: Parser) -> None:
    """``--yes``."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _hidden(prompt: str) -> str:
    import getpass  # noqa: PLC0415 - only where something is asked

    try:
        return getpass.getpass(prompt, stream=sys.stderr).strip("\r\n")
    except EOFError:
        return ""
