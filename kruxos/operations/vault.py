"""The vault: add, list, rotate, remove, import, lock, unlock, status, and where its key is kept.

Secrets come in the operation's arguments, over a socket that only its owner can open, and go nowhere else.
"""

from __future__ import annotations

from typing import Any, get_args

from kruxos.config import models_file
from kruxos.config.model import PROVIDER_NAME, destination
from kruxos.config.pasted import shown
from kruxos.config.secret import Secret
from kruxos.cores import supervision
from kruxos.errors import BadRequestError, VaultLockedError
from kruxos.fields import Fields
from kruxos.operations.base import Context, LiveGateway, Operation, refused
from kruxos.operations.names import exact_provider
from kruxos.vault.importing import import_pasted
from kruxos.vault.keys import SourceName
from kruxos.vault.vault import PROVIDER_PREFIX, SECRET_BYTES_MAX, Vault, record_name

PLACES: tuple[SourceName, ...] = get_args(SourceName)
_NAME_CHARS_MAX = 128


async def add(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Stores a provider's key, in place of the one that is there. Arguments: name (model-provider:NAME), secret."""
    fields = Fields(arguments)
    name = _provider_of(fields)
    provider = exact_provider(await context.read_config(), name)
    if provider.auth == "oauth":
        raise refused(f"{name} signs in with an account, not with a key", f"kruxos model login {name}")
    secret, record, to = _secret(fields, "secret"), record_name(name), destination(provider)

    def store() -> bool:
        vault = context.unlocked_vault()
        there = any(entry.name == record for entry in vault.list())
        vault.replace(record, "api-key", secret, to)
        return there

    replaced = await context.aside(store)
    await context.secret_stored(name)
    told: list[str] = []
    if provider.auth == "none":
        told.append(f"{name} signs in with nothing: set `auth: api_key` in models.yaml, or the key is not used")
    return {"name": record, "provider": name, "replaced": replaced, "destination": str(to), "told": told}


async def plan(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Whether ``vault.add`` with the same name can be done, so that nobody is asked for a key in vain."""
    name = _provider_of(Fields(arguments))
    provider = exact_provider(await context.read_config(), name)
    if context.has_vault:
        _need_unlocked(context.unlocked_vault())
    return {"provider": name, "destination": str(destination(provider))}


async def rotate(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Gives a record that is there a new secret; where it may go stays. Arguments: name (model-provider:NAME), secret.

    The provider's worker is replaced: calls under way finish with the old key.
    """
    fields = Fields(arguments)
    name = _provider_of(fields)
    secret, record = _secret(fields, "secret"), record_name(name)

    def change() -> str:
        vault = context.unlocked_vault()
        entry = next((each for each in vault.list() if each.name == record), None)
        if entry is None:
            raise refused(f"there is no {record} in the vault", f"kruxos vault add {record} api-key")
        if entry.kind == "oauth":
            raise refused(f"{record} is a login, not a key", f"kruxos model login {name}")
        vault.rotate(record, secret)
        return str(entry.destination)

    to = await context.aside(change)
    await context.secret_stored(name)
    return {"name": record, "provider": name, "destination": to}


async def list_records(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The records without their secrets; ``used``: whether models.yaml has their provider."""
    config = context.gateway.config if context.gateway is not None else await context.read_config()
    entries = context.vault.list() if context.has_vault else []
    return {
        "records": [
            {
                "name": entry.name,
                "kind": entry.kind,
                "created_at": entry.created_at,
                "changed_at": entry.changed_at,
                "destination": str(entry.destination),
                "used": entry.name.removeprefix(PROVIDER_PREFIX) in config.providers,
            }
            for entry in entries
        ]
    }


async def remove(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Removes a provider's key; its worker goes at once, with what it has in memory."""
    name = _provider_of(Fields(arguments))
    if not context.has_vault or not await context.aside(lambda: context.vault.remove(record_name(name))):
        raise refused(f"there is no {record_name(shown(name))} in the vault", "`kruxos vault list` shows what there is")
    if context.gateway is not None and name in _with_secrets(context.gateway):
        context.gateway.supervise(name, supervision.Restart(now=True, reason="its key was removed"))
    return {"name": record_name(name), "provider": name}


def _with_secrets(gateway: LiveGateway) -> list[str]:
    """Providers with a worker that may have its secret already."""
    return [each["provider"] for each in gateway.status()["workers"] if each["state"] in ("starting", "ready")]


async def import_keys(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Moves the keys that were pasted into models.yaml to the vault; first the vault, then the file."""
    moved: tuple[str, ...] = ()

    def change(text: str) -> str:
        nonlocal moved
        imported = import_pasted(context.unlocked_vault(), text)
        moved = imported.providers
        return imported.text

    await context.aside(lambda: models_file.edit_models(context.data.models, change))
    for name in moved:
        await context.secret_stored(name)
    return {"providers": list(moved)}


async def lock(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Overwrites the key in the gateway's memory. Workers that run go on; a dead one waits until it is unlocked."""
    context.running()
    context.vault.lock()
    return _status(context.vault)


async def unlock(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Gets the key, by ``passphrase`` where the vault has one; workers that wait for their secret are started."""
    gateway, fields = context.running(), Fields(arguments)
    passphrase = _secret(fields, "passphrase") if fields.has("passphrase") else None
    await context.aside(lambda: context.vault.unlock(passphrase))
    gateway.secrets_changed()
    return _status(context.vault)


async def status(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """State, where the key is kept, how many records, and what to do if it is locked."""
    if not context.has_vault:
        return {"state": "none", "key_kept_in": "", "source": None, "records": 0, "reason": "", "running": False}
    return _status(context.vault) | {"running": context.gateway is not None}


async def set_passphrase(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Makes a new key and keeps it in ``place``: passphrase, file, keyring or credential.

    Arguments: place; ``passphrase``, the new one; ``old_passphrase`` where the vault has one now.
    """
    fields = Fields(arguments)
    place = fields.choice("place", PLACES)
    new = _secret(fields, "passphrase") if place == "passphrase" else None
    old = _secret(fields, "old_passphrase") if fields.has("old_passphrase") else None

    def change() -> None:
        vault = context.vault
        if vault.status().source == "passphrase":
            vault.unlock(old)  # whoever changes it shows that they know it
        vault.keep_key_in(place, new)  # type: ignore[arg-type]  # one of PLACES

    await context.aside(change)
    if context.gateway is not None:
        context.gateway.secrets_changed()
    return _status(context.vault)


def _status(vault: Vault) -> dict[str, Any]:
    found = vault.status()
    return {
        "state": found.state,
        "key_kept_in": found.key_kept_in,
        "source": found.source,
        "records": found.records,
        "reason": found.reason,
    }


def _need_unlocked(vault: Vault) -> None:
    found = vault.status()
    if found.state == "locked":
        raise VaultLockedError(found.reason)


def _provider_of(fields: Fields) -> str:
    """The provider whose record is named: ``model-provider:NAME``."""
    name = fields.text("name", limit=_NAME_CHARS_MAX)
    provider = name.removeprefix(PROVIDER_PREFIX)
    if provider == name or not PROVIDER_NAME.fullmatch(provider):
        raise refused("this is not a name for a record", "write it as model-provider:NAME")
    return provider


def _secret(fields: Fields, name: str) -> Secret:
    text = fields.text(name, limit=SECRET_BYTES_MAX)
    if not text.strip():
        raise BadRequestError("nothing was given to store", field=name)
    return Secret(text)


OPERATIONS = (
    Operation("vault.add", add, guarded=True),
    Operation("vault.plan", plan, reads=True),
    Operation("vault.list", list_records, reads=True),
    Operation("vault.rotate", rotate, guarded=True),
    Operation("vault.remove", remove, guarded=True),
    Operation("vault.import", import_keys, guarded=True),
    Operation("vault.lock", lock),
    Operation("vault.unlock", unlock, proves=True),
    Operation("vault.status", status, reads=True),
    Operation("vault.set_passphrase", set_passphrase, proves=True),
)
