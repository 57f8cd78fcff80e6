"""``kruxos version``."""

from __future__ import annotations

import argparse
import platform

from kruxos import __version__
from kruxos.cli.parsing import Subparsers, add_json, example_text


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos version\nkruxos version --json")
    add_json(subparsers.add_parser("version", description="The version, and what it runs on.", epilog=examples))


def run(arguments: argparse.Namespace) -> int:
    """Prints the version."""
    found = {"version": __version__, "python": platform.python_version(), "system": platform.system()}
    if arguments.json:
        from kruxos.cli.operating import print_json  # noqa: PLC0415

        print_json(found)
    else:
        print(f"kruxos {found['version']} (Python {found['python']}, {found['system']})")
    return 0
