"""What the gateway's parts are just now, as ``kruxos.service.status`` shows them."""

from __future__ import annotations

import time

import trio

from kruxos.config.model import Provider as Configured
from kruxos.cores.remains import remains_of
from kruxos.fields import Fields
from kruxos.service.providers import Provider
from kruxos.service.status import WorkerStatus
from kruxos.vault.vault import Vault
from kruxos.wire import Health


def vault_status(vault: Vault) -> dict[str, object]:
    """Whether the vault is unlocked, and where its key is."""
    status = vault.status()
    return {
        "state": status.state,
        "key_kept_in": status.key_kept_in,
        "records": status.records,
        "reason": status.reason,
    }


def worker_status(configured: Configured, provider: Provider | None, started_at: float) -> WorkerStatus:
    """One provider; ``provider`` None: there has been no worker of it since the gateway started, at ``started_at``."""
    state, reason = ("disabled", "") if provider is None or not configured.enabled else _state(provider)
    health = None if provider is None else provider.health
    cooling = health is not None and health.cooling_until is not None and health.cooling_until > time.time()
    core = None if provider is None else provider.core
    return WorkerStatus(
        provider=configured.name,
        type=configured.type,
        model=configured.model,
        state=state,
        reason=reason,
        since=started_at if core is None else _unix(core.since),
        pid=None if provider is None or provider.current is None else provider.current.pid,
        restarts=0 if core is None else core.restarts,
        last_exit="" if core is None else core.last_exit,
        in_flight=0 if provider is None else sum(len(each.in_flight) for each in provider.processes.values()),
        draining=0 if core is None else sum(each.state == "draining" for each in core.workers.values()),
        cooling_until=health.cooling_until if cooling and health is not None else None,
        cooling_reason=health.reason if cooling and health is not None else None,
        last_error="" if provider is None else provider.last_error,
        last_error_at=None if provider is None else provider.last_error_at,
        rss_bytes=0 if provider is None or provider.current is None else provider.current.rss_bytes,
        memory_max_bytes=configured.memory_max_bytes,
        isolation={} if provider is None else provider.isolation,
        retry_at=None if core is None or core.start_at is None else _unix(core.start_at),
        remains=[] if health is None else remains_of(health.state, time.time()),
        waiting=0 if provider is None else provider.waiting_now,
        waiting_peak=0 if provider is None else provider.waiting_peak,
        cache={} if health is None else _cache_status(health),
    )


def _state(provider: Provider) -> tuple[str, str]:
    return provider.core.state, provider.core.reason


def _unix(monotonic: float) -> float:
    return time.time() - (trio.current_time() - monotonic)


def _cache_status(health: Health) -> dict[str, object]:
    """What the worker tells of its prompt cache, without what is for its successor only."""
    told = Fields(Fields(health.state).object("cache"))
    return {"counts": told.object("counts"), "last_miss": told.object("last_miss")} if told.has("counts") else {}
