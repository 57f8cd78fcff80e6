"""How one provider stands: all that is known of it, and why it answers, or does not."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from kruxos import catalog
from kruxos.config.model import Provider
from kruxos.fields import Fields
from kruxos.ledger.failures import Lately
from kruxos.operations.advice import advise
from kruxos.operations.base import Context, Operation
from kruxos.operations.lifetimes import provider_lifetime
from kruxos.operations.models import list_models
from kruxos.operations.names import meant_provider
from kruxos.operations.proving import KEY_REFUSED

WITHIN_S = 86_400.0
_LASTING = (*KEY_REFUSED, "model_not_found", "provider_misconfigured", "provider_unreachable", "quota_exhausted")
"""Last errors that go on until somebody does something, or the provider does."""


async def show(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """One provider as models.yaml has it, with everything filled in: no secret, and of headers the names alone.

    ``agents``: who asks it first; ``lately``: as in ``model.why``; ``told``: what is to be known of its model.
    """
    provider, told = await _meant(context, arguments)
    lately = await _lately(context, provider, time.time() - WITHIN_S)
    agents = await context.aside(lambda: _agents(context, provider.name))
    return await _listed(context, provider) | {
        "dialect": provider.dialect,
        "profile": provider.profile,
        "isolation": provider.isolation,
        "proxy": provider.proxy,
        "ca_bundle": provider.ca_bundle,
        "limits": asdict(provider.limits),
        "time_limits": asdict(provider.time_limits),
        "headers": sorted(provider.headers),
        "model_aliases": dict(provider.model_aliases),
        "agents": agents,
        "lately": _shown(lately),
        "told": [*told, *provider_lifetime(provider, catalog.day_of(time.time()))],
    }


async def why(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Why a provider stands as it does. Arguments: name; ``since`` (Unix seconds; a day ago).

    ``state``, ``reason`` and ``since`` are its worker's; ``message`` and ``fix`` say what keeps it from answering,
    empty where nothing does; ``next_try_at`` is when it is asked, or started, again by itself; ``lately`` has its
    failures by code, and who answered instead.
    """
    provider, told = await _meant(context, arguments)
    now = time.time()
    since = Fields(arguments).maybe_number("since", low=0.0)
    lately = await _lately(context, provider, now - WITHIN_S if since is None else since)
    listed = await _listed(context, provider)
    worker = _worker(context, provider.name)
    code = _code(listed, worker, now)
    advice = advise(
        code, provider.name, kind=provider.type, base_url=provider.base_url, model=provider.model, proxy=provider.proxy
    )
    return {
        "name": provider.name,
        "running": context.gateway is not None,
        "state": worker.get("state"),
        "reason": worker.get("reason") or "",
        "since": worker.get("since"),
        "code": code,
        "message": advice.message if code else "",
        "fix": advice.fix if code else "",
        "cooling_until": worker.get("cooling_until"),
        "next_try_at": worker.get("cooling_until") or worker.get("retry_at"),
        "last_error": worker.get("last_error") or "",
        "last_error_at": worker.get("last_error_at"),
        "lately": _shown(lately),
        "told": told,
    }


def _code(listed: dict[str, Any], worker: dict[str, Any], now: float) -> str:
    """What keeps the provider from answering, in one code; empty where nothing is known to."""
    if not listed["enabled"]:
        return "no_provider"
    missing = "needs_login" if listed["auth"] == "oauth" else "no_credentials"
    keys = {"missing": missing, "destination_changed": "destination_changed"}
    if listed["credentials"] in keys:
        return keys[listed["credentials"]]
    if worker.get("state") in ("failed", "stopped"):
        return str(worker["reason"])
    if worker.get("state") == "backoff":
        return "worker_lost"
    if (worker.get("cooling_until") or 0.0) > now:
        return str(worker.get("cooling_reason") or "rate_limited")
    last = str(worker.get("last_error") or "")
    return last if last in _LASTING else ""


def _worker(context: Context, name: str) -> dict[str, Any]:
    workers: list[dict[str, Any]] = [] if context.gateway is None else context.gateway.status()["workers"]
    found = [each for each in workers if each["provider"] == name]
    return found[0] if found else {}


async def _meant(context: Context, arguments: dict[str, Any]) -> tuple[Provider, list[str]]:
    return meant_provider(await context.read_config(), Fields(arguments).text("name", limit=2048))


async def _listed(context: Context, provider: Provider) -> dict[str, Any]:
    found: list[dict[str, Any]] = (await list_models(context, {}))["providers"]
    return next(each for each in found if each["name"] == provider.name)


async def _lately(context: Context, provider: Provider, since: float) -> Lately:
    if not context.has_ledger:
        return Lately()

    def read() -> Lately:
        context.ledger.writer.flush()
        return context.ledger.lately(provider.name, since)

    return await context.aside(read)


def _agents(context: Context, name: str) -> list[str]:
    agents = context.ledger.agents.list() if context.has_ledger else []
    return [each.name for each in agents if each.provider == name and each.revoked_at is None]


def _shown(lately: Lately) -> dict[str, Any]:
    return asdict(lately)


OPERATIONS = (
    Operation("model.show", show, reads=True),
    Operation("model.why", why, reads=True),
)
