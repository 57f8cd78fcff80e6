"""How an effort is said in Chat Completions: one named mapping for each way that providers have.

A mapping gives the fields for a request's wish and tells what it had to change. It never makes the provider refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kruxos.dialects import efforts
from kruxos.dialects.encoding import Draft

OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}
_PASSED = ("low", "medium", "high")

Mapping = Callable[[Draft], dict[str, Any]]


def thinking_fields(draft: Draft) -> dict[str, Any]:
    """The fields for the request's effort, in the way that the profile names."""
    return MAPPINGS[draft.target.profile.thinking](draft)


def thinks(draft: Draft, fields: dict[str, Any]) -> bool:
    """Whether the model thinks when a request holds these fields; what is not known does not."""
    reasoning: dict[str, Any] = fields.get("reasoning", {})
    off = "none" if fields.get("thinking") == OFF["thinking"] else None
    return efforts.thinks(draft, off or fields.get("reasoning_effort") or reasoning.get("effort"))


def _omitted(draft: Draft) -> dict[str, Any]:
    efforts.omitted_effort(draft)
    return {}


def _openai(draft: Draft) -> dict[str, Any]:
    """``reasoning_effort``, in the words of the model (OpenAI API reference)."""
    used = efforts.openai_effort(draft)
    return {} if used is None else {"reasoning_effort": efforts.fitting(draft, used)}


def _switch_and_effort(draft: Draft) -> dict[str, Any]:
    """``thinking`` as a switch, with an effort beside it where the model has more than one (DeepSeek, Z.ai docs)."""
    used = efforts.openai_effort(draft)
    if used is None:
        return {}
    used = efforts.fitting(draft, used)
    levels = () if draft.row is None or draft.row.thinking is None else draft.row.thinking.efforts
    if used == "none":
        return dict(OFF)
    on: dict[str, Any] = {"thinking": {"type": "enabled"}}
    return on | {"reasoning_effort": used} if len(set(levels) - {"none"}) > 1 else on


def _passed_through(draft: Draft) -> dict[str, Any]:
    """``reasoning``, which the router translates for each model behind it (OpenRouter docs: reasoning tokens).

    To a model that is not known only what every one of them takes is said: to think less or more, not to stop.
    """
    wanted = draft.request.thinking_effort
    if wanted is None:
        return {}
    if draft.row is not None and draft.row.thinking is not None:
        used = efforts.openai_effort(draft)
        return {} if used is None else {"reasoning": {"effort": efforts.fitting(draft, used)}}
    if wanted == "none":
        draft.drop("thinking_effort", f"it is not known whether {draft.target.model} can stop thinking")
        return {}
    used = efforts.nearest(wanted, _PASSED)
    if efforts.is_clamped(wanted, used):
        draft.notices.append(efforts.clamped(wanted, used, draft.target.model, "it is not known whether it has more"))
    return {"reasoning": {"effort": used}}


MAPPINGS: dict[str, Mapping] = {
    "omitted": _omitted,
    "openai": _openai,
    "switch_and_effort": _switch_and_effort,
    "passed_through": _passed_through,
}
