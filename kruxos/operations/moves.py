"""Where an agent's calls can end up. Pure: the router's own plan, asked before there is a call."""

from __future__ import annotations

from kruxos.config.addresses import parse_address
from kruxos.config.model import ROLE_NAMES, ModelsConfig, Provider
from kruxos.cores.routing import AgentFacts, Plan, ProviderFacts, RoutingFacts, Wish, make_plan


def candidates(config: ModelsConfig, agent: AgentFacts) -> list[str]:
    """Who answers an agent's calls, in order: the providers that are enabled."""
    return [each.provider for each in make_plan(Wish(), agent, _facts(config)).candidates]


def fallback_warnings(config: ModelsConfig, agent: AgentFacts) -> list[str]:
    """What an operator should know of an agent: that its calls may leave the machine, or cost by use."""
    plan = make_plan(Wish(), agent, _facts(config))
    if not plan.candidates:
        return ["no provider is available for it yet: add one, or set a default with `kruxos model default`"]
    first = plan.candidates[0].provider
    return [*_moves(plan, first, "moved_remote", "leave this machine", "--fallback local_only"),
            *_moves(plan, first, "moved_metered", "be billed by use", "--fallback same_billing")]  # fmt: skip


def _moves(plan: Plan, first: str, code: str, what: str, option: str) -> list[str]:
    to = [each.provider for each in plan.candidates if any(notice["code"] == code for notice in each.notices)]
    if not to:
        return []
    return [f"when {first} cannot answer, its calls may go to {' or '.join(to)} and {what}; to rule that out: {option}"]


def _facts(config: ModelsConfig) -> RoutingFacts:
    chosen: dict[str, str | None] = {role: config.defaults.for_role(role) for role in ROLE_NAMES}
    defaults = {role: name for role, name in chosen.items() if name is not None}
    return RoutingFacts({name: _provider(each) for name, each in config.providers.items()}, defaults)


def _provider(provider: Provider) -> ProviderFacts:
    return ProviderFacts(
        provider.name,
        enabled=provider.enabled,
        model=provider.model,
        local=parse_address(provider.base_url).is_loopback,
        flat_rate=provider.auth == "oauth",
    )
