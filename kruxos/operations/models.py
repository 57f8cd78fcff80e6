"""Providers: add, list, remove, default, confirm, enable, disable.

Where vault and models.yaml both change, the order is such that a crash in between loses nothing and the command can be
given again: a key is stored before the entry that wants it, and an entry goes before its key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from kruxos import catalog
from kruxos.config import edit
from kruxos.config.load import load
from kruxos.config.model import ROLE_NAMES, ModelsConfig, Provider, RoleName, destination
from kruxos.config.models_file import read_models
from kruxos.config.problems import ConfigError, SetupError
from kruxos.config.secret import Secret
from kruxos.errors import BadRequestError, KruxosError, VaultLockedError
from kruxos.fields import Fields
from kruxos.ledger.defaults import ForAWhile, holds, with_timed
from kruxos.operations.additions import Addition, Wish, plan_addition
from kruxos.operations.base import Context, Operation, refused
from kruxos.operations.batches import told_of_batches
from kruxos.operations.issuing import issuer_of
from kruxos.operations.lifetimes import provider_lifetime
from kruxos.operations.logins import given_login, revoke_login, store_login, take_login
from kruxos.operations.names import exact_provider, meant_provider, unknown_provider
from kruxos.vault.problems import VaultError
from kruxos.vault.vault import Entry, record_name

KEY_CHARS_MAX = 8192
_WORD_CHARS_MAX = 2048
FOR_MAX_S = 366 * 86_400.0
"""A default for a while is one for at most a year."""


# Adding


async def plan(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """What ``model.add`` with the same arguments would do, and ``needs_key``: whether it will want ``api_key``.

    ``issuer`` is where one signs in, if it will want a ``login``; ``renews`` the provider that is there already, whose
    login is all that can be wanted. Raises whatever speaks against it, so that nobody is asked for a key in vain.
    """
    there = await context.aside(lambda: _signed_in_to(context, arguments))
    if there is not None:
        return {"renews": there, "needs_key": False, "issuer": None}
    prepared = await context.aside(lambda: _prepare(context, arguments))
    auth, provider = prepared.addition.auth, prepared.provider
    if auth != "none" and context.has_vault:
        status = context.unlocked_vault().status()
        if status.state == "locked":
            raise VaultLockedError(status.reason)
    issuer = issuer_of(provider).to_wire() if auth == "oauth" else None
    return prepared.shown() | {"needs_key": auth == "api_key", "issuer": issuer, "renews": None}


async def add(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Adds a provider: stores its key, writes its entry, and makes it the default for chat if there is none.

    Arguments: type; optional name, auth, endpoint, base_url, model, label; ``api_key`` or ``login`` where the plan says
    so.
    """
    prepared = await context.aside(lambda: _prepare(context, arguments))
    addition = prepared.addition
    becomes_default = prepared.config.defaults.chat is None
    stored_now = False
    if addition.auth == "api_key":
        stored_now = await _store_key(context, prepared.provider, _key(arguments))
    elif addition.auth == "oauth":
        login = given_login(arguments)
        stored_now = await context.aside(lambda: store_login(context, prepared.provider, login))
    try:
        config = await context.edit(partial(_added, addition, becomes_default=becomes_default))
    except SetupError:
        if stored_now:
            context.vault.remove(record_name(addition.name))
        raise
    default_for = [role for role in ROLE_NAMES if config.defaults.for_role(role) == addition.name]
    return prepared.shown() | {"default_for": default_for, "in_force": context.gateway is not None}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An addition that can be made: ``config`` is what the file will say, ``told`` what the person should know."""

    addition: Addition
    config: ModelsConfig
    told: list[str]

    @property
    def provider(self) -> Provider:
        return self.config.providers[self.addition.name]

    def shown(self) -> dict[str, Any]:
        fields = self.addition.fields
        return {
            "name": self.addition.name,
            "type": fields["type"],
            "auth": self.addition.auth,
            "model": self.provider.model,
            "base_url": fields.get("base_url") or fields.get("endpoint"),
            "told": self.told,
        }


def _planned(arguments: dict[str, Any]) -> Addition:
    fields = Fields(arguments)
    wish = Wish(
        type=fields.text("type", limit=_WORD_CHARS_MAX),
        **{
            name: fields.maybe_text(name, limit=_WORD_CHARS_MAX)
            for name in ("name", "auth", "endpoint", "base_url", "model", "label")
        },
    )
    return plan_addition(wish, today=catalog.day_of(time.time()))


def _signed_in_to(context: Context, arguments: dict[str, Any]) -> str | None:
    """The provider that the same command has added before, where one signs in to it with an account."""
    addition = _planned(arguments)
    there = load(read_models(context.data.models)).providers.get(addition.name)
    wanted = addition.fields
    if there is None or there.auth != "oauth" or (wanted["auth"], wanted["type"]) != ("oauth", there.type):
        return None
    return there.name if wanted.get("base_url") in (None, there.base_url) else None


def _prepare(context: Context, arguments: dict[str, Any]) -> _Prepared:
    """Raises ``RefusedError``, ``SetupError`` for what cannot be added."""
    addition = _planned(arguments)
    text = read_models(context.data.models)
    if addition.name in load(text).providers:
        message = f"there is a provider {addition.name} already"
        removal = f"`kruxos model remove {addition.name}`"
        raise refused(message, f"give this one another name: --name {addition.name}-2; or first: {removal}")
    config = _resolved(text, addition)
    return _Prepared(addition, config, _notes(addition, config))


def _resolved(text: str, addition: Addition) -> ModelsConfig:
    """The file as it would be read. What is wrong with the entry is told without lines that nobody has written."""
    own = f"providers.{addition.name}."
    try:
        return load(_added(addition, text, becomes_default=False))
    except ConfigError as error:
        if any(not f"{problem.path}.".startswith(own) for problem in error.problems):
            raise
        first = error.problems[0]
        raise refused(f"{first.path.removeprefix(own)}: {first.message}", first.fix) from None


def _notes(addition: Addition, config: ModelsConfig) -> list[str]:
    return [*addition.told, *_hints(addition.name, config)]


def _added(addition: Addition, text: str, *, becomes_default: bool) -> str:
    text = edit.add_provider(text, addition.name, addition.fields)
    return edit.set_default(text, "chat", addition.name) if becomes_default else text


def _key(arguments: dict[str, Any]) -> Secret:
    key = Fields(arguments).maybe_text("api_key", limit=KEY_CHARS_MAX)
    if not key or not key.strip():
        raise BadRequestError("no API key was given", field="api_key")
    return Secret(key.strip())


async def _store_key(context: Context, provider: Provider, key: Secret) -> bool:
    """Stores the provider's key, bound to where it may go. False: in place of one that was there."""
    name, to = record_name(provider.name), destination(provider)

    def store() -> bool:
        vault = context.unlocked_vault()
        fresh = all(entry.name != name for entry in vault.list())
        vault.replace(name, "api-key", key, to)
        return fresh

    return await context.aside(store)


