"""``kruxos serve``: runs the gateway in this process until it is told to stop."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from kruxos.cli.failing import USAGE, CommandError
from kruxos.cli.parsing import Subparsers, example_text

if TYPE_CHECKING:
    from kruxos.config.model import Http

BUSY_WITHIN_S = 3.0
"""How long another command that works in the data directory is waited for."""
BUSY_PAUSE_S = 0.05
PORT_MAX = 65_535

_TEXT = """\
Run the gateway until it is told to stop (Ctrl-C, or SIGTERM). Calls under way may finish; a second Ctrl-C ends them.

The log goes to standard error and to logs/gateway.log in the data directory. Agents connect to run/agents/agent.sock
there, operators to run/control/control.sock."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text(
        "kruxos serve\nkruxos serve --http 127.0.0.1:8080\nkruxos serve --quiet\nKRUXOS_DATA_DIR=~/kruxos kruxos serve"
    )
    parser = subparsers.add_parser("serve", description=_TEXT, epilog=examples)
    parser.add_argument("--quiet", action="store_true", help="log to the file alone")
    parser.add_argument(
        "--http", nargs="?", const="", metavar="ADDR:PORT", help="let agents in that speak HTTP (127.0.0.1:7800)"
    )


def http_at(text: str) -> Http:
    """What ``--http`` says. Raises ``CommandError`` for another address than one of this machine."""
    from ipaddress import ip_address  # noqa: PLC0415 - help texts need none of this

    from kruxos.config.model import Http  # noqa: PLC0415

    usual = Http(enabled=True)
    host, _, port = text.rpartition(":") if ":" in text or text.isdecimal() else (text, "", str(usual.port))
    host = "127.0.0.1" if host == "localhost" else host.strip("[]") or usual.host
    try:
        is_loopback = ip_address(host).is_loopback
        number = int(port or usual.port)
    except ValueError:
        is_loopback, number = False, 0
    if not (is_loopback and 1 <= number <= PORT_MAX):
        fix = "kruxos serve --http 127.0.0.1:7800; for other addresses see `http:` in docs/operations.md"
        raise CommandError("--http takes an address of this machine and a port", fix, USAGE)
    return Http(enabled=True, host=host, port=number)


def run(arguments: argparse.Namespace) -> int:
    """Runs the gateway. Raises ``SetupError`` where it cannot start."""
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.problems import DirectoryBusyError  # noqa: PLC0415
    from kruxos.service.opening import ServeOptions, open_and_serve  # noqa: PLC0415

    http = None if arguments.http is None else http_at(arguments.http)
    options = ServeOptions(echo=not arguments.quiet, http=http)
    give_up_at = time.monotonic() + BUSY_WITHIN_S
    while True:
        try:
            return open_and_serve(DataDirectory.find(), options)
        except DirectoryBusyError as error:
            if "kruxos serve" in error.message or time.monotonic() >= give_up_at:
                raise
        time.sleep(BUSY_PAUSE_S)
