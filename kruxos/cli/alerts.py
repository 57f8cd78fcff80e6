"""``kruxos alerts``: what operators were told, and whether it arrives."""

from __future__ import annotations

import argparse
import sys
import time

from kruxos.cli import operating
from kruxos.cli.events import event_line
from kruxos.cli.failing import FAILED, OK
from kruxos.cli.parsing import Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.terminal import terminal_of

TEST_WITHIN_S = 45.0
EVENTS_MAX = 10_000


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "alerts", "Alerts: `alerts:` in models.yaml says who is told, and of what.", VERBS)


run = run_verb


def _test(arguments: argparse.Namespace) -> int:
    sent = operating.operate("alerts.test", timeout_s=TEST_WITHIN_S)["sent"]
    if arguments.json:
        operating.print_json({"sent": sent})
    else:
        operating.say(*(f"{way}: {outcome}" for way, outcome in sent.items()))
    return OK if all(outcome == "sent" for outcome in sent.values()) else FAILED


def _list(arguments: argparse.Namespace) -> int:
    events = operating.operate("event.list", {"limit": EVENTS_MAX, "kind": "alert"})["events"]
    if arguments.json:
        operating.print_json({"alerts": events})
    elif not events:
        operating.say("Nobody has been told of anything yet.")
    else:
        now, terminal = time.time(), terminal_of(sys.stdout)
        operating.show([event_line(event, now, terminal) for event in events])
    return OK


_TEST_TEXT = """\
Send an alert of the kind `test` by the command and the webhook of models.yaml, and say what came of each: `sent`, or
why not. It ends with 1 where one of them failed."""

VERBS = (
    Verb("list", "what operators were told", _list, add_json, examples="kruxos alerts list\nkruxos alerts list --json"),
    Verb("test", "send one now", _test, add_json, _TEST_TEXT, "kruxos alerts test"),
)
