"""``kruxos simulate``: a local server that behaves like the providers."""

from __future__ import annotations

import argparse

from kruxos.cli.parsing import Subparsers, example_text
from kruxos.simulator import command


def add_parser(subparsers: Subparsers) -> None:
    """The noun's options."""
    parser = subparsers.add_parser(
        "simulate",
        help="serve simulated providers on this machine",
        description="A local server that behaves like Anthropic and OpenAI: answers, limits, refusals and faults.",
    )
    command.add_arguments(parser)
    examples = "kruxos simulate\nkruxos simulate --port 0 --fast\nkruxos simulate --fault '429 retry_after=2 times=3'"
    parser.epilog = f"{parser.epilog}\n{example_text(examples)}"


def run(arguments: argparse.Namespace) -> int:
    """Serves until interrupted. Gives the exit status."""
    return command.run(arguments)
