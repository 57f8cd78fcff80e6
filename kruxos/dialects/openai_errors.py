"""Our errors as OpenAI's clients read them, in both of its protocols (OpenAI docs: error codes)."""

from __future__ import annotations

from typing import Any

from kruxos import errors
from kruxos.errors import KruxosError

from . import hints
from .text import body_bytes

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
