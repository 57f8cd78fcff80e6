"""`kruxos verify`: whether everything that calls need is as it should be, each with what mends it.

A finding is a map: ``name``, ``state`` (pass, warn or fail), ``detail``, ``fix``. What is only worth knowing warns;
what keeps calls from being answered, or secrets from being safe, fails. Nothing is changed, and nobody is billed.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kruxos import __version__, catalog
from kruxos.config.directory import DataDirectory
from kruxos.config.model import ModelsConfig, Provider, destination
from kruxos.config.problems import SetupError
from kruxos.errors import KruxosError
from kruxos.fields import Fields
from kruxos.launcher.cage import landlock, syscalls
from kruxos.ledger.journal import check_journal
from kruxos.ledger.ledger import Ledger
from kruxos.operations.advice import advise
from kruxos.operations.base import Context, Operation
from kruxos.operations.proving import KEY_REFUSED, Finding, finding, prove
from kruxos.paths import agent_socket, control_socket
from kruxos.vault.problems import VaultError
from kruxos.vault.vault import Entry, Vault, record_name

DISK_BYTES_MIN = 100_000_000
DISK_BYTES_LOW = 1_000_000_000
CLOCK_TOLERANCE_S = 60.0
DAY_S = 86_400.0
"""Days of the catalogue were written somewhere on earth: a day more is no fault of this clock."""
RECENT_S = 900.0
"""A provider's refusal of its key counts for this long; a later call may have gone well."""
LANDLOCK_WANTED = 4
"""The first version that rules connections: docs/security.md."""


