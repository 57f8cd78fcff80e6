"""Agents: create, list, show, set-model, set-policy, revoke, rotate, restore."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from kruxos import catalog
from kruxos.config.model import ModelsConfig
from kruxos.config.pasted import shown
from kruxos.fields import Fields
from kruxos.ledger.agents import Agent
from kruxos.operations.base import Context, Operation, refused
from kruxos.operations.batches import told_of_batches
from kruxos.operations.moves import candidates, fallback_warnings
from kruxos.operations.names import meant_provider
from kruxos.operations.policies import limits_standing, policy_shown, unpriced_warnings, with_policy
from kruxos.operations.usage import usage_row
from kruxos.paths import agent_socket

_NAME_CHARS_MAX = 256


async def create(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Makes an agent. ``token`` in the result is shown this once; ``told`` is what the operator should know.

    Arguments: name; optional model (a provider, ``provider/model``, a model id), and what ``agent.set_policy`` takes.
    """
    fields = Fields(arguments)
    config = await context.read_config()
    provider, model, told = _answers(config, fields.maybe_text("model", limit=_NAME_CHARS_MAX))
    fresh = Agent(fields.text("name", limit=_NAME_CHARS_MAX), time.time(), provider, model)
    agent = with_policy(fresh, fields)
    token = await context.aside(lambda: context.ledger.agents.create(agent))
    return _shown(agent) | {"token": token.reveal(), "told": [*told, *_warnings(config, agent)]}


def _warnings(config: ModelsConfig, agent: Agent) -> list[str]:
    """Where its calls may go, and what cannot be counted there."""
    told = fallback_warnings(config, agent.facts)
    return [*told, *unpriced_warnings(config, agent, candidates(config, agent.facts))]


