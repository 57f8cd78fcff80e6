"""Anthropic's errors, both ways (Anthropic docs: errors, rate limits).

Two of them need more than the common judgement: a monthly spending cap is a 429 that ends with the month, and a
stream's error has no status but the word that stands for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kruxos import errors
from kruxos.dialects import failures, hints, verdicts
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.text import body_bytes
from kruxos.errors import KruxosError

_REGAINED = re.compile(r"regain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC")
SPEND_LIMIT = "enforced_spend_limit_reached"


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, target: Target, encoded: EncodedRequest | None = None
) -> KruxosError:
    """The error that an answer of another status than 2xx means."""
    failure = failures.read_failure(body, status)
    kind = verdicts.kind_of(failure)
    sent = encoded.http.body if encoded else b""
    error = verdicts.error_of(kind, failure, target, headers=headers, sent=sent)
    if failure.code == SPEND_LIMIT:
        error.detail.retry_at = hints.next_month(target.now)
    elif kind is errors.InsufficientFundsError:
        error.detail.retry_at = _regained(failure.said(), target.now)
    return error


def _regained(message: str, now: float) -> float | None:
    """When a limit that the customer set ends, where the message says so."""
    found = _REGAINED.search(message)
    return hints.believable(hints.moment(f"{found[1]}T{found[2]}+00:00", now), now) if found else None


# Which status and word an agent that speaks this protocol expects for our codes.
_WORDS: dict[str, tuple[int, str]] = {
    code: (status, word)
    for status, word, codes in (
        (400, "invalid_request_error", (errors.BadRequestError, errors.ContextOverflowError, errors.UnsupportedError,
            errors.ContentFilteredError, errors.BatchUnsupportedError, errors.UpgradeRequiredError,
            errors.CancelledError)),
        (401, "authentication_error", (errors.UnauthorizedError, errors.InvalidCredentialsError,
            errors.NoCredentialsError, errors.NeedsLoginError)),
        (402, "billing_error", (errors.InsufficientFundsError, errors.BudgetExceededError)),
        (403, "permission_error", (errors.ForbiddenError, errors.PermissionDeniedError, errors.VaultLockedError,
            errors.DestinationChangedError)),
        (404, "not_found_error", (errors.ModelNotFoundError, errors.NoProviderError)),
        (409, "conflict_error", (errors.IdempotencyConflictError, errors.OutcomeUnknownError)),
        (413, "request_too_large", (errors.TooLargeError,)),
        (429, "rate_limit_error", (errors.RateLimitedError, errors.QuotaExhaustedError)),
        (504, "timeout_error", (errors.ProviderTimeoutError, errors.DeadlineExceededError)),
        (529, "overloaded_error", (errors.ProviderOverloadedError, errors.OverloadedError, errors.DrainingError,
            errors.AllProvidersUnavailableError)),
    )
    for code in [kind.code for kind in codes]
}  # fmt: skip
_OTHER = (500, "api_error")


def error_body(error: KruxosError) -> dict[str, Any]:
    """The error object that Anthropic's clients read, also as an event of a stream."""
    _, word = _WORDS.get(error.code, _OTHER)
    message = f"prompt is too long: {error.message}" if error.code == "context_overflow" else error.message
    body: dict[str, Any] = {"type": "error", "error": {"type": word, "message": message}}
    if error.detail.call_id:
        body["request_id"] = error.detail.call_id
    return body


def encode_error(error: KruxosError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is an error from the start."""
    status, _ = _WORDS.get(error.code, _OTHER)
    headers = {"content-type": "application/json", "x-should-retry": "true" if error.retryable else "false"}
    if error.retry_at is not None:
        headers["retry-after"] = hints.http_date(error.retry_at)
    return status, headers, body_bytes(error_body(error))
