"""Gemini's errors become ours, and ours become Gemini's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kruxos import errors
from kruxos.dialects.gemini import GEMINI, quota
from kruxos.errors import KruxosError
from tests.dialects.support import NOW, sent, target

AIM = target("gemini", "gemini-2.5-flash")
RPC = "type.googleapis.com/google.rpc."


def error_for(status: int, word: str, message: str = "", details: list[Any] | None = None) -> KruxosError:
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    return GEMINI.decode_error(status, {}, json.dumps({"error": error | {"details": details or []}}).encode(), AIM)


def violated(quota_id: str) -> dict[str, Any]:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": quota_id}]}


RETRY = {"@type": f"{RPC}RetryInfo", "retryDelay": "34.4s"}
PER_MINUTE = violated("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
PER_DAY = violated("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
PLAN = "You exceeded your current quota, please check your plan and billing details."
TOO_LONG = "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."
GONE = "models/gemini-1.0 is not found for API version v1beta, or is not supported for generateContent."


@pytest.mark.parametrize(
    ("status", "word", "message", "code"),
    [
        (400, "INVALID_ARGUMENT", "Invalid value at 'contents'", "bad_request"),
        (400, "INVALID_ARGUMENT", TOO_LONG, "context_overflow"),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "permission_denied"),
        (400, "FAILED_PRECONDITION", "Please enable billing on project 1.", "insufficient_funds"),
        (401, "UNAUTHENTICATED", "API keys are not supported by this API.", "invalid_credentials"),
        (402, "RESOURCE_EXHAUSTED", "Prepaid credit is used up.", "insufficient_funds"),
        (403, "PERMISSION_DENIED", "Generative Language API has not been used in project 1", "permission_denied"),
        (403, "PERMISSION_DENIED", "Your API key was reported as leaked.", "invalid_credentials"),
        (404, "NOT_FOUND", GONE, "model_not_found"),
        (404, "NOT_FOUND", "Requested entity was not found.", "provider_misconfigured"),
        (429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.", "rate_limited"),
        (429, "RESOURCE_EXHAUSTED", PLAN, "rate_limited"),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", "insufficient_funds"),
        (429, "RESOURCE_EXHAUSTED", f"{PLAN} limit: 0, model: gemini-2.5-pro", "insufficient_funds"),
        (500, "INTERNAL", "An internal error has occurred.", "provider_error"),
        (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "provider_overloaded"),
        (504, "DEADLINE_EXCEEDED", "Deadline expired", "provider_timeout"),
    ],
)
def test_every_documented_error_has_its_class(status: int, word: str, message: str, code: str) -> None:
    error = error_for(status, word, message)
    assert (error.code, error.detail.provider_status, error.detail.provider_code) == (code, status, word)


def test_a_wrong_key_is_a_bad_request_that_only_its_details_tell() -> None:
    info = {"@type": f"{RPC}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    error = error_for(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [info])
    assert (error.code, error.detail.provider_code) == ("invalid_credentials", "INVALID_ARGUMENT")


def test_a_passing_limit_is_told_with_its_own_delay() -> None:
    error = error_for(429, "RESOURCE_EXHAUSTED", PLAN, [PER_MINUTE, RETRY])
    assert (error.code, error.retry_at) == ("rate_limited", NOW + 34.4)


def test_the_allowance_of_a_day_is_over_until_midnight_in_california_whatever_the_delay() -> None:
    error = error_for(429, "RESOURCE_EXHAUSTED", PLAN, [PER_DAY, RETRY])
    assert (error.code, error.retry_at) == ("quota_exhausted", quota.next_day(NOW))


def test_the_older_form_of_a_days_limit_is_known() -> None:
    info = {"@type": f"{RPC}ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "RequestsPerDay"}}
    assert error_for(429, "RESOURCE_EXHAUSTED", "Quota exceeded", [info]).code == "quota_exhausted"


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        ("2026-11-22T12:00:00", "2026-11-23T08:00:00"),
        ("2026-11-22T07:59:59", "2026-11-22T08:00:00"),
        ("2026-07-01T06:59:00", "2026-07-01T07:00:00"),
        ("2026-07-01T07:00:00", "2026-07-02T07:00:00"),
        ("2026-03-08T09:59:00", "2026-03-09T07:00:00"),
        ("2026-03-08T07:00:00", "2026-03-08T08:00:00"),
        ("2026-11-01T08:30:00", "2026-11-02T08:00:00"),
        ("2026-11-01T06:30:00", "2026-11-01T07:00:00"),
        ("2026-12-31T12:00:00", "2027-01-01T08:00:00"),
    ],
)
def test_a_day_ends_at_midnight_in_california(now: str, midnight: str) -> None:
    moment, wanted = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in (now, midnight))
    assert quota.next_day(moment) == wanted


def test_nothing_of_the_prompt_is_quoted() -> None:
    prompt = "my secret plan is to plant very many tulips"
    request = sent({"contents": [{"role": "user", "parts": [{"text": prompt}]}]})
    body = json.dumps({"error": {"code": 400, "message": f"Bad text: {prompt}", "status": "INVALID_ARGUMENT"}}).encode()
    error = GEMINI.decode_error(400, {}, body, AIM, request)
    assert "tulips" not in f"{error} {error.detail.excerpt}"


def test_a_body_of_another_kind_is_judged_by_its_status() -> None:
    error = GEMINI.decode_error(502, {}, b"<html><title>Error 502 (Server Error)</title></html>", AIM)
    assert (error.code, error.detail.provider_status) == ("provider_error", 502)


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (errors.BadRequestError("no"), 400, "INVALID_ARGUMENT"),
        (errors.InvalidCredentialsError("no"), 401, "UNAUTHENTICATED"),
        (errors.ModelNotFoundError("no"), 404, "NOT_FOUND"),
        (errors.QuotaExhaustedError("no"), 429, "RESOURCE_EXHAUSTED"),
        (errors.OverloadedError("no"), 503, "UNAVAILABLE"),
        (errors.InternalError("no"), 500, "INTERNAL"),
    ],
)
def test_our_errors_are_told_as_gemini_tells_them(error: KruxosError, status: int, word: str) -> None:
    number, headers, body = GEMINI.encode_error(error)
    assert (number, headers["content-type"]) == (status, "application/json; charset=UTF-8")
    assert json.loads(body) == {"error": {"code": status, "message": "no", "status": word}}


def test_an_error_with_a_time_says_so_in_its_header() -> None:
    _, headers, _ = GEMINI.encode_error(errors.RateLimitedError("no", retry_at=NOW))
    assert headers["retry-after"] == "Fri, 15 Jan 2027 08:00:00 GMT"
