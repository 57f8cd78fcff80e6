"""The gateway and its workers: status, list, restart, stop, start."""

from __future__ import annotations

import time
from typing import Any

from kruxos import __version__
from kruxos.config.model import ROLE_NAMES
from kruxos.config.problems import SetupError
from kruxos.cores import supervision
from kruxos.fields import Fields
from kruxos.ledger.defaults import with_timed
from kruxos.operations.base import Context, LiveGateway, Operation, refused
from kruxos.operations.names import exact_provider


async def status(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The gateway as it is now; where it does not run, what the data directory says, with ``running`` False."""
    if context.gateway is not None:
        return context.gateway.status() | {"running": True}
    return await _from_disk(context)


async def _from_disk(context: Context) -> dict[str, Any]:
    problem, providers, defaults, now = "", [], {}, time.time()
    timed = context.ledger.defaults.read(now) if context.has_ledger else {}
    try:
        config = with_timed(await context.read_config(), timed, now)
        providers = list(config.providers.values())
        defaults = {role: name for role in ROLE_NAMES if (name := config.defaults.for_role(role)) is not None}
    except SetupError as error:
        problem = str(error)
    vault = context.vault.status() if context.has_vault else None
    agents = context.ledger.agents.list() if context.has_ledger else []
    return {
        "running": False,
        "version": __version__,
        "data_directory": str(context.data.root),
        "vault": None if vault is None else {
            "state": vault.state, "key_kept_in": vault.key_kept_in, "records": vault.records, "reason": vault.reason,
        },
        "defaults": defaults,
        "defaults_until": {role: each.until for role, each in timed.items() if defaults.get(role) == each.provider},
        "workers": [
            {
                "provider": each.name, "type": each.type, "model": each.model,
                "state": "stopped" if each.enabled else "disabled",
            }
            for each in providers
        ],
        "agents": sum(agent.revoked_at is None for agent in agents),
        "config_problem": problem,
        "notices": [],
    }  # fmt: skip


async def list_workers(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The workers, and the web process, as ``status`` has them."""
    status = context.running().status()
    return {"workers": status["workers"], "web": status["web"]}


async def restart(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Replaces a provider's worker; calls under way finish on the old one, unless ``now``."""
    fields, gateway = Fields(arguments), context.running()
    name = _enabled_provider(gateway, fields)
    gateway.supervise(name, supervision.Restart(now=fields.boolean("now", default=False)))
    return {"provider": name}


async def stop(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Stops a provider's worker until somebody starts it; calls under way finish, unless ``now``."""
    fields, gateway = Fields(arguments), context.running()
    name = exact_provider(gateway.config, fields.text("provider", limit=64)).name
    gateway.supervise(name, supervision.Stop(now=fields.boolean("now", default=False)))
    return {"provider": name}


async def start(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Starts a provider's worker, whatever happened before."""
    fields, gateway = Fields(arguments), context.running()
    name = _enabled_provider(gateway, fields)
    gateway.supervise(name, supervision.Start())
    return {"provider": name}


async def reset(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Clears a provider's cooldowns and what was learned of its limits."""
    gateway = context.running()
    name = _enabled_provider(gateway, Fields(arguments))
    gateway.forget_limits(name)
    return {"provider": name}


def _enabled_provider(gateway: LiveGateway, fields: Fields) -> str:
    provider = exact_provider(gateway.config, fields.text("provider", limit=64))
    if not provider.enabled:
        raise refused(f"{provider.name} is disabled in models.yaml", f"kruxos model enable {provider.name}")
    return provider.name


OPERATIONS = (
    Operation("status", status, reads=True),
    Operation("worker.list", list_workers, reads=True),
    Operation("worker.restart", restart),
    Operation("worker.stop", stop),
    Operation("worker.start", start),
    Operation("worker.reset", reset),
)
