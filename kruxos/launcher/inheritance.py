"""What a worker has from its launcher, besides the memory that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Inheritance:
    """``statm_fd``: /proc/self/statm, opened before the cage; None where there is none. ``isolation``: of the cage."""

    link_fd: int
    statm_fd: int | None = None
    isolation: dict[str, Any] = field(default_factory=dict[str, Any])
