"""The kinds of provider state that Anthropic's answers hold, and the blocks that they become again.

``signature``: of a thinking part, text. ``redacted_thinking``: its data, text. ``citations``: of a text part, a JSON
list. ``compaction`` and ``block``: a whole block as JSON.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.text import parse_json
from kruxos.messages import ProviderState

SIGNATURE = "signature"
REDACTED = "redacted_thinking"
CITATIONS = "citations"
COMPACTION = "compaction"
BLOCK = "block"


def kind_of_block(block_type: str) -> str:
    """The kind of state that a block of a type without a word of ours becomes."""
    return COMPACTION if block_type == COMPACTION else BLOCK


def block_of(state: ProviderState) -> dict[str, Any] | None:
    """The block that a state standing alone is; None where it is none of ours."""
    if state.kind == SIGNATURE:
        return {"type": "thinking", "thinking": "", "signature": state.data.decode("utf-8", "replace")}
    if state.kind == REDACTED:
        return {"type": "redacted_thinking", "data": state.data.decode("utf-8", "replace")}
    return json_of(state, dict) if state.kind in (COMPACTION, BLOCK) else None


def json_of(state: ProviderState, shape: type) -> Any:
    """The JSON in a state, where it has that shape; else None."""
    try:
        value = parse_json(state.data)
    except ValueError:
        return None
    return value if isinstance(value, shape) else None
