"""How commands have operations done, and print what came of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kruxos.cli import asking
from kruxos.cli.failing import OK
from kruxos.cli.progress import waiting
from kruxos.cli.terminal import clean, plain, styled, terminal_of

if TYPE_CHECKING:
    from kruxos.config.secret import Secret

PASSPHRASE = "passphrase"  # noqa: S105 - a name, not one
"""The field that an error names where the operator is to show the vault's passphrase."""


def operate(name: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None) -> dict[str, Any]:
    """Has an operation done, in the gateway or here. Raises ``KruxosError``."""
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415 - help texts need none of this
    from kruxos.errors import VaultLockedError  # noqa: PLC0415
    from kruxos.operations.performing import perform  # noqa: PLC0415

    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    options: dict[str, Any] = {} if timeout_s is None else {"timeout_s": timeout_s}
    with waiting(f"{name.replace('.', ' ')} is under way") as end_waiting:

        def ask_passphrase() -> Secret:
            end_waiting()
            return asking.vault_passphrase()

        if asking.at_terminal():
            options["ask_passphrase"] = ask_passphrase
        do = partial(perform, DataDirectory.find())
        try:
            return do(name, given, **options)
        except VaultLockedError as error:
            if error.detail.field != PASSPHRASE or not asking.at_terminal():
                raise
        do("vault.unlock", {PASSPHRASE: ask_passphrase().reveal()})
        return do(name, given, **options)


def ask_gateway(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Has a running gateway do an operation; nothing is done here. Raises ``GatewayUnreachableError``."""
    from kruxos.client.control import ControlClient  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415
    from kruxos.paths import control_socket  # noqa: PLC0415

    given = {key: value for key, value in arguments.items() if value is not None}
    return ControlClient(address=control_socket(DataDirectory.find().root)).call(name, given)


def say(*lines: str) -> None:
    """Prints lines for people."""
    terminal = terminal_of(sys.stdout)
    for line in lines:
        print(plain(clean(line), terminal))


def show(lines: Iterable[str]) -> None:
    """Prints lines that are made for this terminal already."""
    for line in lines:
        print(line, flush=True)


def note(told: Sequence[str]) -> None:
    """Prints what the person should know, besides what was asked."""
    terminal = terminal_of(sys.stderr)
    for each in told:
        print(styled("note:", "warn", terminal), plain(clean(each), terminal), file=sys.stderr)


def tell_one(found: Mapping[str, Any], lines: Sequence[str], *, as_json: bool) -> int:
    """Prints one result, as JSON or in lines with what else the person should know (``told``); the exit code."""
    if as_json:
        print_json(found)
        return OK
    say(*lines)
    note(found["told"])
    return OK


def print_json_line(value: Any) -> None:
    """Prints one of many results as JSON, on a line of its own, at once."""
    import json  # noqa: PLC0415 - only for --json

    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_json(value: Any) -> None:
    """Prints a result as JSON."""
    import json  # noqa: PLC0415 - only for --json

    print(json.dumps(value, indent=2, ensure_ascii=False))
