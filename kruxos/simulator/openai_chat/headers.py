"""Headers of every answer of OpenAI's: ids and rate limits, the resets as Go writes durations (OpenAI docs)."""

from __future__ import annotations

from kruxos.simulator.limits import Bucket, Meters
from kruxos.simulator.steps import Headers

_MINUTE_S = 60
_HOUR_S = 3600


def headers(request_id: str, meters: Meters | None, _now: float) -> Headers:
    """Ids, and what is left of each limit; the reset is the time until it is full again."""
    ids = (("x-request-id", request_id), ("openai-version", "2020-10-01"), ("openai-organization", "org-simulated"))
    if meters is None:
        return ids
    return (*ids, *_limit("requests", meters.requests), *_limit("tokens", meters.tokens))


def _limit(name: str, bucket: Bucket) -> Headers:
    return (
        (f"x-ratelimit-limit-{name}", str(bucket.per_minute)),
        (f"x-ratelimit-remaining-{name}", str(bucket.remaining)),
        (f"x-ratelimit-reset-{name}", go_duration(bucket.reset_s)),
    )


def go_duration(seconds: float) -> str:
    """Seconds as Go prints a duration: ``1h2m3.5s``, ``6m0s``, ``50.529s``, ``12ms``, ``0s``."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    whole, rest = divmod(milliseconds, 1000)
    hours, minutes = whole // _HOUR_S, whole % _HOUR_S // _MINUTE_S
    last = f"{whole % _MINUTE_S}" + (f".{rest:03d}".rstrip("0") if rest else "")
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if minutes or hours else ""
    return f"{text}{last}s"
