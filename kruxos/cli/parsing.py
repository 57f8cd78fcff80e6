"""Commands and their options, on argparse: help with examples, and errors that never repeat what was typed.

What was typed may be a key that landed in the wrong place, and what is printed may be kept in a log.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, cast

from kruxos.cli import failing

_CHOICES = re.compile(r"invalid choice: .* \(choose from (.*)\)", re.DOTALL)
_INVALID = re.compile(r"(invalid \w+ value): .*", re.DOTALL)


def commands_of(action: argparse.Action) -> dict[str, Parser]:
    """The commands that an action of ``add_subparsers`` has; none for any other."""
    choices: Any = action.choices
    return dict(cast("dict[str, Parser]", choices)) if isinstance(choices, dict) else {}


class _Help(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written; names and what they are for on one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)

    def add_argument(self, action: argparse.Action) -> None:
        """Counts in that commands stand further in, which argparse forgets for the longest one."""
        super().add_argument(action)
        longest = max(map(len, commands_of(action)), default=0) + 2 * self._indent_increment
        self._action_max_length = max(self._action_max_length, longest)


class Parser(argparse.ArgumentParser):
    """A parser of the house. ``summary`` says in a few words what the command is for."""

    def __init__(self, **options: Any) -> None:
        self.summary = ""
        options.setdefault("formatter_class", _Help)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    @property
    def actions(self) -> list[argparse.Action]:
        """Its options and arguments, and, as the last, its commands."""
        return list(self._actions)

    @property
    def commands(self) -> dict[str, Parser]:
        """The commands below it, by name."""
        return {name: below for each in self._actions for name, below in commands_of(each).items()}

    def error(self, message: str) -> NoReturn:
        """Tells what is wrong with the command, and leaves."""
        message = _CHOICES.sub(lambda found: f"choose from {found[1].replace(chr(39), '')}", message)
        failing.tell(_INVALID.sub(r"\1", message), f"{self.prog} --help")
        sys.exit(failing.USAGE)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The command's words; what is left over is refused without being repeated."""
        arguments, rest = self.parse_known_args(words)
        if rest:
            options = [word.partition("=")[0] for word in rest if re.fullmatch(r"--[a-z-]{1,30}(=.*)?", word)]
            closest: Parser = getattr(arguments, "closest", self)
            closest.error(f"unknown option {options[0]}" if options else "there is a word too many")
        return arguments


class Subparsers(Protocol):
    """What ``add_subparsers`` gives; argparse has no public name for it."""

    def add_parser(self, name: str, **texts: str | None) -> Parser:
        """The parser of one more command."""
        ...


class Verb(NamedTuple):
    """One verb of a noun. ``options`` adds what it takes to its parser; ``run`` does it and gives the exit code."""

    name: str
    summary: str
    run: Callable[[argparse.Namespace], int]
    options: Callable[[Parser], None] | None = None
    text: str = ""
    examples: str = ""


def add_noun(subparsers: Subparsers, name: str, summary: str, verbs: Sequence[Verb]) -> None:
    """A noun with its verbs."""
    noun = subparsers.add_parser(name, description=summary, epilog=_examples(verbs))
    below = noun.add_subparsers(title="commands", metavar="COMMAND")
    noun.set_defaults(verb=None, noun=noun, closest=noun)
    for verb in verbs:
        parser = below.add_parser(
            verb.name, help=verb.summary, description=verb.text or verb.summary, epilog=example_text(verb.examples)
        )
        parser.summary = verb.summary
        if verb.options is not None:
            verb.options(parser)
        parser.set_defaults(verb=verb.run, closest=parser)


def run_verb(arguments: argparse.Namespace) -> int:
    """Does the verb that was given; without one, shows the noun's help."""
    if arguments.verb is None:
        arguments.noun.print_help(sys.stderr)
        return failing.USAGE
    code: int = arguments.verb(arguments)
    return code


def example_text(examples: str) -> str | None:
    """Examples as they stand under a help text."""
    lines = [f"  {line.strip()}" for line in examples.strip().splitlines()]
    return "\n".join(["examples:", *lines]) if lines else None


def add_json(parser: Parser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, with the same names as in Python")


def _examples(verbs: Sequence[Verb]) -> str | None:
    first = [verb.examples.strip().splitlines()[0] for verb in verbs if verb.examples.strip()]
    return example_text("\n".join(first))
