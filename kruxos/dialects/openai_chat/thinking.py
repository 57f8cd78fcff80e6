"""How an effort is said in Chat Completions: one named mapping for each way that providers have.

A mapping gives the fields for a request's wish and tells what it had to change. It never makes the provider refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kruxos.dialects.efforts import clamped, is_clamped, nearest
from kruxos.dialects.encoding import Draft

Mapping = Callable[[Draft], dict[str, Any]]


def thinking_fields(draft: Draft) -> dict[str, Any]:
    """The fields for the request's effort, in the way that the profile names."""
    return MAPPINGS[draft.target.profile.thinking](draft) if draft.request.thinking_effort is not None else {}


def thinks(draft: Draft, fields: dict[str, Any]) -> bool:
    """Whether the model thinks when a request holds these fields; what is not known does not."""
    ways = draft.row.thinking if draft.row else None
    if ways is None or not ways.efforts:
        return False
    return bool(fields.get("reasoning_effort", ways.default) != "none")


def _omitted(draft: Draft) -> dict[str, Any]:
    draft.drop("thinking_effort", f"{draft.target.profile.name} is not told how to think")
    return {}


def _openai(draft: Draft) -> dict[str, Any]:
    """``reasoning_effort``, in the words of the model (OpenAI API reference)."""
    wanted = draft.request.thinking_effort or "none"
    ways = draft.row.thinking if draft.row else None
    if ways is None:
        draft.drop("thinking_effort", f"it is not known what efforts {draft.target.model} takes")
        return {}
    if not ways.efforts:
        if wanted != "none":
            draft.notices.append(clamped(wanted, "none", draft.target.model, "the model does not think"))
        return {}
    used = nearest(wanted, ways.efforts)
    if is_clamped(wanted, used):
        draft.notices.append(clamped(wanted, used, draft.target.model))
    return {"reasoning_effort": used}


MAPPINGS: dict[str, Mapping] = {"omitted": _omitted, "openai": _openai}
