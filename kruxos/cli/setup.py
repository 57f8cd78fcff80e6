"""``kruxos setup``: from an empty machine to a first answer.

Each step looks first whether there is something to do, so the command can be given again at any time. Nothing is
copied and nothing is started that was not said yes to.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from kruxos.cli import asking, operating
from kruxos.cli.failing import OK, USAGE, CommandError
from kruxos.cli.found_keys import FoundKey, found_keys, ollama_address
from kruxos.cli.local_models import settle_model
from kruxos.cli.parsing import Subparsers, example_text

PROMPT = "Say hello in one short sentence."
CONNECT_WITHIN_S = 1.0

_TEXT = """\
Make the vault, offer the keys that stand in the usual environment variables (their names are shown, and they are copied
only on yes) and an Ollama that runs here, install the gateway as a service of yours, start it, and ask a first
question. What is there already stays as it is, so it can be run again.

--yes answers yes to everything; without a terminal it must be given."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos setup\nkruxos setup --yes\nkruxos setup --yes --no-service --no-question")
    parser = subparsers.add_parser("setup", description=_TEXT, epilog=examples)
    parser.add_argument("--yes", action="store_true", help="yes to everything that would be asked")
    parser.add_argument("--no-service", action="store_true", help="start the gateway for now, and install nothing")
    parser.add_argument(
        "--no-question", action="store_true", help="ask the model nothing: a first answer costs a little"
    )


def run(arguments: argparse.Namespace) -> int:
    """Goes through the steps. Raises ``CommandError``, ``KruxosError``."""
    if not arguments.yes and not asking.at_terminal():
        raise CommandError(
            "setup asks before it does things, and nobody can be asked here", "kruxos setup --yes", USAGE
        )
    began_at = time.monotonic()
    agree = _always if arguments.yes else asking.ask_yes
    _start(agree, service=not arguments.no_service)
    providers = [each["name"] for each in operating.operate("model.list")["providers"]]
    for found in found_keys(os.environ):
        if found.type not in providers:
            _offer_key(found, agree)
    _offer_ollama(agree, providers)
    _first_answer(ask=not arguments.no_question)
    operating.say("", f"Done in {time.monotonic() - began_at:.0f} s. Next:", *_NEXT)
    return OK


_NEXT = (
    "  kruxos agent create --name my-agent     an agent, and its token",
    "  kruxos status                           how everything stands",
    "  kruxos model add --help                 more providers",
)


def _always(question: str) -> bool:
    operating.say(f"{question} yes")
    return True


def _start(agree: Any, *, service: bool) -> None:
    from kruxos.cli.starting import is_up, start_in_background, wait_until_up  # noqa: PLC0415 - help texts need none

    if is_up():
        operating.say("The gateway runs.")
    elif service and _install_service(agree):
        wait_until_up()
        operating.say("The gateway runs, and starts again whenever you log in: kruxos service status")
    elif agree("Start the gateway in the background, until this machine is turned off?"):
        operating.say(f"The gateway runs; it is stopped by: kill {start_in_background()}")
    else:
        raise CommandError(
            "without a gateway there is nothing to set up", "start one in another terminal: kruxos serve"
        )
    vault = operating.operate("vault.status")
    operating.say(f"The vault is {vault['state']}; its key is kept in {vault['key_kept_in']}.")


def _install_service(agree: Any) -> bool:
    """False where nobody wants it, or this system has no services for users."""
    from kruxos.cli.user_service import manager  # noqa: PLC0415 - help texts need none of this

    try:
        found = manager()
    except CommandError as error:
        operating.note([f"{error.message}: no service is installed"])
        return False
    if not agree("Install the gateway as a service of yours, and start it?"):
        return False
    operating.say(f"Installed {found.install()}.")
    return True


def _offer_key(found: FoundKey, agree: Any) -> None:
    where = f" at {found.address}" if found.address else ""
    if not agree(f"{found.variable} holds a key. Copy it to the vault, for a provider `{found.type}`{where}?"):
        return
    wanted = {"type": found.type, "endpoint": found.address, "api_key": os.environ[found.variable]}
    _tell_added(operating.operate("model.add", wanted))


def _offer_ollama(agree: Any, providers: list[str]) -> None:
    address = ollama_address(os.environ)
    if "local-default" in providers or not _answers(address):
        return
    if not agree(f"An Ollama answers at {address}. Add it as `local-default`?"):
        return
    added = operating.operate("model.add", {"type": "local", "endpoint": address})
    _tell_added(added)
    operating.note(settle_model(added))


def _tell_added(added: dict[str, Any]) -> None:
    roles = f", the default for {' and '.join(added['default_for'])}" if added["default_for"] else ""
    operating.say(f"Added {added['name']}: {added['model']}{roles}.")
    operating.note(added["told"])


def _answers(address: str) -> bool:
    import socket  # noqa: PLC0415 - help texts need none of this

    from kruxos.config.addresses import parse_address  # noqa: PLC0415

    where = parse_address(address)
    try:
        socket.create_connection((where.host.strip("[]"), where.port), timeout=CONNECT_WITHIN_S).close()
    except OSError:
        return False
    return True


def _first_answer(*, ask: bool) -> None:
    from kruxos.cli.chat import Talk  # noqa: PLC0415 - help texts need none of this
    from kruxos.client import BlockingClient  # noqa: PLC0415

    providers = operating.operate("model.list")["providers"]
    if not providers:
        operating.say("There is no provider yet: no key was found in the environment, and no Ollama answers. Add one:")
        operating.say("  kruxos model add anthropic --auth api-key", '  kruxos chat "hello"')
        return
    if not ask:
        return
    operating.say("", f"$ kruxos chat {PROMPT!r}")
    with BlockingClient() as client:
        Talk(client, {}).turn(PROMPT)
