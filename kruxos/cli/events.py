"""``kruxos events``: what happened to the gateway, and who did what."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kruxos.cli import operating
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.log_file import EVERY_S, add_log_options, check_lines
from kruxos.cli.moments import clock, parse_since
from kruxos.cli.parsing import Subparsers, add_json, example_text
from kruxos.cli.terminal import Terminal, clean, plain, styled, terminal_of

EVENTS_MAX = 10_000
_CHAIN = ("n", "prev", "hash", "at", "kind", "subject")

_TEXT = """\
What happened, from the journal: providers' states, cooldowns, calls that moved, reloads of models.yaml, logins, uses of
the vault, and what operators did, with their uid. No key and no prompt is in it. Each entry is chained to the one
before; `kruxos verify` checks the chain."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos events\nkruxos events --since 24h --json\nkruxos events -f")
    parser = subparsers.add_parser("events", description=_TEXT, epilog=examples)
    add_log_options(parser)
    parser.add_argument("--since", metavar="WHEN", help="24h, 7d, 2026-11-01; all of them, unless -n says otherwise")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Shows entries, and with ``-f`` those that come."""
    try:
        since = None if arguments.since is None else parse_since(arguments.since, time.time())
    except ValueError as error:
        raise CommandError(f"this is no time: {error}", "kruxos events --since 24h", USAGE) from None
    found = operating.operate("event.list", {"limit": check_lines(arguments.lines), "since": since})
    if arguments.json and not arguments.follow:
        operating.print_json({"events": found["events"]})
        return OK
    if not found["events"] and not arguments.follow:
        operating.say("Nothing has happened yet.")
    _print(found["events"], as_json=arguments.json)
    if arguments.follow:
        _follow(Path(found["path"]), found["offset"], as_json=arguments.json)
    return OK


def _follow(path: Path, offset: int, *, as_json: bool) -> None:
    from kruxos.ledger.chain import read_line  # noqa: PLC0415 - only to follow
    from kruxos.logfile import Follower  # noqa: PLC0415 - only to follow

    if not path.exists():
        raise CommandError("there is no journal yet", "kruxos serve")
    follower = Follower(path, offset)
    while True:
        came = (read_line(line.encode()) for line in follower.more())
        _print([each for each in came if each is not None], as_json=as_json)
        time.sleep(EVERY_S)


def _print(events: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    terminal, now = terminal_of(sys.stdout), time.time()
    for event in events:
        if as_json:
            operating.print_json_line(event)
        else:
            operating.show([event_line(event, now, terminal)])


def event_line(event: Mapping[str, Any], now: float, terminal: Terminal) -> str:
    """One entry: when, what kind, of whom, and what else it says."""
    told = dict(event)
    if event["kind"] == "state":
        what = f"{told.pop('before', '')} -> {told.pop('after', '')}"
    else:
        what = str(told.pop("action", "") or told.pop("outcome", ""))
    if "until" in told:
        told["until"] = clock(told["until"], now)
    more = [f"{name}={value}" for name, value in told.items() if name not in _CHAIN]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
    line = f"{when} {event['kind']:<9} {event['subject'] or '-':<16} {' '.join([what, *more]).strip()}"
    bad = event.get("after") in ("failed", "backoff") or event.get("outcome") in ("failed", "refused")
    return styled(plain(clean(line), terminal), "bad" if bad else "", terminal)
