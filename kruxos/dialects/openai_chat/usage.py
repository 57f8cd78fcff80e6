"""The usage of Chat Completions and its dialects into our buckets and back.

The fields go by several names: cached tokens alone by five (OpenAI's own, DeepSeek, Mistral, Databricks).
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.usage import Counts, first_count
from kruxos.events import Usage

_PROMPT_DETAILS = ("prompt_tokens_details", "prompt_token_details", "input_tokens_details")


def counts_of(raw: dict[str, Any]) -> Counts:
    """The counts in a usage object."""
    details: Any = next((raw[name] for name in _PROMPT_DETAILS if isinstance(raw.get(name), dict)), None)
    audio = first_count(details, "audio_tokens")
    cached = first_count(details, "cached_tokens")
    if cached is None:
        cached = first_count(raw, "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")
    written = first_count(details, "cache_write_tokens", "cache_creation_tokens")
    if written is None:
        written = first_count(raw, "cache_creation_input_tokens")
    return Counts(
        prompt=first_count(raw, "prompt_tokens", "input_tokens"),
        completion=first_count(raw, "completion_tokens", "output_tokens"),
        total=first_count(raw, "total_tokens"),
        cached=cached,
        written=written,
        reasoning=first_count(raw.get("completion_tokens_details"), "reasoning_tokens"),
        apart={"audio_input": audio} if audio else {},
    )


def raw_usage(usage: Usage) -> dict[str, Any]:
    """A usage object as OpenAI writes it; details that are not known are left out."""
    prompt, completion = usage.input_tokens, usage.output_tokens or 0
    raw: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    details = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    given = {name: tokens for name, tokens in details.items() if tokens is not None}
    if given:
        raw["prompt_tokens_details"] = given
    if usage.reasoning_tokens is not None:
        raw["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return raw
