"""What a call may do by policy and budgets: asked before each attempt, told after it.

``Steward`` knows caps, accounts and prices of the whole gateway; ``Purse`` is one call's. To the call's core a purse is
the health of providers: one that may not be asked, because somebody's budget has no room, looks like one that cools,
until the budget resets. So a candidate over its cap is passed over like any other, with the reason in ``attempts``, and
a call that may wait so long waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kruxos import wire
from kruxos.cores.budgets import Budgets, Charge, Crossing, Limited, Owner, Reservation
from kruxos.cores.calendar import at_text
from kruxos.cores.call_vocabulary import Row
from kruxos.cores.caps import Cap
from kruxos.cores.estimates import PriceList, Quote, estimate, larger, used
from kruxos.cores.routing import AgentFacts, Candidate, HealthView, Outlook, Plan, Skip
from kruxos.errors import BudgetExceededError, ForbiddenError

PAID_OP = "chat"
"""The operation that uses tokens; the others are free."""


def _nobody(_: Crossing) -> None:
    pass


@dataclass(slots=True)
class Steward:
    """The gateway's and the providers' caps, everybody's accounts, and the prices."""

    budgets: Budgets = field(default_factory=Budgets)
    prices: PriceList = field(default_factory=PriceList)
    gateway: tuple[Cap, ...] = ()
    providers: Mapping[str, tuple[Cap, ...]] = field(default_factory=dict[str, tuple[Cap, ...]])
    crossed: Callable[[Crossing], None] = _nobody
    """Is told of a cap that came near its end, or to it, once in its period."""

    def limited(self, agent: AgentFacts, provider: str) -> tuple[Limited, ...]:
        """Everybody whose budget an attempt at the provider is on. Agents that are not registered have none."""
        both = Limited(Owner("provider", provider), self.providers.get(provider, ())), Limited(GATEWAY, self.gateway)
        return both if agent.policy is None else (Limited(Owner("agent", agent.name), agent.policy.caps), *both)


GATEWAY = Owner("gateway")


def permitted(plan: Plan, agent: AgentFacts, prices: PriceList, unix: float) -> Plan:
    """The plan without the providers and models that the agent's policy rules out: the final ones count."""
    policy = agent.policy
    if policy is None or not (policy.providers or policy.models):
        return plan
    kept: list[Candidate] = []
    skipped = list(plan.skipped)
    for each in plan.candidates:
        model = prices.quote(each.provider, each.model, unix).model
        reason = policy.refusal(each.provider, model)
        if reason:
            skipped.append(Skip(each.provider, model, ForbiddenError.code, reason))
        else:
            kept.append(each)
    return Plan(tuple(kept), tuple(skipped))


@dataclass(slots=True)
class Purse:
    """One call's. ``unix`` tells the time in Unix seconds."""

    steward: Steward
    health: HealthView
    agent: AgentFacts
    frame: wire.Open
    unix: Callable[[], float]
    _reservation: Reservation | None = None
    _quote: Quote = field(default_factory=Quote)
    _again: bool = False
    _kept: Charge | None = None

    # Before an attempt

    def outlook(self, provider: str, model: str | None) -> Outlook:
        """How things stand with a provider, for this call (``kruxos.cores.routing.HealthView``)."""
        outlook = self.health.outlook(provider, model)
        if self.frame.op != PAID_OP or outlook.standing not in ("ready", "starting"):
            return outlook
        limited = self.steward.limited(self.agent, provider)
        if not any(each.caps for each in limited):
            return outlook
        unix = self.unix()
        charge = self._estimate(self.steward.prices.quote(provider, model, unix), unix)
        refusal = self.steward.budgets.check(limited, charge, unix, again=self._again)
        if refusal is None:
            return outlook
        return Outlook("cooling", BudgetExceededError.code, refusal.message, refusal.retry_at)

    def dispatched(self, candidate: Candidate) -> None:
        """An attempt begins."""
        self.close()
        if self.frame.op != PAID_OP:
            return
        unix = self.unix()
        limited = self.steward.limited(self.agent, candidate.provider)
        self._quote = self.steward.prices.quote(candidate.provider, candidate.model, unix)
        has_caps = any(each.caps for each in limited)
        charge = self._estimate(self._quote, unix) if has_caps else Charge()
        self._reservation = self.steward.budgets.reserve(limited, charge, unix, again=self._again)
        self._again, self._kept = True, None

    def _estimate(self, quote: Quote, unix: float) -> Charge:
        return estimate(quote, len(self.frame.body), self.frame.max_output_tokens, unix)

    # After it

    def failed(self, frame: wire.Error) -> None:
        """The worker's error frame, before anybody decides what comes next."""
        self._over(certain=frame.failure != "ambiguous" and not frame.usage)

    def lost(self, *, was_sent: bool) -> None:
        """The worker of the attempt is gone."""
        self._over(certain=not was_sent)

    def _over(self, *, certain: bool) -> None:
        if self._reservation is None:
            return
        if certain:
            self.close()
        else:
            self.steward.budgets.ended(self._reservation)

    def answered(self, end: wire.End) -> wire.End:
        """The answer's last frame, with what its agent is to be told of its budget."""
        reservation = self._reservation
        if reservation is None:
            return end
        crossings = self._settle(used(end.usage, end.cost), known=bool(end.usage))
        notices = [_notice(each) for each in crossings if each.owner.kind == "agent"]
        caps = [cap for each in reservation.limited for cap in each.caps if cap.unit == "usd"]
        if caps and not self._quote.is_priced and not end.cost:
            message = f"the price of {end.model} is not known: it does not count against the limit of {caps[0]}"
            notices.append({"code": "unpriced", "message": message})
        return replace(end, notices=[*end.notices, *notices]) if notices else end

    def booked(self, row: Row) -> Row:
        """A row for the ledger, with the estimate where nobody knows what was used."""
        if row.op:
            self._step_booked(used(row.usage, row.cost))
            return row
        if self._reservation is not None:
            self._settle(used(row.usage, row.cost), known=not row.billed_maybe)
        kept, self._kept = self._kept, None
        if kept is None:
            return row
        money = None if kept.money is None else format(kept.money, "f")
        return replace(row, estimated_tokens=kept.tokens, estimated_cost=money)

    def _step_booked(self, charge: Charge) -> None:
        """What a step before the answer used; what is set aside for the answer stays."""
        if self._reservation is None:
            return
        unix, limited = self.unix(), self._reservation.limited
        reservation = self.steward.budgets.reserve(limited, Charge(), unix, again=True)
        for each in self.steward.budgets.settle(reservation, charge, unix):
            self.steward.crossed(each)

    def _settle(self, charge: Charge, *, known: bool) -> list[Crossing]:
        assert self._reservation is not None
        if not known:
            unix = self._reservation.at
            charge = self._kept = larger(charge, self._estimate(self._quote, unix))
        reservation, self._reservation = self._reservation, None
        crossings = self.steward.budgets.settle(reservation, charge, self.unix())
        for each in crossings:
            self.steward.crossed(each)
        return crossings

    def close(self) -> None:
        """Nothing was used by the attempt that is over, or by one that never was."""
        if self._reservation is not None:
            self.steward.budgets.release(self._reservation)
            self._reservation = None


def _notice(crossing: Crossing) -> dict[str, Any]:
    share = f"{crossing.share * 100:.0f} %"
    message = f"{share} of this agent's limit of {crossing.cap} is used; it resets at {at_text(crossing.resets_at)}"
    data = {"limit": str(crossing.cap), "used": format(crossing.used, "f"), "resets_at": crossing.resets_at}
    return {"code": "budget", "message": message, "data": data}
