"""Anthropic's errors as it writes them (Anthropic docs: errors, rate limits), and its words for a wrong shape."""

from __future__ import annotations

from kruxos.dialects.text import body_bytes
from kruxos.simulator.limits import Exceeded
from kruxos.simulator.provider import Refusal
from kruxos.simulator.shapes import Complaint
from kruxos.simulator.steps import Asked, Headers

INVALID = "invalid_request_error"


def invalid(message: str) -> Refusal:
    """A request that the same words will not make better."""
    return Refusal(400, INVALID, message)


def error(refusal: Refusal, request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an error."""
    words = {"type": refusal.type, "message": refusal.message}
    details = {"details": dict(refusal.details)} if refusal.details else {}
    body = {"type": "error", "error": words | details, "request_id": request_id}
    should_retry = refusal.status in (408, 409, 429) or refusal.status >= 500
    headers: list[tuple[str, str]] = [
        ("content-type", "application/json"),
        ("x-should-retry", "true" if should_retry and not refusal.details else "false"),
    ]
    if refusal.retry_after_s is not None:
        headers.append(("retry-after", f"{refusal.retry_after_s:g}"))
    return tuple(headers), body_bytes(body)


FAILURES: dict[str, Refusal] = {
    "400": invalid("The request was not valid."),
    "401": Refusal(401, "authentication_error", "invalid x-api-key"),
    "402": Refusal(402, "billing_error", "There is an issue with your billing or payment information."),
    "403": Refusal(403, "permission_error", "Your API key does not have permission to use the specified resource."),
    "404": Refusal(404, "not_found_error", "The requested resource could not be found."),
    "408": Refusal(408, "timeout_error", "The request timed out."),
    "409": Refusal(409, "conflict_error", "The request conflicts with another one."),
    "413": Refusal(413, "request_too_large", "Request exceeds the maximum size"),
    "429": Refusal(429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    "500": Refusal(500, "api_error", "Internal server error"),
    "503": Refusal(503, "api_error", "Service temporarily unavailable"),
    "504": Refusal(504, "timeout_error", "The request timed out while processing."),
    "529": Refusal(529, "overloaded_error", "Overloaded"),
    "quota": Refusal(
        429,
        "rate_limit_error",
        "You have reached the monthly spend limit of your usage tier.",
        details={"error_code": "enforced_spend_limit_reached"},
    ),
    "other": Refusal(500, "api_error", "The request failed."),
}


def limited(exceeded: Exceeded, _model: str) -> Refusal:
    """A limit was broken; the wait is told in whole seconds (Anthropic docs: rate limits)."""
    limit = f"{exceeded.limit:,} {exceeded.name} per minute"
    message = f"This request would exceed your organization's rate limit of {limit}."
    return Refusal(429, "rate_limit_error", message, retry_after_s=max(1, -int(-exceeded.wait_s // 1)))


def no_route(_asked: Asked) -> Refusal:
    """A path that is none."""
    return Refusal(404, "not_found_error", "Not Found")


def say(complaint: Complaint) -> Refusal:
    """A wrong shape in the words of the API's validator; names of variants are part of its paths."""
    return invalid(f"{'.'.join(map(str, complaint.path))}: {_says(complaint)}")


_TYPES = {
    "string": "Input should be a valid string",
    "integer": "Input should be a valid integer",
    "number": "Input should be a valid number",
    "boolean": "Input should be a valid boolean",
    "array": "Input should be a valid list",
    "object": "Input should be an object",
}


def _says(complaint: Complaint) -> str:
    wanted = complaint.wanted
    match complaint.what:
        case "missing":
            return "Field required"
        case "unknown":
            return "Extra inputs are not permitted"
        case "choice":
            *words, last = (repr(word) for word in wanted)
            return f"Input should be {', '.join(words)} or {last}" if words else f"Input should be {last}"
        case "tag":
            known = ", ".join(repr(word) for word in wanted)
            return f"Input tag {str(complaint.value)[:64]!r} found using 'type' does not match any of: {known}"
        case "pattern":
            return f"String should match pattern '{wanted}'"
        case "low":
            return f"Input should be greater than or equal to {wanted:g}"
        case "high":
            return f"Input should be less than or equal to {wanted:g}"
        case "long":
            return f"List should have at most {wanted} items, not {complaint.value}"
        case _:
            return _TYPES.get(str(wanted), f"Input should be {wanted}")
