"""``kruxos complete SHELL -- WORDS``: what a shell's completion calls. Prints a candidate a line; never an error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kruxos.cli.completing import Candidate, Known, candidates
from kruxos.cli.failing import OK
from kruxos.cli.known_names import agent_names, provider_names
from kruxos.cli.parsing import Subparsers

TEXT_CHARS_MAX = 70


def add_parser(subparsers: Subparsers) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser("complete", description="What may come next on a command line, for shells.")
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])
    parser.add_argument("words", nargs="*")


def run(arguments: argparse.Namespace) -> int:
    """Prints what may come."""
    for each in completed(arguments.words or [""]):
        print(written(each, arguments.shell))
    return OK


def completed(words: Sequence[str]) -> list[Candidate]:
    """What may come after these words; only the file of their noun is loaded."""
    from kruxos.cli.main import NOUNS, parser_of  # noqa: PLC0415 - that is what loads this file

    if len(words) == 1 and not words[0].startswith("-"):
        return [Candidate(noun, text) for noun, text in NOUNS.items() if noun.startswith(words[0])]
    if words[0] not in NOUNS and not words[0].startswith("-"):
        return []
    parser = parser_of(words[0]) if words[0] in NOUNS else parser_of()
    return candidates(parser, words, Known(provider_names, agent_names))


def written(candidate: Candidate, shell: str) -> str:
    """As the shell wants it: bash the word alone, fish and zsh with its text."""
    text = " ".join(candidate.text.split())[:TEXT_CHARS_MAX]
    if shell == "fish":
        return f"{candidate.word}\t{text}"
    if shell == "zsh":
        word = candidate.word.replace(":", "\\:")
        return f"{word}:{text}" if text else word
    return candidate.word
