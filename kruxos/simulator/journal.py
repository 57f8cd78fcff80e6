"""What was asked of the simulator, newest last, bounded. No key, no prompt and no header's value is in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .steps import Asked

MODEL_CHARS_MAX = 256
PATH_CHARS_MAX = 1024
DETAIL_CHARS_MAX = 256


@dataclass(slots=True)
class Recorded:
    """One request. Times are Unix seconds; what has not happened is None.

    ``outcome``: answered, refused or fault; ``detail`` names the rule or the fault. ``client_closed_at``: the client
    left before the answer was whole. ``closed_at``: the simulator ended the connection in the middle.
    """

    number: int
    at: float
    method: str
    path: str
    header_names: list[str] = field(default_factory=list[str])
    body_bytes: int = 0
    model: str = ""
    is_stream: bool = False
    status: int | None = None
    outcome: str = ""
    detail: str = ""
    sent_bytes: int = 0
    sent_tokens: int = 0
    finished_at: float | None = None
    client_closed_at: float | None = None
    closed_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As a map of plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


class Journal:
    """The last requests, and how many there were."""

    def __init__(self, kept_max: int) -> None:
        self._kept: deque[Recorded] = deque(maxlen=kept_max)
        self.count = 0

    def open(self, asked: Asked, now: float) -> Recorded:
        """A line for a request that has come in."""
        self.count += 1
        recorded = Recorded(
            self.count,
            now,
            asked.method[:16],
            asked.path[:PATH_CHARS_MAX],
            sorted(asked.headers)[:128],
            len(asked.body),
        )
        self._kept.append(recorded)
        return recorded

    def reset(self) -> None:
        """Forgets all."""
        self._kept.clear()
        self.count = 0

    def all(self) -> list[Recorded]:
        """The requests that are kept, oldest first."""
        return list(self._kept)
