"""Headers of every answer of Anthropic's: ids and rate limits (Anthropic docs: rate limits)."""

from __future__ import annotations

from datetime import UTC, datetime

from kruxos.simulator.limits import Bucket, Meters
from kruxos.simulator.steps import Headers

_ORGANIZATION = "00000000-0000-4000-8000-000000000000"
_THOUSAND = 1000


def headers(request_id: str, meters: Meters | None, now: float) -> Headers:
    """Ids, and what is left of each limit; the reset is when it is full again, in RFC 3339."""
    ids = (("request-id", request_id), ("anthropic-organization-id", _ORGANIZATION))
    if meters is None:
        return ids
    tightest = min((meters.input, meters.output), key=lambda bucket: bucket.left / bucket.per_minute)
    return (
        *ids,
        *_limit("requests", meters.requests, now),
        *_limit("input-tokens", meters.input, now, is_rounded=True),
        *_limit("output-tokens", meters.output, now, is_rounded=True),
        *_limit("tokens", tightest, now, is_rounded=True),
    )


def _limit(name: str, bucket: Bucket, now: float, *, is_rounded: bool = False) -> Headers:
    remaining = bucket.remaining
    if is_rounded and bucket.per_minute >= _THOUSAND:
        remaining = min(bucket.per_minute, round(remaining / _THOUSAND) * _THOUSAND)
    prefix = f"anthropic-ratelimit-{name}"
    return (
        (f"{prefix}-limit", str(bucket.per_minute)),
        (f"{prefix}-remaining", str(remaining)),
        (f"{prefix}-reset", rfc3339(now + bucket.reset_s)),
    )


def rfc3339(at: float) -> str:
    """Unix seconds as a whole second in UTC, not before it."""
    return datetime.fromtimestamp(-int(-at // 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
