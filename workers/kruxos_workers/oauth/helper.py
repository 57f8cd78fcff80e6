"""A process that asks the issuer of a login on behalf of whoever started it, and ends.

One JSON map comes on standard input: what to ``do`` (login or revoke), issuer, client_id, proxy, ca_bundle, and the
record to revoke. JSON maps go out on standard output, one a line. Tokens go this way and no other. When standard input
closes, whoever wanted to know is gone, and so is this process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import trio

from kruxos.errors import KruxosError
from kruxos.fields import Fields
from kruxos.launcher import linux
from kruxos.login import RECORD_BYTES_MAX, read_login
from kruxos_workers.http import ProviderClient, proxy_from_url

from .issuer import ORIGINATOR, Issuer, IssuerUnreachable
from .protocol import CODE_VALID_S, Code, LoginFailed
from .signing_in import PAGE, sign_in

REVOKE_WITHIN_S = 10.0
REQUEST_BYTES_MAX = RECORD_BYTES_MAX * 2 + 16 * 1024


def main() -> None:
    """Does what standard input says."""
    linux.forbid_dumps()
    fields = Fields(json.loads(sys.stdin.buffer.readline(REQUEST_BYTES_MAX)))
    trio.run(_run, fields)


async def _run(fields: Fields) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_leave_when_alone)
        try:
            await _do(fields)
        except IssuerUnreachable as unreachable:
            _say(say="failed", kind="unreachable", reason=unreachable.error.message)
        except LoginFailed as failed:
            _say(say="failed", kind=failed.kind, reason=failed.reason)
        except KruxosError as error:
            _say(say="failed", kind="failed", reason=error.message)
        except OSError as error:
            _say(say="failed", kind="failed", reason=f"ca_bundle: {error.strerror}")
        nursery.cancel_scope.cancel()


async def _do(fields: Fields) -> None:
    issuer = _issuer(fields)
    if fields.choice("do", ("login", "revoke")) == "revoke":
        problem = "no answer in time"
        with trio.move_on_after(REVOKE_WITHIN_S):
            problem = await issuer.revoke(read_login(fields.text("record").encode()))
        _say(say="revoked", problem=problem)
        return
    login = await sign_in(issuer, lambda code: _show(issuer, code), time.time)
    _say(say="login", record=login.to_record().decode())


def _issuer(fields: Fields) -> Issuer:
    proxy, ca_bundle = fields.maybe_text("proxy"), fields.maybe_text("ca_bundle")
    client = ProviderClient(
        fields.text("issuer"),
        headers={"originator": ORIGINATOR},
        proxy=None if proxy is None else proxy_from_url(proxy),
        ca_bundle=None if ca_bundle is None else Path(ca_bundle).read_bytes(),
    )
    return Issuer(client, fields.text("client_id"))


def _show(issuer: Issuer, code: Code) -> None:
    _say(say="code", url=issuer.client.base_url + PAGE, user_code=code.user_code, valid_s=CODE_VALID_S)


def _say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def _leave_when_alone() -> None:
    stdin = trio.lowlevel.FdStream(os.dup(sys.stdin.fileno()))
    async with stdin:
        while await stdin.receive_some(1):
            pass
    os._exit(1)
