"""Errors of OpenAI, of the Codex backend and of others: what they mean, and when to come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.errors import KruxosError
from tests.dialects.support import NOW, sent, target

CANARY = "a prompt that nobody but the provider may read"


def error_for(profile: str, status: int, body: Any, headers: dict[str, str] | None = None) -> KruxosError:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = sent({"input": CANARY})
    return OPENAI_RESPONSES.decode_error(status, headers or {}, data, target(profile), request)


def told(code: str | None, kind: str = "invalid_request_error", message: str = "m", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, told(None), "bad_request"),
        (400, told("unsupported_parameter"), "unsupported"),
        (400, told("invalid_encrypted_content"), "bad_request"),
        (400, told("context_length_exceeded"), "context_overflow"),
        (400, told("invalid_prompt"), "content_filtered"),
        (400, told("image_content_policy_violation"), "content_filtered"),
        (400, told("invalid_image_format"), "bad_request"),
        (401, told("invalid_api_key"), "invalid_credentials"),
        (403, told("unsupported_country_region_territory"), "permission_denied"),
        (403, told("data_residency_mismatch"), "permission_denied"),
        (404, told("model_not_found"), "model_not_found"),
        (404, "<html>nothing here</html>", "provider_misconfigured"),
        (429, told("rate_limit_exceeded", "tokens"), "rate_limited"),
        (429, told("insufficient_quota", "insufficient_quota"), "insufficient_funds"),
        (429, told(None, "insufficient_quota"), "insufficient_funds"),
        (429, told("credit_balance_exhausted", "x"), "insufficient_funds"),
        (500, told("server_error", "server_error"), "provider_error"),
        (503, told("server_is_overloaded"), "provider_overloaded"),
        (503, told("slow_down"), "provider_overloaded"),
        (503, "upstream connect error", "provider_overloaded"),
    ],
)
def test_what_openai_says(status: int, body: Any, code: str) -> None:
    assert error_for("openai", status, body).code == code


def test_a_request_that_will_never_fit_its_limit_is_no_passing_one() -> None:
    message = "Request too large for m on tokens per min (TPM): Limit 30000, Requested 40000."
    assert error_for("openai", 429, told("rate_limit_exceeded", "tokens", message)).code == "too_large"


@pytest.mark.parametrize(
    ("headers", "message", "after_s"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, "m", 1.5),
        ({"retry-after": "9"}, "try again in 6.57s", 9.0),
        ({}, "Rate limit reached. Please try again in 6.57s. Visit x", 6.57),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, "m", 360.0),
        ({}, "m", None),
    ],
)
def test_when_to_come_back_after_a_passing_limit(headers: dict[str, str], message: str, after_s: float | None) -> None:
    error = error_for("openai", 429, told("rate_limit_exceeded", "requests", message), headers)
    assert error.code == "rate_limited"
    assert error.retry_at == (None if after_s is None else pytest.approx(NOW + after_s))


def usage_limit(**fields: Any) -> dict[str, Any]:
    return {"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached", **fields}}


def windows(family: str, **headers: str) -> dict[str, str]:
    return {f"x-{family}-{name.replace('_', '-')}": value for name, value in headers.items()}


FULL = windows("codex", primary_used_percent="100", primary_reset_at=str(int(NOW) + 500),
               secondary_used_percent="40", secondary_reset_at=str(int(NOW) + 9000))  # fmt: skip
OTHER = windows("codex-other", secondary_used_percent="100.0", secondary_reset_after_seconds="70")


@pytest.mark.parametrize(
    ("body", "headers", "after_s"),
    [
        (usage_limit(resets_at=int(NOW) + 13_872, resets_in_seconds=1), {}, 13_872),
        (usage_limit(resets_in_seconds=60), FULL, 60),
        (usage_limit(), FULL, 500),
        (usage_limit(), FULL | OTHER | {"x-codex-active-limit": "codex_other"}, 70),
        (usage_limit(), FULL | {"x-codex-active-limit": "premium"}, 500),
        (usage_limit(resets_at=int(NOW) + 10**9), {"retry-after": "30"}, 30),
        (usage_limit(resets_at="soon", resets_in_seconds=True), {}, None),
        (usage_limit(), windows("codex", primary_used_percent="99", primary_reset_at=str(int(NOW) + 5)), None),
    ],
)
def test_the_end_of_a_subscriptions_window_tells_when_it_opens(
    body: Any, headers: dict[str, str], after_s: float | None
) -> None:
    error = error_for("openai-codex", 429, body, headers)
    assert (error.code, error.retryable) == ("quota_exhausted", True)
    assert error.retry_at == (None if after_s is None else NOW + after_s)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"detail": "Unsupported parameter: temperature"}, "unsupported"),
        (
            400,
            {"detail": "The 'gpt-9' model is not supported when using Codex with a ChatGPT account."},
            "model_not_found",
        ),
        (400, told("cyber_policy"), "content_filtered"),
        (401, {"detail": "Could not parse your authentication token. Please try signing in again."}, "needs_login"),
        (401, "", "needs_login"),
        (403, "<html><title>Just a moment...</title>Cloudflare</html>", "permission_denied"),
        (429, {"error": {"type": "usage_not_included"}}, "permission_denied"),
        (429, {"detail": "Too many"}, "rate_limited"),
    ],
)
def test_what_the_codex_backend_says(status: int, body: Any, code: str) -> None:
    assert error_for("openai-codex", status, body).code == code


def test_a_word_about_a_key_is_about_a_login_where_there_is_one() -> None:
    assert error_for("openai", 401, told("invalid_api_key")).code == "invalid_credentials"
    assert error_for("openai-codex", 401, told("invalid_api_key")).code == "needs_login"


def test_an_error_names_the_field_and_never_the_prompt_or_the_key() -> None:
    body = told("invalid_value", message=f"Bad: '{CANARY}' with sk-proj-1234567890abcdef", param="input[0]")
    error = error_for("openai", 400, body, {"x-request-id": "req_1"})
    assert (error.detail.field, error.detail.request_id, error.detail.provider_code) == (
        "input[0]",
        "req_1",
        "invalid_value",
    )
    assert CANARY not in str(error.to_wire())
    assert "1234567890" not in str(error.to_wire())
