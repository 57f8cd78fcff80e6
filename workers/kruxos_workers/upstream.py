"""What an answer's head and times say of the exchange itself."""

from __future__ import annotations

from kruxos_workers.http import Answer, Timing


def upstream_us(timing: Timing) -> int:
    """How long the provider had it: from the request's first byte to the answer's last."""
    if timing.request_started_at is None or timing.last_byte_at is None:
        return 0
    return round((timing.last_byte_at - timing.request_started_at) * 1e6)


_REQUEST_IDS = ("request-id", "x-request-id", "x-oai-request-id", "mistral-correlation-id", "x-generation-id", "cf-ray")


def request_id(http: Answer | None) -> str | None:
    """The provider's own name for the exchange, from its answer's headers."""
    if http is None:
        return None
    return next((http.headers[name] for name in _REQUEST_IDS if name in http.headers), None)
