"""What ``kruxos status`` and ``kruxos worker list`` show: pure functions of what the gateway said, and of the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kruxos.cli.agent_view import used_text
from kruxos.cli.moments import ago, clock, size, span
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import Terminal, clean, cut, plain, styled

RULE_COLUMNS = 48
RECENT_S = 900.0
"""A provider's failed call is worth advice for this long."""

GATEWAY_KEYS = (
    "running", "version", "pid", "started_at", "data_directory", "draining", "vault", "defaults", "workers", "agents",
    "sessions", "calls", "defaults_until", "budgets", "launcher_pid", "launcher_restarts", "config_problem", "notices",
    "web", "tasks", "shed", "bounds",
)  # fmt: skip
VAULT_KEYS = ("state", "key_kept_in", "records", "reason")
WEB_KEYS = ("state", "reason", "since", "pid", "restarts", "address", "socket", "doors")
WORKER_KEYS = (
    "provider", "type", "model", "state", "reason", "since", "pid", "restarts", "last_exit", "in_flight", "draining",
    "cooling_until", "cooling_reason", "last_error", "last_error_at", "rss_bytes", "memory_max_bytes", "isolation",
    "retry_at", "remains", "waiting", "waiting_peak", "cache",
)  # fmt: skip

SCHEMA = """\
--json prints one object; every key is always there, null where it is not known. Times are Unix seconds.
  running            true: the gateway answered; false: this is what the data directory says
  version, pid, started_at, data_directory, draining, sessions, calls, launcher_pid, launcher_restarts
  vault              state (locked, unlocked), key_kept_in, records, reason; null: there is none yet
  defaults           role -> provider
  defaults_until     role -> when a default that was set for a while ends
  budgets            limits of money and tokens: of (agent, provider, gateway), name, limit, unit (usd, tokens),
                     amount, used, set_aside (by calls under way): decimal text; resets_at
  agents             agents that are registered and not revoked
  config_problem     what is wrong with models.yaml as it is on disk; empty: it is in force
  notices            a list of texts
  web                the web process: state (off, starting, ready, backoff), reason, since, pid, restarts, address (a
                     URL), socket (a path), doors (whether agents may call through it); null: the gateway does not run
  tasks              the supervisor's tasks: about a dozen, and a few for each worker and session
  shed               calls refused as overloaded before anything was begun for them, since the start
  bounds             every place that holds something for others, by name: now, peak (since the start), most
  workers            one object a provider, in the order of models.yaml:
    provider, type, model
    state            stopped, idle, starting, ready, backoff, failed, disabled; reason: an error code, or words
    since, pid, restarts, last_exit, in_flight, draining
    rss_bytes, memory_max_bytes       memory of the process that takes calls, and what it may hold before it is replaced
    waiting, waiting_peak             calls that wait in it for a limit or a place, and the most that ever did
    cooling_until, cooling_reason     until when the provider asked to be left alone, and why
    retry_at         when a worker that failed is started again by itself
    cache            its prompt cache: counts (expected, hits, missed, missed_CAUSE, unexplained), last_miss; empty:
                     nothing is known yet
    last_error, last_error_at         the last failed attempt: an error code, and when
    remains          what its provider told: what, model, left, limit, unit (requests, tokens, percent, a currency),
                     resets_at, as_of; amounts are decimal text
    isolation        what of the cage holds: level (full, partial, none, off), missing (what is promised and does not
                     hold), files, ports, system_calls, scopes, unreadable, landlock_version; empty: not known yet"""

