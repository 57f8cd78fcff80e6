"""The kinds of provider state in Responses, all of them JSON, and the items that they become again.

``reasoning_item``: of a thinking part or alone. ``item`` and ``compaction_item``: alone, or ``item`` before a call that
is more than a function's. These three are whole items as the provider made them. ``message_item``: of a text part, what
its message says beside the text. ``content_item``: a part of a message that only the provider can read.
``summary_part``: without data, of a thinking part that is a further piece of the reasoning before it.

State of other providers stands sealed in the encrypted content of a reasoning item where an agent speaks this protocol.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, cast

from kruxos.dialects.text import json_bytes, parse_json
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


_SEAL = "kruxos-state-1."


def sealed(state: ProviderState) -> str:
    """Another provider's state as one word."""
    head = base64.urlsafe_b64encode(json_bytes([state.origin, state.model, state.kind])).decode()
    return f"{_SEAL}{head}.{base64.urlsafe_b64encode(state.data).decode()}"


def is_sealed(item: Any) -> bool:
    """Whether an item of a request holds another provider's state."""
    word: Any = cast("dict[str, Any]", item).get(ENCRYPTED) if isinstance(item, dict) else None
    return isinstance(word, str) and word.startswith(_SEAL)


def unsealed(word: str) -> ProviderState | None:
    """The state in a sealed word; None in any other."""
    if not word.startswith(_SEAL):
        return None
    head, _, data = word.removeprefix(_SEAL).partition(".")
    try:
        origin, model, kind = parse_json(base64.urlsafe_b64decode(head))
        return ProviderState(str(origin), str(model), str(kind), base64.urlsafe_b64decode(data))
    except (ValueError, TypeError, binascii.Error):
        return None
