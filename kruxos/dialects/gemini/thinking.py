"""How Gemini's models are told to think (Gemini docs: thinking; Google's own table for OpenAI's efforts).

Models of 2.5 take a budget in tokens, where 0 is off, for those that can stop; newer ones take a level and always
think. Both at once are refused. Which of it a model knows is in its row of the catalogue. Thoughts count as output
tokens, so a budget leaves a share of them to the answer.
"""

from __future__ import annotations

from typing import Any

from kruxos import catalog
from kruxos.dialects.efforts import clamped, is_clamped, nearest
from kruxos.dialects.encoding import Draft

LEVEL = "level"
_BUDGETS_TOKENS = {"none": 0, "minimal": 0, "low": 1_024, "medium": 8_192, "high": 24_576}
_ANSWER_SHARE = 4
"""A budget leaves at least this part of the output tokens to the answer."""


def thinking_config(draft: Draft, max_tokens: int | None) -> dict[str, Any]:
    """The ``thinkingConfig`` for a request's wish; empty where nothing is said. Tells what had to change."""
    wanted = draft.request.thinking_effort
    ways = draft.row.thinking if draft.row else None
    if wanted is None:
        return {}
    if ways is None:
        draft.drop("thinking_effort", f"it is not known how {draft.target.model} is told to think")
        return {}
    if not ways.efforts:
        if wanted != "none":
            draft.notices.append(clamped(wanted, "none", draft.target.model, "the model does not think"))
        return {}
    used = nearest(wanted, ways.efforts)
    if is_clamped(wanted, used):
        why = "the model always thinks" if wanted == "none" else ""
        draft.notices.append(clamped(wanted, used, draft.target.model, why))
    shown: dict[str, Any] = {} if wanted == "none" else {"includeThoughts": True}
    if LEVEL in ways.forms:
        return {"thinkingLevel": used.upper(), **shown}
    return {"thinkingBudget": _budget(draft, used, ways, max_tokens), **shown}


def _budget(draft: Draft, used: str, ways: catalog.Thinking, max_tokens: int | None) -> int:
    least, most = ways.budget or (0, _BUDGETS_TOKENS["high"])
    if used == "none":
        return 0
    budget = most if used == "max" else min(max(_BUDGETS_TOKENS[used], least), most)
    room = budget if max_tokens is None else max(least, max_tokens - max_tokens // _ANSWER_SHARE)
    if budget <= room:
        return budget
    message = f"the budget for thinking became {room} tokens: max_output_tokens leaves no more"
    draft.tell("effort_clamped", message, wanted=budget, used=room)
    return room


def knows_levels(draft: Draft) -> bool:
    """Whether the model is of the newer kind; one that is not known is taken for new.

    Those take levels, demand signatures on function calls, and give structured output beside tools.
    """
    ways = draft.row.thinking if draft.row else None
    return ways is None or LEVEL in ways.forms
