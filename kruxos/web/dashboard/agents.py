"""Agents: who they are, what they may use, their tokens."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from starlette.responses import Response

from kruxos.config.model import ROLE_NAMES
from kruxos.messages import THINKING_EFFORTS
from kruxos.web.dashboard.desk import Asked, Trouble
from kruxos.web.dashboard.workers import budget

FALLBACKS = ("any", "local_only", "same_billing", "none")


async def show_all(asked: Asked) -> Response:
    """The list, and a form for a new one."""
    return await _list(asked)


async def _list(asked: Asked, problem: Trouble | None = None) -> Response:
    agents = (await asked.operate("agent.list"))["agents"]
    for each in agents:
        each["budgets"] = [budget(standing) for standing in each["budgets"]]
    values: dict[str, Any] = {
        "agents": agents,
        "problem": problem,
        "given": defaultdict(str, asked.form),
        "asks_passphrase": await asked.asks_passphrase(),
        "providers": [each["name"] for each in (await asked.operate("model.list"))["providers"]],
    }
    return asked.show("agents.html", 200 if problem is None else problem.status, **values)


async def create(asked: Asked) -> Response:
    """A new agent. Its token is on the next page, this once."""
    limits = asked.text("limits").replace(",", " ").split()
    wanted = {
        "name": asked.text("name"),
        "model": asked.text("model") or None,
        "purpose": asked.text("purpose") or None,
        "limits": limits or None,
    }
    try:
        done = await asked.operate("agent.create", **wanted)
    except Trouble as found:
        return await _list(asked, found)
    text = f"{done['name']} is an agent now. Its token is shown this once:"
    asked.session.tell(text, "; ".join(done["told"]), token=done["token"])
    return asked.go(f"/agents/{done['name']}")


async def show(asked: Asked) -> Response:
    """One agent."""
    return await _page(asked)


async def _page(asked: Asked, problem: Trouble | None = None) -> Response:
    agent = await asked.operate("agent.show", name=asked.name)
    agent["budgets"] = [budget(standing) for standing in agent["budgets"]]
    values: dict[str, Any] = {
        "agent": agent,
        "problem": problem,
        "roles": ROLE_NAMES,
        "fallbacks": FALLBACKS,
        "efforts": ("default", *THINKING_EFFORTS),
        "asks_passphrase": await asked.asks_passphrase(),
    }
    return asked.show("agent.html", 200 if problem is None else problem.status, **values)


async def act(asked: Asked) -> Response:
    """Rotate, revoke, restore: a token that is made is shown this once."""
    verb = str(asked.request.path_params["verb"])
    if verb not in ("rotate", "revoke", "restore"):
        raise Trouble("Nothing of this name is done with an agent.", "", 404)
    try:
        done = await asked.operate(f"agent.{verb}", name=asked.name)
    except Trouble as found:
        return await _page(asked, found)
    if verb == "revoke":
        asked.session.tell(f"{asked.name} is revoked: its token is refused, its sessions have ended.")
    else:
        asked.session.tell(f"{asked.name} has a new token, shown this once:", token=done["token"])
    return asked.go(f"/agents/{asked.name}")


async def set_policy(asked: Asked) -> Response:
    """What it may do, and who answers it."""
    wanted: dict[str, Any] = {
        "limits": asked.text("limits").replace(",", " ").split(),
        "drop": ["all"],
        "providers": asked.text("providers").replace(",", " ").split() or ["any"],
        "models": asked.text("models").replace(",", " ").split() or ["any"],
        "effort": asked.text("effort"),
        "fallback": asked.text("fallback"),
        "role": asked.text("role") or None,
        "purpose": asked.text("purpose"),
    }
    try:
        done = await asked.operate("agent.set_policy", name=asked.name, **wanted)
    except Trouble as found:
        return await _page(asked, found)
    asked.session.tell(f"{asked.name}'s policy holds from its next call on.", "; ".join(done["told"]))
    return asked.go(f"/agents/{asked.name}")


async def set_model(asked: Asked) -> Response:
    """Who answers it."""
    try:
        done = await asked.operate("agent.set_model", name=asked.name, model=asked.text("model") or None)
    except Trouble as found:
        return await _page(asked, found)
    asked.session.tell(f"{asked.name} is answered as you said from its next call on.", "; ".join(done["told"]))
    return asked.go(f"/agents/{asked.name}")


PAGES = (
    ("GET", "/agents", show_all),
    ("POST", "/agents", create),
    ("GET", "/agents/{name}", show),
    ("POST", "/agents/{name}/policy", set_policy),
    ("POST", "/agents/{name}/model", set_model),
    ("POST", "/agents/{name}/token/{verb}", act),
)
