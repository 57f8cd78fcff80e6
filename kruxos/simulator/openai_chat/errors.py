"""OpenAI's errors as it writes them (OpenAI docs: error codes; recorded answers), and its words for a wrong shape."""

from __future__ import annotations

from dataclasses import replace

from kruxos.dialects.text import body_bytes
from kruxos.simulator.limits import Exceeded
from kruxos.simulator.provider import Refusal
from kruxos.simulator.shapes import Complaint, Path, Tag
from kruxos.simulator.steps import Asked, Headers

INVALID = "invalid_request_error"
_KEYS_PAGE = "https://platform.openai.com/account/api-keys"


def invalid(message: str, code: str | None = None, param: str | None = None) -> Refusal:
    """A request that the same words will not make better."""
    return Refusal(400, INVALID, message, code, param)


def unsupported_parameter(name: str, hint: str = "") -> Refusal:
    """A field that the model does not take."""
    hint = f" {hint}" if hint else ""
    message = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
    return invalid(message, "unsupported_parameter", name)


def unsupported_value(name: str, value: str, hint: str = "") -> Refusal:
    """A value that the model does not take."""
    hint = f" {hint}" if hint else ""
    message = f"Unsupported value: '{name}' does not support '{value}' with this model.{hint}"
    return invalid(message, "unsupported_value", name)


