"""``kruxos status``: the gateway, its vault, and each provider's worker."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from kruxos.cli import operating, status_view
from kruxos.cli.failing import EXIT_CODES, NO_GATEWAY, OK, USAGE, CommandError
from kruxos.cli.parsing import Subparsers, add_json, example_text
from kruxos.cli.terminal import terminal_of

EVERY_S = 1.0

_TEXT = """\
What the gateway, its vault and its providers' workers do now, and what to do about anything that is not as it should
be. While the gateway is down it shows what the data directory says, and ends with 3."""

_SCREEN = "\x1b[?1049h\x1b[?25l"
_SCREEN_BACK = "\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_REST_OF_LINE = "\x1b[K"
_REST_OF_SCREEN = "\x1b[J"


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos status\nkruxos status --watch\nkruxos status --json")
    epilog = f"{examples}\n\n{status_view.SCHEMA}\n\n{EXIT_CODES}"
    parser = subparsers.add_parser("status", description=_TEXT, epilog=epilog)
    add_json(parser)
    parser.add_argument("--watch", action="store_true", help="redraw every second, until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Shows it once, or for as long as it is watched."""
    if arguments.watch:
        if arguments.json or not sys.stdout.isatty():
            raise CommandError("--watch draws on a terminal", "without one: kruxos status --json", USAGE)
        return _watch()
    status = operating.operate("status")
    if arguments.json:
        operating.print_json(status_view.to_json(status))
    else:
        operating.show(status_view.status_lines(status, time.time(), terminal_of(sys.stdout)))
    return OK if status["running"] else NO_GATEWAY


def _watch() -> int:
    ask = _patiently()
    with _screen():
        while True:
            _draw(status_view.status_lines(ask(), time.time(), terminal_of(sys.stdout)))
            time.sleep(EVERY_S)


def _draw(lines: list[str]) -> None:
    """Over what is there, so that nothing flickers; what the screen has no room for is left out."""
    room = shutil.get_terminal_size().lines
    body = "".join(f"{line}{_REST_OF_LINE}\n" for line in lines[: room - 1])
    sys.stdout.write(f"{_HOME}{body}{_REST_OF_SCREEN}")
    sys.stdout.flush()


def _patiently() -> Callable[[], dict[str, Any]]:
    """Asks for the status. While the gateway is down the directory is read once: its lock is for those who work."""
    from kruxos.client.control import ControlClient  # noqa: PLC0415 - not for a single look
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415
    from kruxos.errors import GatewayUnreachableError  # noqa: PLC0415
    from kruxos.paths import control_socket  # noqa: PLC0415

    client = ControlClient(address=control_socket(DataDirectory.find().root))
    from_disk: dict[str, Any] | None = None

    def ask() -> dict[str, Any]:
        nonlocal from_disk
        try:
            status, from_disk = client.call("status"), None
        except GatewayUnreachableError:
            status = from_disk = from_disk or operating.operate("status")
        return status

    return ask


@contextmanager
def _screen() -> Generator[None]:
    """The terminal's other screen, without a cursor; whatever ends the block, the terminal is as it was."""

    def leave(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    sys.stdout.write(_SCREEN)
    try:
        yield
    finally:
        sys.stdout.write(_SCREEN_BACK)
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, before)
