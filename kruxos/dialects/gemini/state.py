"""The kinds of provider state that Gemini's answers hold, and the parts that they become again.

``thought_signature``: of the part it stands on, or of a part with empty text: the base64 text as it came, byte for
byte. ``thought``: no data, marks a thought without signature as Gemini's own. ``part``: a whole part of a kind that
we have no word for, as JSON (code that Google ran, its result, an image, a signed thought without text).
``grounding``: what an answer rests on (searches, citations), as JSON; it does not go back.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.text import parse_json
from kruxos.messages import ProviderState

SIGNATURE = "thought_signature"
THOUGHT = "thought"
PART = "part"
GROUNDING = "grounding"

BESIDE_CONTENT = ("groundingMetadata", "citationMetadata", "urlContextMetadata")
"""Fields of a candidate that say what its content rests on."""


def part_of(state: ProviderState) -> dict[str, Any] | None:
    """The part that a state standing alone is; None where it is none that goes back."""
    if state.kind == SIGNATURE:
        return {"text": "", "thoughtSignature": state.data.decode("utf-8", "replace")}
    return map_of(state) if state.kind == PART else None


def map_of(state: ProviderState) -> dict[str, Any] | None:
    """The JSON object in a state; None where it holds none."""
    try:
        value = parse_json(state.data)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
