"""Anthropic's errors become ours, and ours become Anthropic's."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest

from kruxos import errors
from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.errors import KruxosError
from tests.dialects.support import NOW, sent, target

AIM = target("anthropic", "claude-sonnet-4-6")


def error_for(status: int, word: str = "", message: str = "", code: str | None = None, **headers: str) -> KruxosError:
    error = {"type": word, "message": message} | ({"details": {"error_code": code}} if code else {})
    body = json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return ANTHROPIC.decode_error(status, names, body, AIM)


@pytest.mark.parametrize(
    ("status", "word", "message", "code"),
    [
        (400, "invalid_request_error", "max_tokens: required", "bad_request"),
        (400, "invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", "context_overflow"),
        (400, "invalid_request_error", "You have reached your specified API usage limits. ...", "insufficient_funds"),
        (
            400,
            "invalid_request_error",
            "You have reached your specified workspace API usage limits",
            "insufficient_funds",
        ),
        (400, "invalid_request_error", "Your credit balance is too low to use the API", "insufficient_funds"),
        (401, "authentication_error", "invalid x-api-key", "invalid_credentials"),
        (402, "billing_error", "", "insufficient_funds"),
        (403, "permission_error", "", "permission_denied"),
        (404, "not_found_error", "model: claude-x", "model_not_found"),
        (404, "not_found_error", "Not found", "provider_misconfigured"),
        (409, "conflict_error", "", "provider_error"),
        (413, "request_too_large", "", "too_large"),
        (
            429,
            "rate_limit_error",
            "This request would exceed the rate limit of 30,000 tokens per minute",
            "rate_limited",
        ),
        (500, "api_error", "", "provider_error"),
        (504, "timeout_error", "", "provider_timeout"),
        (529, "overloaded_error", "Overloaded", "provider_overloaded"),
    ],
)
def test_every_documented_error_has_its_class(status: int, word: str, message: str, code: str) -> None:
    error = error_for(status, word, message)
    assert (error.code, error.detail.provider_status, error.detail.provider_code) == (code, status, word)


def test_a_passing_limit_ends_when_retry_after_says() -> None:
    error = error_for(429, "rate_limit_error", "slow", retry_after="7", anthropic_ratelimit_tokens_reset="x")
    assert error.retry_at == NOW + 7


def test_a_spending_cap_ends_with_the_month_and_is_no_passing_limit() -> None:
    error = error_for(429, "rate_limit_error", "cap", "enforced_spend_limit_reached")
    assert error.code == "insufficient_funds"
    assert not error.retryable
    assert error.retry_at == 1_801_440_000.0  # 1 February 2027, 00:00 UTC


def test_a_page_of_the_edge_is_judged_by_its_status() -> None:
    error = ANTHROPIC.decode_error(413, {}, b"<html><h1>413 Request Entity Too Large</h1></html>", AIM)
    assert error.code == "too_large"
    assert error.detail.excerpt == "413 Request Entity Too Large"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"null", b'{"error":', b'{"error":{"message":{"a":1}}}'])
def test_no_body_at_all_still_has_a_class(body: bytes) -> None:
    assert ANTHROPIC.decode_error(503, {}, body, AIM).code == "provider_overloaded"


def test_the_request_id_is_kept() -> None:
    assert error_for(500, request_id="req_9").detail.request_id == "req_9"


def test_nothing_of_the_request_stands_in_the_error() -> None:
    secret = "the launch code is 0000-1111-2222-3333, keep it safe"
    request = sent({"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": secret}]})
    body = json.dumps({"error": {"type": "invalid_request_error", "message": f"bad: '{secret}' is too nice"}}).encode()
    error = ANTHROPIC.decode_error(400, {}, body, AIM, request)
    assert error.detail.excerpt is not None
    assert "0000-1111" not in error.detail.excerpt + error.message
    assert error.detail.excerpt.startswith("bad: '")


@pytest.mark.parametrize("kind", [errors.BY_CODE[code] for code in sorted(errors.BY_CODE)])
def test_every_error_of_ours_is_one_that_anthropics_clients_know(kind: type[KruxosError]) -> None:
    status, headers, body = ANTHROPIC.encode_error(kind("because", retry_at=NOW))
    value = json.loads(body)
    assert 400 <= status <= 529
    assert value["type"] == "error"
    assert "because" in value["error"]["message"]
    assert parsedate_to_datetime(headers["retry-after"]).timestamp() == NOW


@pytest.mark.parametrize(
    "kind",
    [errors.BadRequestError, errors.ContextOverflowError, errors.TooLargeError, errors.RateLimitedError,
     errors.ProviderOverloadedError, errors.ProviderTimeoutError, errors.ProviderFailedError,
     errors.InvalidCredentialsError, errors.PermissionDeniedError, errors.InsufficientFundsError],
)  # fmt: skip
def test_errors_go_out_and_come_back_the_same(kind: type[KruxosError]) -> None:
    status, headers, body = ANTHROPIC.encode_error(kind("because", retry_at=NOW + 9 if kind.retryable else None))
    error = ANTHROPIC.decode_error(status, headers, body, AIM)
    assert type(error) is kind
    assert error.retry_at == (NOW + 9 if kind.retryable else None)
