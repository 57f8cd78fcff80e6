"""Agents: create, list, show, set-model, revoke, rotate, restore."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, cast

from kruxos import catalog
from kruxos.config.model import ROLE_NAMES, ModelsConfig, RoleName
from kruxos.config.pasted import shown
from kruxos.cores.routing import AgentFacts
from kruxos.fields import Fields
from kruxos.ledger.agents import FALLBACKS, PURPOSE_CHARS_MAX, Agent, Fallback
from kruxos.operations.base import Context, Operation, refused
from kruxos.operations.batches import told_of_batches
from kruxos.operations.moves import candidates, fallback_warnings
from kruxos.operations.names import meant_provider
from kruxos.operations.usage import usage_row
from kruxos.paths import agent_socket

_NAME_CHARS_MAX = 256


async def create(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Makes an agent. ``token`` in the result is shown this once; ``told`` is what the operator should know.

    Arguments: name; optional model (a provider, ``provider/model``, or a model id), purpose, role, fallback.
    """
    fields = Fields(arguments)
    config = await context.read_config()
    provider, model, told = _answers(config, fields.maybe_text("model", limit=_NAME_CHARS_MAX))
    agent = Agent(
        name=fields.text("name", limit=_NAME_CHARS_MAX),
        created_at=time.time(),
        provider=provider,
        model=model,
        purpose=fields.maybe_text("purpose", limit=4 * PURPOSE_CHARS_MAX) or "",
        role=cast("RoleName | None", fields.maybe_choice("role", ROLE_NAMES)),
        fallback=cast("Fallback", fields.maybe_choice("fallback", FALLBACKS) or "any"),
    )
    token = await context.aside(lambda: context.ledger.agents.create(agent))
    return _shown(agent) | {"token": token.reveal(), "told": [*told, *fallback_warnings(config, _facts(agent))]}


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


def _facts(agent: Agent) -> AgentFacts:
    wanted = f"{agent.provider}/{agent.model}" if agent.provider and agent.model else agent.provider or agent.model
    return AgentFacts(agent.name, model=wanted, role=agent.role, fallback=agent.fallback)


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
    for agent in ledger.agents.list():
        latest = ledger.calls(agent=agent.name, limit=1)
        listed.append(_shown(agent) | {
            "calls": calls.get(agent.name, 0),
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

    ``usage`` sums up its calls so far; None where there were none. ``address`` is where it connects.
    """
    agent = await _agent(context, Fields(arguments))
    config = await context.read_config()
    total = await context.aside(lambda: _total(context, agent.name))
    latest = await context.aside(lambda: context.ledger.calls(agent=agent.name, limit=1))
    return _shown(agent) | {
        "last_call_at": latest[0].started_at if latest else None,
        "candidates": candidates(config, _facts(agent)),
        "usage": total,
        "told": fallback_warnings(config, _facts(agent)),
        "address": f"ipc://{agent_socket(context.data.root)}",
        "data_directory": str(context.data.root),
    }


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
    await context.aside(lambda: context.ledger.agents.change(changed))
    if context.gateway is not None:
        context.gateway.agent_changed(_facts(changed))
    return _shown(changed) | {"told": [*told, *fallback_warnings(config, _facts(changed))]}


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
    }


OPERATIONS = (
    Operation("agent.create", create),
    Operation("agent.list", list_agents, reads=True),
    Operation("agent.show", show, reads=True),
    Operation("agent.set_model", set_model),
    Operation("agent.revoke", revoke),
    Operation("agent.rotate", rotate),
    Operation("agent.restore", restore),
)
