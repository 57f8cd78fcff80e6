"""Gemini's errors, both ways (Gemini docs: API errors; google.rpc.Status; recorded answers).

The word of an error is its ``status``, such as RESOURCE_EXHAUSTED, which says little more than the HTTP status does.
A wrong key is a 400 that only its details tell; a day's quota is a 429 that only its details tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kruxos import errors
from kruxos.dialects import failures, hints, verdicts
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.failures import Failure
from kruxos.dialects.text import body_bytes
from kruxos.dialects.verdicts import Kind
from kruxos.errors import KruxosError

from . import quota

_WORD = re.compile(r"[A-Z][A-Z_]{2,63}")
_BAD_KEYS = {"API_KEY_INVALID", "API_KEY_EXPIRED", "CREDENTIALS_MISSING", "ACCESS_TOKEN_EXPIRED"}
_BAD_KEY = re.compile(r"api key (?:was reported|expired|not found)|unregistered callers")
_MONEY = re.compile(
    r"prepay|credits? (?:are |is )?depleted|limit: 0\b|billing (?:account|to be enabled)|enable billing"
)
_MODEL = re.compile(r"\bmodels?[/ ]")

# What a status means where there is more to it than its number, or no number at all.
_STATUSES: dict[str, Kind] = {
    "UNAUTHENTICATED": errors.InvalidCredentialsError,
    "PERMISSION_DENIED": errors.PermissionDeniedError,
    "FAILED_PRECONDITION": errors.PermissionDeniedError,
    "RESOURCE_EXHAUSTED": errors.RateLimitedError,
    "UNAVAILABLE": errors.ProviderOverloadedError,
    "DEADLINE_EXCEEDED": errors.ProviderTimeoutError,
    "INTERNAL": errors.ProviderFailedError,
}


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, target: Target, encoded: EncodedRequest | None = None
) -> KruxosError:
    """The error that an answer of another status than 2xx means."""
    sent = encoded.http.body if encoded else b""
    return error_of(failures.read_failure(body, status), target, headers=headers, sent=sent)


def error_of(
    failure: Failure,
    target: Target,
    *,
    headers: Mapping[str, str] | None = None,
    sent: bytes = b"",
    billed_maybe: bool = False,
) -> KruxosError:
    """The error for a failure, with Google's own hint when to try again."""
    word = failure.fields.get("status")
    if isinstance(word, str) and _WORD.fullmatch(word):
        failure.type = word
    kind = _kind_of(failure)
    error = verdicts.error_of(kind, failure, target, headers=headers, sent=sent, billed_maybe=billed_maybe)
    delay_s = quota.delay_s(failure)
    if kind is errors.QuotaExhaustedError and quota.is_daily(failure):
        error.detail.retry_at = quota.next_day(target.now)
    elif kind.retryable and delay_s is not None:
        error.detail.retry_at = hints.believable(target.now + delay_s, target.now)
    return error


def _kind_of(failure: Failure) -> Kind:
    said = failure.said().lower()
    if quota.reasons(failure) & _BAD_KEYS or (failure.status in (400, 401, 403) and _BAD_KEY.search(said)):
        return errors.InvalidCredentialsError
    if failure.type == "RESOURCE_EXHAUSTED" or failure.status == 429:
        return _exhausted(failure, said)
    if failure.type == "FAILED_PRECONDITION" and _MONEY.search(said):
        return errors.InsufficientFundsError
    if failure.type == "NOT_FOUND" and _MODEL.search(said):
        return errors.ModelNotFoundError
    kind = verdicts.kind_of(failure)
    is_vague = kind in (errors.BadRequestError, errors.ProviderFailedError)
    return _STATUSES.get(failure.type, kind) if is_vague else kind


def _exhausted(failure: Failure, said: str) -> Kind:
    if failure.status == 402:
        return errors.InsufficientFundsError
    if quota.is_daily(failure):
        return errors.QuotaExhaustedError
    if _MONEY.search(said):
        return errors.InsufficientFundsError
    if quota.is_named(failure) or quota.delay_s(failure) is not None or "per day" not in said:
        return errors.RateLimitedError
    return errors.QuotaExhaustedError


# Which number and word an agent that speaks this protocol expects for our codes.
_WORDS: dict[str, tuple[int, str]] = {
    code: (status, word)
    for status, word, codes in (
        (400, "INVALID_ARGUMENT", (errors.BadRequestError, errors.ContextOverflowError, errors.UnsupportedError,
            errors.ContentFilteredError, errors.BatchUnsupportedError, errors.TooLargeError)),
        (400, "FAILED_PRECONDITION", (errors.UpgradeRequiredError, errors.DestinationChangedError)),
        (401, "UNAUTHENTICATED", (errors.UnauthorizedError, errors.InvalidCredentialsError,
            errors.NoCredentialsError, errors.NeedsLoginError)),
        (402, "RESOURCE_EXHAUSTED", (errors.InsufficientFundsError, errors.BudgetExceededError)),
        (403, "PERMISSION_DENIED", (errors.ForbiddenError, errors.PermissionDeniedError, errors.VaultLockedError)),
        (404, "NOT_FOUND", (errors.ModelNotFoundError, errors.NoProviderError)),
        (409, "ABORTED", (errors.IdempotencyConflictError, errors.OutcomeUnknownError)),
        (429, "RESOURCE_EXHAUSTED", (errors.RateLimitedError, errors.QuotaExhaustedError)),
        (499, "CANCELLED", (errors.CancelledError,)),
        (503, "UNAVAILABLE", (errors.ProviderOverloadedError, errors.OverloadedError, errors.DrainingError,
            errors.AllProvidersUnavailableError)),
        (504, "DEADLINE_EXCEEDED", (errors.ProviderTimeoutError, errors.DeadlineExceededError)),
    )
    for code in [kind.code for kind in codes]
}  # fmt: skip
_OTHER = (500, "INTERNAL")


def error_body(error: KruxosError, now: float | None = None) -> dict[str, Any]:
    """The error object that Google's clients read, also as an event of a stream.

    With ``now``, in Unix seconds, it says how long to wait.
    """
    number, word = _WORDS.get(error.code, _OTHER)
    body: dict[str, Any] = {"code": number, "message": error.message, "status": word}
    if error.retry_at is not None and now is not None:
        delay_s = max(0.0, error.retry_at - now)
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay_s:.3f}s"}]
    return {"error": body}


def encode_error(error: KruxosError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is an error from the start."""
    number, _ = _WORDS.get(error.code, _OTHER)
    headers = {"content-type": "application/json; charset=UTF-8"}
    if error.retry_at is not None:
        headers["retry-after"] = hints.http_date(error.retry_at)
    return number, headers, body_bytes(error_body(error))
