"""Gemini's usage into our buckets and back (Google's SDK, types; recorded streams).

``promptTokenCount`` has cached tokens within; ``candidatesTokenCount`` leaves thoughts out; what a tool that Google
ran put into the prompt stands apart. Any count may be missing. In a stream every count is the whole so far.
"""

from __future__ import annotations

from typing import Any

from kruxos.dialects.usage import Counts, first_count, inconsistent
from kruxos.events import Notice, Usage

TOOL_USE_PROMPT = "tool_use_prompt"


def usage_of(raw: dict[str, Any]) -> Usage:
    """The buckets of a usage object."""
    prompt, cached = first_count(raw, "promptTokenCount"), first_count(raw, "cachedContentTokenCount")
    answer, thoughts = first_count(raw, "candidatesTokenCount"), first_count(raw, "thoughtsTokenCount")
    by_tools = first_count(raw, "toolUsePromptTokenCount")
    return Usage(
        uncached_input_tokens=None if prompt is None else max(0, prompt - (cached or 0)),
        cache_read_tokens=cached,
        output_tokens=None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        reasoning_tokens=thoughts,
        other_tokens={TOOL_USE_PROMPT: by_tools} if by_tools else {},
    )


def contradiction(usage: Usage, raw: dict[str, Any]) -> Notice | None:
    """The notice for buckets that do not add up to the total."""
    total = first_count(raw, "totalTokenCount")
    return inconsistent(usage, Counts(usage.input_tokens, usage.output_tokens or 0, total))


def raw_usage(usage: Usage) -> dict[str, Any]:
    """A usage object as Gemini writes it; a count that is not known is left out."""
    reasoning, output = usage.reasoning_tokens, usage.output_tokens
    by_tools = usage.other_tokens.get(TOOL_USE_PROMPT)
    counts = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": None if output is None else output - (reasoning or 0),
        "toolUsePromptTokenCount": by_tools,
        "thoughtsTokenCount": reasoning,
        "totalTokenCount": usage.input_tokens + (output or 0) + (by_tools or 0),
    }
    return {name: tokens for name, tokens in counts.items() if tokens is not None}
