"""Errors of OpenAI, of the Codex backend and of others who speak Responses, from answers and from streams.

The end of a subscription's window is a 429 whose body, or else the headers of the limit that applied, tell when it
opens again (Codex: its error bodies and rate-limit headers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from kruxos import errors
from kruxos.dialects import failures, hints, verdicts
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.verdicts import Kind
from kruxos.errors import KruxosError

# Codes that a failed answer may tell where there is no HTTP status (OpenAI API reference: the response's error).
CODES: dict[str, Kind] = {
    code: kind
    for kind, codes in {
        errors.BadRequestError: (
            "invalid_image invalid_image_format invalid_base64_image invalid_image_url image_too_large image_too_small "
            "image_parse_error invalid_image_mode image_file_too_large unsupported_image_media_type empty_image_file "
            "failed_to_download_image image_file_not_found invalid_encrypted_content"
        ),
        errors.ContentFilteredError: "image_content_policy_violation misalignment_policy_violation",
        errors.PermissionDeniedError: "data_residency_mismatch",
        errors.ProviderTimeoutError: "vector_store_timeout",
    }.items()
    for code in codes.split()
}
_NOT_SOLD = re.compile(r"\bmodel (?:is|are) not (?:supported|available) (?:when|with|in|for)\b")
_WINDOWS = ("primary", "secondary")
_FULL_PERCENT = 100.0


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, target: Target, encoded: EncodedRequest | None = None
) -> KruxosError:
    """The error that an answer of another status than 2xx means."""
    failure = failures.read_failure(body, status)
    return _error_of(failure, headers, target, sent=encoded.http.body if encoded else b"")


def streamed_error(value: dict[str, Any], target: Target, *, sent: bytes, billed_maybe: bool) -> KruxosError:
    """The error that an event or a body tells: nested, flat, or an HTTP answer wrapped with its status and headers."""
    failure = failures.failure_of(value)
    status, headers = value.get("status_code"), value.get("headers")
    if isinstance(status, int) and 400 <= status <= 599:
        failure.status = status
    inner = cast("dict[str, Any]", headers) if isinstance(headers, dict) else {}
    named = {name.lower(): text for name, text in inner.items() if isinstance(text, str)}
    return _error_of(failure, named, target, sent=sent, billed_maybe=billed_maybe)


def _error_of(
    failure: failures.Failure, headers: Mapping[str, str], target: Target, *, sent: bytes, billed_maybe: bool = False
) -> KruxosError:
    kind = verdicts.kind_of(failure, CODES)
    if kind is errors.InvalidCredentialsError and target.profile.login:
        kind = errors.NeedsLoginError
    elif kind is errors.BadRequestError and _NOT_SOLD.search(failure.said()):
        kind = errors.ModelNotFoundError
    error = verdicts.error_of(kind, failure, target, headers=headers, sent=sent, billed_maybe=billed_maybe)
    if kind is errors.QuotaExhaustedError:
        opens_at = _told(failure, target.now) or _window_opens(headers, target.now)
        error.detail.retry_at = hints.believable(opens_at, target.now) or error.detail.retry_at
    return error


def _told(failure: failures.Failure, now: float) -> float | None:
    for layer in failure.layers():
        at, seconds = _number(layer.fields.get("resets_at")), _number(layer.fields.get("resets_in_seconds"))
        if at is not None:
            return at
        if seconds is not None:
            return now + seconds
    return None


def _window_opens(headers: Mapping[str, str], now: float) -> float | None:
    """When the last of the windows opens that are used up, of the limit that applied."""
    active = headers.get("x-codex-active-limit", "").strip().lower().replace("_", "-")
    for family in (f"x-{active}", "x-codex"):
        opens = [_opens(headers, f"{family}-{window}", now) for window in _WINDOWS]
        known = [at for at in opens if at is not None]
        if known:
            return max(known)
    return None


def _opens(headers: Mapping[str, str], window: str, now: float) -> float | None:
    used = hints.duration_s(headers.get(f"{window}-used-percent", ""))
    if used is None or used < _FULL_PERCENT:
        return None
    at = hints.moment(headers.get(f"{window}-reset-at", ""), now)
    return hints.moment(headers.get(f"{window}-reset-after-seconds", ""), now) if at is None else at


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else None
