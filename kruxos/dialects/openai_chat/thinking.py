"""How an effort is said in Chat Completions: one named mapping for each way that providers have.

A mapping gives the fields for a request's wish and tells what it had to change. It never makes the provider refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kruxos.dialects import efforts
from kruxos.dialects.encoding import Draft

Mapping = Callable[[Draft], dict[str, Any]]


def thinking_fields(draft: Draft) -> dict[str, Any]:
    """The fields for the request's effort, in the way that the profile names."""
    return MAPPINGS[draft.target.profile.thinking](draft)


def thinks(draft: Draft, fields: dict[str, Any]) -> bool:
    """Whether the model thinks when a request holds these fields; what is not known does not."""
    return efforts.thinks(draft, fields.get("reasoning_effort"))


def _omitted(draft: Draft) -> dict[str, Any]:
    efforts.omitted_effort(draft)
    return {}


def _openai(draft: Draft) -> dict[str, Any]:
    """``reasoning_effort``, in the words of the model (OpenAI API reference)."""
    used = efforts.openai_effort(draft)
    return {} if used is None else {"reasoning_effort": used}


MAPPINGS: dict[str, Mapping] = {"omitted": _omitted, "openai": _openai}
