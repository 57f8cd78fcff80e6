"""How much context an Ollama server has to hold for a request (Ollama docs: context length).

A server that is told nothing takes a default by its memory, as low as 4096 tokens, and cuts what does not fit without a
word. So the length is said with every request, in steps: another length means that the model is loaded anew, so a
conversation that grows must not change it every time. The need is estimated from above, for no tokenizer is at hand.
"""

from __future__ import annotations

from typing import Any, cast

STEPS_TOKENS = (8_192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576)
ANSWER_TOKENS = 8_192
"""Room for an answer whose length nobody limited, its thinking with it."""
IMAGE_TOKENS = 2_048
_BYTES_PER_TOKEN = 3
_MESSAGE_TOKENS = 16


def needed_tokens(body: dict[str, Any]) -> int:
    """About how many tokens a request's messages and tools are, rather too many than too few; its answer is not in."""
    images = sum(len(message.get("images", ())) for message in body["messages"])
    texts = [_bytes(message) for message in body["messages"]] + [_bytes(tool) for tool in body.get("tools", ())]
    return sum(texts) // _BYTES_PER_TOKEN + _MESSAGE_TOKENS * len(texts) + images * IMAGE_TOKENS


def context_tokens(needed: int, limit: int | None) -> int:
    """The step that holds so many tokens, not above the model's own limit."""
    step = next((step for step in STEPS_TOKENS if step >= needed), STEPS_TOKENS[-1])
    return step if limit is None else min(step, limit)


def _bytes(value: Any) -> int:
    """The bytes of all texts in a value; images are counted apart."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    sizes: list[int] = []
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        sizes = [len(name) + _bytes(inner) for name, inner in fields.items() if name != "images"]
    elif isinstance(value, list):
        sizes = [_bytes(inner) for inner in cast("list[Any]", value)]
    else:
        return len(str(value))
    return sum(sizes)
