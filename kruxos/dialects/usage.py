"""Token counts into disjoint buckets, whatever a provider counts inside what.

Most providers count cached tokens inside the prompt and reasoning inside the completion; some count one of them
outside (xAI its reasoning, Mistral its audio). The total that they give decides: what is itemised and missing from
``prompt + completion`` must stand outside. Without a total the usual way holds, or the one that a profile names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, cast

from kruxos.events import Notice, Usage

_COUNT_MAX = 2**53


@dataclass(slots=True)
class Counts:
    """A provider's own counts; None: not said. ``apart`` are inputs that may stand outside the prompt, by name."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None
    apart: dict[str, int] = field(default_factory=dict[str, int])


def count(value: Any) -> int | None:
    """A token count, or None for anything that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_MAX:
        return None
    return value


def first_count(source: Any, *names: str) -> int | None:
    """The first of these fields of a map that is a count."""
    if isinstance(source, dict):
        fields = cast("dict[str, Any]", source)
        for name in names:
            number = count(fields.get(name))
            if number is not None:
                return number
    return None


def merge(into: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Lays a later usage object over an earlier one: values replace, null does not, maps are merged."""
    for name, value in part.items():
        known = into.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            merge(cast("dict[str, Any]", known), cast("dict[str, Any]", value))
        elif value is not None or name not in into:
            into[name] = dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else value


def disjoint(counts: Counts, *, reasoning_outside: bool = False) -> Usage:
    """The counts as buckets that do not overlap. ``reasoning_outside`` holds where no total decides."""
    outside = _outside(counts, reasoning_outside=reasoning_outside)
    usage = Usage(cache_read_tokens=counts.cached, cache_write_tokens=counts.written)
    if counts.completion is not None:
        usage.output_tokens = counts.completion + (counts.reasoning or 0) * ("reasoning" in outside)
    if counts.reasoning is not None:
        usage.reasoning_tokens = min(counts.reasoning, usage.output_tokens or 0)
    if counts.prompt is not None:
        _share_prompt(usage, counts, outside)
    usage.other_tokens = {name: number for name, number in counts.apart.items() if name in outside}
    return usage


def _share_prompt(usage: Usage, counts: Counts, outside: set[str]) -> None:
    prompt = counts.prompt or 0
    cached = 0 if "cached" in outside else counts.cached or 0
    written = 0 if "written" in outside else counts.written or 0
    if cached > prompt:  # then it cannot be within the prompt (xAI)
        cached = 0
    if cached + written > prompt:  # the same tokens told twice (OpenRouter): they count once, as read
        written = usage.cache_write_tokens = max(0, min(written, prompt) - cached)
    usage.uncached_input_tokens = prompt - cached - written


def _outside(counts: Counts, *, reasoning_outside: bool) -> set[str]:
    """Which itemised counts stand outside ``prompt + completion``."""
    if counts.total is None or counts.prompt is None or counts.completion is None:
        return {"reasoning"} if reasoning_outside else set()
    missing = counts.total - counts.prompt - counts.completion
    itemised = {"reasoning": counts.reasoning, **counts.apart, "cached": counts.cached, "written": counts.written}
    given = {name: number for name, number in itemised.items() if number}
    for names in _subsets(list(given)):
        if sum(given[name] for name in names) == missing:
            return set(names)
    return set()


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def inconsistent(usage: Usage, counts: Counts) -> Notice | None:
    """The notice for buckets that do not add up to the provider's total."""
    total = counts.total
    if total is None or counts.prompt is None or counts.completion is None:
        return None
    added = usage.input_tokens + (usage.output_tokens or 0) + sum(usage.other_tokens.values())
    if added == total and usage.cache_write_tokens == counts.written:
        return None
    message = "the provider's token counts contradict each other; its own usage is in raw_usage"
    return Notice("usage_inconsistent", message, {"total": total, "added": added})
