"""How Anthropic's models are told to think (Anthropic docs: adaptive thinking, effort, extended thinking).

Models up to 4.5 take ``enabled`` with a budget, newer ones ``adaptive``; some take an effort beside it; some
can't stop thinking. Which of it a model knows is in its row of the catalogue. The result never makes the provider
refuse: where thinking contradicts something that the request needs, thinking gives way, and that is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kruxos import catalog
from kruxos.dialects.efforts import SCALE, clamped, is_clamped, nearest
from kruxos.dialects.encoding import Draft
from kruxos.messages import ThinkingEffort

BUDGET_TOKENS_MIN = 1024
BUDGETS_TOKENS = {"low": 2_048, "medium": 8_192, "high": 16_384, "max": 24_000}
_ANSWER_SHARE = 4
"""A budget leaves at least this part of the output tokens to the answer."""


EFFORTS: dict[str, ThinkingEffort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max"}


def said_effort(kind: str | None, budget_tokens: int | None, effort: str | None) -> ThinkingEffort | None:
    """How much a request in this protocol says to think: ``thinking``'s type and budget, and the effort beside it."""
    if kind == "disabled":
        return "none"
    if kind == "enabled" and budget_tokens is not None:
        return EFFORTS[min(BUDGETS_TOKENS, key=lambda level: abs(BUDGETS_TOKENS[level] - budget_tokens))]
    return EFFORTS.get(effort or ("high" if kind == "adaptive" else ""))


def thinking_fields(draft: Draft, max_tokens: int, *, forced_tool: bool, bare_tool_turn: bool) -> dict[str, Any]:
    """The fields ``thinking`` and ``effort`` for a request's wish; ``effort`` belongs into ``output_config``.

    ``forced_tool``: the tool choice names or demands a tool. ``bare_tool_turn``: the conversation stands in a tool
    loop whose last turn does not begin with thinking. Thinking with a budget is refused in both.
    """
    if draft.request.thinking_effort is None:
        return {}
    mapping = MAPPINGS[draft.target.profile.thinking]
    return mapping(draft, _Limits(max_tokens, forced_tool=forced_tool, bare_tool_turn=bare_tool_turn))


@dataclass(frozen=True, slots=True)
class _Limits:
    """What of a request stands against thinking with a budget."""

    max_tokens: int
    forced_tool: bool
    bare_tool_turn: bool

    def reason(self) -> str:
        """Why there can't be a budget; empty where there can."""
        if self.forced_tool:
            return "the model does not think when a tool is forced"
        if self.bare_tool_turn:
            return "the tool call that is being answered was made without this model's thinking"
        if self.max_tokens <= BUDGET_TOKENS_MIN:
            return f"max_output_tokens leaves no room for the least budget of {BUDGET_TOKENS_MIN}"
        return ""


def _omitted(draft: Draft, _limits: _Limits) -> dict[str, Any]:
    draft.drop("thinking_effort", f"{draft.target.profile.name} is not told how to think")
    return {}


def _by_model(draft: Draft, limits: _Limits) -> dict[str, Any]:
    wanted = draft.request.thinking_effort or "none"
    ways = draft.row.thinking if draft.row else None
    if ways is None:
        draft.drop("thinking_effort", f"it is not known how {draft.target.model} is told to think")
        return {}
    if wanted == "none":
        return _off(draft, ways)
    if "adaptive" in ways.forms:
        return {"thinking": {"type": "adaptive"}, "effort": _effort(draft, wanted, ways)}
    reason = limits.reason()
    if "enabled" not in ways.forms or reason:
        draft.notices.append(clamped(wanted, "none", draft.target.model, reason))
        return {}
    fields: dict[str, Any] = {
        "thinking": {"type": "enabled", "budget_tokens": _budget(draft, wanted, limits.max_tokens)}
    }
    return fields | ({"effort": _effort(draft, wanted, ways)} if ways.efforts else {})


def thinks(fields: dict[str, Any], row: catalog.Model | None) -> bool:
    """Whether the model thinks when a request holds these fields."""
    thinking: dict[str, Any] | None = fields.get("thinking")
    if thinking is not None:
        return thinking.get("type") != "disabled"
    return row is not None and row.thinking is not None and row.thinking.default != "none"


def _off(draft: Draft, ways: catalog.Thinking) -> dict[str, Any]:
    if ways.default == "none":
        return {}
    if "disabled" in ways.forms:
        return {"thinking": {"type": "disabled"}}
    draft.notices.append(clamped("none", ways.efforts[0], draft.target.model, "the model always thinks"))
    return {"effort": ways.efforts[0]}


def _effort(draft: Draft, wanted: str, ways: catalog.Thinking) -> str:
    used = nearest(wanted, ways.efforts)
    if is_clamped(wanted, used):
        draft.notices.append(clamped(wanted, used, draft.target.model))
    return used


def _budget(draft: Draft, wanted: str, max_tokens: int) -> int:
    most = max(BUDGET_TOKENS_MIN, max_tokens - max_tokens // _ANSWER_SHARE)
    if BUDGETS_TOKENS[wanted] <= most:
        return BUDGETS_TOKENS[wanted]
    used = max((level for level, tokens in BUDGETS_TOKENS.items() if tokens <= most), key=SCALE.index, default="low")
    draft.notices.append(clamped(wanted, used, draft.target.model, f"max_output_tokens leaves room for {most} tokens"))
    return most


MAPPINGS: dict[str, Callable[[Draft, _Limits], dict[str, Any]]] = {"anthropic": _by_model, "omitted": _omitted}
