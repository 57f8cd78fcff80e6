"""When to try again: every form in which providers say it, as Unix seconds.

Headers come first (``retry-after-ms``, ``retry-after``), then the body's own words ("try again in 6.57s"), then the
reset times of rate-limit headers, but only of a limit that is used up: those tell when a bucket is full again, which
is later than needed (Anthropic docs: rate limits; OpenAI SDK; Groq docs: rate limits).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

HINT_MAX_S = 32 * 24 * 3600.0
"""A hint further away than a month and a day is not believed."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    r"\w{3,9}, (?P<day>\d{2}) (?P<month>\w{3}) (?P<year>\d{4}) (?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2}) GMT"
)
_EPOCH_S = 1e9
_EPOCH_MS = 1e12
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_STEP = re.compile(r"(\d{1,12}(?:\.\d{1,18})?)\s*(ns|us|µs|ms|s|m|h|d)(?![a-z])\s*", re.IGNORECASE)
_STEPS = r"(?:\d{1,12}(?:\.\d{1,18})?(?:ns|us|µs|ms|s|m|h|d)(?![a-z])\s*){1,8}"
_WORDS = (
    re.compile(rf"(?:try again|retry|wait)(?: \w+)?\s+(?:in|after|for)\s+({_STEPS})", re.IGNORECASE),
    re.compile(r"(?:try again|retry|wait)(?: \w+)?\s+(?:in|after|for)\s+(\d{1,9}(?:\.\d{1,9})?)\s*sec", re.IGNORECASE),
    re.compile(r"(?:try again|retry|wait)(?: \w+)?\s+(?:in|after|for)\s+(\d{1,9}(?:\.\d{1,9})?)\s*min", re.IGNORECASE),
)
_WORD_UNITS_S = (None, 1.0, 60.0)
_RESETS = (
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"),
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)


def duration_s(text: str) -> float | None:
    """Seconds of a duration such as ``6m0s``, ``9m52.272s``, ``12ms`` or plain ``2.5``; None for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    total, at = 0.0, 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return None
        total += float(step[1]) * _UNITS_S[step[2].lower()]
        at = step.end()
    return total if at else None


def moment(text: str, now: float) -> float | None:
    """Unix seconds of a duration from now, an epoch in seconds or milliseconds, an HTTP date or an RFC 3339 time."""
    seconds = duration_s(text)
    if seconds is None:
        return _date(text)
    if seconds >= _EPOCH_MS:
        return seconds / 1000
    return seconds if seconds >= _EPOCH_S else now + seconds


def _date(text: str) -> float | None:
    found = _HTTP_DATE.fullmatch(text.strip())
    try:
        if found:
            day, month, year, *clock = (found[name] for name in ("day", "month", "year", "hour", "minute", "second"))
            hour, minute, second = (int(part) for part in clock)
            number = _MONTHS.index(month) + 1
            return datetime(int(year), number, int(day), hour, minute, second, tzinfo=UTC).timestamp()
        parsed = datetime.fromisoformat(text.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def http_date(at: float) -> str:
    """A time as HTTP headers have it, such as ``Sun, 22 Nov 2026 12:00:00 GMT``."""
    when = datetime.fromtimestamp(at, UTC)
    day = f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]} {when.year:04}"
    return f"{day} {when.hour:02}:{when.minute:02}:{when.second:02} GMT"


def spoken_s(message: str) -> float | None:
    """Seconds that a message asks to wait ("Please try again in 9m52.272s"); None where it does not say."""
    for pattern, unit_s in zip(_WORDS, _WORD_UNITS_S, strict=True):
        found = pattern.search(message)
        if found:
            return duration_s(found[1]) if unit_s is None else float(found[1]) * unit_s
    return None


def retry_at(headers: Mapping[str, str], message: str, now: float) -> float | None:
    """From when a retry makes sense, or None where nothing believable says so. Header names are lower case."""
    at = _asked(headers, now)
    if at is None:
        spoken = spoken_s(message)
        at = _reset(headers, now) if spoken is None else now + spoken
    return believable(at, now)


def believable(at: float | None, now: float) -> float | None:
    """The time itself, not before now; None where it is further away than ``HINT_MAX_S``."""
    return None if at is None or at - now > HINT_MAX_S else max(at, now)


def _asked(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = duration_s(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return now + milliseconds / 1000
    asked = headers.get("retry-after")
    return None if asked is None else moment(asked, now)


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    used_up = [reset for remaining, reset in _RESETS if headers.get(remaining, "").strip() == "0"]
    moments = [at for reset in used_up if (at := moment(headers.get(reset, ""), now)) is not None]
    return max(moments, default=None)


def next_month(now: float) -> float:
    """The first of the next month, 00:00 UTC: when a monthly spending cap ends (Anthropic docs: rate limits)."""
    today = datetime.fromtimestamp(now, UTC)
    year, month = divmod(today.year * 12 + today.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
