"""Levels of thinking: what an agent asks for, and the nearest that a model has.

Agents know none, low, medium, high and max; models know some of a longer scale. A level that a model lacks becomes
the nearest one, the higher of two equally near. ``max`` means the most that a model has, so its top is no clamp.
"""

from __future__ import annotations

from collections.abc import Sequence

from kruxos.events import Notice

SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TOPS = ("xhigh", "max")


def nearest(wanted: str, levels: Sequence[str]) -> str:
    """The level nearest to the wanted one; ``levels`` is not empty."""
    place = SCALE.index(wanted)
    return min(levels, key=lambda level: (abs(SCALE.index(level) - place), -SCALE.index(level)))


def is_clamped(wanted: str, used: str) -> bool:
    """Whether the used level is less or other than what was asked for."""
    return wanted != used and not (wanted == "max" and used in _TOPS)


def clamped(wanted: str, used: str, model: str, why: str = "") -> Notice:
    """The notice for a level that had to change."""
    reason = why or f"{model} has no such level"
    return Notice(
        "effort_clamped", f"thinking_effort {wanted} became {used}: {reason}", {"wanted": wanted, "used": used}
    )
