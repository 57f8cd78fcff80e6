"""Settings > Vault: whether it is locked, which records it has, unlocking and locking. No value is ever shown."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from kruxos.web.dashboard.desk import PASSPHRASE, Asked, Trouble


async def show(asked: Asked) -> Response:
    """The vault."""
    return await _page(asked)


async def _page(asked: Asked, problem: Trouble | None = None) -> Response:
    values: dict[str, Any] = {
        "vault": await asked.operate("vault.status"),
        "records": (await asked.operate("vault.list"))["records"],
        "asks_passphrase": await asked.asks_passphrase(),
        "problem": problem,
    }
    return asked.show("vault.html", 200 if problem is None else problem.status, **values)


async def unlock(asked: Asked) -> Response:
    """Unlocks it, with the passphrase where it has one."""
    try:
        await asked.unlock(asked.form.get(PASSPHRASE) or None)
    except Trouble as found:
        return await _page(asked, found)
    asked.session.tell("The vault is unlocked.")
    return asked.go("/settings/vault")


async def lock(asked: Asked) -> Response:
    """Locks it."""
    await asked.operate("vault.lock")
    asked.session.proven_until = 0.0
    asked.session.tell("The vault is locked. Workers that run go on; a new one waits until it is unlocked.")
    return asked.go("/settings/vault")


PAGES = (
    ("GET", "/settings/vault", show),
    ("POST", "/settings/vault/unlock", unlock),
    ("POST", "/settings/vault/lock", lock),
)
