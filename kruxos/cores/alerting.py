"""When an operator is told: once for each trouble, until it is over or has lasted long. Pure.

    quiet -> told       something is wrong, and its kind is asked for
    told  -> told       the same is wrong still: again after ``repeat_s``; another kind: at once
    told  -> quiet      it is over: ``recovered`` is told

No more than ``ALERTS_MAX`` in ``WINDOW_S`` go out; how many were held back is told with the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["failed", "needs_login", "budget", "all_unavailable", "recovered", "test"]

ALERT_KINDS: tuple[Kind, ...] = ("failed", "needs_login", "budget", "all_unavailable", "recovered")
ALERTS_MAX = 20
WINDOW_S = 600.0
TROUBLES_MAX = 512


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told: ``subject`` is who has the trouble, ``message`` is for people, ``at`` in Unix seconds."""

    kind: Kind
    subject: str
    message: str
    at: float
    held_back: int = 0

    def to_wire(self) -> dict[str, Any]:
        """As the command reads it and the webhook gets it."""
        return {
            "kind": self.kind, "subject": self.subject, "message": self.message, "at": self.at,
            "held_back": self.held_back, "source": "kruxos",
        }  # fmt: skip


@dataclass(slots=True)
class Alerting:
    """What was told, and what may be. ``on``: the kinds that are asked for."""

    on: AbstractSet[str] = frozenset()
    repeat_s: float = 3600.0
    _told: dict[str, tuple[str, float]] = field(default_factory=dict[str, "tuple[str, float]"])
    _sent: deque[float] = field(default_factory=deque[float])
    _held_back: int = 0

    def wrong(self, kind: Kind, subject: str, message: str, unix: float) -> Alert | None:
        """Something is wrong; the alert, if it is to be told now."""
        if kind not in self.on:
            return None
        before = self._told.get(subject)
        if before is not None and before[0] == kind and unix - before[1] < self.repeat_s:
            return None
        alert = self._allowed(Alert(kind, subject, message, unix))
        if alert is not None:
            self._told.pop(subject, None)
            self._told[subject] = kind, unix
            if len(self._told) > TROUBLES_MAX:
                del self._told[next(iter(self._told))]
        return alert

    def over(self, subject: str, message: str, unix: float) -> Alert | None:
        """The subject's trouble is over, if it had one that was told."""
        if self._told.pop(subject, None) is None or "recovered" not in self.on:
            return None
        return self._allowed(Alert("recovered", subject, message, unix))

    def is_told(self, subject: str) -> bool:
        """Whether its trouble was told, and is not over."""
        return subject in self._told

    def _allowed(self, alert: Alert) -> Alert | None:
        while self._sent and alert.at - self._sent[0] >= WINDOW_S:
            self._sent.popleft()
        if len(self._sent) >= ALERTS_MAX:
            self._held_back += 1
            return None
        self._sent.append(alert.at)
        held_back, self._held_back = self._held_back, 0
        return Alert(alert.kind, alert.subject, alert.message, alert.at, held_back)
