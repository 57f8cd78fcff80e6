"""Levels of thinking: what an agent asks for, and the nearest that a model has.

Agents know none, low, medium, high and max; models know some of a longer scale. A level that a model lacks becomes
the nearest one, the higher of two equally near. ``max`` means the most that a model has, so its top is no clamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kruxos.events import Notice
from kruxos.messages import Request, ThinkingEffort

from .base import Target
from .encoding import Draft

SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TOPS = ("xhigh", "max")
ROOMS_TOKENS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_000, "max": 24_000}
"""What thinking at an effort may take of the output tokens."""
_ANSWER_SHARE = 4
OPENAI_EFFORTS: dict[str, ThinkingEffort] = {
    "none": "none",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
"""What OpenAI's words for an effort are among ours."""


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


def openai_effort(draft: Draft) -> str | None:
    """The effort in OpenAI's words, as the model takes it; None where nothing is said. Tells what had to change."""
    wanted = draft.request.thinking_effort
    ways = draft.row.thinking if draft.row else None
    if wanted is None:
        return None
    if ways is None:
        draft.drop("thinking_effort", f"it is not known what efforts {draft.target.model} takes")
        return None
    if not ways.efforts:
        if ways.default != "none":
            draft.drop("thinking_effort", f"{draft.target.model} always thinks, and takes no effort")
        elif wanted != "none":
            draft.notices.append(clamped(wanted, "none", draft.target.model, "the model does not think"))
        return None
    used = chosen(draft, wanted, ways.efforts)
    if is_clamped(wanted, used):
        draft.notices.append(clamped(wanted, used, draft.target.model))
    return used


def chosen(draft: Draft, wanted: str, levels: Sequence[str]) -> str:
    """The wanted level if the model has it; else the documented one for the provider, if it has that; else the nearest.

    ``levels`` is not empty.
    """
    documented = dict(draft.target.profile.documented_efforts).get(wanted, wanted)
    tops = reversed(_TOPS) if wanted == "max" else ()  # the most that a model has is what is meant
    return next((level for level in (wanted, *tops, documented) if level in levels), "") or nearest(wanted, levels)


def fitting(draft: Draft, effort: str) -> str:
    """The effort that leaves part of the output to the answer: what a model thinks counts as output. Tells a change."""
    limit, ways = draft.request.max_output_tokens, draft.row.thinking if draft.row else None
    if limit is None or ways is None or not ways.efforts or effort not in ROOMS_TOKENS:
        return effort
    room = limit - limit // _ANSWER_SHARE
    place, thinking = SCALE.index(effort), [level for level in ways.efforts if level != "none"]
    # where there is one level, it says that the model thinks, not how much
    needed = ROOMS_TOKENS if len(thinking) > 1 else dict.fromkeys(thinking, ROOMS_TOKENS["low"])
    fit = [level for level in ways.efforts if needed.get(level, 0) <= room and SCALE.index(level) <= place]
    used = max(fit or ways.efforts[:1], key=SCALE.index)
    if used != effort:
        why = f"max_output_tokens leaves room for {room} tokens of thinking"
        draft.notices.append(clamped(draft.request.thinking_effort or effort, used, draft.target.model, why))
    return used


def omitted_effort(draft: Draft) -> str | None:
    """Nothing is said: it is not known how."""
    if draft.request.thinking_effort is not None:
        draft.drop("thinking_effort", f"{draft.target.profile.name} is not told how to think")
    return None


def native_says_effort(said: Any, fields: dict[str, Any], request: Request, target: Target) -> bool:
    """Whether a native request of OpenAI's says the wished effort itself, to the model that it names."""
    known = OPENAI_EFFORTS.get(said) if isinstance(said, str) else None
    return known == request.thinking_effort and fields.get("model") == target.model


def thinks(draft: Draft, effort: str | None) -> bool:
    """Whether the model thinks at an effort in OpenAI's words; what is not known does not."""
    ways = draft.row.thinking if draft.row else None
    if ways is None or not ways.efforts:
        return False
    return (effort or ways.default) != "none"
