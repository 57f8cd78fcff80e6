"""How models on Ollama are told to think (Ollama docs: thinking).

``think`` is true or false, or a level for families that know levels. A true one is refused by a model that does not
think, and a level by one that only has a switch; false is always taken. A model's tag says its size, not its ways: they
are its family's row in the catalogue. Nothing is said to a family that is not known.
"""

from __future__ import annotations

from typing import Any

from kruxos import catalog
from kruxos.dialects.efforts import clamped, is_clamped, nearest
from kruxos.dialects.encoding import Draft

LEVEL = "level"
_SWITCH = {"none", "high"}


def family_of(model: str) -> catalog.Model | None:
    """The row of a model's family: ``qwen3:8b`` is a ``qwen3``; None where the catalogue has none."""
    return catalog.lookup("ollama", model) or catalog.lookup("ollama", model.partition(":")[0])


def thinking_fields(draft: Draft) -> dict[str, Any]:
    """The field ``think`` for a request's wish; empty where nothing is said. Tells what had to change."""
    wanted, model = draft.request.thinking_effort, draft.target.model
    if wanted is None:
        return {}
    ways = _ways(draft)
    if ways is None or not ways.efforts:
        return _unknown(draft, wanted) if ways is None else _unable(draft, wanted)
    used = nearest(wanted, ways.efforts)
    if is_clamped(wanted, used):
        why = "the model always thinks" if wanted == "none" else ""
        draft.notices.append(clamped(wanted, used, model, why))
    takes_levels = LEVEL in ways.forms or (not ways.forms and bool(set(ways.efforts) - _SWITCH))
    return {"think": used if takes_levels else used != "none"}


def _ways(draft: Draft) -> catalog.Thinking | None:
    """How the model thinks: what is said of itself, else of its family."""
    own = draft.row.thinking if draft.row else None
    family = family_of(draft.target.model)
    return own or (family.thinking if family else None)


def _unknown(draft: Draft, wanted: str) -> dict[str, Any]:
    if wanted == "none":
        return {"think": False}
    draft.drop("thinking_effort", f"it is not known whether {draft.target.model} thinks")
    return {}


def _unable(draft: Draft, wanted: str) -> dict[str, Any]:
    if wanted != "none":
        draft.notices.append(clamped(wanted, "none", draft.target.model, "the model does not think"))
    return {}
