"""What answers say of their limits, as readings: one for each limit that is named with its rest.

    anthropic-ratelimit-input-tokens-{limit,remaining,reset}        RFC 3339; full again at
    x-ratelimit-{limit,remaining,reset}-{requests,tokens}           durations; full again in (OpenAI, Groq, Grok, ...)
    x-ratelimit-{limit,remaining,reset}-{requests,tokens}-{minute,day}   seconds (Cerebras)
    x-ratelimit-{limit,remaining}-{req,tokens}-{minute,...}         no reset (Mistral)
    x-ratelimit-{limit,remaining,reset}, ratelimit-...              requests (OpenRouter: epoch milliseconds; Together)

Sources: the providers' pages on rate limits; recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kruxos.dialects.hints import moment

_MINUTE_S = 60.0
_WINDOWS_S = {"10-second": 10.0, "minute": _MINUTE_S, "day": 86_400.0}


class Reading(NamedTuple):
    """One limit. ``unit`` is requests, tokens, input_tokens or output_tokens; ``full_at`` in Unix seconds."""

    name: str
    unit: str
    window_s: float
    limit: float
    remaining: float
    full_at: float | None


def _anthropic() -> Iterator[tuple[str, str, float, str, str, str]]:
    for kind, unit in (
        ("requests", "requests"), ("tokens", "tokens"), ("input-tokens", "input_tokens"),
        ("output-tokens", "output_tokens"),
    ):  # fmt: skip
        head = f"anthropic-ratelimit-{kind}-"
        yield kind, unit, _MINUTE_S, f"{head}limit", f"{head}remaining", f"{head}reset"


def _others() -> Iterator[tuple[str, str, float, str, str, str]]:
    kinds = {"requests": "requests", "req": "requests", "tokens": "tokens"}
    windows = {"": _MINUTE_S, **{f"-{name}": window_s for name, window_s in _WINDOWS_S.items()}}
    for kind, unit in kinds.items():
        for suffix, window_s in windows.items():
            tail = f"{kind}{suffix}"
            limit, remaining, reset = (f"x-ratelimit-{word}-{tail}" for word in ("limit", "remaining", "reset"))
            yield tail, unit, window_s, limit, remaining, reset
    for head in ("x-ratelimit-", "ratelimit-"):
        yield head.rstrip("-"), "requests", _MINUTE_S, f"{head}limit", f"{head}remaining", f"{head}reset"


_FAMILIES = (*_anthropic(), *_others())


def readings(headers: Mapping[str, str], now: float) -> list[Reading]:
    """All limits that the headers tell; names are lower case. What makes no sense is passed over."""
    if not any("ratelimit" in name for name in headers):
        return []
    found: list[Reading] = []
    for name, unit, window_s, limit_name, remaining_name, reset_name in _FAMILIES:
        limit, remaining = _count(headers.get(limit_name)), _count(headers.get(remaining_name))
        if limit is None or remaining is None or limit <= 0 or not 0 <= remaining <= limit:
            continue
        full_at = moment(headers[reset_name], now) if reset_name in headers else None
        found.append(Reading(name, unit, window_s, limit, remaining, full_at))
    return found


def _count(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
