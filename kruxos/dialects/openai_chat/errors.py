"""Errors of OpenAI and of those who speak Chat Completions, both ways.

Numeric codes mean what their provider says, so they are tables that a profile names (Z.ai docs: error codes;
Mistral's by its answers: 3051 is used for more than one thing, so it is not here).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kruxos import errors
from kruxos.dialects import failures, hints, verdicts
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.text import body_bytes
from kruxos.dialects.verdicts import Codes, Kind
from kruxos.errors import KruxosError


def _table(rows: dict[Kind, str]) -> dict[str, Kind]:
    return {code: kind for kind, codes in rows.items() for code in codes.split()}


CODES: dict[str, Codes] = {
    "none": {},
    "glm": _table(
        {
            errors.InvalidCredentialsError: "1000 1001 1002 1003 1004",
            errors.PermissionDeniedError: "1110 1111 1112 1220 1221 1222",
            errors.InsufficientFundsError: "1113",
            errors.ProviderFailedError: "1120 1234",
            errors.BadRequestError: "1210 1212 1213 1214 1215",
            errors.ModelNotFoundError: "1211",
            errors.ContentFilteredError: "1301",
            errors.RateLimitedError: "1302 1303",
            errors.ProviderOverloadedError: "1305",
            errors.QuotaExhaustedError: "1308 1309 1310 1311 1313 1314 1315 1316 1317 1318 1319 1320 1321",
        }
    ),
    "mistral": _table(
        {
            errors.RateLimitedError: "1300",
            errors.ModelNotFoundError: "1500",
            errors.BadRequestError: "3280",
            errors.ProviderOverloadedError: "3505",
        }
    ),
}


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, target: Target, encoded: EncodedRequest | None
) -> KruxosError:
    """The error that an answer of another status than 2xx means."""
    failure = failures.read_failure(body, status)
    kind = _kind(failure, headers, CODES[target.profile.error_codes])
    sent = encoded.http.body if encoded else b""
    return verdicts.error_of(kind, failure, target, headers=_with_inner(headers, failure), sent=sent)


def _kind(failure: failures.Failure, headers: Mapping[str, str], codes: Codes) -> Kind:
    metadata = _metadata(failure)
    if failure.status == 402 and (
        metadata.get("limit_source") == "openrouter_in_flight_budget" or "retry-after" in headers
    ):
        return errors.RateLimitedError  # credit that running requests hold: it comes back
    if failure.status == 403 and (metadata.get("flagged_input") or metadata.get("reasons")):
        return errors.ContentFilteredError  # OpenRouter's moderation
    if failure.status == 429 and headers.get("x-ratelimit-limit-req-minute", "").strip() == "0":
        return errors.PermissionDeniedError  # Mistral: the plan has no access
    return verdicts.kind_of(failure, codes)


def _metadata(failure: failures.Failure) -> dict[str, Any]:
    metadata = failure.fields.get("metadata")
    return cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}


def _with_inner(headers: Mapping[str, str], failure: failures.Failure) -> Mapping[str, str]:
    """The headers, and those that OpenRouter passes on in the body."""
    passed = _metadata(failure).get("headers")
    if not isinstance(passed, dict):
        return headers
    inner = cast("dict[str, Any]", passed)
    return {name.lower(): value for name, value in inner.items() if isinstance(value, str)} | dict(headers)


# Which status, type and code an agent that speaks this protocol expects for our codes.
_WORDS: dict[str, tuple[int, str, str | None]] = {
    kind.code: (status, word, code)
    for kind, status, word, code in (
        (errors.BadRequestError, 400, "invalid_request_error", None),
        (errors.UnsupportedError, 400, "invalid_request_error", "unsupported_parameter"),
        (errors.ContextOverflowError, 400, "invalid_request_error", "context_length_exceeded"),
        (errors.ContentFilteredError, 400, "invalid_request_error", "content_filter"),
        (errors.BatchUnsupportedError, 400, "invalid_request_error", "batch_unsupported"),
        (errors.UpgradeRequiredError, 400, "invalid_request_error", "upgrade_required"),
        (errors.CancelledError, 400, "invalid_request_error", "cancelled"),
        (errors.TooLargeError, 413, "invalid_request_error", "request_too_large"),
        (errors.UnauthorizedError, 401, "invalid_request_error", "invalid_api_key"),
        (errors.InvalidCredentialsError, 401, "invalid_request_error", "invalid_api_key"),
        (errors.NoCredentialsError, 401, "invalid_request_error", "no_credentials"),
        (errors.NeedsLoginError, 401, "invalid_request_error", "needs_login"),
        (errors.ForbiddenError, 403, "invalid_request_error", "forbidden"),
        (errors.PermissionDeniedError, 403, "invalid_request_error", "permission_denied"),
        (errors.VaultLockedError, 403, "invalid_request_error", "vault_locked"),
        (errors.DestinationChangedError, 403, "invalid_request_error", "destination_changed"),
        (errors.ModelNotFoundError, 404, "invalid_request_error", "model_not_found"),
        (errors.NoProviderError, 404, "invalid_request_error", "no_provider"),
        (errors.IdempotencyConflictError, 409, "invalid_request_error", "idempotency_conflict"),
        (errors.OutcomeUnknownError, 409, "invalid_request_error", "outcome_unknown"),
        (errors.RateLimitedError, 429, "requests", "rate_limit_exceeded"),
        (errors.QuotaExhaustedError, 429, "requests", "usage_limit_reached"),
        (errors.BudgetExceededError, 429, "insufficient_quota", "budget_exceeded"),
        (errors.InsufficientFundsError, 429, "insufficient_quota", "insufficient_quota"),
        (errors.ProviderOverloadedError, 503, "server_error", "server_is_overloaded"),
        (errors.OverloadedError, 503, "server_error", "slow_down"),
        (errors.DrainingError, 503, "server_error", "slow_down"),
        (errors.AllProvidersUnavailableError, 503, "server_error", "server_is_overloaded"),
        (errors.ProviderTimeoutError, 504, "server_error", "timeout_error"),
        (errors.DeadlineExceededError, 504, "server_error", "deadline_exceeded"),
    )
}
_OTHER = (500, "server_error", None)


def error_body(error: KruxosError) -> dict[str, Any]:
    """The error object that OpenAI's clients read, also as a line of a stream."""
    _, word, code = _WORDS.get(error.code, _OTHER)
    return {"error": {"message": error.message, "type": word, "param": error.detail.field, "code": code}}


def encode_error(error: KruxosError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is an error from the start."""
    status, _, _ = _WORDS.get(error.code, _OTHER)
    headers = {"content-type": "application/json", "x-should-retry": "true" if error.retryable else "false"}
    if error.retry_at is not None:
        headers["retry-after"] = hints.http_date(error.retry_at)
    return status, headers, body_bytes(error_body(error))