def error(refusal: Refusal, _request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an error; the request's id is among the headers of every answer."""
    words = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
    headers: list[tuple[str, str]] = [("content-type", "application/json")]
    if refusal.retry_after_s is not None:
        headers.append(("retry-after", f"{refusal.retry_after_s:g}"))
        headers.append(("retry-after-ms", str(int(refusal.retry_after_s * 1000))))
    return tuple(headers), body_bytes({"error": words})


_LIMIT = "Rate limit reached for requests. Please try again later."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_SERVER = "The server had an error while processing your request. Sorry about that!"
_COUNTRY = "Country, region, or territory not supported"

FAILURES: dict[str, Refusal] = {
    "400": invalid("The request was not valid."),
    "401": Refusal(
        401, INVALID, f"Incorrect API key provided. You can find your API key at {_KEYS_PAGE}.", "invalid_api_key"
    ),
    "402": Refusal(402, "insufficient_quota", "Insufficient credits.", "credit_balance_exhausted"),
    "403": Refusal(403, "request_forbidden", _COUNTRY, "unsupported_country_region_territory"),
    "404": Refusal(404, INVALID, "The model does not exist or you do not have access to it.", "model_not_found"),
    "413": Refusal(413, INVALID, "The request is too large."),
    "429": Refusal(429, "requests", _LIMIT, "rate_limit_exceeded"),
    "500": Refusal(500, "server_error", _SERVER),
    "503": Refusal(503, "server_error", "The server is currently overloaded.", "server_is_overloaded"),
    "529": Refusal(529, "server_error", "The server is currently overloaded.", "server_is_overloaded"),
    "quota": Refusal(429, "insufficient_quota", _QUOTA, "insufficient_quota"),
    "other": Refusal(500, "server_error", "The request failed."),
}


def wrong_key(key: str) -> Refusal:
    """A wrong key is shown with its middle hidden."""
    shown = f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    message = f"Incorrect API key provided: {shown}. You can find your API key at {_KEYS_PAGE}."
    return Refusal(401, INVALID, message, "invalid_api_key")


def limited(exceeded: Exceeded, model: str) -> Refusal:
    """A limit was broken: a wait that helps, or a request larger than the limit, for which none does."""
    is_requests = exceeded.name == "requests"
    what = "requests per min (RPM)" if is_requests else "tokens per min (TPM)"
    where = f"for {model} in organization org-simulated on {what}: Limit {exceeded.limit}"
    kind = Refusal(429, exceeded.name, "", "rate_limit_exceeded")
    if exceeded.requested > exceeded.limit:
        words = "The input or output tokens must be reduced in order to run successfully."
        return replace(kind, message=f"Request too large {where}, Requested {exceeded.requested}. {words}")
    used = f"Used {exceeded.used}, Requested {exceeded.requested}"
    wait = f"{exceeded.wait_s:.3f}".rstrip("0").rstrip(".") + "s"
    message = f"Rate limit reached {where}, {used}. Please try again in {wait}."
    return replace(kind, message=message, retry_after_s=max(1, -int(-exceeded.wait_s // 1)))


def no_route(asked: Asked) -> Refusal:
    """A path that is none."""
    return Refusal(404, INVALID, f"Invalid URL ({asked.method} {asked.path[:256]})")


def dotted(path: Path) -> str:
    """A path as OpenAI writes it: ``messages[0].content``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not isinstance(step, Tag):
            text += f".{step}" if text else step
    return text


_TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a decimal",
    "boolean": "a boolean",
    "array": "an array",
    "object": "an object",
    "string or array": "one of a string or array of objects",
    "string or object": "one of a string or an object",
}


def say(complaint: Complaint) -> Refusal:
    """A wrong shape in OpenAI's words."""
    name = dotted(complaint.path)
    message, code = _says(complaint, name)
    return invalid(message, code, name)


def _says(complaint: Complaint, name: str) -> tuple[str, str]:
    wanted, value = complaint.wanted, complaint.value
    match complaint.what:
        case "missing":
            return f"Missing required parameter: '{name}'.", "missing_required_parameter"
        case "unknown":
            return f"Unknown parameter: '{name}'.", "unknown_parameter"
        case "choice" | "tag":
            *words, last = (repr(word) for word in wanted)
            known = f"{', '.join(words)}, and {last}" if words else last
            return f"Invalid value: {str(value)[:64]!r}. Supported values are: {known}.", "invalid_value"
        case "pattern":
            wish = f"Expected a string that matches the pattern '{wanted}'."
            return f"Invalid '{name}': string does not match pattern. {wish}", "invalid_value"
        case "low" | "high":
            return _says_bound(complaint, name)
        case "long" | "short":
            return _says_length(complaint, name)
        case _:
            came = _TYPES.get(_type_of(value), "null")
            wish = f"expected {_TYPES.get(str(wanted), str(wanted))}, but got {came} instead"
            return f"Invalid type for '{name}': {wish}.", "invalid_type"


def _says_bound(complaint: Complaint, name: str) -> tuple[str, str]:
    kind = "integer" if complaint.shape == "integer" else "decimal"
    side, sign, end = ("below", ">=", "min") if complaint.what == "low" else ("above", "<=", "max")
    full = "minimum" if end == "min" else "maximum"
    wish = f"Expected a value {sign} {complaint.wanted:g}, but got {complaint.value:g} instead."
    return f"Invalid '{name}': {kind} {side} {full} value. {wish}", f"{kind}_{side}_{end}_value"


def _says_length(complaint: Complaint, name: str) -> tuple[str, str]:
    kind, wanted, came = complaint.shape, complaint.wanted, complaint.value
    if kind == "array" and not came:
        wish = f"Expected an array with minimum length {wanted}, but got an empty array instead."
        return f"Invalid '{name}': empty array. {wish}", "empty_array"
    article = "an" if kind == "array" else "a"
    word, end, side = (
        ("long", "maximum", "above_max") if complaint.what == "long" else ("short", "minimum", "below_min")
    )
    wish = f"Expected {article} {kind} with {end} length {wanted}, but got {article} {kind} with length {came} instead."
    return f"Invalid '{name}': {kind} too {word}. {wish}", f"{kind}_{side}_length"


def _type_of(value: object) -> str:
    kinds = {"bool": "boolean", "str": "string", "int": "integer", "float": "number", "list": "array", "dict": "object"}
    return kinds.get(type(value).__name__, "null")
