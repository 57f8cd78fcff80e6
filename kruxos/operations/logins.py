"""Logins of subscriptions: storing what `kruxos model add` and `kruxos model login` have brought, and revoking.

The login itself is the command line's: it shows a person where to go (``kruxos.cli.login``). Here its tokens arrive, in
an operation's arguments, and go into the vault.
"""

from __future__ import annotations

from typing import Any

from kruxos.config.model import Provider, destination
from kruxos.config.secret import Secret
from kruxos.errors import BadRequestError, KruxosError, VaultLockedError
from kruxos.fields import Fields
from kruxos.login import RECORD_BYTES_MAX, read_login
from kruxos.operations.base import Context, Operation, refused
from kruxos.operations.issuing import issuer_of, revoke
from kruxos.operations.names import meant_provider
from kruxos.vault.problems import VaultError
from kruxos.vault.vault import record_name

_NAME_CHARS_MAX = 2048


async def plan(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether ``model.login`` with the same name can be done, and where one signs in, so that nobody does in vain."""
    provider, told = await _meant(context, arguments)
    if context.has_vault:
        status = context.unlocked_vault().status()
        if status.state == "locked":
            raise VaultLockedError(status.reason)
    return {"name": provider.name, "issuer": issuer_of(provider).to_wire(), "told": told}


async def login(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Stores a new login for a provider, in place of the one that is there. Arguments: name, login (a record)."""
    provider, told = await _meant(context, arguments)
    await context.aside(lambda: store_login(context, provider, given_login(arguments)))
    await context.secret_stored(provider.name)
    return {"name": provider.name, "told": told, "in_force": context.gateway is not None}


def given_login(arguments: dict[str, Any]) -> Secret:
    """The login among an operation's arguments. Raises ``BadRequestError``."""
    text = Fields(arguments).text("login", limit=RECORD_BYTES_MAX)
    if read_login(text.encode()).ended:
        raise BadRequestError("this login has ended", field="login")
    return Secret(text)


def store_login(context: Context, provider: Provider, record: Secret) -> bool:
    """Stores the provider's login, bound to where it may go. False: in place of one that was there."""
    name, vault = record_name(provider.name), context.unlocked_vault()
    fresh = all(entry.name != name for entry in vault.list())
    vault.replace(name, "oauth", record, destination(provider))
    return fresh


def take_login(context: Context, provider: Provider) -> Secret | None:
    """The provider's login, which is about to be removed; None where none is to be revoked. Raises ``KruxosError``."""
    if provider.auth != "oauth" or not context.has_vault:
        return None
    name, vault = record_name(provider.name), context.unlocked_vault()
    if all(entry.name != name for entry in vault.list()):
        return None
    record = vault.get(name, destination(provider))
    return None if read_login(record.reveal_bytes()).ended else record


async def revoke_login(context: Context, provider: Provider, record: Secret | KruxosError | VaultError) -> list[str]:
    """Ends a login at its issuer, as well as that can be done; what the person should know of it."""
    if isinstance(record, Secret):
        problem = await context.aside(lambda: revoke(issuer_of(provider), record))
    else:
        problem = record.message
    if not problem:
        return [f"the login was revoked at {provider.oauth_issuer}"]
    return [f"the login could not be revoked at {provider.oauth_issuer} ({problem}): sign out there yourself"]


async def _meant(context: Context, arguments: dict[str, Any]) -> tuple[Provider, list[str]]:
    name = Fields(arguments).text("name", limit=_NAME_CHARS_MAX)
    provider, told = meant_provider(await context.read_config(), name)
    if provider.auth != "oauth":
        add = f"`kruxos vault add {record_name(provider.name)} api-key`"
        raise refused(f"one does not sign in to {provider.name} with an account", f"store its key: {add}")
    return provider, told


OPERATIONS = (
    Operation("model.plan_login", plan, reads=True),
    Operation("model.login", login, guarded=True),
)