async def set_policy(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Changes what an agent may do, from its next call on, also in sessions that are open. What is left out stays.

    Arguments: name; optional limits (``5usd/day`` ...), drop (kinds of limits), providers, models (patterns), effort,
    compaction, compact_at, purpose, role, fallback.
    """
    fields = Fields(arguments)
    agent = await _agent(context, fields)
    config = await context.read_config()
    changed = with_policy(agent, fields)
    return await _change(context, changed, _warnings(config, changed))


async def _change(context: Context, changed: Agent, told: list[str]) -> dict[str, Any]:
    await context.aside(lambda: context.ledger.agents.change(changed))
    if context.gateway is not None:
        context.gateway.agent_changed(changed.facts)
    return _shown(changed) | {"told": told}


def _answers(config: ModelsConfig, asked: str | None) -> tuple[str | None, str | None, list[str]]:
    """The provider and the model that ``--model`` names, and what is to be told of it."""
    if asked is None:
        return None, None, []
    name, _, rest = asked.partition("/")
    if asked not in config.providers and rest and name in config.providers:
        return name, rest, []
    known = {word for row in catalog.models() for word in (row.id, *row.aliases)}
    known |= {each.model for each in config.providers.values() if each.model is not None}
    if asked not in config.providers and asked in known:
        return None, asked, []
    provider, told = meant_provider(config, asked)
    if not provider.enabled:
        told.append(f"{provider.name} is disabled: `kruxos model enable {provider.name}`")
    return provider.name, None, told


async def list_agents(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """All agents: what they may use, when they last called, how often."""
    if not context.has_ledger:
        return {"agents": []}
    return {"agents": await context.aside(lambda: _with_activity(context))}


def _with_activity(context: Context) -> list[dict[str, Any]]:
    ledger = context.ledger
    ledger.writer.flush()
    calls = {each.group[0]: each.calls for each in ledger.usage(["agent"])}
    listed: list[dict[str, Any]] = []
    agents = ledger.agents.list()
    standing = limits_standing(ledger, agents)
    for agent in agents:
        latest = ledger.calls(agent=agent.name, limit=1)
        listed.append(_shown(agent) | {
            "calls": calls.get(agent.name, 0),
            "budgets": standing[agent.name],
            "last_call_at": latest[0].started_at if latest else None,
        })  # fmt: skip
    return listed


async def revoke(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Refuses an agent's token from now on, and ends the sessions that it opened; ``told``: batches that go on."""
    name = Fields(arguments).text("name", limit=_NAME_CHARS_MAX)
    if not context.has_ledger:
        raise refused(f"there is no agent {shown(name)}", "`kruxos agent list` shows those there are")
    await context.aside(lambda: context.ledger.agents.revoke(name, time.time()))
    if context.gateway is not None:
        context.gateway.agent_revoked(name)
    return {"name": name, "told": await context.aside(lambda: told_of_batches(context, agent=name))}


async def rotate(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """A new ``token`` in place of the old one, shown this once; a revoked agent is restored by it."""
    name = Fields(arguments).text("name", limit=_NAME_CHARS_MAX)
    token = await context.aside(lambda: context.ledger.agents.rotate(name))
    if context.gateway is not None:
        context.gateway.agent_revoked(name)
    return {"name": name, "token": token.reveal()}


async def show(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """One agent: as it is listed, and ``candidates``, who answers it in which order; ``told``, where its calls may go.

    ``usage`` sums up its calls so far; None where there were none. ``budgets``: how its limits of money and tokens
    stand. ``address`` is where it connects, ``http`` where it does by HTTP, None where the doors are not open.
    """
    agent = await _agent(context, Fields(arguments))
    config = await context.read_config()
    total = await context.aside(lambda: _total(context, agent.name))
    latest = await context.aside(lambda: context.ledger.calls(agent=agent.name, limit=1))
    standing = await context.aside(lambda: limits_standing(context.ledger, [agent]))
    return _shown(agent) | {
        "budgets": standing[agent.name],
        "last_call_at": latest[0].started_at if latest else None,
        "candidates": candidates(config, agent.facts),
        "usage": total,
        "told": _warnings(config, agent),
        "address": f"ipc://{agent_socket(context.data.root)}",
        "http": _http_address(context),
        "data_directory": str(context.data.root),
    }


def _http_address(context: Context) -> str | None:
    web: dict[str, Any] = {} if context.gateway is None else context.gateway.status()["web"]
    return web["address"] if web.get("doors") else None


def _total(context: Context, name: str) -> dict[str, Any] | None:
    context.ledger.writer.flush()
    sums = context.ledger.usage((), agent=name)
    return usage_row([], sums[0]) if sums else None


async def set_model(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Sets who answers an agent from its next call on, also in sessions that are open. Arguments: name, model.

    ``model`` as in ``agent.create``; None: the defaults again.
    """
    fields = Fields(arguments)
    agent = await _agent(context, fields)
    config = await context.read_config()
    provider, model, told = _answers(config, fields.maybe_text("model", limit=_NAME_CHARS_MAX))
    changed = replace(agent, provider=provider, model=model)
    return await _change(context, changed, [*told, *_warnings(config, changed)])


async def restore(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Lets a revoked agent in again, by a new ``token``, shown this once: the old one may be why it was revoked."""
    agent = await _agent(context, Fields(arguments))
    if agent.revoked_at is None:
        raise refused(f"the agent {agent.name} is not revoked", f"for a new token: kruxos agent rotate {agent.name}")
    token = await context.aside(lambda: context.ledger.agents.rotate(agent.name))
    return {"name": agent.name, "token": token.reveal()}


async def _agent(context: Context, fields: Fields) -> Agent:
    name = fields.text("name", limit=_NAME_CHARS_MAX)
    if not context.has_ledger:
        raise refused(f"there is no agent {shown(name)}", "`kruxos agent list` shows those there are")
    return await context.aside(lambda: context.ledger.agents.get(name))


def _shown(agent: Agent) -> dict[str, Any]:
    return {
        "name": agent.name,
        "status": "active" if agent.revoked_at is None else "revoked",
        "provider": agent.provider,
        "model": agent.model,
        "purpose": agent.purpose,
        "role": agent.role,
        "fallback": agent.fallback,
        "created_at": agent.created_at,
        "revoked_at": agent.revoked_at,
    } | policy_shown(agent)


OPERATIONS = (
    Operation("agent.create", create, guarded=True),
    Operation("agent.list", list_agents, reads=True),
    Operation("agent.show", show, reads=True),
    Operation("agent.set_model", set_model, guarded=True),
    Operation("agent.set_policy", set_policy, guarded=True),
    Operation("agent.revoke", revoke, guarded=True),
    Operation("agent.rotate", rotate, guarded=True),
    Operation("agent.restore", restore, guarded=True),
)
