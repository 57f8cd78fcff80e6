"""An error of any shape is read, judged by what it means, and shown without the request."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.excerpts import excerpt
from kruxos.dialects.failures import Failure, failure_of, read_failure
from kruxos.dialects.verdicts import kind_of
from kruxos.errors import EXCERPT_CHARS


@pytest.mark.parametrize(
    ("value", "message", "word", "status"),
    [
        ({"error": {"message": "m", "type": "t", "code": None, "param": None}}, "m", "t", None),
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "m", "c", None),
        ({"error": {"message": "m", "type": "t", "code": 400}}, "m", "t", 400),
        ({"error": {"message": "m", "code": "429"}}, "m", "429", 429),
        ({"error": "m"}, "m", None, None),
        (
            {"code": "Client specified an invalid argument", "error": "m"},
            "m",
            "Client specified an invalid argument",
            None,
        ),
        ([{"error": {"message": "m"}}], "m", None, None),
        ({"object": "error", "message": "m", "type": "t", "code": "1500", "raw_status_code": 400}, "m", "t", 400),
        (
            {"message": {"detail": [{"loc": ["body", "seed"], "msg": "Extra", "input": "secret"}]}},
            "body.seed: Extra",
            None,
            None,
        ),
        ({"detail": "m"}, "m", None, None),
        ({"detail": [{"loc": ["body", "a"], "msg": "b"}, {"type": "c"}]}, "body.a: b; : c", None, None),
        ({"message": "m", "request_id": "r"}, "m", None, None),
        ({"error": "code", "error_description": "m"}, "code", None, None),
        (
            {"error": {"message": "m", "metadata": {"raw": '{"error":{"message":"inner","code":400}}'}}},
            "m: inner",
            None,
            None,
        ),
        ({"error": {"message": "m", "metadata": {"raw": "inner"}}}, "m: inner", None, None),
        (
            {"error": {"message": 'E: {"error":{"message":"inner"}}'}},
            'E: {"error":{"message":"inner"}}: inner',
            None,
            None,
        ),
        ("m", "m", None, None),
        (None, "", None, None),
        ([], "", None, None),
        ({"error": {"message": ["a"], "type": 5, "code": True}}, "a", None, None),
    ],
)
def test_message_word_and_status_are_found_in_every_shape(
    value: Any, message: str, word: str | None, status: int
) -> None:
    failure = failure_of(value)
    assert (failure.said(), failure.word, failure.status) == (message, word, status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><head><style>p{}</style></head><body><h1>502 Bad\n Gateway</h1></body></html>", "502 Bad Gateway"),
        (b"upstream connect error", "upstream connect error"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_pages_and_plain_texts_say_what_is_in_them(body: bytes, message: str) -> None:
    assert read_failure(body, 502).said() == message


def test_the_http_status_counts_more_than_the_number_inside() -> None:
    assert read_failure(b'{"error":{"code":400}}', 429).status == 429
    assert read_failure(b'{"error":{"code":400}}', 200).status == 400


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, {"message": "This model's maximum context length is 8192 tokens"}, "context_overflow"),
        (400, {"message": "request (9 tokens) exceeds the available context size (4 tokens)",
               "type": "exceed_context_size_error"}, "context_overflow"),
        (400, {"message": "Your input exceeds the context window of this model."}, "context_overflow"),
        (400, {"message": "Please reduce the length of the messages or completion."}, "context_overflow"),
        (400, {"message": "no", "metadata": {"error_type": "context_length_exceeded"}}, "context_overflow"),
        (400, {"message": "filtered", "code": "content_filter"}, "content_filtered"),
        (400, {"message": "Content Exists Risk", "code": "invalid_request_error"}, "content_filtered"),
        (400, {"message": "Incorrect API key provided: xai-123. Get one."}, "invalid_credentials"),
        (400, {"message": "API key not valid. Please pass a valid API key."}, "invalid_credentials"),
        (400, {"message": "Model grok-x does not support parameter stop."}, "unsupported"),
        (400, {"message": "The model `m` has been decommissioned", "code": "model_decommissioned"}, "model_not_found"),
        (400, {"message": "m is not a valid model ID"}, "model_not_found"),
        (404, {"message": "No endpoints found for m."}, "model_not_found"),
        (404, {"message": "The model `m` does not exist", "code": "model_not_found"}, "model_not_found"),
        (404, {"message": "Not Found"}, "provider_misconfigured"),
        (405, {"message": "Method Not Allowed"}, "provider_misconfigured"),
        (301, {}, "provider_misconfigured"),
        (401, {"message": "check your plan and billing details"}, "invalid_credentials"),
        (402, {"message": "Insufficient Balance", "type": "unknown_error"}, "insufficient_funds"),
        (403, {"message": "no", "code": "unsupported_country_region_territory"}, "permission_denied"),
        (408, {}, "provider_timeout"),
        (413, {"message": "Payload Too Large"}, "too_large"),
        (413, {"message": "Request too large for model on tokens per minute (TPM): Limit 8000, Requested 11881",
               "type": "tokens", "code": "rate_limit_exceeded"}, "too_large"),
        (422, {"message": "Extra inputs are not permitted"}, "bad_request"),
        (429, {"message": "Rate limit reached on tokens per min (TPM): Limit 30000, Used 22999, Requested 12528. "
               "Please try again in 6.57s.", "type": "tokens", "code": "rate_limit_exceeded"}, "rate_limited"),
        (429, {"message": "Rate limit reached. Please try again in 2s. Need more? Upgrade at https://x/settings/billing",
               "code": "rate_limit_exceeded"}, "rate_limited"),
        (429, {"message": "Request too large on TPM: Limit 30000, Requested 90000.", "code": "rate_limit_exceeded"},
         "too_large"),
        (429, {"message": "Rate limit reached on tokens per day (TPD): Limit 9, Used 9, Requested 2. Please try again "
               "in 9m52.272s.", "type": "tokens", "code": "rate_limit_exceeded"}, "quota_exhausted"),
        (429, {"message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock"}, "quota_exhausted"),
        (429, {"message": "Rate limit exceeded: free-models-per-min."}, "rate_limited"),
        (429, {"message": "You exceeded your current quota", "type": "insufficient_quota"}, "insufficient_funds"),
        (429, {"message": "no", "code": "credit_balance_exhausted"}, "insufficient_funds"),
        (429, {"message": "Your balance is used up"}, "insufficient_funds"),
        (429, {}, "rate_limited"),
        (498, {}, "provider_overloaded"),
        (500, {"message": "no", "code": "server_error"}, "provider_error"),
        (503, {"message": "Loading model", "type": "unavailable_error"}, "provider_overloaded"),
        (502, {}, "provider_error"), (524, {}, "provider_timeout"), (529, {}, "provider_overloaded"),
        (418, {}, "bad_request"), (599, {}, "provider_error"),
        (None, {"message": "no"}, "provider_error"),
        (None, {"message": "no", "type": "invalid_request_error"}, "bad_request"),
    ],
)  # fmt: skip
def test_what_an_error_means(status: int | None, error: dict[str, Any], code: str) -> None:
    failure = failure_of({"error": error})
    failure.status = status
    assert kind_of(failure).code == code


def test_an_excerpt_is_cut_and_holds_no_key() -> None:
    assert excerpt("x" * 2_000) == "x" * EXCERPT_CHARS
    assert excerpt("") is None
    for key in (
        "sk-proj-abcdefgh12345",
        "gsk_abcdefgh12345",
        "xai-abcdefgh12345",
        "AIzaSyabcdefgh12345",
        "0123456789abcdef0123456789abcdef",
        "aB3" * 20,
    ):
        for text in (f"Incorrect API key provided: {key}.", f"bad key '{key}'", f"Authorization: Bearer {key}"):
            shown = excerpt(text)
            assert shown is not None
            assert key[4:] not in shown


def test_words_that_look_a_little_like_keys_stay() -> None:
    text = "Unknown parameter: 'response_format.json_schema' in risk-assessment, api_version_2 of key_value_pairs"
    assert excerpt(text) == text


PROMPT = "Once upon a midnight dreary, while I pondered, weak and weary, over many a quaint volume"


def test_an_excerpt_holds_no_longer_run_of_the_request() -> None:
    sent = json.dumps({"model": "a-model-with-a-very-long-name-indeed", "messages": [{"content": [{"text": PROMPT}]}]})
    shown = excerpt(f"a-model-with-a-very-long-name-indeed: cannot parse '{PROMPT[5:70]}'!", sent.encode())
    assert shown is not None
    assert shown.startswith("a-model-with-a-very-long-name-indeed: cannot parse '")
    assert "midnight dreary" not in shown
    assert "..." in shown


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'{"messages": 5}'])
def test_a_request_of_any_shape_is_no_obstacle(sent: bytes) -> None:
    assert excerpt("fine", sent) == "fine"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "detail",
                    "code",
                    "type",
                    "status",
                    "metadata",
                    "raw",
                    "loc",
                    "msg",
                    "param",
                    "details",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.none() | st.integers(100, 599))
def test_no_error_is_too_odd_to_be_judged(value: Any, status: int | None) -> None:
    failure = read_failure(json.dumps(value).encode(), status)
    kind_of(failure)
    excerpt(failure.said())


@pytest.mark.parametrize(
    "text",
    [
        "<script" * 100_000,
        "<" * 700_000,
        "model " * 150_000,
        "models/" * 150_000,
        "mode x does not support " * 9_000,
        "sk-" * 300_000,
    ],
)
def test_a_hostile_body_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    for status in (400, 429):
        failure = read_failure(text.encode(), status)
        kind_of(failure)
        excerpt(failure.said(), text.encode())
    assert time.process_time() - began < 2


def test_errors_within_errors_are_read_to_a_bound() -> None:
    value: Any = "deep"
    for _ in range(50):
        value = {"error": {"message": "m", "metadata": {"raw": value}}}
    assert len(list(failure_of(value).layers())) <= 6
    assert isinstance(failure_of(value), Failure)
