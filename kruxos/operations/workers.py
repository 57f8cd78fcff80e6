"""The gateway and its workers: status, restart, stop, start."""

from __future__ import annotations

from typing import Any

from kruxos.cores import supervision
from kruxos.errors import RefusedError
from kruxos.fields import Fields
from kruxos.operations.base import Context, LiveGateway, Operation


async def status(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The gateway as it is now."""
    return context.running().status()


async def restart(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Replaces a provider's worker; calls under way finish on the old one, unless ``now``."""
    fields, gateway = Fields(arguments), context.running()
    name = _provider(gateway, fields)
    gateway.supervise(name, supervision.Restart(now=fields.boolean("now", default=False)))
    return {"provider": name}


async def stop(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Stops a provider's worker until somebody starts it; calls under way finish, unless ``now``."""
    fields, gateway = Fields(arguments), context.running()
    name = _provider(gateway, fields)
    gateway.supervise(name, supervision.Stop(now=fields.boolean("now", default=False)))
    return {"provider": name}


async def start(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Starts a provider's worker, whatever happened before."""
    fields, gateway = Fields(arguments), context.running()
    name = _provider(gateway, fields)
    if not gateway.config.providers[name].enabled:
        raise RefusedError(f"{name} is disabled in models.yaml\n  fix: kruxos model enable {name}")
    gateway.supervise(name, supervision.Start())
    return {"provider": name}


def _provider(gateway: LiveGateway, fields: Fields) -> str:
    name = fields.text("provider", limit=64)
    if name not in gateway.config.providers:
        known = ", ".join(gateway.config.providers) or "none"
        raise RefusedError(f"there is no provider {name}; there are: {known}")
    return name


OPERATIONS = (
    Operation("status", status, reads=True),
    Operation("worker.restart", restart),
    Operation("worker.stop", stop),
    Operation("worker.start", start),
)
