"""``kruxos service``: the gateway as a service of this user."""

from __future__ import annotations

import argparse

from kruxos.cli import operating
from kruxos.cli.failing import FAILED, OK
from kruxos.cli.parsing import Subparsers, Verb, add_json, add_noun, run_verb
from kruxos.cli.user_service import manager


def add_parser(subparsers: Subparsers) -> None:
    """The noun's verbs."""
    add_noun(subparsers, "service", "The gateway as a service of yours: started when you log in, and again.", VERBS)


run = run_verb


def _install(arguments: argparse.Namespace) -> int:
    from kruxos.cli.starting import wait_until_up  # noqa: PLC0415 - only here

    file = manager().install()
    operating.say(f"Installed {file}, and started it.")
    wait_until_up()
    operating.say("The gateway runs. It starts again whenever you log in: kruxos service status")
    operating.note(LINGERING)
    return OK


def _uninstall(arguments: argparse.Namespace) -> int:
    file = manager().uninstall()
    operating.say("No service is installed." if file is None else f"Stopped it, and removed {file}.")
    return OK


def _status(arguments: argparse.Namespace) -> int:
    found = manager().state()
    if arguments.json:
        file = None if found.file is None else str(found.file)
        operating.print_json({"manager": found.manager, "file": file, "running": found.running})
    elif found.file is None:
        operating.say("No service is installed: kruxos service install")
    else:
        operating.say(f"{found.file} ({found.manager}): {'running' if found.running else 'not running'}")
    return OK if found.running else FAILED


LINGERING = ["under systemd a user's services end with the last login, unless: loginctl enable-linger"]

VERBS = (
    Verb(
        "install",
        "install and start it",
        _install,
        None,
        "Write a unit for systemd's user manager (on macOS a property list for launchd), and start it now and at each\n"
        "login. A service that is there is written anew and restarted.",
        "kruxos service install",
    ),
    Verb("uninstall", "stop and remove it", _uninstall, examples="kruxos service uninstall"),
    Verb(
        "status",
        "whether it is installed, and runs",
        _status,
        add_json,
        "It ends with 0 where the service runs, else with 1.",
        "kruxos service status\nkruxos service status --json",
    ),
)
