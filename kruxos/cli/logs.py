"""``kruxos logs``: calls as they end, without their content."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

from kruxos.cli import operating
from kruxos.cli.failing import NO_GATEWAY, OK, USAGE, CommandError
from kruxos.cli.log_file import add_log_options, check_lines, show_log
from kruxos.cli.moments import money, parse_since
from kruxos.cli.parsing import Subparsers, add_json, example_text
from kruxos.cli.terminal import Terminal, cut, one_line, plain, styled, terminal_of, width_of

EVERY_S = 0.5
CALLS_MAX = 1000

_TEXT = """\
Calls in the order in which they ended, the newest last: when they began, their id, agent, provider, model, outcome,
tokens in and out, cost, milliseconds. No prompt and no answer is ever written down. A call that moved on after an
attempt that may have cost something has a line for each."""

_COLUMNS = (
    ("TIME", 19), ("CALL", 29), ("AGENT", 12), ("PROVIDER", 14), ("MODEL", 22), ("OUTCOME", 12), ("IN", -8),
    ("OUT", -7), ("COST", -10), ("MS", -7),
)  # fmt: skip
"""Titles and least widths, below zero: numbers. Lines come one by one, so no later one can widen a column."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = "kruxos logs\nkruxos logs -f --agent code-bot\nkruxos logs --since 1h --provider deepseek --json"
    epilog = example_text(f"{examples}\nkruxos logs --gateway -f")
    parser = subparsers.add_parser("logs", description=_TEXT, epilog=epilog)
    add_log_options(parser)
    parser.add_argument("--agent", help="this agent alone")
    parser.add_argument("--provider", help="this provider alone")
    parser.add_argument("--since", metavar="WHEN", help="24h, 7d, 2026-11-01 (everything)")
    parser.add_argument("--gateway", action="store_true", help="the gateway's own log: states, reloads, faults")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Shows calls, or the gateway's log."""
    if arguments.gateway:
        if arguments.json or arguments.agent or arguments.provider or arguments.since:
            raise CommandError("--gateway goes with -n and -f alone", "kruxos logs --gateway -f", USAGE)
        return show_log(arguments, {})
    narrow = {"agent": arguments.agent, "provider": arguments.provider, "since": _when(arguments.since)}
    limit = min(check_lines(arguments.lines), CALLS_MAX) or 1
    found = operating.operate("call.list", {**narrow, "limit": limit})
    if arguments.json and not arguments.follow:
        operating.print_json({"calls": found["calls"]})
        return OK
    if not found["calls"] and not arguments.follow:
        operating.say("No calls yet.")
        return OK
    if arguments.follow and not found["running"]:
        raise CommandError("the gateway is not running: no calls come", "kruxos serve", NO_GATEWAY)
    terminal = terminal_of(sys.stdout)
    if not arguments.json:
        operating.show([styled(_line([title for title, _ in _COLUMNS], terminal), "dim", terminal)])
    _print(found, terminal, as_json=arguments.json)
    while arguments.follow:
        time.sleep(EVERY_S)
        found = operating.ask_gateway("call.list", {**narrow, "after": found["cursor"]})
        _print(found, terminal, as_json=arguments.json)
    return OK


def _when(text: str | None) -> float | None:
    try:
        return None if text is None else parse_since(text, time.time())
    except ValueError as error:
        raise CommandError(f"this is no time: {error}", "kruxos logs --since 1h", USAGE) from None


def _print(found: Mapping[str, Any], terminal: Terminal, *, as_json: bool) -> None:
    for call in found["calls"]:
        if as_json:
            operating.print_json_line(call)
        else:
            operating.show([call_line(call, terminal)])


def call_line(call: Mapping[str, Any], terminal: Terminal) -> str:
    """One step of a call."""
    usage, cost = call["usage"], call["cost"]
    inputs = [usage[name] for name in ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens")]
    counts = [None if all(each is None for each in inputs) else sum(each or 0 for each in inputs)]
    counts.append(usage["output_tokens"])
    cells = [
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call["started_at"])),
        call["call_id"],
        *(call[name] or "-" for name in ("agent", "provider", "model")),
        call["outcome"],
        *("-" if count is None else f"{count:,}" for count in counts),
        money({cost["currency"]: cost["total"]}) if cost else "-",
        "-" if call["duration_ms"] is None else f"{call['duration_ms']:,}",
    ]
    line = _line(cells, terminal)
    return line if call["outcome"] == "answered" else styled(line, "bad" if call["last"] else "warn", terminal)


def _line(cells: list[str], terminal: Terminal) -> str:
    padded: list[str] = []
    for text, (_, width) in zip(map(one_line, cells), _COLUMNS, strict=True):
        space = " " * (abs(width) - width_of(text))
        padded.append(space + text if width < 0 else text + space)
    line = plain(" ".join(padded).rstrip(), terminal)
    return line if terminal.width is None else cut(line, terminal.width, terminal)
