"""``kruxos usage``: tokens and costs."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from typing import Any

from kruxos.cli import operating
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.moments import money, parse_since
from kruxos.cli.parsing import Subparsers, example_text
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import Terminal, terminal_of

DIMENSIONS = ("agent", "provider", "model", "day")
_NUMBERS = ("CALLS", "FAILED", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST")
_SAVINGS = ("CALLS", "INPUT", "FROM CACHE", "COST", "SAVED")

_CSV_COUNTS = (
    "calls", "failed_calls", "unpriced_calls", "billed_maybe_calls", "uncached_input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens",
)  # fmt: skip

_TEXT = """\
What was used and what it cost, from the ledger. INPUT counts all input tokens, CACHED those of them that were read from
a cache; REASONING is within OUTPUT. Days are UTC. A cost is only there where the price is known."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = (
        "kruxos usage\nkruxos usage --by agent,model --since 7d\n"
        "kruxos usage --by day --since 2026-11-01 --json\nkruxos usage --by model --csv > usage.csv"
    )
    parser = subparsers.add_parser("usage", description=_TEXT, epilog=example_text(examples))
    parser.add_argument(
        "--by", default="provider", metavar="LIST", help="agent, provider, model, day, joined by commas (provider)"
    )
    parser.add_argument("--since", metavar="WHEN", help="24h, 7d, 2026-11-01 (everything)")
    parser.add_argument("--until", metavar="WHEN", help="likewise (now)")
    parser.add_argument("--agent", help="this agent alone")
    parser.add_argument("--provider", help="this provider alone")
    parser.add_argument("--savings", action="store_true", help="what caches and batches saved against the plain price")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with the same names as in Python")
    form.add_argument("--csv", action="store_true", help="print CSV: a line for each group and currency")


def run(arguments: argparse.Namespace) -> int:
    """Shows the sums."""
    by = list(dict.fromkeys(word.strip() for word in arguments.by.split(",") if word.strip()))
    if any(word not in DIMENSIONS for word in by):
        raise CommandError("--by takes agent, provider, model and day", "kruxos usage --by agent,model", USAGE)
    wanted = {
        "by": by,
        "since": _when(arguments.since),
        "until": _when(arguments.until),
        "agent": arguments.agent,
        "provider": arguments.provider,
    }
    found = operating.operate("usage", wanted)
    if arguments.json:
        operating.print_json(found)
    elif arguments.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(csv_rows(found))
    elif not found["rows"]:
        operating.say("Nothing was used.")
    else:
        lines = savings_lines if arguments.savings else usage_lines
        operating.show(lines(found, terminal_of(sys.stdout)))
    return OK


def _when(text: str | None) -> float | None:
    try:
        return None if text is None else parse_since(text, time.time())
    except ValueError as error:
        raise CommandError(f"this is no time: {error}", "kruxos usage --since 7d", USAGE) from None


def csv_rows(found: dict[str, Any]) -> list[list[Any]]:
    """The head, and a row for each group and currency; counts stand in the first row of a group, so columns add up."""
    by: list[str] = found["by"]
    rows: list[list[Any]] = [[*by, *_CSV_COUNTS, "cost", "currency"]]
    for row in found["rows"]:
        group, counts = [row[word] for word in by], [row[name] for name in _CSV_COUNTS]
        for currency, cost in row["cost"].items() or [("", "")]:
            rows.append([*group, *counts, cost, currency])
            counts = [0] * len(counts)
    return rows


def usage_lines(found: dict[str, Any], terminal: Terminal) -> list[str]:
    """The table, its total, and what the costs leave out."""
    by: list[str] = found["by"]
    columns = [Column(word.upper(), gives=True) for word in by] + [Column(word, right=True) for word in _NUMBERS]
    rows = [[*(row[word] for word in by), *_numbers(row)] for row in found["rows"]]
    total = found["total"]
    if len(rows) > 1:
        rows.append(
            [Cell(text, "bold") for text in [*(["total", *[""] * (len(by) - 1)] if by else []), *_numbers(total)]]
        )
    return [*table(columns, rows, terminal), *_footnotes(total)]


def savings_lines(found: dict[str, Any], terminal: Terminal) -> list[str]:
    """What was paid beside what the same tokens had cost without caches and batches."""
    by: list[str] = found["by"]
    columns = [Column(word.upper(), gives=True) for word in by] + [Column(word, right=True) for word in _SAVINGS]
    rows: list[list[Any]] = [[*(row[word] for word in by), *_saved(row)] for row in found["rows"]]
    if len(rows) > 1:
        total = ["total", *[""] * (len(by) - 1)] if by else []
        rows.append([Cell(text, "bold") for text in [*total, *_saved(found["total"])]])
    return [*table(columns, rows, terminal), *_footnotes(found["total"])]


def _saved(row: dict[str, Any]) -> list[str]:
    inputs = row["uncached_input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"]
    share = f"{100 * row['cache_read_tokens'] / inputs:.0f} %" if inputs else "-"
    return [f"{row['calls']:,}", f"{inputs:,}", share, money(row["cost"]), money(row["saved"])]


def _numbers(row: dict[str, Any]) -> list[str]:
    inputs = row["uncached_input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"]
    counts = (
        row["calls"],
        row["failed_calls"],
        inputs,
        row["cache_read_tokens"],
        row["output_tokens"],
        row["reasoning_tokens"],
    )
    return [*(f"{count:,}" for count in counts), money(row["cost"])]


def _footnotes(total: dict[str, Any]) -> list[str]:
    unpriced, maybe = total["unpriced_calls"], total["billed_maybe_calls"]
    notes: list[str] = []
    if unpriced:
        notes.append(f"{_calls(unpriced)} no known price: the costs are without {'it' if unpriced == 1 else 'them'}.")
    if maybe:
        notes.append(f"{_calls(maybe)} no answer, and may have been billed.")
    return ["", *notes] if notes else []


def _calls(count: int) -> str:
    return "1 call has" if count == 1 else f"{count:,} calls have"
