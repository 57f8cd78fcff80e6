"""When the tokens of an answer come: a pause before the first, then a rate, both with jitter from a seed."""

from __future__ import annotations

from random import Random

from .settings import Timing


class Pace:
    """The pauses of one answer, in seconds. The same seed gives the same pauses."""

    def __init__(self, timing: Timing, seed: str) -> None:
        self._timing = timing
        self._chance = Random(f"pace {seed}")  # noqa: S311 - believable, not secret

    def before_first(self) -> float:
        """The pause before the first token."""
        return self._varied(self._timing.first_token_s)

    def before(self, tokens: int) -> float:
        """The pause that so many tokens take."""
        rate = self._timing.tokens_per_s
        return self._varied(tokens / rate) if rate else 0.0

    def whole(self, tokens: int) -> float:
        """The pause before an answer that is not streamed."""
        return self.before_first() + self.before(tokens)

    def _varied(self, seconds: float) -> float:
        if not seconds:
            return 0.0
        return seconds * self._chance.uniform(1 - self._timing.jitter, 1 + self._timing.jitter)
