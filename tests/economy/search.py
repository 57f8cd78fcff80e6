"""The best placement of breakpoints that can be found for a loop whose whole future is known.

Each request takes one of a few options: down to where it writes (nothing, tools, system, everything), and how much of
that for an hour. Breakpoints that only read are free, so each option has them. From several beginnings, single requests
and runs of requests are changed as long as that makes the whole loop cheaper; the caches are the simulator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kruxos import catalog
from kruxos.simulator.caching import Explicit, Piece, make_cache, pieces_of
from tests.economy.loops import Step
from tests.economy.replay import body_of, price_of, usage_of

BREAKPOINTS_MAX = 4
PASSES_MAX = 6
Option = tuple[int, int]
"""Down to which level is written, and down to which of these for an hour: 0 nothing, 1 tools, 2 system, 3 all."""
OPTIONS: tuple[Option, ...] = tuple((deep, long) for deep in range(4) for long in range(deep + 1))


@dataclass
class Turn:
    """A request: its pieces, where its levels end, where a prefix stands that an earlier request may have written."""

    step: Step
    pieces: list[Piece]
    ends: tuple[int, ...]
    earlier: int | None

    def marked(self, option: Option) -> list[Piece]:
        deep, long = option
        marks: dict[int, str] = {}
        for level in range(deep, 0, -1):
            if self.ends[level - 1] >= 0 and len(marks) < BREAKPOINTS_MAX - 1:
                marks.setdefault(self.ends[level - 1], "1h" if level <= long else "5m")
        if self.earlier is not None and self.earlier <= max(marks, default=self.earlier):
            marks.setdefault(
                self.earlier, "1h" if any(at > self.earlier for at, t in marks.items() if t == "1h") else "5m"
            )
        pieces = list(self.pieces)
        for at, ttl in marks.items():
            pieces[at] = Piece(pieces[at].name, pieces[at].tokens, ttl)
        return pieces


def turns_of(steps: Sequence[Step]) -> list[Turn]:
    """The requests to Anthropic, with what the search needs of them."""
    turns: list[Turn] = []
    tails: set[bytes] = set()
    for step in steps:
        if step.sold[0] != "anthropic":
            continue
        body = body_of(step, lambda body: body)
        pieces = pieces_of("anthropic", body)
        tools, system = len(body.get("tools", ())), len(body.get("system", ()))
        ends = (tools - 1 if tools else -1, tools + system - 1 if system else -1, len(pieces) - 1)
        earlier = next((at for at in range(len(pieces) - 1, -1, -1) if pieces[at].name in tails), None)
        tails.add(pieces[-1].name)
        turns.append(Turn(step, pieces, ends, earlier))
    return turns


class Search:
    """``cost``: of the input of all requests to Anthropic, in dollars, with an option for each."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.turns = turns_of(steps)
        self._marked = [{option: turn.marked(option) for option in OPTIONS} for turn in self.turns]
        self._prices: dict[Any, float] = {}

    def _input_cost(self, turn: Turn, counters: Any) -> float:
        key = (turn.step.sold, counters)
        if key not in self._prices:
            self._prices[key] = float(price_of(turn.step, usage_of(counters, 0))[1])
        return self._prices[key]

    def _run(self, options: Sequence[Option], begin: int, cache: Explicit, most: float) -> tuple[float, list[Explicit]]:
        """The cost from a request on, given up above ``most``; the cache before each request."""
        cost, states = 0.0, []
        for at in range(begin, len(self.turns)):
            states.append(cache.copy())
            turn = self.turns[at]
            cost += self._input_cost(turn, cache.serve(self._marked[at][options[at]], turn.step.at))
            if cost > most:
                return cost, states
        return cost, states

    def cost(self, options: Sequence[Option]) -> float:
        return self._run(options, 0, self._empty(), float("inf"))[0]

    def _empty(self) -> Explicit:
        sold = self.turns[0].step.sold
        cache = make_cache(*sold, catalog.lookup(*sold))
        assert isinstance(cache, Explicit)
        return cache

    def best(self) -> tuple[float, list[Option]]:
        """The cheapest found, and its options."""
        found = [self._improved([option] * len(self.turns)) for option in ((3, 0), (3, 3), (3, 2), (2, 0))]
        return min(found, key=lambda each: each[0])

    def _improved(self, options: list[Option]) -> tuple[float, list[Option]]:
        best = self.cost(options)
        for _ in range(PASSES_MAX):
            before = best
            for length in (1, 4):
                best = self._swept(options, best, length)
            if best >= before - 1e-9:
                break
        return best, options

    def _swept(self, options: list[Option], best: float, length: int) -> float:
        """One pass over all requests, changing runs of them."""
        cache, spent = self._empty(), 0.0
        for at, turn in enumerate(self.turns):
            old = options[at : at + length]
            for option in OPTIONS:
                trial = [*options[:at], *[option] * len(old), *options[at + length :]]
                if trial == options:
                    continue
                cost = spent + self._run(trial, at, cache.copy(), best - spent)[0]
                if cost < best - 1e-9:
                    best, options[:] = cost, trial
            spent += self._input_cost(turn, cache.serve(self._marked[at][options[at]], turn.step.at))
        return best