_COLUMNS = (
    Column("PROVIDER"),
    Column("STATE", gives=True),
    Column("PID", right=True),
    Column("SINCE", right=True),
    Column("RESTARTS", gives=True),
    Column("IN FLIGHT", right=True, optional=True),
    Column("COOLING UNTIL", gives=True, optional=True),
    Column("LAST ERROR", gives=True, optional=True),
    Column("MEMORY", right=True, optional=True),
)
_STYLES = {
    "ready": "good",
    "starting": "warn",
    "backoff": "warn",
    "failed": "bad",
    "stopped": "dim",
    "idle": "dim",
    "disabled": "dim",
}
_MENDED_HERE = frozenset({
    "invalid_credentials", "insufficient_funds", "permission_denied", "model_not_found", "provider_misconfigured",
    "provider_unreachable", "quota_exhausted", "needs_login",
})  # fmt: skip
"""Last errors that somebody has to do something about, and that do not show in the worker's state."""


def to_json(status: Mapping[str, Any]) -> dict[str, Any]:
    """The documented object."""
    shown = {key: status.get(key) for key in GATEWAY_KEYS}
    vault = status.get("vault")
    shown["vault"] = None if vault is None else {key: vault.get(key) for key in VAULT_KEYS}
    web = status.get("web")
    shown["web"] = None if web is None else {key: web.get(key) for key in WEB_KEYS}
    shown["workers"] = [{key: worker.get(key) for key in WORKER_KEYS} for worker in status["workers"]]
    return shown


def status_lines(status: Mapping[str, Any], now: float, terminal: Terminal) -> list[str]:
    """All of ``kruxos status``."""
    rows = worker_lines if status["running"] else configured_lines
    lines = [*_head(status, now, terminal), "", *rows(status["workers"], now, terminal)]
    left = list(_remains_lines(status["workers"], now))
    lines += ["", "Remaining:", *left] if left else []
    todo = [line for each in _todo(status, now) for line in _advice_lines(each, terminal)]
    return [plain(line, terminal) for line in ([*lines, "", "To do:", *todo] if todo else lines)]


def _remains_lines(workers: Sequence[Mapping[str, Any]], now: float) -> Iterator[str]:
    """What providers told of rate limits, windows and credit."""
    for worker in workers:
        told = [_remaining(each, now) for each in worker.get("remains") or ()]
        if told:
            yield clean(f"  {worker['provider']}: {'; '.join(told)}")


def _remaining(each: Mapping[str, Any], now: float) -> str:
    unit = {"percent": " %", "requests": "", "tokens": ""}.get(each["unit"], f" {each['unit']}")
    of = f" of {each['limit']}" if each["limit"] is not None and unit != " %" else ""
    model = f" ({each['model']})" if each["model"] else ""
    resets = f", full at {clock(each['resets_at'], now)}" if each["resets_at"] is not None else ""
    return f"{each['what']}{model}: {each['left']}{unit}{of} left{resets}"


def worker_lines(workers: Sequence[Mapping[str, Any]], now: float, terminal: Terminal) -> list[str]:
    """The table of workers."""
    if not workers:
        return ["No model providers yet."]
    return table(_COLUMNS, [_row(worker, now) for worker in workers], terminal)


def configured_lines(workers: Sequence[Mapping[str, Any]], now: float, terminal: Terminal) -> list[str]:
    """The providers of models.yaml, where there are no workers to speak of."""
    if not workers:
        return ["No model providers yet."]
    rows = [[each["provider"], each["type"], each["model"] or "", _enabled(each)] for each in workers]
    return table((Column("PROVIDER"), Column("TYPE"), Column("MODEL", gives=True), Column("ENABLED")), rows, terminal)


def _enabled(worker: Mapping[str, Any]) -> Cell:
    return Cell("no", "dim") if worker["state"] == "disabled" else Cell("yes")


def _head(status: Mapping[str, Any], now: float, terminal: Terminal) -> Iterator[str]:
    yield styled(f"KruxOS v{status['version']}", "bold", terminal)
    yield "─" * min(RULE_COLUMNS, terminal.width or RULE_COLUMNS)
    for title, value in _facts(status, now, terminal):
        text = f"{title + ':':<10}{value}"
        yield text if terminal.colour or terminal.width is None else cut(text, terminal.width, terminal)


