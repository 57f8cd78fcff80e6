"""What batches may do by policy and budgets: asked when one begins and before it is sent, told when a part is over.

A batch is no call: limits of calls a minute, or at once, do not hold for it. Of limits of money and tokens, what a part
may use is set aside when its lines are known, at a batch's price, in the accounts that calls use too
(``kruxos.cores.budgets``); when the part ends, what the ledger books takes its place. After a start the parts that are
not over set theirs aside again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kruxos.cores.batches import Part
from kruxos.cores.budgets import NOTHING, Charge, Limited, Reservation
from kruxos.cores.estimates import estimate
from kruxos.cores.policing import Steward, permitted
from kruxos.cores.routing import AgentFacts, Plan
from kruxos.errors import BudgetExceededError, ForbiddenError
from kruxos.ledger.batches import Batch
from kruxos.ledger.calls import Call

SOMETHING = Charge(1, None)
"""What a batch uses whose lines nobody has seen: it fits as long as anything is left."""


@dataclass(slots=True)
class BatchPurse:
    """All batches' one. ``agent_of`` knows an agent as it is now."""

    steward: Steward
    agent_of: Callable[[str], AgentFacts]
    _held: dict[tuple[str, int], Reservation] = field(default_factory=dict[tuple[str, int], Reservation])

    def permitted(self, plan: Plan, agent: AgentFacts, now: float) -> Plan:
        """The plan without what the agent's policy rules out."""
        return permitted(plan, agent, self.steward.prices, now)

    def check(self, agent: AgentFacts, provider: str, now: float, charge: Charge = SOMETHING) -> None:
        """Raises ``BudgetExceededError`` where a budget has no room."""
        refusal = self.steward.budgets.check(self._limited(agent, provider), charge, now)
        if refusal is not None:
            raise BudgetExceededError(refusal.message, retry_at=refusal.retry_at, provider=provider)

    def admit(self, batch: Batch, parts: Sequence[Part], models: Sequence[str], now: float) -> None:
        """Before it is sent: sets aside what its parts may use. Raises ``ForbiddenError``, ``BudgetExceededError``."""
        agent = self.agent_of(batch.agent)
        for model in models if agent.policy is not None else ():
            reason = agent.policy.refusal(batch.provider, model) if agent.policy is not None else ""
            if reason:
                raise ForbiddenError(reason, provider=batch.provider, model=model)
        charges = [self._estimate(batch, part, now) for part in parts]
        money = [charge.money for charge in charges]
        known = [each for each in money if each is not None]
        total = Charge(sum(each.tokens for each in charges), sum(known, NOTHING) if len(known) == len(money) else None)
        self.check(agent, batch.provider, now, total)
        self.resume(batch, parts, now)

    def resume(self, batch: Batch, parts: Sequence[Part], now: float) -> None:
        """Sets aside what those parts may use that are not over."""
        limited = self._limited(self.agent_of(batch.agent), batch.provider)
        for part in parts:
            if not part.final:
                reservation = self.steward.budgets.reserve(limited, self._estimate(batch, part, now), now)
                self.steward.budgets.ended(reservation)
                self._held[batch.id, part.number] = reservation

    def settle(self, part: Part, calls: Sequence[Call], now: float) -> None:
        """A part is over: what it used is known."""
        reservation = self._held.pop((part.batch, part.number), None)
        if reservation is None:
            return
        money = [each.cost for each in calls if each.cost is not None]
        used = Charge(sum(_tokens(each) for each in calls), sum(money, NOTHING) if money else None)
        for crossing in self.steward.budgets.settle(reservation, used if calls else Charge(), now):
            self.steward.crossed(crossing)

    def _limited(self, agent: AgentFacts, provider: str) -> list[Limited]:
        every = self.steward.limited(agent, provider)
        return [Limited(each.owner, tuple(cap for cap in each.caps if cap.unit != "calls")) for each in every]

    def _estimate(self, batch: Batch, part: Part, now: float) -> Charge:
        quote = self.steward.prices.quote(batch.provider, batch.model, now)
        return estimate(quote, part.size, part.output_tokens, now, batch_of=part.count)


def _tokens(call: Call) -> int:
    return call.usage.input_tokens + (call.usage.output_tokens or 0)
