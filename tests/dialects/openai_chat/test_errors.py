"""Errors of OpenAI and its imitators become ours, and ours become OpenAI's."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from kruxos import errors
from kruxos.dialects.openai_chat import OPENAI_CHAT
from kruxos.errors import KruxosError
from tests.dialects.support import NOW, chat_target, openai_chat, sent

AIM = openai_chat("gpt-5.4")


def error_for(profile: str, status: int, body: Any, headers: dict[str, str] | None = None) -> KruxosError:
    return OPENAI_CHAT.decode_error(status, headers or {}, json.dumps(body).encode(), chat_target(profile))


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("1000", "invalid_credentials"), ("1112", "permission_denied"), ("1113", "insufficient_funds"),
        ("1120", "provider_error"), ("1210", "bad_request"), ("1211", "model_not_found"), ("1220", "permission_denied"),
        ("1234", "provider_error"), ("1301", "content_filtered"), ("1302", "rate_limited"), ("1303", "rate_limited"),
        ("1305", "provider_overloaded"), ("1308", "quota_exhausted"), ("1316", "quota_exhausted"),
    ],
)  # fmt: skip
def test_with_z_ai_only_the_number_tells_limits_from_an_empty_account(number: str, code: str) -> None:
    assert error_for("glm", 429, {"error": {"code": number, "message": "m"}}).code == code
    assert error_for("glm", 429, {"code": number, "message": "m"}).code == code


@pytest.mark.parametrize(
    ("status", "number", "code"),
    [(429, "1300", "rate_limited"), (400, "1500", "model_not_found"), (400, "3280", "bad_request"),
     (429, "3505", "provider_overloaded"), (400, "3051", "bad_request")],
)  # fmt: skip
def test_mistrals_numbers(status: int, number: str, code: str) -> None:
    body = {"object": "error", "message": "m", "type": "t", "param": None, "code": number, "raw_status_code": status}
    assert error_for("mistral", status, body).code == code


def test_a_number_means_nothing_at_another_provider() -> None:
    assert error_for("generic", 429, {"error": {"code": "1113", "message": "m"}}).code == "rate_limited"


def test_mistrals_plan_without_any_requests_is_no_passing_limit() -> None:
    assert (
        error_for("mistral", 429, {"message": "m"}, {"x-ratelimit-limit-req-minute": "0"}).code == "permission_denied"
    )


@pytest.mark.parametrize(
    ("metadata", "headers", "code"),
    [
        ({}, {}, "insufficient_funds"),
        ({"limit_source": "openrouter_in_flight_budget"}, {}, "rate_limited"),
        ({}, {"retry-after": "5"}, "rate_limited"),
    ],
)
def test_openrouters_402_passes_only_when_credit_is_held_by_running_requests(
    metadata: dict[str, str], headers: dict[str, str], code: str
) -> None:
    body = {"error": {"code": 402, "message": "m", "metadata": metadata}}
    assert error_for("openrouter", 402, body, headers).code == code


def test_openrouters_moderation_is_no_lack_of_rights() -> None:
    body = {"error": {"code": 403, "message": "m", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}}
    assert error_for("openrouter", 403, body).code == "content_filtered"
    assert error_for("openrouter", 403, {"error": {"code": 403, "message": "m"}}).code == "permission_denied"


def test_limits_that_openrouter_passes_on_in_the_body_count_too() -> None:
    passed = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{int(NOW) + 30}000"}
    body = {"error": {"code": 429, "message": "m", "metadata": {"headers": passed}}}
    assert error_for("openrouter", 429, body).retry_at == NOW + 30


@pytest.mark.parametrize(
    ("headers", "message", "after"),
    [
        ({"retry-after": "3"}, "try again in 9s", 3),
        ({}, "Please try again in 6.57s. Visit x", 6.57),
        ({}, "on tokens per day (TPD): Please try again in 9m52.272s.", 592.272),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, "m", 7.66),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "7.66s"}, "m", None),
    ],
)
def test_when_to_try_again(headers: dict[str, str], message: str, after: float | None) -> None:
    error = error_for("groq", 429, {"error": {"message": message, "code": "rate_limit_exceeded"}}, headers)
    assert error.retry_at == (None if after is None else pytest.approx(NOW + after))


def test_what_will_not_pass_has_no_time_to_try_again() -> None:
    assert error_for("openai", 400, {"error": {"message": "try again in 5s"}}, {"retry-after": "5"}).retry_at is None


def test_the_field_that_is_wrong_the_id_and_the_provider_are_kept() -> None:
    body = {"error": {"message": "m", "param": "messages[0].role", "type": "invalid_request_error"}}
    detail = error_for("openai", 400, body, {"x-request-id": "r"}).detail
    assert (detail.field, detail.request_id, detail.provider, detail.model) == (
        "messages[0].role", "r", "my-provider", "some-model",
    )  # fmt: skip


def test_a_code_that_is_no_word_is_not_passed_on() -> None:
    assert error_for("openai", 400, {"error": {"message": "m", "code": "<b>" * 50}}).detail.provider_code is None


def test_nothing_of_the_request_stands_in_the_error() -> None:
    prompt = "my mother's maiden name is Featherstonehaugh-Cholmondeley"
    body = json.dumps({"error": {"message": f"could not parse: {prompt}"}}).encode()
    request = sent({"model": "m", "messages": [{"role": "user", "content": prompt}]})
    error = OPENAI_CHAT.decode_error(400, {}, body, AIM, request)
    assert error.detail.excerpt is not None
    assert "Featherstonehaugh" not in str(error) + error.detail.excerpt


@pytest.mark.parametrize("kind", [errors.BY_CODE[code] for code in sorted(errors.BY_CODE)])
def test_every_error_of_ours_is_one_that_openais_clients_know(kind: type[KruxosError]) -> None:
    status, headers, body = OPENAI_CHAT.encode_error(kind("because", retry_at=NOW, field="f"))
    error = json.loads(body)["error"]
    assert 400 <= status <= 504
    assert (error["message"], error["param"]) == ("because", "f")
    assert set(error) == {"message", "type", "param", "code"}
    assert parsedate_to_datetime(headers["retry-after"]).timestamp() == NOW


@pytest.mark.parametrize(
    "kind",
    [errors.BadRequestError, errors.ContextOverflowError, errors.ContentFilteredError, errors.TooLargeError,
     errors.InvalidCredentialsError, errors.PermissionDeniedError, errors.ModelNotFoundError, errors.RateLimitedError,
     errors.QuotaExhaustedError, errors.InsufficientFundsError, errors.ProviderOverloadedError,
     errors.ProviderTimeoutError, errors.ProviderFailedError],
)  # fmt: skip
def test_errors_go_out_and_come_back_the_same(kind: type[KruxosError]) -> None:
    status, headers, body = OPENAI_CHAT.encode_error(kind("because", retry_at=NOW + 9 if kind.retryable else None))
    error = OPENAI_CHAT.decode_error(status, headers, body, AIM)
    assert type(error) is kind
    assert error.retry_at == (NOW + 9 if kind.retryable else None)
