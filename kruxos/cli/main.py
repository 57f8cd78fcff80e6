"""``kruxos``: finds the noun, loads its file and no other, and turns whatever happens into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kruxos.cli import failing
from kruxos.cli.parsing import Parser

NOUNS = {
    "serve": "run the gateway",
    "status": "what the gateway, its vault and its providers' workers do now",
    "verify": "check that everything is as it should be",
    "dashboard": "the dashboard in a browser, by a one-time link",
    "chat": "ask a model, from the terminal",
    "model": "providers: add, list, test, remove, defaults",
    "vault": "providers' keys, and where the vault's own key is kept",
    "worker": "the providers' processes: list, restart, stop, start",
    "agent": "agents and their tokens: create, list, revoke",
    "batch": "many requests within a day, at half the price",
    "logs": "calls as they end, without their content; the gateway's own log",
    "events": "what happened to the gateway, and who did what",
    "alerts": "what operators were told, and whether it arrives",
    "usage": "tokens and costs, by agent, provider, model or day",
    "simulate": "run a local server that behaves like a provider",
    "version": "the version",
}

_EXAMPLES = f"""\
examples:
  kruxos model add anthropic --auth api-key
  kruxos serve
  kruxos model test anthropic
  kruxos chat "hello"
  kruxos agent create --name code-bot --model anthropic
  kruxos status

The data directory is $KRUXOS_DATA_DIR; else /data/kruxos where it can be written; else the user's own.

{failing.EXIT_CODES}"""


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command; ``words`` are those after ``kruxos``. Gives the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # the interpreter's own streams have it
    try:
        code = _run(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return failing.INTERRUPTED
    except BrokenPipeError:  # whoever read has gone; nor can the interpreter flush at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failing.FAILED
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody at a terminal
        return failing.tell_failure(error)
    return code


def _run(words: list[str]) -> int:
    noun = words[0] if words else ""
    parser = Parser(prog="kruxos", description="Every model for every agent on this machine.", epilog=_EXAMPLES)
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    if noun in NOUNS:
        module = import_module(f"kruxos.cli.{noun}")
        module.add_parser(subparsers)
        code: int | None = module.run(parser.parse(words))
        return code or failing.OK
    if noun and not noun.startswith("-"):
        return _unknown(noun)
    for name, summary in NOUNS.items():
        subparsers.add_parser(name, help=summary)
    if parser.parse(words).version:
        return _run(["version"])
    parser.print_help()
    return failing.OK


def _unknown(noun: str) -> int:
    from difflib import get_close_matches  # noqa: PLC0415 - only here

    near = get_close_matches(noun, NOUNS, 1)
    failing.tell("there is no such command", f"kruxos {near[0]}" if near else "kruxos --help shows those there are")
    return failing.USAGE
