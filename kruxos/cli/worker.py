"""``kruxos worker``: the providers' processes."""

from __future__ import annotations

import argparse
import sys
import time

from kruxos.cli import operating
from kruxos.cli.failing import OK
from kruxos.cli.log_file import add_log_options, show_log
from kruxos.cli.parsing import Parser, Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.status_view import web_line, worker_lines
from kruxos.cli.terminal import terminal_of


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "worker", "The providers' processes. Each provider has one of its own.", VERBS)


run = run_verb


def _list(arguments: argparse.Namespace) -> int:
    found = operating.operate("worker.list")
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(worker_lines(found["workers"], time.time(), terminal_of(sys.stdout)))
        if web := web_line(found["web"]):
            operating.say(f"Web: {web}")
    return OK


def _name_option(parser: Parser) -> None:
    parser.add_argument("provider", metavar="NAME", help="the provider's name")


def _now_options(parser: Parser) -> None:
    _name_option(parser)
    parser.add_argument("--now", action="store_true", help="at once: calls under way are cut")


def _restart(arguments: argparse.Namespace) -> int:
    operating.operate("worker.restart", {"provider": arguments.provider, "now": arguments.now})
    how = (
        "at once" if arguments.now else "the new process takes over when it is ready; calls under way finish on the old"
    )
    operating.say(f"Restarting {arguments.provider}: {how}.")
    return OK


def _stop(arguments: argparse.Namespace) -> int:
    operating.operate("worker.stop", {"provider": arguments.provider, "now": arguments.now})
    how = "calls under way were cut" if arguments.now else "calls under way finish"
    operating.say(f"Stopped {arguments.provider}: {how}. Start it again: kruxos worker start {arguments.provider}")
    return OK


def _start(arguments: argparse.Namespace) -> int:
    operating.operate("worker.start", {"provider": arguments.provider})
    operating.say(f"Starting {arguments.provider}.")
    return OK


def _reset(arguments: argparse.Namespace) -> int:
    operating.operate("worker.reset", {"provider": arguments.provider})
    operating.say(f"Cleared {arguments.provider}'s limits: it is asked again at once.")
    return OK


def _logs_options(parser: Parser) -> None:
    _name_option(parser)
    add_log_options(parser)


def _logs(arguments: argparse.Namespace) -> int:
    return show_log(arguments, {"provider": arguments.provider})


VERBS = (
    Verb("list", "all workers", _list, add_json, examples="kruxos worker list\nkruxos worker list --json"),
    Verb(
        "restart",
        "replace a worker; calls under way finish",
        _restart,
        _now_options,
        examples="kruxos worker restart deepseek\nkruxos worker restart deepseek --now",
    ),
    Verb("stop", "stop a worker until somebody starts it", _stop, _now_options, examples="kruxos worker stop deepseek"),
    Verb(
        "start",
        "start a worker, whatever happened before",
        _start,
        _name_option,
        examples="kruxos worker start deepseek",
    ),
    Verb(
        "logs",
        "what a worker wrote down",
        _logs,
        _logs_options,
        "What a provider's worker wrote down, with the gateway running or not. No key and no prompt is in it.",
        "kruxos worker logs deepseek\nkruxos worker logs deepseek -n 200 -f",
    ),
    Verb(
        "reset",
        "forget a cooldown and what was learned of the provider's limits",
        _reset,
        _name_option,
        examples="kruxos worker reset deepseek",
    ),
)
