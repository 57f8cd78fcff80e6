"""Ollama's errors as its server writes them: one text (Ollama docs: errors; server/routes.go; recorded answers)."""

from __future__ import annotations

from kruxos.dialects.text import body_bytes
from kruxos.simulator.limits import Exceeded
from kruxos.simulator.provider import Refusal
from kruxos.simulator.shapes import Complaint
from kruxos.simulator.steps import Asked, Headers

_GO_TYPES = {
    "string": "string", "integer": "int", "number": "float64", "boolean": "bool", "object": "map[string]interface {}",
    "array": "[]interface {}",
}  # fmt: skip


def invalid(message: str, status: int = 400) -> Refusal:
    """A refusal; there is nothing in it but its text."""
    return Refusal(status, "error", message)


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an error."""
    headers: Headers = (("content-type", "application/json; charset=utf-8"),)
    if refusal.retry_after_s is not None:
        headers = (*headers, ("retry-after", f"{refusal.retry_after_s:g}"))
    return headers, body_bytes({"error": refusal.message, **refusal.details})


_BUSY = "server busy, please try again.  maximum pending requests exceeded"
FAILURES: dict[str, Refusal] = {
    "400": invalid("invalid request"),
    "401": Refusal(401, "error", "unauthorized", details={"signin_url": "https://ollama.com/connect"}),
    "402": invalid("this model requires a subscription, upgrade for access", 402),
    "403": invalid("this model requires a subscription, upgrade for access", 403),
    "404": invalid("model not found", 404),
    "413": invalid("request body too large", 413),
    "429": invalid("too many requests", 429),
    "500": invalid("llama runner process has terminated: exit status 2", 500),
    "502": invalid("bad gateway", 502),
    "503": invalid(_BUSY, 503),
    "529": invalid(_BUSY, 503),
    "quota": invalid("you have reached your weekly usage limit, please upgrade to continue", 429),
    "other": invalid("internal server error", 500),
}


def limited(_exceeded: Exceeded, _model: str) -> Refusal:
    """More than can wait."""
    return FAILURES["503"]


def no_route(_asked: Asked) -> Refusal:
    """A path that is none."""
    return invalid("404 page not found", 404)


def say(complaint: Complaint) -> Refusal:
    """A wrong shape, as Go's JSON reader tells it."""
    steps = [str(step) for step in complaint.path if not isinstance(step, int)]
    name = ".".join(steps)
    if complaint.what == "missing":
        return invalid(f"{name} is required")
    if complaint.what != "type":
        return invalid(f"invalid value for {name}: {str(complaint.value)[:64]!r}")
    came = {"str": "string", "dict": "object", "list": "array", "bool": "bool"}.get(type(complaint.value).__name__)
    kind = _GO_TYPES.get(str(complaint.wanted), str(complaint.wanted))
    where = f"json: cannot unmarshal {came or 'number'} into Go struct field ChatRequest.{name} of type {kind}"
    return invalid(where)
