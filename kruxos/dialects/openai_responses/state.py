"""The kinds of provider state in Responses, all of them JSON, and the items that they become again.

``reasoning_item``: of a thinking part or alone. ``item`` and ``compaction_item``: alone, or ``item`` before a call that
is more than a function's. These three are whole items as the provider made them. ``message_item``: of a text part, what
its message says beside the text. ``content_item``: a part of a message that only the provider can read.
``summary_part``: without data, of a thinking part that is a further piece of the reasoning before it.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.text import parse_json
from kruxos.messages import ProviderState

REASONING = "reasoning_item"
COMPACTION = "compaction_item"
MESSAGE = "message_item"
CONTENT = "content_item"
ITEM = "item"
SUMMARY = "summary_part"

ALONE = (REASONING, COMPACTION, ITEM)
"""The kinds that are items of their own."""
ENCRYPTED = "encrypted_content"


def kind_of_item(item_type: str) -> str:
    """The kind of state that an item of a type without a word of ours becomes."""
    return {"reasoning": REASONING, "compaction": COMPACTION}.get(item_type, ITEM)


def fields_of(state: ProviderState) -> dict[str, Any]:
    """The JSON object in a state; empty where it is none."""
    try:
        value = parse_json(state.data)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
