"""Showing a log file: its last lines, and with ``-f`` those that come."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kruxos.cli import operating
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.parsing import Parser

LINES = 50
LINES_MAX = 10_000
EVERY_S = 0.25


def add_log_options(parser: Parser) -> None:
    """``-n`` and ``-f``."""
    parser.add_argument(
        "-n", "--lines", type=int, default=LINES, metavar="N", help=f"how many of the last lines ({LINES})"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl-C")


def check_lines(count: int) -> int:
    """``-n`` as it may be. Raises ``CommandError``."""
    if not 0 <= count <= LINES_MAX:
        raise CommandError(f"-n takes 0 to {LINES_MAX}", "leave it out for 50", USAGE)
    return count


def show_log(arguments: argparse.Namespace, which: Mapping[str, Any]) -> int:
    """Shows the file that ``which`` names: ``provider``, or else the gateway's."""
    found = operating.operate("log.read", {**which, "lines": check_lines(arguments.lines)})
    operating.say(*found["lines"])
    if arguments.follow:
        _follow(Path(found["path"]), found["offset"])
    return OK


def _follow(path: Path, offset: int) -> None:
    import sys  # noqa: PLC0415 - only to follow

    from kruxos.logfile import Follower  # noqa: PLC0415 - only to follow

    follower = Follower(path, offset)
    while True:
        operating.say(*follower.more())
        sys.stdout.flush()
        time.sleep(EVERY_S)
