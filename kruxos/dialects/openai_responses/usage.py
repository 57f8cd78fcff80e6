"""The usage of Responses into our buckets and back (OpenAI API reference: responses).

Cached and written tokens are within the input, reasoning is within the output, also at xAI, whose chat counts it apart.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.usage import Counts, first_count
from kruxos.events import Usage


def counts_of(raw: dict[str, Any]) -> Counts:
    """The counts in a usage object."""
    details: Any = raw.get("input_tokens_details")
    return Counts(
        prompt=first_count(raw, "input_tokens"),
        completion=first_count(raw, "output_tokens"),
        total=first_count(raw, "total_tokens"),
        cached=first_count(details, "cached_tokens"),
        written=first_count(details, "cache_write_tokens"),
        reasoning=first_count(raw.get("output_tokens_details"), "reasoning_tokens"),
    )


def raw_usage(usage: Usage) -> dict[str, Any]:
    """A usage object as OpenAI writes it; a count that is not known is 0, as its clients require."""
    output = usage.output_tokens or 0
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + output,
    }
