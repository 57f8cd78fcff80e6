"""Errors of OpenAI and of those who speak Chat Completions.

Numeric codes mean what their provider says, so they are tables that a profile names (Z.ai docs: error codes;
Mistral's by its answers: 3051 is used for more than one thing, so it is not here).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from kruxos import errors
from kruxos.dialects import failures, verdicts
from kruxos.dialects.base import EncodedRequest, Target
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
    status: int, headers: Mapping[str, str], body: bytes, target: Target, encoded: EncodedRequest | None = None
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
