"""``kruxos simulate``: a local server that behaves like the providers."""

from __future__ import annotations

import argparse
from typing import Any, Protocol

from kruxos.simulator import command


class Subparsers(Protocol):
    """What ``ArgumentParser.add_subparsers`` gives; argparse has no public name for it."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        """A parser for one command."""
        ...


def add_parser(subparsers: Subparsers) -> None:
    """Adds the command; ``run`` is its default."""
    parser = subparsers.add_parser(
        "simulate",
        help="serve simulated providers on this machine",
        description="A local server that behaves like Anthropic and OpenAI: answers, limits, refusals and faults.",
    )
    command.add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until interrupted. Gives the exit status."""
    return command.run(arguments)
