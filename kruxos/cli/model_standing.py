"""``kruxos model show``, ``why`` and ``recommend``: how a provider stands, and which model for what."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from kruxos.cli import operating
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.moments import ago, clock, parse_since, span
from kruxos.cli.parsing import Parser, Verb, add_json
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import Terminal, terminal_of

_WIDTH = 14


def _show_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the provider's name: `kruxos model list` shows them")
    add_json(parser)


def _show(arguments: argparse.Namespace) -> int:
    found = operating.operate("model.show", {"name": arguments.name})
    return operating.tell_one(found, show_lines(found, time.time()), as_json=arguments.json)


def show_lines(found: Mapping[str, Any], now: float) -> list[str]:
    """``model show``: what is not set is left out."""
    return [f"{title + ':':<{_WIDTH}}{value}" for title, value in _facts(found, now) if value]


def _facts(found: Mapping[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "Name", found["name"]
    yield "Label", found["label"] or ""
    yield "Type", f"{found['type']} ({found['dialect']})"
    yield "Address", found["base_url"]
    yield "Through", found["proxy"] or ""
    yield "Trusting", found["ca_bundle"] or ""
    yield "Model", found["model"] or ""
    yield "Aliases", ", ".join(f"{name} = {model}" for name, model in found["model_aliases"].items())
    key = {"stored": f"stored for {found['stored_for']}", "missing": "no credentials configured"}
    yield "Key", str(key.get(found["credentials"]) or found["credentials"].replace("_", " "))
    yield "Enabled", "yes" if found["enabled"] else "no"
    reason = f" ({found['reason']})" if found["reason"] else ""
    yield "Worker", f"{found['state']}{reason}" if found["state"] else "the gateway is not running"
    yield "Default for", ", ".join(found["default_for"])
    yield "Agents", ", ".join(found["agents"])
    yield "Headers", ", ".join(found["headers"])
    yield "Limits", _numbers(found["limits"])
    yield "Time limits", _numbers(found["time_limits"])
    yield "Isolation", found["isolation"]
    yield "Last day", "; ".join(_lately_lines(found["lately"], now))


def _numbers(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items() if value is not None)


def _why_options(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="the provider's name: `kruxos model list` shows them")
    parser.add_argument("--since", metavar="WHEN", help="count failures from here: 1h, 7d, 2026-11-01 (24h)")
    add_json(parser)


def _why(arguments: argparse.Namespace) -> int:
    try:
        since = None if arguments.since is None else parse_since(arguments.since, time.time())
    except ValueError as error:
        raise CommandError(f"this is no time: {error}", "kruxos model why NAME --since 1h", USAGE) from None
    found = operating.operate("model.why", {"name": arguments.name, "since": since})
    return operating.tell_one(found, why_lines(found, time.time()), as_json=arguments.json)


def why_lines(found: Mapping[str, Any], now: float) -> list[str]:
    """``model why``: what is wrong and since when, what was seen of it, when it is tried again, and what mends it."""
    since = f" for {span(now - found['since'])}" if found["since"] is not None else ""
    state = f"its worker is {found['state']}{since}" if found["running"] else "the gateway is not running"
    lines = [f"{found['name']}: {found['message'] or 'nothing is known to keep it from answering'} ({state})."]
    if found["last_error"]:
        lines.append(f"  last error: {found['last_error'].replace('_', ' ')}, {ago(found['last_error_at'], now)}")
    lines += [f"  {line}" for line in _lately_lines(found["lately"], now)]
    if found["next_try_at"] is not None and found["next_try_at"] > now:
        lines.append(f"  tried again by itself: {clock(found['next_try_at'], now)}")
    return [*lines, f"  fix: {found['fix']}"] if found["fix"] else lines


def _lately_lines(lately: Mapping[str, Any], now: float) -> Iterator[str]:
    last = f", the last {ago(lately['last_answered_at'], now)}" if lately["answered"] else ""
    yield f"{lately['answered']:,} answered{last}"
    for each in lately["failures"]:
        when = f"first {ago(each['first_at'], now)}, last {ago(each['last_at'], now)}"
        yield f"{each['count']:,} x {each['code'].replace('_', ' ')}: {when}"
    if lately["moved_to"]:
        moved = ", ".join(f"{count:,} by {name}" for name, count in lately["moved_to"].items())
        yield f"answered elsewhere: {moved}"


_COLUMNS = (
    Column("FOR"), Column("TYPE"), Column("MODEL", gives=True), Column("INPUT", right=True),
    Column("OUTPUT", right=True), Column("ENDS", optional=True), Column("WHY", gives=True),
    Column("YOURS", gives=True, optional=True),
)  # fmt: skip


def _recommend_options(parser: Parser) -> None:
    parser.add_argument("term", nargs="?", metavar="USE", help="code, privacy, cheap ... (all)")
    add_json(parser)


def _recommend(arguments: argparse.Namespace) -> int:
    found = operating.operate("model.recommend", {"term": arguments.term})
    if arguments.json:
        operating.print_json(found)
    elif not found["recommendations"]:
        operating.say("Nothing is recommended for this. All there is: kruxos model recommend")
    else:
        operating.show(recommend_lines(found, terminal_of(sys.stdout)))
    return OK


def recommend_lines(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """``model recommend``: a table, and the command for the first of them."""
    rows = [_recommend_row(each) for each in found["recommendations"]]
    return [*table(_COLUMNS, rows, terminal), "", f"Add one: {found['recommendations'][0]['command']}"]


def _recommend_row(each: Mapping[str, Any]) -> list[Cell | str]:
    prices = [f"${each[name]}" if each[name] is not None else "" for name in ("input_price", "output_price")]
    why = each["why"] + (f" (in place of {each['instead_of']})" if each["instead_of"] else "")
    return [each["use"], each["type"], each["model"], *prices, each["ends"] or "", why, ", ".join(each["providers"])]


_WHY_TEXT = """\
Say why a provider does not answer, or that nothing is known to keep it: since when, its failures by error code, who
answered its calls instead, when it is tried again by itself, and what mends it."""
_RECOMMEND_TEXT = """\
Which model for what, as the documentation recommends; where a model is retired, what took its place. Prices are US
dollars for a million tokens, from the catalogue."""

VERBS = (
    Verb(
        "show", "one provider, with everything filled in", _show, _show_options, examples="kruxos model show claude-api"
    ),
    Verb(
        "why",
        "why a provider does not answer",
        _why,
        _why_options,
        _WHY_TEXT,
        "kruxos model why deepseek\nkruxos model why deepseek --since 1h",
    ),
    Verb(
        "recommend",
        "which model for what",
        _recommend,
        _recommend_options,
        _RECOMMEND_TEXT,
        "kruxos model recommend\nkruxos model recommend code",
    ),
)
