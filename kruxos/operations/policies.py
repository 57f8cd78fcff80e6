"""Agents' policies: what is asked for in words, and how their limits stand by the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar, cast

from kruxos.config.model import ROLE_NAMES, ModelsConfig, RoleName
from kruxos.cores.calendar import Period, period_at
from kruxos.cores.caps import (
    CAPS_MAX,
    PATTERNS_MAX,
    Cap,
    Policy,
    Span,
    check_pattern,
    merge_caps,
    parse_caps,
    parse_kind,
)
from kruxos.fields import Fields
from kruxos.ledger.agents import FALLBACKS, PURPOSE_CHARS_MAX, Agent, Fallback
from kruxos.ledger.ledger import Ledger
from kruxos.messages import COMPACTION_TEMPLATES, THINKING_EFFORTS, ThinkingEffort
from kruxos.operations.base import refused
from kruxos.operations.prices import price_list

ANY = "any"
ALL = "all"
DEFAULT = "default"
OFF = "off"
COMPACT_TOKENS_MIN = 1000
T = TypeVar("T")


def with_policy(agent: Agent, fields: Fields) -> Agent:
    """The agent as it is to be from now on. Raises ``RefusedError``.

    ``limits`` take the place of those of their kind, ``drop`` names kinds (``usd/day``, or ``all``) whose limit goes;
    ``providers`` and ``models`` are patterns (``any``: all). ``effort``: ``default`` is the model's own.
    ``compaction`` is a template, ``off`` or ``default``; ``compact_at`` a share of the window, or tokens from 1000 on.
    """
    effort = fields.maybe_choice("effort", (*THINKING_EFFORTS, DEFAULT))
    purpose = fields.maybe_text("purpose", limit=4 * PURPOSE_CHARS_MAX)
    return replace(
        agent,
        purpose=agent.purpose if purpose is None else purpose,
        role=cast("RoleName | None", fields.maybe_choice("role", ROLE_NAMES) or agent.role),
        fallback=cast("Fallback", fields.maybe_choice("fallback", FALLBACKS) or agent.fallback),
        effort=_effort(effort, agent.effort),
        policy=Policy(
            caps=_caps(agent.policy.caps, fields),
            providers=_patterns(fields, "providers", agent.policy.providers),
            models=_patterns(fields, "models", agent.policy.models),
            compaction=_compaction(agent.policy.compaction, fields),
        ),
    )


def _effort(asked: str | None, before: ThinkingEffort | None) -> ThinkingEffort | None:
    if asked is None:
        return before
    return None if asked == DEFAULT else cast("ThinkingEffort", asked)


def _compaction(before: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """What the agent wishes of compaction, as a call would say it."""
    word = fields.maybe_choice("compaction", (*COMPACTION_TEMPLATES, OFF, DEFAULT))
    at = fields.maybe_number("compact_at", low=0.1)
    said = {} if word == DEFAULT else dict(before)
    if word == OFF:
        said = {"enabled": False}
    elif word is not None and word != DEFAULT:
        said = {name: value for name, value in said.items() if name != "enabled"} | {"template": word}
    if at is None:
        return said
    if 1 < at < COMPACT_TOKENS_MIN:
        raise refused(
            "compact_at is neither a share nor enough tokens", "0.1 to 1 of the window, or 1000 tokens and more"
        )
    said = {name: value for name, value in said.items() if name not in ("at", "at_tokens")}
    return said | ({"at": at} if at <= 1 else {"at_tokens": int(at)})


def _caps(before: tuple[Cap, ...], fields: Fields) -> tuple[Cap, ...]:
    dropped = fields.strings("drop", limit=CAPS_MAX)
    kept = () if ALL in dropped else before
    kinds = {_read("drop", parse_kind, each) for each in dropped if each != ALL}
    asked = fields.strings("limits", limit=CAPS_MAX)
    new = [cap for each in asked for cap in _read("limits", parse_caps, [each])]
    return merge_caps([cap for cap in kept if cap.kind not in kinds], new)


def _patterns(fields: Fields, name: str, before: tuple[str, ...]) -> tuple[str, ...]:
    if not fields.has(name):
        return before
    patterns = fields.strings(name, limit=PATTERNS_MAX)
    return () if ANY in patterns else tuple(_read(name, check_pattern, each) for each in patterns)


_WHAT = {"limits": "a limit", "drop": "a kind of limit", "providers": "a provider", "models": "a model"}


def _read(name: str, read: Callable[[Any], T], value: Any) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise refused(f"{_WHAT[name]} {error}", "kruxos agent set-policy --help shows how they are written") from None


def policy_shown(agent: Agent) -> dict[str, Any]:
    """The policy as plain values."""
    return {
        "effort": agent.effort,
        "compaction": dict(agent.policy.compaction),
        "limits": [str(cap) for cap in agent.policy.caps],
        "providers_allowed": list(agent.policy.providers),
        "models_allowed": list(agent.policy.models),
    }


def limits_standing(ledger: Ledger, agents: list[Agent]) -> dict[str, list[dict[str, Any]]]:
    """How the agents' limits of money and tokens stand by the ledger, by agent; amounts as decimal text.

    What calls under way have set aside is not in it. One query, however many agents there are.
    """
    now = time.time()
    limited = [agent for agent in agents if any(cap.unit != "calls" for cap in agent.policy.caps)]
    used = _used(ledger, limited, now) if limited else {}
    return {
        agent.name: [
            _standing(cap, used.get((agent.name, cap.span), _NOTHING), now)
            for cap in agent.policy.caps
            if cap.unit != "calls"
        ]
        for agent in agents
    }


_NOTHING = (0, Decimal(0))


def _used(ledger: Ledger, agents: list[Agent], now: float) -> dict[tuple[str, Span], tuple[int, Decimal]]:
    """Tokens and money by agent, for this day and this month."""
    only = agents[0].name if len(agents) == 1 else None
    found: dict[tuple[str, Span], tuple[int, Decimal]] = {}
    for each in ledger.spent(now, agent=only):
        spans: tuple[Span, ...] = ("day", "month") if each.today else ("month",)
        for span in spans:
            tokens, money = found.get((each.agent, span), _NOTHING)
            found[each.agent, span] = tokens + each.tokens, money + each.money
    return found


def _standing(cap: Cap, used: tuple[int, Decimal], now: float) -> dict[str, Any]:
    period: Period = "day" if cap.span == "day" else "month"
    return {
        "limit": str(cap),
        "unit": cap.unit,
        "amount": format(cap.amount, "f"),
        "used": format(used[1] if cap.unit == "usd" else Decimal(used[0]), "f"),
        "resets_at": period_at(period, now).end,
    }


def unpriced_warnings(config: ModelsConfig, agent: Agent, candidates: list[str]) -> list[str]:
    """That money cannot be counted at some who may answer an agent with a limit of money."""
    if not any(cap.unit == "usd" for cap in agent.policy.caps):
        return []
    prices, now = price_list(config), time.time()
    unknown = [name for name in candidates if not prices.quote(name, None, now).is_priced]
    if not unknown:
        return []
    told = f"the price of {', '.join(unknown)} is not known, so a limit of money does not count it"
    return [f"{told}: state it in models.yaml under `catalog:`, or limit tokens as well"]