def _facts(status: Mapping[str, Any], now: float, terminal: Terminal) -> Iterator[tuple[str, str]]:
    running = status["running"]
    if running:
        state = styled("stopping", "warn", terminal) if status["draining"] else styled("running", "good", terminal)
        yield "Gateway", f"{state} (pid {status['pid']})"
    else:
        yield "Gateway", styled("not running", "bad", terminal)
    vault = status["vault"]
    if vault is not None:
        state = styled(vault["state"], "bad" if vault["state"] == "locked" else "good", terminal)
        yield "Vault", f"{state}, key kept in {clean(vault['key_kept_in'])}"
    active = f", {status['sessions']} connected" if running else ""
    yield "Agents", f"{status['agents']} registered{active}"
    if status["defaults"]:
        until: Mapping[str, float] = status.get("defaults_until") or {}
        yield (
            "Defaults",
            ", ".join(
                f"{role} {name}" + (f" (until {clock(until[role], now)})" if role in until else "")
                for role, name in status["defaults"].items()
            ),
        )
    for each in status.get("budgets") or ():
        yield "Budget", f"{each['of']} {each['name']}".strip() + f" {used_text(each, now)}"
    if running:
        shed = f", {status['shed']} refused in overload" if status.get("shed") else ""
        yield "Calls", f"{status['calls']} under way{shed}"
        yield "Uptime", span(now - status["started_at"])
    web = web_line(status.get("web"))
    if web:
        yield "Web", web
    cages = _cages(status["workers"])
    if cages:
        yield "Cage", clean(cages)
    yield "Data", clean(status["data_directory"])


def web_line(web: Mapping[str, Any] | None) -> str:
    """The web process in a line; empty where it is off."""
    if web is None or web["state"] == "off":
        return ""
    who = "agents and dashboard" if web["doors"] else "dashboard"
    pid = f" (pid {web['pid']})" if web["pid"] else ""
    return clean(f"{web['state']}{pid}, {who} at {web['address']}" if web["address"] else
                 f"{web['state']}{pid}{': ' if web['reason'] else ''}{web['reason']}")  # fmt: skip


def _cages(workers: Sequence[Mapping[str, Any]]) -> str:
    """In a word how far workers are isolated; whose, where it is not the same for all."""
    by_level: dict[str, list[str]] = {}
    for worker in workers:
        cage = worker.get("isolation")
        if cage and worker["state"] != "disabled":
            missing = ", ".join(cage.get("missing", ()))
            by_level.setdefault(f"{cage['level']}{f' (missing: {missing})' if missing else ''}", []).append(
                worker["provider"]
            )
    if len(by_level) == 1:
        return next(iter(by_level))
    return "; ".join(f"{level} for {', '.join(names)}" for level, names in by_level.items())


def _row(worker: Mapping[str, Any], now: float) -> list[Cell | str]:
    state, known = worker["state"], worker.get("since") is not None
    more = f" +{worker['draining']} draining" if worker.get("draining") else ""
    return [
        worker["provider"],
        Cell(state + more, _STYLES.get(state, "")),
        str(worker["pid"]) if worker.get("pid") else "",
        span(now - worker["since"]) if known else "",
        _restarts(worker),
        str(worker["in_flight"]) if known else "",
        Cell(_cooling(worker, now), "warn"),
        _last_error(worker, now),
        _memory(worker),
    ]


def _memory(worker: Mapping[str, Any]) -> Cell:
    """What it holds; beside its cap once that is near."""
    held, cap = worker.get("rss_bytes") or 0, worker.get("memory_max_bytes") or 0
    if not cap or held * 2 < cap:
        return Cell(size(held))
    return Cell(f"{size(held)} of {size(cap)}", "bad" if held > cap else "warn")


def _restarts(worker: Mapping[str, Any]) -> str:
    count = worker.get("restarts")
    if not count:
        return "" if count is None else "0"
    why = worker["last_exit"].replace("_", " ")
    return f"{count} ({why})" if why else str(count)