async def verify(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Looks at everything. With ``providers`` true each provider's address is connected to as well.

    The result: ``ok``, false where anything failed; ``running``; ``version``; ``checks``, the findings.
    """
    reach = Fields(arguments).boolean("providers", default=False)
    status = None if context.gateway is None else context.gateway.status()
    config, configured = await _configuration(context)
    found = [
        _gateway(status),
        configured,
        *await context.aside(lambda: list(_places(context.data, None if status is None else config))),
        *await context.aside(lambda: list(_vault(context))),
        *await context.aside(lambda: list(_ledger(context))),
        await context.aside(lambda: _journal(context.data.events)),
        *await context.aside(lambda: list(_providers(context, config, status))),
        *_isolation(config, status),
        *(await prove(context, config) if reach else []),
        _disk(context.data.root),
    ]
    ok = all(each["state"] != "fail" for each in found)
    return {"ok": ok, "running": status is not None, "version": __version__, "checks": found}


def _gateway(status: Mapping[str, Any] | None) -> Finding:
    if status is None:
        return finding("Gateway", "fail", "not running", "kruxos serve")
    if status.get("draining"):
        return finding("Gateway", "warn", "stopping", "kruxos serve, once it has stopped")
    return finding("Gateway", "pass", f"running (pid {os.getpid()}, v{__version__})")


async def _configuration(context: Context) -> tuple[ModelsConfig, Finding]:
    """What is in force, else on disk; and what is to be said of models.yaml as it is on disk."""
    name = context.data.models.name
    try:
        config = await context.read_config()
    except SetupError as error:
        config = ModelsConfig() if context.gateway is None else context.gateway.config
        return config, finding(name, "fail", error.message, error.fix)
    if not config.providers:
        return config, finding(name, "fail", "no model providers", "kruxos model add anthropic --auth api-key")
    if config.defaults.chat is None:
        first = next(iter(config.providers))
        return config, finding(
            name, "warn", "no provider is the default for chat", f"kruxos model default chat {first}"
        )
    if config.hints:
        return config, finding(name, "warn", str(config.hints[0].message), config.hints[0].fix)
    return config, finding(name, "pass", f"{len(config.providers)} providers, chat by {config.defaults.chat}")


# Files and sockets


def _places(data: DataDirectory, running: ModelsConfig | None) -> Iterator[Finding]:
    problems = list(data.problems())
    yield from (finding("Files", "fail", each.message, each.fix) for each in problems)
    if not problems:
        yield finding("Files", "pass", f"{data.root} is yours alone")
    if running is not None:
        to_agents = bool(running.agents) or running.agents_group is not None
        yield socket_finding("Agents' socket", agent_socket(data.root), shared=to_agents)
        yield socket_finding("Control socket", control_socket(data.root), shared=bool(running.operators))


def socket_finding(name: str, path: Path, *, shared: bool = False) -> Finding:
    """Whether a socket is there, ours, and closed to other users, or ``shared`` with those that models.yaml names."""
    mend = "stop `kruxos serve` and start it again: it makes its sockets anew"
    try:
        found = path.lstat()
    except OSError:
        return finding(name, "fail", f"{path} is not there", mend)
    if not stat.S_ISSOCK(found.st_mode):
        return finding(name, "fail", f"{path} is not a socket", mend)
    if found.st_uid != os.geteuid():
        return finding(name, "fail", f"{path} belongs to another user", mend)
    mode = stat.S_IMODE(found.st_mode)
    if shared:
        return finding(name, "pass", f"{path} (mode {mode:04o}), for those that models.yaml names too")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return finding(name, "fail", f"{path} is open to other users (mode {mode:04o})", f"chmod 600 {path}")
    return finding(name, "pass", f"{path} (mode {mode:04o})")


def _disk(root: Path) -> Finding:
    there = next(each for each in (root, *root.parents) if each.exists())
    free = shutil.disk_usage(there).free
    shown = f"{free / 1e9:.1f} GB free" if free >= DISK_BYTES_LOW else f"{free / 1e6:.0f} MB free"
    state = "fail" if free < DISK_BYTES_MIN else "warn" if free < DISK_BYTES_LOW else "pass"
    return finding("Disk", state, shown, "" if state == "pass" else f"free space where {there} is")


# Vault and ledger


def _vault(context: Context) -> Iterator[Finding]:
    if not context.has_vault:
        yield finding("Vault", "pass", "none yet: it is made with the first key")
        return
    try:
        vault = context.vault
        status = vault.status()
    except VaultError as error:
        yield finding("Vault", "fail", error.message, error.fix)
        return
    if status.state == "unlocked":
        yield from _records(vault)
    elif context.gateway is None and status.source == "passphrase":
        yield finding(
            "Vault", "warn", "locked until its passphrase is given", "once the gateway runs: kruxos vault unlock"
        )
    else:
        yield finding("Vault", "fail", status.reason or "locked", "kruxos vault unlock")


def _records(vault: Vault) -> Iterator[Finding]:
    """Whether every record can be opened, by the key that is kept where it is kept."""
    broken = [each.name for each in vault.list() if not _opens(vault, each)]
    for name in broken:
        yield finding("Vault", "fail", f"the record {name} cannot be opened", f"kruxos vault add {name} api-key")
    if not broken:
        status = vault.status()
        yield finding("Vault", "pass", f"unlocked, {status.records} records, key kept in {status.key_kept_in}")


def _opens(vault: Vault, entry: Entry) -> bool:
    try:
        vault.get(entry.name, entry.destination)
    except (KruxosError, VaultError):
        return False
    return True


def _ledger(context: Context) -> Iterator[Finding]:
    newest, now = 0.0, time.time()
    if context.has_ledger:
        try:
            ledger = context.ledger
            newest = newest_call(ledger)
            state = "warn" if ledger.notice else "pass"
            yield finding("Ledger", state, ledger.notice or f"{len(ledger.agents.list())} agents")
        except SetupError as error:
            yield finding("Ledger", "fail", error.message, error.fix)
    yield clock_finding(now, newest, max(row.as_of for row in catalog.models()))


def _journal(path: Path) -> Finding:
    """Whether the journal's entries follow one another."""
    verdict = check_journal(path)
    if verdict.problem:
        fix = "find out who wrote in the file; keep a copy, then move it away: a new one is begun"
        return finding("Journal", "fail", f"{path.name}: {verdict.problem}", fix)
    told = f"{verdict.lines} entries, each follows the one before" if verdict.lines else "nothing happened yet"
    return finding("Journal", "pass", told)


def newest_call(ledger: Ledger) -> float:
    """When the latest call that was written down began; 0.0 for none."""
    latest = ledger.calls(limit=1)
    return latest[0].started_at if latest else 0.0


def clock_finding(now: float, newest: float, as_of: str) -> Finding:
    """Whether the clock can be right: not before the latest call, nor before the day this version knows of (ISO)."""
    fix = "set the clock (timedatectl set-ntp true): certificates and limits go by it"
    today = _day(now)
    if _day(now + DAY_S) < as_of:
        return finding("Clock", "fail", f"it says {today}; this version is from after {as_of}", fix)
    if newest > now + CLOCK_TOLERANCE_S:
        return finding("Clock", "fail", f"it is {newest - now:.0f} s behind the latest call in the ledger", fix)
    return finding("Clock", "pass", f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now))}")


