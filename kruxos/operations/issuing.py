"""Asking the issuer of a login: in a process of its own, since neither the gateway nor an operation speaks HTTP.

The process is started by module name, as workers are. What it is asked goes through its standard input, what it says
comes on its standard output: tokens are in no argument, no environment and no log. It ends with whoever started it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, cast

from kruxos.config.model import Provider
from kruxos.config.secret import Secret
from kruxos.launcher.paths import module_command

HELPER = "kruxos_workers.oauth.helper"
LINE_BYTES_MAX = 128 * 1024


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where a provider's logins come from, and the way there."""

    issuer: str
    client_id: str
    proxy: str | None = None
    ca_bundle: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def issuer_of(provider: Provider) -> Issuer:
    """The issuer of a provider that one signs in to with an account."""
    return Issuer(provider.oauth_issuer or "", provider.oauth_client_id or "", provider.proxy, provider.ca_bundle)


@contextmanager
def helper(issuer: Issuer, do: str, **more: str) -> Generator[Iterator[dict[str, Any]]]:
    """Starts the process; gives what it says, as it says it. Leaving the block ends it."""
    command = module_command(HELPER)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command, env={}, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it ended already; what it said, or that it said nothing, tells more
            process.stdin.write(json.dumps(issuer.to_wire() | {"do": do} | more).encode() + b"\n")
            process.stdin.flush()
        yield _said(process)
    finally:
        process.kill()
        process.communicate()


def _said(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    while line := process.stdout.readline(LINE_BYTES_MAX):
        yield cast("dict[str, Any]", json.loads(line))


def revoke(issuer: Issuer, record: Secret) -> str:
    """Ends a login at its issuer; gives why that failed, empty where it did not."""
    with helper(issuer, "revoke", record=record.reveal()) as said:
        for each in said:
            return str(each.get("problem") if each.get("say") == "revoked" else each.get("reason"))
    return "no answer"
