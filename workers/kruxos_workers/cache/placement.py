"""Where Anthropic's breakpoints are put, and for how long each is paid (Anthropic docs: prompt caching).

What the provider does: it writes at breakpoints only, four at most; it reads the longest prefix that was written at or
up to 19 blocks before a breakpoint. Reading costs a tenth of the input price, writing for five minutes 1.25, for an
hour 2. In one request hours stand before minutes. So a breakpoint where nothing is written costs nothing, and what is
new since the longest kept prefix is paid once, for a lifetime, or goes unkept.

What is decided: for what is new, whether it comes back soon enough to be worth its writing, and whether an hour saves
more rewriting than it costs. That goes by the loop's rhythm. An hour behind a prefix that lives five minutes is taken
to be worth five minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from .prefix import Chain, Level, Place
from .rhythm import Chances

BREAKPOINTS_MAX = 4
LOOK_BACK_BLOCKS = 20
"""How many positions a breakpoint looks at, its own included."""
LEVELS: tuple[Level, ...] = ("tools", "system", "messages")
_CALLS_MAX = 20.0
_NEARLY = 0.7
"""Lengths are estimated: a prefix this near to the model's minimum may reach it."""

Marks = dict[int, str]


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices as multiples of the input price."""

    read: float = 0.1
    short: float = 1.25
    long: float = 2.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A prefix that is probably kept: for which lifetime it was written, and how many tokens it has."""

    ttl: str
    tokens: int
    level: Level = "messages"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of the marks: ``ttl`` for all of them, or None: what is cheaper."""

    ttl: str | None = None


def place(
    chain: Chain,
    kept: Mapping[int, Kept],
    chances: Mapping[Level, Chances],
    *,
    minimum: int,
    rates: Rates = Rates(),
    wish: Wish = Wish(),
) -> Marks:
    """Our breakpoints: block positions and lifetimes. The agent's own stay, and count."""
    own = own_marks(chain)
    room = BREAKPOINTS_MAX - len(own) - (chain.automatic is not None and _automatic_at(chain) not in own)
    if room <= 0:
        return {}
    wanted = _wanted(chain, kept, chances, minimum, rates, wish)
    candidates = [at for at in reversed(wanted) if at not in own]
    deepest_kept = max(kept, default=None)
    if deepest_kept is not None and deepest_kept not in own and chain.blocks[deepest_kept].markable:
        seen_by = [*own, *candidates[:1]]
        if not any(0 <= mark - deepest_kept < LOOK_BACK_BLOCKS for mark in seen_by):
            wanted.setdefault(deepest_kept, kept[deepest_kept].ttl)
            candidates = [*candidates[:1], deepest_kept, *(at for at in candidates[1:] if at != deepest_kept)]
    return _in_order({at: wanted[at] for at in candidates[:room]}, own)


def own_marks(chain: Chain) -> Marks:
    """The agent's own breakpoints; one that it leaves to the provider stands on the last block."""
    marks = {at: block.mark for at, block in enumerate(chain.blocks) if block.mark is not None}
    if chain.automatic is not None:
        marks.setdefault(_automatic_at(chain), chain.automatic)
    return marks


def _automatic_at(chain: Chain) -> int:
    return max((at for at, block in enumerate(chain.blocks) if block.markable), default=0)


def reach(marks: Mapping[int, str], kept: Mapping[int, Kept]) -> int | None:
    """The longest kept prefix that a request with these breakpoints can read."""
    for at in sorted(kept, reverse=True):
        if any(0 <= mark - at < LOOK_BACK_BLOCKS for mark in marks):
            return at
    return None


def _wanted(
    chain: Chain,
    kept: Mapping[int, Kept],
    chances: Mapping[Level, Chances],
    minimum: int,
    rates: Rates,
    wish: Wish,
) -> Marks:
    """Where writing is worth it, the beginning first."""
    deepest = max(kept, default=-1)
    behind_short = deepest >= 0 and kept[deepest].ttl == "5m" and not _is_busy(kept[deepest], chances, rates)
    wanted: Marks = {}
    for level in LEVELS:
        at = chain.last(level)
        if at is None or chain.tokens_to(at) < minimum * _NEARLY:
            continue
        ttl = kept[at].ttl if at in kept else wish.ttl or lifetime(chances[level], rates)
        if ttl is not None:
            wanted[at] = "5m" if behind_short and wish.ttl is None else ttl
    return wanted


def _is_busy(base: Kept, chances: Mapping[Level, Chances], rates: Rates) -> bool:
    """Whether a prefix of minutes is used so often, by other conversations too, that it lives for hours."""
    return base.level != "messages" and lifetime(chances[base.level], rates) == "5m"


def lifetime(chances: Chances, rates: Rates) -> str | None:
    """For how long something new is written; None: it is cheaper not to.

    Unwritten it costs 1, and is written the next time. Written for minutes it costs ``rates.short`` and is written
    again unless it comes back in time. The hour's surcharge is paid once, and saves a rewriting in each later gap that
    only the hour bridges.
    """
    saved = rates.short - rates.read
    calls = min(chances.calls, 1.0 / max(chances.lost, 1.0 / _CALLS_MAX))
    surcharge = rates.long - rates.short
    if chances.long * calls * saved > surcharge and (chances.short + chances.long) * calls * saved > rates.long - 1.0:
        return "1h"
    return "5m" if chances.short * saved > rates.short - 1.0 else None


def _in_order(marks: Marks, own: Marks) -> Marks:
    """The same with hours before minutes, whatever the agent's own say."""
    last_long = max((at for at, ttl in {**marks, **own}.items() if ttl == "1h"), default=-1)
    first_own_short = min((at for at, ttl in own.items() if ttl == "5m"), default=None)
    ordered: Marks = {}
    for at in sorted(marks):
        is_behind_short = first_own_short is not None and at > first_own_short
        ordered[at] = "5m" if is_behind_short else "1h" if at <= last_long else marks[at]
    return ordered


def marked(body: dict[str, Any], chain: Chain, marks: Mapping[int, str]) -> dict[str, Any]:
    """The body with breakpoints at these blocks; what is changed is copied, the rest is shared."""
    for at in sorted(marks):
        body = cast("dict[str, Any]", _with_mark(body, chain.blocks[at].place, _control(marks[at])))
    return body


def _control(ttl: str) -> dict[str, Any]:
    return {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}


def _with_mark(value: Any, place: Place, control: dict[str, Any]) -> Any:
    if not place:
        if isinstance(value, str):
            return [{"type": "text", "text": value, "cache_control": control}]
        return {**value, "cache_control": control}
    inner = _with_mark(value[place[0]], place[1:], control)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        at = cast("int", place[0])
        return [*items[:at], inner, *items[at + 1 :]]
    return {**value, place[0]: inner}
