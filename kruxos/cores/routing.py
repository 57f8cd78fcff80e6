"""Who answers: the candidates of a call, in the documented order, and which of them can take it now.

    1. the call's wish, or else the agent's provider, if it is set and enabled
    2. the default for the role (chat, autonomous or fallback)
    3. the fallback provider
    4. nobody: no provider available

The order comes from configuration only and is fixed when the call opens; whether a candidate can take the call is asked
when its turn comes, from a read-only view of health. What a candidate is sent as ``model`` is decided here as well: a
call's ``model`` is the name of a provider, ``provider/model``, or a model id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from kruxos.cores.caps import Policy
from kruxos.errors import BY_CODE

Standing = Literal["ready", "starting", "full", "cooling", "backoff", "failed", "stopped"]

DEFAULT_ROLE = "chat"
ROLES = ("chat", "autonomous", "fallback")


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What routing knows of a configured provider. ``sells`` None: unknown, any id may be tried."""

    name: str
    enabled: bool = True
    model: str | None = None
    sells: frozenset[str] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    local: bool = False
    flat_rate: bool = False
    cache_lifetime_s: float = 300.0
    """How long the provider keeps a prompt cache that is not used."""

    @property
    def billing(self) -> str:
        """How its answers are paid for: not at all, by a flat rate, or by use."""
        return "none" if self.local else "flat_rate" if self.flat_rate else "metered"

    def has(self, model: str) -> bool:
        """Whether the provider is known to sell the model, or to have an alias for it."""
        return model == self.model or model in self.aliases or (self.sells is not None and model in self.sells)


@dataclass(frozen=True, slots=True)
class RoutingFacts:
    """The configuration as routing sees it: providers in file order, role defaults, the catalogue's model ids."""

    providers: Mapping[str, ProviderFacts] = field(default_factory=dict[str, ProviderFacts])
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    known_models: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What routing knows of an agent: its provider or model, its role, and how far its calls may move.

    ``effort``: how much it thinks where a call does not say. ``policy`` None: it is not registered, and has no limits.
    """

    name: str = ""
    model: str | None = None
    role: str | None = None
    fallback: str = "any"
    effort: str | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the call itself asks for."""

    provider: str | None = None
    model: str | None = None
    role: str | None = None
    strict_model: bool = False
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider that may answer. ``model`` None: the provider's own. ``notices`` go out if it does."""

    provider: str
    model: str | None
    notices: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """A candidate that was passed over: ``code`` is an error code, ``retry_at`` Unix seconds."""

    provider: str
    model: str | None
    code: str
    reason: str
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The candidates in their order, and those that were out from the start."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skip, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """One provider's health, as far as it matters for sending it a call. ``retry_at`` is in Unix seconds.

    ``share`` below 1: it recovers, and takes that share of the calls that others can answer as well.
    """

    standing: Standing
    code: str = "worker_lost"
    reason: str = ""
    retry_at: float | None = None
    share: float = 1.0


class HealthView(Protocol):
    """Read-only health of all providers."""

    def outlook(self, provider: str, model: str | None) -> Outlook:
        """How things stand with the provider now."""
        ...


def make_plan(wish: Wish, agent: AgentFacts, facts: RoutingFacts) -> Plan:
    """The candidates of one call. An empty plan means that no provider is available."""
    asked = _first_choice(wish, agent, facts)
    role = wish.role or agent.role or DEFAULT_ROLE
    names = [asked.provider, facts.defaults.get(role), facts.defaults.get("fallback")]
    order = list(dict.fromkeys(name for name in names if name is not None))
    limit = wish.fallback or agent.fallback
    candidates: list[Candidate] = []
    skipped: list[Skip] = []
    for place, name in enumerate(order):
        found = _candidate(name, asked, wish, facts, origin=None if place == 0 else order[0])
        if isinstance(found, Candidate):
            found = _barred(found, order[0], limit, facts) or found
        if isinstance(found, Skip):
            skipped.append(found)
        else:
            candidates.append(found)
    return Plan(tuple(candidates), tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The provider that the call or its agent names, and the model id that goes with it."""

    provider: str | None = None
    model: str | None = None


def _first_choice(wish: Wish, agent: AgentFacts, facts: RoutingFacts) -> _Asked:
    if wish.provider is not None:
        return _Asked(wish.provider, None if wish.model == wish.provider else wish.model)
    asked = wish.model if wish.model is not None else agent.model
    if asked is None:
        return _Asked()
    name, _, rest = asked.partition("/")
    if asked in facts.providers:
        return _Asked(asked)
    if rest and name in facts.providers:
        return _Asked(name, rest)
    # A bare id goes to a provider that has it: the agent's own if it does.
    own = facts.providers.get(agent.model or "")
    if own is not None and own.enabled and own.has(asked):
        return _Asked(own.name, asked)
    return _Asked(_seller(asked, facts), asked)


