"""Ollama's counts into our buckets and back (Ollama docs: API).

A count of 0 is left out by the server, so what is missing is not known. Cached tokens are within the prompt and not
told, thinking is within ``eval_count``. Durations, in nanoseconds, stand beside the counts in the raw usage.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.usage import count, first_count
from kruxos.events import Usage

FIELDS = (
    "total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration",
)  # fmt: skip


def raw_of(value: dict[str, Any]) -> dict[str, Any]:
    """The counts and durations in a line."""
    return {name: value[name] for name in FIELDS if count(value.get(name)) is not None}


def usage_of(raw: dict[str, Any]) -> Usage:
    """The buckets of these counts."""
    return Usage(
        uncached_input_tokens=first_count(raw, "prompt_eval_count"), output_tokens=first_count(raw, "eval_count")
    )


def raw_usage(usage: Usage | None) -> dict[str, Any]:
    """The counts as Ollama writes them; durations are not known here."""
    if usage is None:
        return {}
    counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return {name: tokens for name, tokens in counts.items() if tokens}
