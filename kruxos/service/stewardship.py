"""From models.yaml and the ledger to what budgets need: who has caps, and what was used before this start."""

from __future__ import annotations

from typing import Any

from kruxos.config.model import ModelsConfig
from kruxos.cores.budgets import Budgets, Charge, Limited, Owner
from kruxos.cores.policing import GATEWAY, Steward
from kruxos.ledger.agents import Agent
from kruxos.ledger.ledger import Ledger


def restored(ledger: Ledger, config: ModelsConfig, unix: float) -> Budgets:
    """The accounts as the ledger has them. Agents that are not registered have none. Raises ``LedgerError``."""
    budgets, agents = Budgets(), ledger.agents.list()
    names = {agent.name for agent in agents}
    for each in ledger.spent(unix):
        owners = [Owner("provider", each.provider), GATEWAY]
        owners += [Owner("agent", each.agent)] if each.agent in names else []
        for owner in owners:
            charge = Charge(each.tokens, each.money)
            budgets.restore(owner, charge, unix, today=each.today)
    for limited in everybody(config, agents):
        budgets.told_already(limited, unix)
    return budgets


def everybody(config: ModelsConfig, agents: list[Agent]) -> list[Limited]:
    """Whoever has caps."""
    found = [Limited(GATEWAY, config.budgets.gateway)]
    found += [Limited(Owner("provider", name), caps) for name, caps in config.budgets.providers.items()]
    found += [Limited(Owner("agent", each.name), each.policy.caps) for each in agents if each.revoked_at is None]
    return [limited for limited in found if limited.caps]


def standings(steward: Steward, limited: list[Limited], unix: float) -> list[dict[str, Any]]:
    """How everybody's caps of money and tokens stand, as plain values; amounts as decimal text."""
    return [
        {
            "of": limited_one.owner.kind,
            "name": limited_one.owner.name,
            "limit": str(each.cap),
            "unit": each.cap.unit,
            "amount": format(each.cap.amount, "f"),
            "used": format(each.used, "f"),
            "set_aside": format(each.set_aside, "f"),
            "resets_at": each.resets_at,
        }
        for limited_one in limited
        for each in steward.budgets.standing(limited_one, unix)
    ]
