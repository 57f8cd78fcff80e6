"""``kruxos``: finds the noun, loads its file and no other, and turns whatever happens into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kruxos.cli import failing
from kruxos.cli.parsing import Parser

NOUNS = {
    "setup": "the first minutes: keys, service, a first answer",
    "serve": "run the gateway",
    "service": "the gateway as a service: install, uninstall, status",
    "status": "what the gateway, its vault and its providers' workers do now",
    "verify": "check that everything is as it should be",
    "dashboard": "the dashboard in a browser, by a one-time link",
    "chat": "ask a model, from the terminal",
    "tokens": "count a file's input tokens",
    "model": "providers: add, list, test, remove, defaults",
    "config": "models.yaml: check it, and its schema for editors",
    "vault": "providers' keys, and where the vault's own key is kept",
    "worker": "the providers' processes: list, restart, stop, start",
    "agent": "agents and their tokens: create, list, revoke",
    "batch": "many requests within a day, at half the price",
    "logs": "calls as they end, without content; the gateway's own log",
    "events": "what happened to the gateway, and who did what",
    "alerts": "what operators were told, and whether it arrives",
    "usage": "tokens and costs, by agent, provider, model or day",
    "completions": "what makes your shell complete kruxos' words",
    "man": "the manual, or a command's help",
    "simulate": "run a local server that behaves like a provider",
    "version": "the version",
}

HIDDEN = ("complete",)
"""What shells call, and nobody types."""

_EXAMPLES = f"""\
examples:
  kruxos setup
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


def parser_of(*whole: str) -> Parser:
    """The command's parser with these nouns in full, or, without any, with a line for each."""
    parser = Parser(prog="kruxos", description="Every model for every agent on this machine.", epilog=_EXAMPLES)
    parser.add_argument("--version", action="store_true", help="print the version")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for noun in whole:
        import_module(f"kruxos.cli.{noun}").add_parser(subparsers)
    if not whole:
        for name, summary in NOUNS.items():
            subparsers.add_parser(name, help=summary)
    return parser


def _run(words: list[str]) -> int:
    noun = words[0] if words else ""
    if noun in NOUNS or noun in HIDDEN:
        module = import_module(f"kruxos.cli.{noun}")
        code: int | None = module.run(parser_of(noun).parse(words))
        return code or failing.OK
    if noun and not noun.startswith("-"):
        return _unknown(noun)
    parser = parser_of()
    if parser.parse(words).version:
        return _run(["version"])
    parser.print_help()
    return failing.OK


def _unknown(noun: str) -> int:
    from difflib import get_close_matches  # noqa: PLC0415 - only here

    near = get_close_matches(noun, NOUNS, 1)
    failing.tell("there is no such command", f"kruxos {near[0]}" if near else "kruxos --help shows those there are")
    return failing.USAGE
