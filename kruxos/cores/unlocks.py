"""Operators who have shown the vault's passphrase lately. Pure.

Where the vault has a passphrase, being the gateway's user is not enough to change keys, where they go, agents or their
policies: whoever does shows the passphrase, which holds for ``UNLOCKED_S`` in the same session of the same user.
"""

from __future__ import annotations

from typing import NamedTuple

UNLOCKED_S = 900.0
SESSIONS_MAX = 256


class Operator(NamedTuple):
    """Who asks: a user, in a session of processes (what one terminal, or one service, started)."""

    uid: int
    session: int


class Unlocks:
    """The sessions that are unlocked, and until when (monotonic seconds)."""

    def __init__(self) -> None:
        self._until: dict[Operator, float] = {}

    def proved(self, operator: Operator, now: float) -> None:
        """The operator has shown the passphrase."""
        self._until.pop(operator, None)
        self._until[operator] = now + UNLOCKED_S
        if len(self._until) > SESSIONS_MAX:
            del self._until[next(iter(self._until))]

    def left_s(self, operator: Operator | None, now: float) -> float:
        """How much longer the operator's session is unlocked; 0: it is not."""
        until = None if operator is None else self._until.get(operator)
        return 0.0 if until is None else max(0.0, until - now)

    def forget(self) -> None:
        """Nobody is unlocked any more."""
        self._until.clear()
