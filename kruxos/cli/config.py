"""``kruxos config``: models.yaml, before it is in force."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kruxos.cli import operating
from kruxos.cli.failing import EXIT_CODES, FAILED, OK, CommandError
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.terminal import clean, plain, styled, terminal_of

if TYPE_CHECKING:
    from kruxos.config.problems import Problem

STDIN = "-"


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "config", "models.yaml: whether it can be used, and its schema for editors.", VERBS)


run = run_verb


def _check_options(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="another file; - is standard input (the gateway's own)")
    add_json(parser)


def _check(arguments: argparse.Namespace) -> int:
    from kruxos.config.load import load  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.problems import ConfigError  # noqa: PLC0415

    name, text = _text(arguments.file)
    problems: list[Problem] = []
    hints: list[Problem] = []
    providers = 0
    try:
        config = load(text)
        hints, providers = list(config.hints), len(config.providers)
    except ConfigError as error:
        problems = list(error.problems)
    if arguments.json:
        shown = {"file": name, "ok": not problems, "providers": providers}
        operating.print_json(shown | {"problems": list(map(_to_json, problems)), "hints": list(map(_to_json, hints))})
    else:
        _tell(name, problems, hints, providers)
    return FAILED if problems else OK


def _text(file: str | None) -> tuple[str, str]:
    """The name that is shown, and what is in it. Raises ``SetupError``, ``CommandError``."""
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.models_file import read_models  # noqa: PLC0415
    from kruxos.config.tree import TEXT_BYTES_MAX  # noqa: PLC0415

    if file == STDIN:
        return "standard input", sys.stdin.read(TEXT_BYTES_MAX + 1)
    path = DataDirectory.find().models if file is None else Path(file)
    if not path.exists():
        fix = "kruxos setup makes one, or: kruxos model add anthropic --auth api-key"
        raise CommandError(f"there is no {path}", fix if file is None else "name a file that is there")
    return str(path), read_models(path)


def _to_json(problem: Problem) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415 - only for --json

    return asdict(problem)


def _tell(name: str, problems: list[Problem], hints: list[Problem], providers: int) -> None:
    for each in problems:
        _tell_one(name, each, "error", "bad")
    for each in hints:
        _tell_one(name, each, "hint", "warn")
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        operating.say(f"{name} cannot be used: {count}.")
    else:
        operating.say(f"{name} is right: {providers} provider{'' if providers == 1 else 's'}.")


def _tell_one(name: str, problem: Problem, word: str, style: str) -> None:
    """As compilers do: editors jump to it."""
    terminal = terminal_of(sys.stdout)
    told = f"{problem.path}: {problem.message}" if problem.path else problem.message
    place = plain(clean(f"{name}:{problem.line}:{problem.column}"), terminal)
    operating.show([f"{place}: {styled(word, style, terminal)}: {plain(clean(told), terminal)}"])
    if problem.fix:
        operating.show([f"  {styled('fix:', 'good', terminal)} {plain(clean(problem.fix), terminal)}"])


def _schema(arguments: argparse.Namespace) -> int:
    from kruxos.config.schema import json_schema  # noqa: PLC0415 - help texts need none of this

    operating.print_json(json_schema())
    return OK


_CHECK_TEXT = f"""\
Say everything that is wrong with models.yaml, or with another file: where, what, and what to write instead. Nothing is
changed, and no gateway is needed. A hint is no error.

{EXIT_CODES}"""
_SCHEMA_TEXT = """\
Print the JSON Schema of models.yaml. Editors that have a YAML language server check the file by it, and complete its
words, when the file's first line is
  # yaml-language-server: $schema=./models.schema.json"""

VERBS = (
    Verb(
        "check",
        "everything that is wrong with models.yaml",
        _check,
        _check_options,
        _CHECK_TEXT,
        "kruxos config check\nkruxos config check ./models.yaml\nkruxos config check --json",
    ),
    Verb(
        "schema",
        "the JSON Schema of models.yaml, for editors",
        _schema,
        None,
        _SCHEMA_TEXT,
        "kruxos config schema > models.schema.json",
    ),
)
