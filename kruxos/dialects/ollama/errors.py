"""Ollama's errors, both ways (Ollama docs: errors; recorded answers).

An error is one text, in a body of its own or as a line of a stream. What it means stands in the text and the status;
what mends it is often a command, which is then named.
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

_SAYS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"model .{1,300}not found"), errors.ModelNotFoundError),
    (re.compile(r"prompt (?:is )?too long|exceed\w* .{0,30}context"), errors.ContextOverflowError),
    (re.compile(r"does not support|doesn't support"), errors.UnsupportedError),
    (re.compile(r"server busy|maximum pending requests"), errors.ProviderOverloadedError),
    (re.compile(r"requires more system memory|out of memory|unable to allocate"), errors.ProviderMisconfiguredError),
)


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
    """The error for a failure, with the command that mends it."""
    said = failure.said().lower()
    kind = next((kind for pattern, kind in _SAYS if pattern.search(said)), None) or _by_status(failure)
    error = verdicts.error_of(kind, failure, target, headers=headers, sent=sent, billed_maybe=billed_maybe)
    if kind is errors.ModelNotFoundError:
        error.message = f"{target.provider} has no model {target.model}: get it with `ollama pull {target.model}`"
    elif kind is errors.ProviderMisconfiguredError and "memory" in said:
        error.message = (
            f"{target.provider} has not the memory for {target.model}: choose a smaller model or quantization"
        )
    return error


def _by_status(failure: Failure) -> Kind:
    """Within a stream there is no status: the server itself has failed."""
    return errors.ProviderFailedError if failure.status is None else verdicts.kind_of(failure)


# Which status an agent that speaks this protocol expects for our codes.
_STATUSES: dict[str, int] = {
    code: status
    for status, codes in (
        (400, (errors.BadRequestError, errors.ContextOverflowError, errors.UnsupportedError,
            errors.ContentFilteredError, errors.BatchUnsupportedError, errors.UpgradeRequiredError)),
        (401, (errors.UnauthorizedError, errors.InvalidCredentialsError, errors.NoCredentialsError,
            errors.NeedsLoginError)),
        (402, (errors.InsufficientFundsError, errors.BudgetExceededError)),
        (403, (errors.ForbiddenError, errors.PermissionDeniedError, errors.VaultLockedError,
            errors.DestinationChangedError)),
        (404, (errors.ModelNotFoundError, errors.NoProviderError)),
        (409, (errors.IdempotencyConflictError, errors.OutcomeUnknownError)),
        (413, (errors.TooLargeError,)),
        (429, (errors.RateLimitedError, errors.QuotaExhaustedError)),
        (499, (errors.CancelledError,)),
        (503, (errors.ProviderOverloadedError, errors.OverloadedError, errors.DrainingError,
            errors.AllProvidersUnavailableError)),
        (504, (errors.ProviderTimeoutError, errors.DeadlineExceededError)),
    )
    for code in [kind.code for kind in codes]
}  # fmt: skip
_OTHER = 500


def error_body(error: KruxosError) -> dict[str, Any]:
    """The error object that Ollama's clients read, also as a line of a stream."""
    return {"error": error.message}


def encode_error(error: KruxosError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is an error from the start."""
    headers = {"content-type": "application/json; charset=utf-8"}
    if error.retry_at is not None:
        headers["retry-after"] = hints.http_date(error.retry_at)
    return _STATUSES.get(error.code, _OTHER), headers, body_bytes(error_body(error))
