"""What can come next on a command line: derived from the commands' own parsers. Pure, but for the names it is given.

Words are those after ``kruxos``; the last one is being typed, and may be empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kruxos.cli.parsing import Parser

Names = Callable[[], Iterable[str]]


class Candidate(NamedTuple):
    """A word that may come, and what it is for."""

    word: str
    text: str = ""


class Known(NamedTuple):
    """Names that only this machine knows; asked for where they are wanted."""

    providers: Names
    agents: Names


def candidates(parser: Parser, words: Sequence[str], known: Known) -> list[Candidate]:
    """The words that may stand where the last word is being typed."""
    *before, typed = words
    reader = _Reader(parser)
    for word in before:
        reader.take(word)
    found = reader.values(known) if reader.awaits else [*reader.options(typed), *reader.values(known)]
    return [each for each in found if each.word.startswith(typed)]


class _Reader:
    """Reads words as argparse would, as far as completion needs it. ``awaits``: an option that wants its value."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser
        self.path: list[str] = []
        self.awaits: argparse.Action | None = None
        self._taken = 0
        self._options_over = False

    def take(self, word: str) -> None:
        """One word that is complete."""
        if self.awaits is not None:
            self.awaits = None
        elif word == "--":
            self._options_over = True
        elif word.startswith("-") and not self._options_over:
            option = next((each for each in self.parser.actions if word in each.option_strings), None)
            self.awaits = option if option is not None and option.nargs != 0 else None
        elif word in self.parser.commands:
            self.parser, self._taken = self.parser.commands[word], 0
            self.path.append(word)
        else:
            self._taken += 1

    def options(self, typed: str) -> Iterator[Candidate]:
        """The options that may come; short ones only where a dash is typed."""
        if self._options_over or not typed.startswith("-"):
            return
        for action in self.parser.actions:
            if action.help != argparse.SUPPRESS:
                yield from (Candidate(each, action.help or "") for each in action.option_strings)

    def values(self, known: Known) -> Iterator[Candidate]:
        """The commands, or the values of the argument, that may come."""
        if self.awaits is None and self.parser.commands:
            for name, below in self.parser.commands.items():
                yield Candidate(name, below.summary)
            return
        action = self.awaits or self._next_argument()
        if action is None:
            return
        if action.choices:
            yield from (Candidate(str(each)) for each in action.choices)
        yield from self._names(action, known)

    def _next_argument(self) -> argparse.Action | None:
        arguments = [each for each in self.parser.actions if not each.option_strings and each.help != argparse.SUPPRESS]
        return arguments[self._taken] if self._taken < len(arguments) else None

    def _names(self, action: argparse.Action, known: Known) -> Iterator[Candidate]:
        match name_kind(self.path, action):
            case "provider":
                yield from map(Candidate, known.providers())
            case "agent":
                yield from map(Candidate, known.agents())
            case "record":
                yield from (Candidate(f"model-provider:{each}") for each in known.providers())
            case _:
                pass


def name_kind(path: Sequence[str], action: argparse.Action) -> str:
    """What an argument's value is the name of: provider, agent or record; empty: none of these."""
    if action.metavar == "RECORD":
        return "record"
    noun, is_new = (path[0] if path else ""), path[-1:] in (["create"], ["add"])
    match action.dest:
        case "provider" | "remote":
            return "provider"
        case "agent":
            return "agent"
        case "model":
            return "provider" if noun in ("agent", "chat") else ""
        case "name" if not is_new:
            return {"model": "provider", "agent": "agent"}.get(noun, "")
        case _:
            return ""
