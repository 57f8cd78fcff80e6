"""``kruxos tokens``: how many input tokens a file has."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, cast

from kruxos.cli.failing import OK, CommandError
from kruxos.cli.parsing import Subparsers, add_json, example_text

FILE_BYTES_MAX = 32 * 1024 * 1024

_TEXT = """\
Count the input tokens of a file: a text, which is taken as one message, or a JSON request with messages (and tools,
system, tool_choice). Anthropic, OpenAI and Gemini count themselves, for nothing; elsewhere the number is an estimate,
and says so."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = (
        "kruxos tokens prompt.txt\n"
        "kruxos tokens request.json --provider anthropic --model claude-opus-4-6\n"
        "git diff | kruxos tokens -"
    )
    parser = subparsers.add_parser("tokens", description=_TEXT, epilog=example_text(examples))
    parser.add_argument("file", metavar="FILE", help="a text or a JSON request; - is standard input")
    parser.add_argument("--provider", help="who counts: a provider's name")
    parser.add_argument("--model", help="a model id, a provider's name, or PROVIDER/MODEL")
    parser.add_argument("--agent", metavar="NAME", help="ask as this agent; its token is in $KRUXOS_AGENT_TOKEN")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Counts."""
    from kruxos.client import BlockingClient  # noqa: PLC0415 - help texts need none of this

    question = _question(_read(arguments.file))
    who = {name: getattr(arguments, name) for name in ("provider", "model")}
    with BlockingClient(agent=arguments.agent) as client:
        count = client.count_tokens(**question, **who)
    if arguments.json:
        found = {"tokens": int(count), "estimate": count.is_estimate, "provider": count.provider, "model": count.model}
        print(json.dumps(found))
        return OK
    print(f"{int(count)}" if not count.is_estimate else f"about {int(count)}")
    for notice in count.notices:
        print(notice.message, file=sys.stderr)
    return OK


def _read(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise CommandError(f"{name} cannot be read: {reason}", "kruxos tokens FILE") from None
    if len(data) > FILE_BYTES_MAX:
        raise CommandError(f"{name} is larger than {FILE_BYTES_MAX} bytes", "no model takes as much")
    text = data.decode("utf-8", "replace")
    if not text.strip():
        raise CommandError("there is nothing to count", "kruxos tokens prompt.txt")
    return text


_KNOWN = ("messages", "system", "tools", "tool_choice", "output_format", "thinking_effort")


def _question(text: str) -> dict[str, Any]:
    """A request's options where the file is one, else the text as a prompt's message."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    value = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if isinstance(value.get("messages"), list):
        return {name: value[name] for name in _KNOWN if value.get(name) is not None}
    return {"messages": [{"role": "user", "content": text}]}