# Listing


async def list_models(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """All providers as models.yaml has them, with their keys' state, and their workers' where the gateway runs."""
    written, problem = await _config_to_show(context)
    timed, now = await _timed(context), time.time()
    config = with_timed(written, timed, now)
    stored = {entry.name: entry for entry in _entries(context)} if config.providers else {}
    workers = (
        {} if context.gateway is None else {each["provider"]: each for each in context.gateway.status()["workers"]}
    )
    today = catalog.day_of(time.time())
    return {
        "providers": [
            _shown(each, config, stored, workers.get(each.name)) | {"told": _told(each, config, today)}
            for each in config.providers.values()
        ],
        "defaults_until": {role: each.until for role, each in timed.items() if holds(each, config, now)},
        "running": context.gateway is not None,
        "config_problem": problem,
    }


async def _config_to_show(context: Context) -> tuple[ModelsConfig, str]:
    try:
        return await context.read_config(), ""
    except SetupError as error:
        if context.gateway is None:
            raise
        return context.gateway.config, str(error)


def _shown(
    provider: Provider, config: ModelsConfig, stored: dict[str, Entry], worker: dict[str, Any] | None
) -> dict[str, Any]:
    entry = stored.get(record_name(provider.name))
    return {
        "name": provider.name,
        "label": provider.label,
        "type": provider.type,
        "model": provider.model,
        "auth": provider.auth,
        "base_url": provider.base_url,
        "enabled": provider.enabled,
        "default_for": [role for role in ROLE_NAMES if config.defaults.for_role(role) == provider.name],
        "credentials": _credentials(provider, entry),
        "stored_for": None if entry is None else str(entry.destination),
        "wanted_for": str(destination(provider)),
        "state": None if worker is None else worker["state"],
        "reason": None if worker is None else worker["reason"],
    }


def _told(provider: Provider, config: ModelsConfig, today: str) -> list[str]:
    """What models.yaml says of the provider that has become otherwise, or may not be what was meant."""
    return [*_hints(provider.name, config), *provider_lifetime(provider, today)]


def _hints(name: str, config: ModelsConfig) -> list[str]:
    own = f"providers.{name}."
    hints = [hint for hint in config.hints if hint.path.startswith(own)]
    return [f"{hint.path.removeprefix(own)} {hint.message}, {hint.fix}" for hint in hints]


def _credentials(provider: Provider, entry: Entry | None) -> str:
    """stored, missing, destination_changed or not_needed."""
    if provider.auth == "none":
        return "not_needed"
    if entry is None:
        return "missing"
    return "stored" if entry.destination == destination(provider) else "destination_changed"


# Changing


async def remove(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Removes a provider, the defaults that name it, and its key; or the key alone, where nothing else is left.

    A login is revoked at its issuer, as well as that can be done.
    """
    name = Fields(arguments).text("name", limit=_WORD_CHARS_MAX)
    config = await context.read_config()
    there = name in config.providers
    if there:
        await context.edit(lambda text: edit.remove_provider(text, name))
    login = await context.aside(lambda: _login_to_revoke(context, config.providers.get(name)))
    is_login = any(entry.name == record_name(name) and entry.kind == "oauth" for entry in _entries(context))
    had_key = context.has_vault and await context.aside(lambda: context.vault.remove(record_name(name)))
    if not there and not had_key:
        raise unknown_provider(config, name)
    was_default_for = [role for role in ROLE_NAMES if config.defaults.for_role(role) == name]
    told = [] if login is None else await revoke_login(context, config.providers[name], login)
    told += [] if there or not is_login else ["its login was not revoked: sign out at its issuer yourself"]
    told += await context.aside(lambda: told_of_batches(context, provider=name))
    return {"name": name, "had_entry": there, "had_key": had_key, "was_default_for": was_default_for, "told": told}


def _entries(context: Context) -> list[Entry]:
    return context.vault.list() if context.has_vault else []


def _login_to_revoke(context: Context, provider: Provider | None) -> Secret | KruxosError | VaultError | None:
    """The login, or why it cannot be had; None where there is nothing to revoke."""
    try:
        return None if provider is None else take_login(context, provider)
    except (KruxosError, VaultError) as error:
        return error


async def default(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Sets which provider answers for a role where an agent has none of its own.

    Arguments: role, name; ``for_s``: only for so long, then models.yaml's own answers again. Without it models.yaml is
    changed, and what held for a while holds no more.
    """
    fields = Fields(arguments)
    role = cast("RoleName", fields.choice("role", ROLE_NAMES))
    provider, told = await _meant(context, fields)
    if not provider.enabled:
        told.append(f"{provider.name} is disabled: `kruxos model enable {provider.name}`")
    for_s = fields.maybe_number("for_s", low=1.0, high=FOR_MAX_S)
    until = None if for_s is None else time.time() + for_s
    if until is None:
        await context.edit(lambda text: edit.set_default(text, role, provider.name))
    await _set_timed(context, role, None if until is None else ForAWhile(provider.name, until))
    back = (await context.read_config()).defaults.for_role(role)
    return {"role": role, "name": provider.name, "until": until, "then": None if until is None else back, "told": told}


async def _set_timed(context: Context, role: RoleName, value: ForAWhile | None) -> None:
    if value is None and not context.has_ledger:
        return
    await context.aside(lambda: context.ledger.defaults.set(role, value))
    if context.gateway is not None:
        context.gateway.defaults_timed(await context.aside(lambda: context.ledger.defaults.read(time.time())))


async def _timed(context: Context) -> dict[RoleName, ForAWhile]:
    if not context.has_ledger:
        return {}
    return await context.aside(lambda: context.ledger.defaults.read(time.time()))


async def confirm(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The operator's word that a provider's new address is right: its key goes there from now on."""
    provider = exact_provider(await context.read_config(), Fields(arguments).text("name", limit=_WORD_CHARS_MAX))
    to = destination(provider)
    await context.aside(lambda: context.unlocked_vault().rebind(record_name(provider.name), to))
    await context.secret_stored(provider.name)
    return {"name": provider.name, "destination": str(to)}


async def enable(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Lets a provider take calls."""
    return await _set_enabled(context, arguments, enabled=True)


async def disable(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Takes a provider out of use; its entry and key stay, and calls under way finish."""
    return await _set_enabled(context, arguments, enabled=False)


async def _set_enabled(context: Context, arguments: dict[str, Any], *, enabled: bool) -> dict[str, Any]:
    provider, told = await _meant(context, Fields(arguments))
    config = await context.edit(lambda text: edit.set_field(text, provider.name, "enabled", enabled))
    roles = [role for role in ROLE_NAMES if config.defaults.for_role(role) == provider.name]
    if not enabled and roles:
        told.append(f"it is still the default for {' and '.join(roles)}: calls go on to the next in the order")
    return {"name": provider.name, "enabled": enabled, "told": told}


async def set_model(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Another model for a provider. Arguments: name, model."""
    fields = Fields(arguments)
    model = fields.text("model", limit=_WORD_CHARS_MAX)
    provider, told = await _meant(context, fields)
    await context.edit(lambda text: edit.set_field(text, provider.name, "model", model))
    return {"name": provider.name, "model": model, "told": told}


async def _meant(context: Context, fields: Fields) -> tuple[Provider, list[str]]:
    return meant_provider(await context.read_config(), fields.text("name", limit=_WORD_CHARS_MAX))


OPERATIONS = (
    Operation("model.plan", plan, reads=True),
    Operation("model.add", add, guarded=True),
    Operation("model.list", list_models, reads=True),
    Operation("model.remove", remove, guarded=True),
    Operation("model.default", default),
    Operation("model.confirm", confirm, guarded=True),
    Operation("model.set_model", set_model),
    Operation("model.enable", enable),
    Operation("model.disable", disable),
)
