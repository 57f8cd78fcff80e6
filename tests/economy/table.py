"""What the ten loops cost: through the gateway, at best, without caching, and with one fixed top-level breakpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.economy.loops import LOOPS, Step
from tests.economy.replay import Bill, Gateway, Plain, replay
from tests.economy.search import Search


@dataclass(frozen=True)
class Row:
    """Dollars; ``best`` and the others are whole bills, ``input_ratio`` looks at the input alone."""

    name: str
    calls: int
    gateway: float
    best: float
    without: float
    fixed: float
    input_ratio: float
    notices: tuple[str, ...]

    @property
    def ratio(self) -> float:
        return self.gateway / self.best


def row(name: str) -> Row:
    """One loop. What other providers than Anthropic cost is in all bills alike: they place nothing."""
    steps = list(LOOPS[name]())
    gateway = Gateway()
    bill, without, fixed = replay(steps, gateway), replay(steps, Plain(fixed=False)), replay(steps, Plain(fixed=True))
    elsewhere = _elsewhere(steps, bill)
    least = min(Search(steps).best()[0], float(bill.input) - elsewhere, float(fixed.input) - elsewhere)
    output = float(bill.total - bill.input)
    return Row(
        name,
        len(steps),
        float(bill.total),
        least + elsewhere + output,
        float(without.total),
        float(fixed.total),
        (float(bill.input) - elsewhere) / least,
        tuple(notice.message for notice in gateway.notices),
    )


def _elsewhere(steps: Sequence[Step], bill: Bill) -> float:
    """What the input cost that another provider had."""
    return sum(float(cost) for step, cost in zip(steps, bill.inputs, strict=True) if step.sold[0] != "anthropic")


def lines() -> Iterator[str]:
    head = ("loop", "calls", "gateway", "best", "none", "fixed", "ratio", "input only")
    yield f"{head[0]:38}" + "".join(f"{word:>11}" for word in head[1:])
    for name in LOOPS:
        each = row(name)
        money = "".join(f"{value:>11.4f}" for value in (each.gateway, each.best, each.without, each.fixed))
        yield f"{each.name:38}{each.calls:>11}{money}{each.ratio:>11.3f}{each.input_ratio:>11.3f}"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)  # noqa: T201
