"""Anthropic's usage into our buckets and back (Anthropic docs: Messages API, prompt caching, compaction).

``input_tokens`` leaves cached tokens out, ``output_tokens`` has thinking within. What a compaction cost stands only in
``iterations``, outside the top-level counts, and is billed; so is every iteration that is not the message itself.
"""

from __future__ import annotations

from typing import Any, cast

from kruxos.dialects.usage import first_count
from kruxos.events import Usage

_ITERATION_COUNTS = {
    "input_tokens": "input_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "output_tokens": "output_tokens",
}
_ITERATIONS_MAX = 1000


def usage_of(raw: dict[str, Any]) -> Usage:
    """The buckets of a usage object, fields of all its parts merged."""
    written = first_count(raw, "cache_creation_input_tokens")
    long_lived = first_count(raw.get("cache_creation"), "ephemeral_1h_input_tokens")
    return Usage(
        uncached_input_tokens=first_count(raw, "input_tokens"),
        cache_read_tokens=first_count(raw, "cache_read_input_tokens"),
        cache_write_tokens=written,
        output_tokens=first_count(raw, "output_tokens"),
        reasoning_tokens=first_count(raw.get("output_tokens_details"), "thinking_tokens"),
        cache_write_1h_tokens=None if long_lived is None else min(long_lived, written or 0),
        other_tokens=_beside_the_message(raw.get("iterations")),
    )


def _beside_the_message(iterations: Any) -> dict[str, int]:
    other: dict[str, int] = {}
    for iteration in cast("list[Any]", iterations)[:_ITERATIONS_MAX] if isinstance(iterations, list) else []:
        kind = cast("dict[str, Any]", iteration).get("type") if isinstance(iteration, dict) else None
        if not isinstance(kind, str) or kind == "message":
            continue
        for name, bucket in _ITERATION_COUNTS.items():
            tokens = first_count(iteration, name)
            if tokens:
                key = f"{kind[:32]}_{bucket}"
                other[key] = other.get(key, 0) + tokens
    return other


def raw_usage(usage: Usage | None) -> dict[str, Any]:
    """A usage object as Anthropic writes it; a count that is not known is 0, as its clients require."""
    usage = usage or Usage()
    written, long_lived = usage.cache_write_tokens or 0, usage.cache_write_1h_tokens or 0
    raw: dict[str, Any] = {
        "input_tokens": usage.uncached_input_tokens or 0,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens or 0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - long_lived,
            "ephemeral_1h_input_tokens": long_lived,
        },
        "output_tokens": usage.output_tokens or 0,
    }
    if usage.reasoning_tokens is not None:
        raw["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return raw
