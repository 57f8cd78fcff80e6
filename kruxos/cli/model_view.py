"""What ``kruxos model`` shows. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kruxos.cli.moments import clock, money
from kruxos.cli.table import Cell, Column, table
from kruxos.cli.terminal import Terminal

_COLUMNS = (
    Column("NAME"),
    Column("TYPE"),
    Column("MODEL", gives=True),
    Column("KEY", gives=True),
    Column("STATE", gives=True),
    Column("DEFAULT FOR", gives=True, optional=True),
)
_CATALOG_COLUMNS = (
    Column("KIND"),
    Column("MODEL", gives=True),
    Column("CONTEXT", right=True),
    Column("INPUT", right=True),
    Column("OUTPUT", right=True),
    Column("RETIRED", gives=True, optional=True),
    Column("SUCCESSOR", gives=True, optional=True),
)
_KEYS = {
    "stored": Cell("stored"),
    "missing": Cell("no credentials configured", "bad"),
    "destination_changed": Cell("withheld: address changed", "bad"),
    "not_needed": Cell("not needed", "dim"),
}
_LOGINS = {"stored": Cell("signed in"), "missing": Cell("not signed in", "bad")}
_STATES = {
    "ready": "good",
    "starting": "warn",
    "backoff": "warn",
    "failed": "bad",
    "stopped": "dim",
    "idle": "dim",
    "disabled": "dim",
}


def added_lines(added: Mapping[str, Any]) -> list[str]:
    """After ``model add``."""
    where = f" at {added['base_url']}" if added["base_url"] else ""
    key = {"api_key": ", its key in the vault", "oauth": ", its login in the vault"}.get(added["auth"], "")
    lines = [f"Added {added['name']}: {added['model']}{where}{key}."]
    lines += [f"It is the default for {role}." for role in added["default_for"]]
    after = "Try it:" if added["in_force"] else "The gateway is not running; start it with `kruxos serve`, then:"
    return [*lines, f"{after} kruxos model test {added['name']}"]


def removed_lines(removed: Mapping[str, Any]) -> list[str]:
    """After ``model remove``."""
    if not removed["had_entry"]:
        return [f"Removed the credentials of {removed['name']}; models.yaml did not have it."]
    what = " and its credentials" if removed["had_key"] else ""
    roles = removed["was_default_for"]
    lines = [f"Removed {removed['name']}{what}."]
    return lines + [f"Nobody is the default for {role} now: kruxos model default {role} NAME" for role in roles]


def tested_lines(tested: Mapping[str, Any]) -> list[str]:
    """After a ``model test`` that went well."""
    usage = tested["usage"]
    inputs = sum(usage.get(name) or 0 for name in ("uncached_input_tokens", "cache_read_tokens", "cache_write_tokens"))
    cost = tested["cost"]
    price = f", {money({cost['currency']: cost['total']})}" if cost else ""
    tokens = f"{inputs} tokens in, {usage.get('output_tokens') or 0} out{price}"
    return [f"{tested['name']} works: {tested['model']} answered in {tested['elapsed_ms'] / 1000:.2f} s ({tokens})."]


def list_lines(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """``model list``."""
    if not found["providers"]:
        return ["No model providers yet. Add one: kruxos model add anthropic --auth api-key"]
    until, now = found["defaults_until"], time.time()
    rows = [_row(each, until, now, running=found["running"]) for each in found["providers"]]
    lines = table(_COLUMNS, rows, terminal)
    return lines if found["running"] else [*lines, "", "The gateway is not running: kruxos serve"]


def _row(provider: Mapping[str, Any], until: Mapping[str, float], now: float, *, running: bool) -> list[Cell | str]:
    return [
        provider["name"],
        provider["type"],
        provider["model"] or "",
        _LOGINS.get(provider["credentials"], _KEYS[provider["credentials"]])
        if provider["auth"] == "oauth"
        else _KEYS[provider["credentials"]],
        _state(provider, running=running),
        ", ".join(default_texts(provider["default_for"], until, now)),
    ]


def default_texts(roles: Iterable[str], until: Mapping[str, float], now: float) -> list[str]:
    """Roles, those that hold for a while with their end."""
    return [f"{role} (until {clock(until[role], now)})" if role in until else role for role in roles]


def _state(provider: Mapping[str, Any], *, running: bool) -> Cell:
    if not provider["enabled"]:
        return Cell("disabled", "dim")
    if provider["state"] is None:
        return Cell("not in force yet", "warn") if running else Cell("")
    state, reason = provider["state"], provider["reason"]
    return Cell(f"{state}: {reason.replace('_', ' ')}" if reason else state, _STATES.get(state, ""))


def catalog_lines(models: Sequence[Mapping[str, Any]], terminal: Terminal) -> list[str]:
    """``model catalog``."""
    return table(_CATALOG_COLUMNS, [_catalog_row(each) for each in models], terminal)


def _catalog_row(model: Mapping[str, Any]) -> list[Cell | str]:
    prices = [f"${price}" if price is not None else "" for price in (model["input_price"], model["output_price"])]
    if model["documented_prices"] is not None:
        prices = [f"{ours} (${said})".strip() for ours, said in zip(prices, model["documented_prices"], strict=True)]
    context = f"{model['context']:,}" if model["context"] else ""
    retired = model["retired"] or (f"on {model['retires']}" if model["retires"] else "")
    return [model["profile"], model["id"], context, *prices, retired, model["successor"] or ""]


def matrix_lines(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """``model matrix``: what differs from the documentation is marked, and told below."""
    columns = (Column("PROVIDER"), *(Column(name.upper(), gives=True) for name in found["columns"]))
    rows = [[row["provider"], *(_matrix_cell(cell) for cell in row["cells"].values())] for row in found["rows"]]
    lines = table(columns, rows, terminal)
    differing = [
        f'* {row["provider"]}, {column}: documented as "{cell["documented"]}"; {cell["why"]}'
        for row in found["rows"]
        for column, cell in row["cells"].items()
        if cell["ours"] != cell["documented"]
    ]
    return [*lines, "", *differing] if differing else lines


def _matrix_cell(cell: Mapping[str, str]) -> Cell:
    return Cell(cell["ours"]) if cell["ours"] == cell["documented"] else Cell(f"{cell['ours']} *", "warn")


def effort_lines(groups: Sequence[Mapping[str, Any]], terminal: Terminal) -> list[str]:
    """``model efforts``: a table for each group of models to which the levels are said alike."""
    columns = (Column("LEVEL"), Column("SENT", gives=True), Column("DOCUMENTED"), Column("TOLD", gives=True))
    lines: list[str] = []
    for group in groups:
        rows = [[row["level"], row["sent"], row["documented"], row["why"]] for row in group["levels"]]
        lines += [f"{group['provider']}: {', '.join(group['models'])}", *table(columns, rows, terminal), ""]
    return lines[:-1]


def remote_lines(found: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """``model list --remote``."""
    if not found["models"]:
        return [f"{found['name']} lists no such models."]
    columns = (
        Column("MODEL", gives=True),
        Column("LABEL", gives=True, optional=True),
        Column("CONTEXT", right=True, optional=True),
        Column("INPUT", right=True, optional=True),
        Column("OUTPUT", right=True, optional=True),
        Column("RETIRES", gives=True, optional=True),
    )
    return table(columns, [_remote_row(each) for each in found["models"]], terminal)


def _remote_row(model: Mapping[str, Any]) -> list[Cell | str]:
    prices = [f"${price}" if price is not None else "" for price in (model["input_price"], model["output_price"])]
    context = f"{model['context']:,}" if model["context"] else ""
    return [model["id"], model["label"], context, *prices, model["retires"] or ""]
