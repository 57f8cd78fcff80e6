"""Caches that keep what they like: the longest beginning shared with an earlier request, in whole units.

A row says how long a beginning must be, in what units it is counted, how many tokens of a prompt are never read, how
long it is kept unused, and whether writing is charged. ``source`` says what is documented and what was only seen in
recorded exchanges or is assumed. ``keeps_s`` is assumed throughout: nobody promises a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from .pieces import Counters, Piece

PREFIXES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class AutomaticRules:
    """One provider's. ``unread``: tokens at the end of a prompt that are always worked on anew."""

    minimum: int
    unit: int
    source: str
    unread: int = 1
    keeps_s: float = 300.0
    charges_writes: bool = False


RULES: Mapping[str, AutomaticRules] = {
    "openai": AutomaticRules(1024, 128, "OpenAI docs: from 1024 tokens on; recorded: multiples of 128"),
    "openai-writes": AutomaticRules(
        1024, 1, "OpenAI spec: gpt-5.6 and later report cache_write_tokens; recorded: all but 3 tokens are written",
        unread=3, keeps_s=1800.0, charges_writes=True,
    ),
    "gemini": AutomaticRules(1024, 1, "recorded: 1274 of 1344; the minimum is assumed"),
    "deepseek": AutomaticRules(128, 128, "recorded: multiples of 128"),
    "glm": AutomaticRules(4, 1, "recorded: from 4 tokens on, to all but one"),
    "grok": AutomaticRules(128, 64, "recorded: multiples of 64, from 128 on"),
    "grok-3": AutomaticRules(2, 1, "recorded: from 2 tokens on, to all but one"),
    "mistral": AutomaticRules(16, 16, "recorded: multiples of 16"),
    "mistral-tiny": AutomaticRules(1, 1, "recorded: 10 of 20 tokens"),
    "groq": AutomaticRules(128, 128, "recorded: 1792 of 1795"),
}  # fmt: skip


def rules_of(provider: str, model: str, *, charges_writes: bool = False) -> AutomaticRules | None:
    """The rules of a model's cache; None where nothing is known of one."""
    if provider in ("openai", "openai-codex"):
        return RULES["openai-writes" if charges_writes else "openai"]
    family = next((name for name in ("grok-3", "mistral-tiny") if model.startswith(name)), provider)
    return RULES.get(family)


@dataclass(slots=True)
class Automatic:
    """The cache of one account for one model."""

    rules: AutomaticRules
    _kept: OrderedDict[bytes, float] = field(default_factory=OrderedDict[bytes, float])

    def serve(self, pieces: Sequence[Piece], now: float) -> Counters:
        """What a request reads and writes that begins ``now`` (seconds)."""
        ends = list(accumulate(piece.tokens for piece in pieces))
        total, rules = (ends[-1] if ends else 0), self.rules
        shared = max(
            (end for end, piece in zip(ends, pieces, strict=True) if self._is_kept(piece.name, now)), default=0
        )
        read = min(shared, total - rules.unread) // rules.unit * rules.unit
        read = read if read >= rules.minimum else 0
        for piece in pieces:
            self._kept[piece.name] = now + rules.keeps_s
            self._kept.move_to_end(piece.name)
        while len(self._kept) > PREFIXES_MAX:
            self._kept.popitem(last=False)
        if not rules.charges_writes or total < rules.minimum:
            return Counters(total - read, read)
        written = max(0, total - rules.unread - read)
        return Counters(total - read - written, read, written)

    def copy(self) -> Automatic:
        """The same, to try something."""
        return Automatic(self.rules, OrderedDict(self._kept))

    def _is_kept(self, name: bytes, now: float) -> bool:
        return self._kept.get(name, 0.0) > now
