"""``kruxos serve``: runs the gateway in this process until it is told to stop."""

from __future__ import annotations

import argparse
import time

from kruxos.cli.parsing import Subparsers, example_text

BUSY_WITHIN_S = 3.0
"""How long another command that works in the data directory is waited for."""
BUSY_PAUSE_S = 0.05

_TEXT = """\
Run the gateway until it is told to stop (Ctrl-C, or SIGTERM). Calls under way may finish; a second Ctrl-C ends them.

The log goes to standard error and to logs/gateway.log in the data directory. Agents connect to run/agents/agent.sock
there, operators to run/control/control.sock."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos serve\nkruxos serve --quiet\nKRUXOS_DATA_DIR=~/kruxos kruxos serve")
    parser = subparsers.add_parser("serve", description=_TEXT, epilog=examples)
    parser.add_argument("--quiet", action="store_true", help="log to the file alone")


def run(arguments: argparse.Namespace) -> int:
    """Runs the gateway. Raises ``SetupError`` where it cannot start."""
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.problems import DirectoryBusyError  # noqa: PLC0415
    from kruxos.service.serve import ServeOptions, serve  # noqa: PLC0415

    options = ServeOptions(echo=not arguments.quiet)
    give_up_at = time.monotonic() + BUSY_WITHIN_S
    while True:
        try:
            return serve(DataDirectory.find(), options)
        except DirectoryBusyError as error:
            if "kruxos serve" in error.message or time.monotonic() >= give_up_at:
                raise
        time.sleep(BUSY_PAUSE_S)
