"""``kruxos chat``: asks a model, once or turn by turn."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kruxos.cli import asking
from kruxos.cli.chat_view import Printer, summary
from kruxos.cli.failing import OK, CommandError, tell_failure
from kruxos.cli.parsing import Subparsers, example_text
from kruxos.cli.terminal import terminal_of

if TYPE_CHECKING:
    from kruxos.client import BlockingClient
    from kruxos.events import Reply
    from kruxos.messages import Message

EFFORTS = ("none", "low", "medium", "high", "max")
PROMPT_CHARS_MAX = 32 * 1024 * 1024

_TEXT = """\
Ask a model and print its answer as it comes. Without PROMPT, standard input is the prompt; at a terminal it becomes a
conversation, until Ctrl-D. Ctrl-C stops an answer. Thinking, notices and the last line (model, tokens, cost, the
gateway's own time) go to standard error, so that the answer alone can be piped on."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = (
        'kruxos chat "Why is the sky blue?"\n'
        'kruxos chat --provider deepseek --thinking-effort high "What is 17 * 23?"\n'
        'git diff | kruxos chat --system "Write a commit message for this change."'
    )
    parser = subparsers.add_parser("chat", description=_TEXT, epilog=example_text(examples))
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="what to ask")
    parser.add_argument("--provider", help="who answers: a provider's name")
    parser.add_argument("--model", help="a model id, a provider's name, or PROVIDER/MODEL")
    parser.add_argument("--role", choices=["chat", "autonomous", "fallback"], help="whose default answers (chat)")
    parser.add_argument("--thinking-effort", choices=EFFORTS, help="how much the model thinks")
    parser.add_argument("--system", metavar="TEXT", help="instructions that come first")
    parser.add_argument("--agent", metavar="NAME", help="ask as this agent; its token is in $KRUXOS_AGENT_TOKEN")


def run(arguments: argparse.Namespace) -> int:
    """Asks."""
    from kruxos.client import BlockingClient  # noqa: PLC0415 - help texts need none of this

    options = {name: getattr(arguments, name) for name in ("provider", "model", "role", "thinking_effort", "system")}
    with BlockingClient(agent=arguments.agent) as client:
        talk = Talk(client, options)
        if arguments.prompt is not None:
            return talk.turn(arguments.prompt)
        if asking.at_terminal():
            return _converse(talk)
        prompt = sys.stdin.read(PROMPT_CHARS_MAX)
        if not prompt.strip():
            raise CommandError("there is nothing to ask", 'kruxos chat "hello"')
        return talk.turn(prompt)


def _converse(talk: Talk) -> int:
    with suppress(ImportError):
        import_module("readline")  # from now on ``input`` can edit its line; nothing of it is kept
    while True:
        try:
            prompt = input("> ")
        except EOFError:
            print()
            return OK
        if prompt.strip():
            _turn(talk, prompt)


def _turn(talk: Talk, prompt: str) -> None:
    """One turn of a conversation: whatever becomes of it, the next one can be asked."""
    from kruxos.errors import KruxosError  # noqa: PLC0415

    try:
        talk.turn(prompt)
    except KeyboardInterrupt:
        print("\n(stopped)", file=sys.stderr)
    except KruxosError as error:
        tell_failure(error)


class Talk:
    """A conversation with one model. A turn that was not answered is not part of it."""

    def __init__(self, client: BlockingClient, options: dict[str, Any]) -> None:
        self._client, self._options = client, options
        self._messages: list[Message] = []

    def turn(self, prompt: str) -> int:
        """Asks, prints the answer as it comes, and the last line. Raises ``KruxosError``."""
        from kruxos.messages import Message  # noqa: PLC0415

        asked = Message.of("user", prompt)
        out, told = terminal_of(sys.stdout), terminal_of(sys.stderr)
        printer = Printer(sys.stdout, sys.stderr, out, told)
        try:
            with self._client.stream(messages=[*self._messages, asked], **self._options) as events:
                for event in events:
                    printer.event(event)
                reply = events.reply()
        finally:
            printer.close()
        self._messages += [asked, reply.message()]
        self._tell(printer, reply)
        return OK

    def _tell(self, printer: Printer, reply: Reply) -> None:
        printer.attempts(reply.attempts)
        for notice in reply.notices:
            printer.notice(notice)
        printer.last_line(summary(reply))
