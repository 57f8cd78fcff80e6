"""Google's errors as it writes them (google.rpc.Status; recorded answers), and its words for a wrong shape."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from kruxos.dialects.text import body_bytes
from kruxos.simulator.limits import Exceeded
from kruxos.simulator.provider import Refusal
from kruxos.simulator.shapes import Complaint, Path, Tag
from kruxos.simulator.steps import Asked, Headers

from .names import snake

INVALID = "INVALID_ARGUMENT"
EXHAUSTED = "RESOURCE_EXHAUSTED"
_RPC = "type.googleapis.com/google.rpc."
_DOMAIN = "googleapis.com"
_DETAILS = "details"


def invalid(message: str) -> Refusal:
    """A request that the same words will not make better."""
    return Refusal(400, INVALID, message)


def refuse(path: str, message: str) -> Refusal:
    """A field that was understood and can't be."""
    return invalid(f"* GenerateContentRequest.{path}: {message}\n")


def reason(word: str) -> dict[str, Any]:
    """The detail that says why in one word."""
    return {"@type": f"{_RPC}ErrorInfo", "reason": word, "domain": _DOMAIN}


def quota(quota_id: str, limit: int) -> dict[str, Any]:
    """The detail that names the quota that is used up."""
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    violation = {"quotaMetric": metric, "quotaId": quota_id, "quotaValue": str(limit)}
    return {"@type": f"{_RPC}QuotaFailure", "violations": [violation]}


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an error; how long to wait is a detail, not a header."""
    details: list[Any] = list(refusal.details.get(_DETAILS, ()))
    if refusal.retry_after_s is not None:
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{refusal.retry_after_s:g}s"})
    words: dict[str, Any] = {"code": refusal.status, "message": refusal.message, "status": refusal.type}
    body = {"error": words | ({_DETAILS: details} if details else {})}
    return (("content-type", "application/json; charset=UTF-8"),), body_bytes(body)


def _failure(status: int, word: str, message: str, *details: dict[str, Any]) -> Refusal:
    return Refusal(status, word, message, details={_DETAILS: details})


_EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
_INPUT_PER_MINUTE = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_OVERLOADED = "The model is overloaded. Please try again later."

KEY_INVALID = _failure(400, INVALID, "API key not valid. Please pass a valid API key.", reason("API_KEY_INVALID"))
KEY_MISSING = _failure(
    403,
    "PERMISSION_DENIED",
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API.",
)
FAILURES: dict[str, Refusal] = {
    "400": invalid("Request contains an invalid argument."),
    "401": KEY_INVALID,
    "402": _failure(402, EXHAUSTED, "Your prepayment credits are depleted."),
    "403": _failure(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "404": _failure(404, "NOT_FOUND", "Requested entity was not found."),
    "413": _failure(413, INVALID, "Request payload size exceeds the limit: 20971520 bytes."),
    "429": _failure(429, EXHAUSTED, _EXCEEDED, quota(_PER_MINUTE, 10)),
    "500": _failure(500, "INTERNAL", "An internal error has occurred. Please retry or report in the forum."),
    "503": _failure(503, "UNAVAILABLE", _OVERLOADED),
    "504": _failure(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "529": _failure(503, "UNAVAILABLE", _OVERLOADED),
    "quota": _failure(429, EXHAUSTED, _EXCEEDED, quota(_PER_DAY, 250)),
    "other": _failure(500, "UNKNOWN", "The request failed."),
}


def limited(exceeded: Exceeded, _model: str) -> Refusal:
    """A limit was broken; the wait is a detail."""
    name = _PER_MINUTE if exceeded.name == "requests" else _INPUT_PER_MINUTE
    refusal = _failure(429, EXHAUSTED, _EXCEEDED, quota(name, exceeded.limit))
    return replace(refusal, retry_after_s=float(max(1, math.ceil(exceeded.wait_s))))


def no_route(asked: Asked) -> Refusal:
    """A path that is none."""
    return _failure(404, "NOT_FOUND", f"The requested URL {asked.path[:256]} was not found on this server.")


def dotted(path: Path) -> str:
    """A path as Google writes it: ``contents[0].parts[1].inline_data``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not isinstance(step, Tag):
            text += f".{snake(step)}" if text else snake(step)
    return text


_TYPES = {
    "string": "TYPE_STRING",
    "integer": "TYPE_INT32",
    "number": "TYPE_FLOAT",
    "boolean": "TYPE_BOOL",
    "object": "TYPE_MESSAGE",
    "array": "TYPE_MESSAGE",
}


def say(complaint: Complaint) -> Refusal:
    """A wrong shape in Google's words."""
    path, wanted = complaint.path, complaint.wanted
    name, where = dotted(path), dotted(path[:-1])
    match complaint.what:
        case "unknown":
            place = f" at '{where}'" if where else ""
            words = f'Unknown name "{path[-1]}"{place}: Cannot find field.'
            return invalid(f"Invalid JSON payload received. {words}")
        case "missing":
            return refuse(name, f"{snake(str(path[-1]))} is not specified")
        case "choice" | "tag":
            return invalid(f"Invalid value at '{name}', \"{str(complaint.value)[:64]}\"")
        case "low" | "high":
            side = "at least" if complaint.what == "low" else "at most"
            return refuse(name, f"must be {side} {wanted:g}, but is {complaint.value:g}")
        case "short" | "long":
            side = "at least" if complaint.what == "short" else "at most"
            return refuse(name, f"must have {side} {wanted} values, but has {complaint.value}")
        case "pattern":
            return refuse(name, f"Invalid name {str(complaint.value)[:64]!r}: it must match {wanted}")
        case _:
            kind = _TYPES.get(str(wanted), str(wanted))
            return invalid(f"Invalid value at '{name}' ({kind})")