def _cooling(worker: Mapping[str, Any], now: float) -> str:
    until = worker.get("cooling_until")
    if until is None or until <= now:
        return ""
    why = f" ({worker['cooling_reason'].replace('_', ' ')})" if worker["cooling_reason"] else ""
    return f"{clock(until, now)}{why}"


def _last_error(worker: Mapping[str, Any], now: float) -> Cell:
    code = worker.get("last_error")
    return Cell(f"{code.replace('_', ' ')}, {ago(worker['last_error_at'], now)}") if code else Cell("")


# What to do


def _todo(status: Mapping[str, Any], now: float) -> Iterator[tuple[str, str, str]]:
    """Who has a problem, what it is, and what mends it."""
    if status["config_problem"]:
        yield "models.yaml", *_split(status["config_problem"])
    if not status["running"]:
        yield "gateway", "not running", "kruxos serve"
    vault = status["vault"]
    if vault is not None and vault["state"] == "locked" and status["running"]:
        yield "vault", vault["reason"] or "locked", "kruxos vault unlock"
    if not status["workers"] and not status["config_problem"]:
        yield "providers", "there are none", "kruxos model add anthropic --auth api-key"
    elif "chat" not in status["defaults"] and status["workers"]:
        name = status["workers"][0]["provider"]
        yield "defaults", "no provider is the default for chat", f"kruxos model default chat {name}"
    if status["running"]:
        for worker in status["workers"]:
            yield from _worker_todo(worker, status["defaults"], now)
    for notice in status["notices"]:
        yield "notice", *_split(notice)


def _split(text: str) -> tuple[str, str]:
    from kruxos.cli.failing import split_fix  # noqa: PLC0415 - a failure's words are rarely needed

    return split_fix(text)


def _worker_todo(worker: Mapping[str, Any], defaults: Mapping[str, str], now: float) -> Iterator[tuple[str, str, str]]:
    from kruxos.operations.advice import advise  # noqa: PLC0415 - rarely needed

    name, state = worker["provider"], worker["state"]
    model = worker["model"]
    if state in ("failed", "stopped"):
        advice = advise(worker["reason"], name, kind=worker["type"], model=model)
        yield name, advice.message, advice.fix
    elif state == "backoff":
        advice = advise("worker_lost", name, kind=worker["type"], model=model)
        yield name, f"{advice.message} ({worker['reason']})", advice.fix
    elif _cooling(worker, now):
        message = f"asked to be left alone until {clock(worker['cooling_until'], now)}"
        mended = "fallback" in defaults
        yield name, message, "" if mended else "set a fallback provider: kruxos model default fallback NAME"
    elif worker["last_error"] in _MENDED_HERE and now - (worker["last_error_at"] or 0) < RECENT_S:
        advice = advise(worker["last_error"], name, kind=worker["type"], model=model)
        yield name, f"{advice.message} (its last call failed {ago(worker['last_error_at'], now)})", advice.fix
    elif _missed(worker, now):
        yield name, _missed(worker, now), ""


def _missed(worker: Mapping[str, Any], now: float) -> str:
    """That the prompt cache was missed lately, by whom and why; empty where it was not."""
    cache: dict[str, Any] = worker.get("cache") or {}
    counts: dict[str, int] = cache.get("counts") or {}
    last: dict[str, Any] = cache.get("last_miss") or {}
    if not last or now - last["at"] > RECENT_S:
        return ""
    share = f"{counts['missed']} of {counts['expected']} prompt cache hits that were expected were missed"
    return f"{share}; the last one of {last['agent'] or 'an unnamed agent'}, {ago(last['at'], now)}: {last['cause']}"


def _advice_lines(each: tuple[str, str, str], terminal: Terminal) -> list[str]:
    who, what, fix = each
    lines = [f"  {styled(who, 'bold', terminal)}: {line}" if not at else f"    {line}"
             for at, line in enumerate(clean(what).splitlines())]  # fmt: skip
    return [*lines, f"    {styled('fix:', 'good', terminal)} {clean(fix)}"] if fix else lines
