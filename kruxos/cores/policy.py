"""Arithmetic of patience: how long to wait before trying again. Pure; chance comes in as ``random`` in [0, 1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Random = Callable[[], float]

RESTART_BASE_S = 0.25
RESTART_CEILING_S = 30.0
RESTARTS_MAX = 5
RESTARTS_WINDOW_S = 60.0
HEALTHY_AFTER_S = 10.0
"""A worker that was ready for this long is restarted at once when it dies."""
FORGIVEN_AFTER_S = 60.0
"""A worker that was ready for this long starts with a clean record."""
PROBE_EVERY_S = 300.0
"""A provider that failed for good is tried again this often."""

RETRY_BASE_S = 0.25
RETRIES_MAX = 2
"""Tries of a provider that already failed, once no other is left."""
RETRY_SHARE = 0.1
RETRY_RESERVE = 10.0
RETRY_RESERVE_PER_S = 0.1
"""What all calls together may try again: a tenth of them, and a little for times of few calls."""


def full_jitter_s(attempt: int, random: Random, *, base_s: float, ceiling_s: float) -> float:
    """A delay in [0, min(ceiling, base * 2^attempt)]: over the whole range, so that retries never march in step."""
    return random() * min(ceiling_s, base_s * 2.0 ** min(attempt, 32))


@dataclass(slots=True)
class RestartRecord:
    """When a worker ended, as far as that counts for its next start.

    ``delay_s`` says how long to wait, or None once it ended too often: more than ``RESTARTS_MAX`` times in
    ``RESTARTS_WINDOW_S``.
    """

    ends: deque[float] = field(default_factory=deque[float])
    attempt: int = 0

    def delay_s(self, now: float, ready_for_s: float | None, random: Random) -> float | None:
        """Delay before the next start of a worker that was ready for ``ready_for_s`` (None: never)."""
        if ready_for_s is not None and ready_for_s >= FORGIVEN_AFTER_S:
            self.forgive()
        while self.ends and now - self.ends[0] > RESTARTS_WINDOW_S:
            self.ends.popleft()
        self.ends.append(now)
        if len(self.ends) > RESTARTS_MAX:
            return None
        if self.attempt == 0 and ready_for_s is not None and ready_for_s >= HEALTHY_AFTER_S:
            self.attempt = 1
            return 0.0
        delay_s = full_jitter_s(self.attempt, random, base_s=RESTART_BASE_S, ceiling_s=RESTART_CEILING_S)
        self.attempt += 1
        return delay_s

    def forgive(self) -> None:
        """A clean record: after a healthy run, or because an operator said so."""
        self.ends.clear()
        self.attempt = 0


@dataclass(slots=True)
class RetryBudget:
    """How often calls may ask a provider again that has already failed them: one budget for the whole gateway.

    Each call pays in ``RETRY_SHARE``, each repeat takes one out; at most ``RETRY_RESERVE`` is saved. So an outage is
    not answered with a multiple of the usual load. The first try of each further provider is no repeat.
    """

    left: float = RETRY_RESERVE
    _at: float | None = None

    def opened(self, now: float) -> None:
        """A call begins."""
        self._save(RETRY_SHARE + RETRY_RESERVE_PER_S * max(0.0, now - (now if self._at is None else self._at)))
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one repeat is left; if so it is used up."""
        if self._at is not None:
            self._save(RETRY_RESERVE_PER_S * max(0.0, now - self._at))
            self._at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def _save(self, more: float) -> None:
        self.left = min(RETRY_RESERVE, self.left + more)