def _day(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))


# Providers


def _providers(context: Context, config: ModelsConfig, status: Mapping[str, Any] | None) -> Iterator[Finding]:
    stored = {entry.name: entry for entry in context.vault.list()} if context.has_vault else {}
    workers: dict[str, Any] = {} if status is None else {each["provider"]: each for each in status["workers"]}
    for provider in config.providers.values():
        if provider.enabled:
            yield provider_finding(
                provider, stored.get(record_name(provider.name)), workers.get(provider.name), time.time()
            )


def provider_finding(provider: Provider, entry: Entry | None, worker: Mapping[str, Any] | None, now: float) -> Finding:
    """What keeps a provider from answering: its key, its worker, or what it said of the key last."""
    code = _key_problem(provider, entry) or ("" if worker is None else _worker_problem(worker, now))
    name = provider.name
    if code:
        told = advise(
            code, name, kind=provider.type, base_url=provider.base_url, model=provider.model, proxy=provider.proxy
        )
        state = "warn" if code == "stopped by operator" else "fail"
        return finding(name, state, told.message, told.fix)
    key = {"none": "needs no key", "oauth": "signed in"}.get(provider.auth, "key stored")
    if worker is None:
        return finding(name, "pass", key)
    if (worker.get("cooling_until") or 0.0) > now:
        told = advise(worker["cooling_reason"] or "rate_limited", name, kind=provider.type)
        return finding(name, "warn", f"it asked to be left alone: {told.message}", told.fix)
    return finding(name, "pass", f"{key}, worker {worker['state']}")


def _key_problem(provider: Provider, entry: Entry | None) -> str:
    if provider.auth == "none":
        return ""
    if entry is None:
        return "needs_login" if provider.auth == "oauth" else "no_credentials"
    return "" if entry.destination == destination(provider) else "destination_changed"


def _worker_problem(worker: Mapping[str, Any], now: float) -> str:
    if worker["state"] in ("failed", "stopped"):
        return str(worker["reason"])
    if worker["state"] == "backoff":
        return "worker_lost"
    lately = now - (worker.get("last_error_at") or 0.0) < RECENT_S
    return str(worker["last_error"]) if lately and worker.get("last_error") in KEY_REFUSED else ""


def _isolation(config: ModelsConfig, status: Mapping[str, Any] | None) -> Iterable[Finding]:
    """What of the cage holds, or, where no worker runs, what this system offers."""
    workers: list[dict[str, Any]] = [] if status is None else status["workers"]
    cages: list[dict[str, Any]] = [each["isolation"] for each in workers if each.get("isolation")]
    levels: dict[str, str] = {cage["level"]: ", ".join(cage.get("missing", ())) for cage in cages}
    if levels:
        weak = {level: missing for level, missing in levels.items() if level != "full"}
        if not weak:
            return [finding("Isolation", "pass", "full")]
        told = "; ".join(f"{level}, missing: {missing}" if missing else level for level, missing in weak.items())
        return [finding("Isolation", "warn", told, "see docs/security.md; `isolation: required` refuses less than all")]
    whole = landlock.version() >= LANDLOCK_WANTED and syscalls.this_machine() is not None
    state = "pass" if whole else "fail" if config.isolation == "required" else "warn"
    said = (
        f"this system offers {'the whole cage' if whole else 'only part of the cage'} (Landlock {landlock.version()})"
    )
    return [finding("Isolation", state, said, "" if whole else "Linux 6.7 or later with Landlock has all of it")]


OPERATIONS = (Operation("verify", verify, reads=True),)
