"""A loop replayed against the simulated caches, with breakpoints placed in one way or another: what it costs.

Everything is ours but the time: requests are encoded by the dialects, the marks are those of the workers' core, the
caches are the simulator's, the prices the catalogue's. No process, no socket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from kruxos import catalog
from kruxos.dialects.base import Target
from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Notice, Usage
from kruxos.simulator.caching import Counters, make_cache, pieces_of
from kruxos_workers.cache import Asked, Caches, Caching
from tests.economy.loops import Step

Edit = Callable[[dict[str, Any]], dict[str, Any]]


class Strategy(Protocol):
    """Where breakpoints are put."""

    def edit(self, step: Step) -> Edit: ...

    def settle(self, usage: Usage) -> None: ...


@dataclass
class Bill:
    """What a loop cost: all of it, and its input alone; the counters of each call."""

    total: Decimal = Decimal(0)
    input: Decimal = Decimal(0)
    inputs: list[Decimal] = field(default_factory=list)
    counters: list[Counters] = field(default_factory=list)


class Gateway:
    """As the workers do it: one core for each provider."""

    def __init__(self) -> None:
        self._caches: dict[str, Caches] = {}
        self._caching: Caching | None = None
        self.notices: list[Notice] = []

    def edit(self, step: Step) -> Edit:
        profile = PROFILES[step.sold[0]]
        caches = self._caches.setdefault(profile.name, Caches(profile.dialect, profile, own_host=True))
        asked = Asked(step.agent, None, step.sold[1], step.role == "autonomous", {}, step.at)
        self._caching = caches.caching(asked, catalog.lookup(*step.sold))
        return self._caching.edit

    def settle(self, usage: Usage) -> None:
        assert self._caching is not None
        self._caching.settle(usage)
        self.notices += self._caching.notices

    def counts(self, profile: str = "anthropic") -> dict[str, int]:
        return dict(self._caches[profile].counts)


class Plain:
    """No breakpoints, or the one fixed at the top level."""

    def __init__(self, *, fixed: bool) -> None:
        self._fixed = fixed

    def edit(self, step: Step) -> Edit:
        if not self._fixed or step.sold[0] != "anthropic":
            return lambda body: body
        return lambda body: {**body, "cache_control": {"type": "ephemeral"}}

    def settle(self, usage: Usage) -> None:
        pass


def body_of(step: Step, edit: Edit) -> dict[str, Any]:
    profile = PROFILES[step.sold[0]]
    target = Target(profile.name, step.sold[1], profile, profile.name, stream=False, now=step.at, edit=edit)
    body: dict[str, Any] = json.loads(DIALECTS[profile.dialect].encode_request(step.request, target).http.body)
    return body


def usage_of(counters: Counters, output_tokens: int) -> Usage:
    return Usage(
        counters.uncached,
        counters.read,
        counters.written_5m + counters.written_1h,
        output_tokens,
        cache_write_1h_tokens=counters.written_1h,
    )


def price_of(step: Step, usage: Usage) -> tuple[Decimal, Decimal]:
    """All of it, and its input alone."""
    row = catalog.lookup(*step.sold)
    assert row is not None
    cost = catalog.price(usage, row, at=step.at)
    assert cost is not None
    return Decimal(cost["total"]), Decimal(cost["total"]) - Decimal(cost["output"])


def replay(steps: Sequence[Step], strategy: Strategy) -> Bill:
    caches: dict[tuple[str, str], Any] = {}
    bill = Bill()
    for step in steps:
        body = body_of(step, strategy.edit(step))
        if step.sold not in caches:
            caches[step.sold] = make_cache(*step.sold, catalog.lookup(*step.sold))
        counters = caches[step.sold].serve(pieces_of(PROFILES[step.sold[0]].dialect, body), step.at)
        usage = usage_of(counters, step.output_tokens)
        strategy.settle(usage)
        total, inputs = price_of(step, usage)
        bill.total, bill.input = bill.total + total, bill.input + inputs
        bill.inputs.append(inputs)
        bill.counters.append(counters)
    return bill
