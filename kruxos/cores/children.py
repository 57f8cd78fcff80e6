"""One worker process as supervision sees it: what of its life is too long, too silent or too heavy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WorkerState = Literal["starting", "ready", "draining", "ending"]

START_WITHIN_S = 20.0
BEAT_SILENCE_S = 5.0
DRAIN_WITHIN_S = 600.0
END_WITHIN_S = 5.0
MEMORY_HARD_FACTOR = 2
"""So many times its cap a worker holds for no moment longer: it is killed."""


@dataclass(slots=True)
class Worker:
    """One process. ``number`` is unique within the provider, ``pid`` None until the launcher tells it."""

    number: int
    started_at: float
    state: WorkerState = "starting"
    pid: int | None = None
    ready_at: float | None = None
    beat_at: float = 0.0
    leave_by: float | None = None
    doomed: str | None = None
    replace_at: float | None = None
    """When one that is too heavy is replaced; None: its memory has never been over its cap."""

    def overdue(self, now: float) -> str | None:
        """Why its time is over, in words; None while it is not."""
        if self.state == "starting" and now - self.started_at > START_WITHIN_S and not self.doomed:
            return "not ready in time"
        alive = self.state in ("ready", "draining") and not self.doomed
        if alive and now - self.beat_at > BEAT_SILENCE_S:
            return f"silent for {BEAT_SILENCE_S:g} s"
        if self.leave_by is not None and now >= self.leave_by:
            return "did not end in time"
        return None

    def ready_for_s(self, now: float) -> float | None:
        """How long it has been ready; None: never."""
        return None if self.ready_at is None else now - self.ready_at


def heaviness(rss_bytes: int, cap_bytes: int) -> str:
    """Memory over its cap, in words."""
    return f"memory over its cap ({rss_bytes >> 20} of {cap_bytes >> 20} MiB)"