def _seller(model: str, facts: RoutingFacts) -> str | None:
    """The first enabled provider that is set to this model, or else is known to sell it."""
    enabled = [provider for provider in facts.providers.values() if provider.enabled]
    for provider in enabled:
        if provider.model == model or model in provider.aliases:
            return provider.name
    for provider in enabled:
        if provider.sells is not None and model in provider.sells:
            return provider.name
    return None


def _candidate(name: str, asked: _Asked, wish: Wish, facts: RoutingFacts, *, origin: str | None) -> Candidate | Skip:
    provider = facts.providers.get(name)
    if provider is None:
        return Skip(name, asked.model, "no_provider", "not in models.yaml")
    if not provider.enabled:
        return Skip(name, asked.model, "no_provider", "disabled")
    notices = () if origin is None else _moved(name, origin, facts)
    if asked.model is None:
        return Candidate(name, None, notices)
    if provider.has(asked.model):
        return Candidate(name, provider.aliases.get(asked.model, asked.model), notices)
    if origin is None and (asked.provider == name or asked.model not in facts.known_models):
        return Candidate(name, asked.model, notices)  # newer than our catalogue, or the caller knows better
    if wish.strict_model:
        return Skip(name, asked.model, "model_not_found", f"does not sell {asked.model}, and strict_model is set")
    message = f"{name} does not sell {asked.model}; its own model answers"
    return Candidate(name, None, (*notices, {"code": "model_changed", "message": message}))


def _moved(name: str, origin: str, facts: RoutingFacts) -> tuple[dict[str, Any], ...]:
    """What the agent is told when ``name`` answers instead of ``origin``."""
    data = {"provider": name, "instead_of": origin}
    notices = [{"code": "fallback", "message": f"{name} answers instead of {origin}", "data": data}]
    here, before = facts.providers[name], facts.providers.get(origin)
    if before is not None and before.local and not here.local:
        notices.append({"code": "moved_remote", "message": f"the call left this machine for {name}", "data": data})
    if before is not None and before.billing == "flat_rate" and here.billing == "metered":
        notices.append({"code": "moved_metered", "message": f"{name} bills by use", "data": data})
    return tuple(notices)


def _barred(candidate: Candidate, origin: str, fallback: str, facts: RoutingFacts) -> Skip | None:
    """Why the agent's policy forbids the candidate; None: it may answer."""
    name = candidate.provider
    here, before = facts.providers[name], facts.providers.get(origin)
    if fallback == "local_only" and not here.local:
        return Skip(name, candidate.model, "forbidden", "the agent's calls stay on this machine")
    if name == origin:
        return None
    if fallback == "none":
        return Skip(name, candidate.model, "forbidden", "the agent's calls do not fall back")
    if fallback == "same_billing" and before is not None and here.billing not in ("none", before.billing):
        return Skip(name, candidate.model, "forbidden", "the agent's calls stay with one way of billing")
    return None


def stay(plan: Plan, provider: str | None) -> Plan:
    """The plan with the provider first that a conversation has moved to, if it is among the candidates."""
    here = [candidate for candidate in plan.candidates if candidate.provider == provider]
    others = [candidate for candidate in plan.candidates if candidate.provider != provider]
    return replace(plan, candidates=(*here, *others)) if here else plan


def choose(
    plan: Plan, tried: frozenset[str], health: HealthView, random: Callable[[], float] = lambda: 0.0
) -> tuple[Candidate | None, list[Skip]]:
    """The next candidate that can take the call now, and those that were passed over on the way to it.

    One that recovers takes its share by lot; it takes all where no other can.
    """
    skipped: list[Skip] = []
    spared: Candidate | None = None
    for candidate in plan.candidates:
        if candidate.provider in tried:
            continue
        outlook = health.outlook(candidate.provider, candidate.model)
        if outlook.standing in ("ready", "starting"):
            if outlook.share >= 1.0 or random() < outlook.share:
                return candidate, skipped
            spared = spared or candidate
        code = outlook.code if outlook.code in BY_CODE else "worker_lost"
        skipped.append(Skip(candidate.provider, candidate.model, code, outlook.reason, outlook.retry_at))
    if spared is None:
        return None, skipped
    return spared, [skip for skip in skipped if skip.provider != spared.provider]


def others_ready(plan: Plan, tried: frozenset[str], health: HealthView) -> bool:
    """Whether a candidate is left that could take the call now."""
    untried = (candidate for candidate in plan.candidates if candidate.provider not in tried)
    return any(health.outlook(each.provider, each.model).standing == "ready" for each in untried)
