"""``kruxos dashboard``: starts the web process and gives a one-time link to it."""

from __future__ import annotations

import argparse
import html

from kruxos.cli import operating
from kruxos.cli.parsing import Subparsers, add_json, example_text

_TEXT = """\
Have the running gateway start its web process, and print a link to the dashboard. The link is good once, for five
minutes; the browser that opens it is signed in for twelve hours, or until it signs out. For a gateway on another
machine, forward the port first: ssh -L 7800:127.0.0.1:7800 MACHINE"""
_OPENING = '<!doctype html><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">The dashboard</a>\n'
_OPENING_NAME = "dashboard.html"


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos dashboard\nkruxos dashboard --open")
    parser = subparsers.add_parser("dashboard", description=_TEXT, epilog=examples)
    parser.add_argument("--open", action="store_true", help="open it in this machine's browser")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the link, or has a browser open it."""
    made = operating.ask_gateway("web.link", {})
    if arguments.json:
        operating.print_json(made)
        return 0
    if arguments.open and _opened(made["url"]):
        operating.say("The dashboard opens in your browser.")
        return 0
    operating.say(made["url"])
    operating.note([f"good once, for {made['valid_s'] / 60:.0f} minutes"])
    if arguments.open:
        operating.note(["there is no browser here that can be opened: open the link yourself"])
    return 0


def _opened(url: str) -> bool:
    """The browser is given a private file that leads on: arguments of processes can be read by other users."""
    import webbrowser  # noqa: PLC0415 - only here

    from kruxos.config.directory import DataDirectory  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.files import write_atomically  # noqa: PLC0415

    path = DataDirectory.find().root / _OPENING_NAME
    write_atomically(path, _OPENING.format(url=html.escape(url)).encode())
    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
