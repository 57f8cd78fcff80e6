"""The manual page, in man's own language (man(7)), from the commands' parsers. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from kruxos.cli.parsing import Parser


def manual(parser: Parser, version: str) -> str:
    """The page of the whole command; ``parser`` has all nouns in full."""
    lines = [
        f'.TH KRUXOS 1 "" "kruxos {version}" "KruxOS"',
        ".SH NAME",
        "kruxos \\- every model for every agent on this machine",
        ".SH SYNOPSIS",
        ".B kruxos",
        "COMMAND [ARGUMENTS]",
        ".SH COMMANDS",
    ]
    for noun, below in parser.commands.items():
        lines += _command(f"kruxos {noun}", below)
    lines += [".SH NOTES", *_preformatted(parser.epilog or "")]
    return "\n".join(lines) + "\n"


def _command(name: str, parser: Parser) -> Iterator[str]:
    yield f".SS {_plain(_synopsis(name, parser))}"
    yield from _preformatted(parser.description or "")
    for action in parser.actions:
        if action.help and action.help != argparse.SUPPRESS and action.dest != "help":
            yield ".TP"
            yield f".B {_plain(_shown(action))}"
            yield _plain(action.help % {"default": action.default})
    if not parser.commands:
        yield from _preformatted(parser.epilog or "")
    for verb, below in parser.commands.items():
        yield from _command(f"{name} {verb}", below)


def _synopsis(name: str, parser: Parser) -> str:
    arguments = [each for each in parser.actions if not each.option_strings and each.help != argparse.SUPPRESS]
    words = ["COMMAND"] if parser.commands else [_shown(each) for each in arguments]
    return " ".join([name, *words])


def _shown(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"[{value}]" if action.nargs in ("?", "*") else value
    options = ", ".join(action.option_strings)
    return options if action.nargs == 0 else f"{options} {value}"


def _preformatted(text: str) -> Iterator[str]:
    """Lines as they stand: examples and tables keep their form."""
    if text.strip():
        yield ".PP"
        yield ".nf"
        yield from map(_plain, text.strip("\n").splitlines())
        yield ".fi"


def _plain(text: str) -> str:
    """Text that man takes for nothing else (groff_char(7), man(7))."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
