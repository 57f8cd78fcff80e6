"""Rate limits: buckets, what headers tell of them, and the refusal when they are empty."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects import hints
from kruxos.simulator import RateLimits
from kruxos.simulator.anthropic.headers import rfc3339
from kruxos.simulator.limits import Bucket
from kruxos.simulator.openai_chat.headers import go_duration
from tests.simulator.support import NOW, ask_gpt, chat, messages, send, world

TWO = RateLimits(requests_per_minute=2, input_tokens_per_minute=60_000, output_tokens_per_minute=60_000)


def test_a_bucket_refills_all_the_time_and_not_beyond_its_size() -> None:
    bucket = Bucket(60, 0.0, NOW)
    bucket.refill(NOW + 10)
    assert (bucket.remaining, bucket.reset_s) == (10, 50.0)
    bucket.refill(NOW + 5)
    assert bucket.remaining == 10
    bucket.refill(NOW + 1000)
    assert (bucket.remaining, bucket.reset_s) == (60, 0.0)


def test_a_wait_is_long_enough_and_for_the_impossible_until_full() -> None:
    bucket = Bucket(60, 10.0, NOW)
    assert bucket.wait_s(20) == 10.0
    assert bucket.wait_s(5) == 0.0
    assert bucket.wait_s(1000) == 50.0


def test_anthropics_headers_fall_with_use_and_rise_with_time() -> None:
    into = world(limits=RateLimits(100, 50_000, 10_000))
    first = send(into, "/v1/messages", messages("word " * 4000)).headers
    assert first["anthropic-ratelimit-requests-limit"] == "100"
    assert first["anthropic-ratelimit-requests-remaining"] == "99"
    assert first["anthropic-ratelimit-input-tokens-remaining"] == "46000"
    assert first["anthropic-ratelimit-tokens-limit"] == "50000"
    reset = datetime.fromisoformat(first["anthropic-ratelimit-input-tokens-reset"])
    assert NOW + 4 <= reset.timestamp() <= NOW + 6
    second = send(into, "/v1/messages", messages("hi"), now=NOW + 2).headers
    assert second["anthropic-ratelimit-input-tokens-remaining"] == "48000"


def test_openais_headers_tell_durations() -> None:
    headers = ask_gpt(world(limits=RateLimits(60, 60_000, 60_000)), "word " * 4000).headers
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "1s"
    assert headers["x-ratelimit-limit-tokens"] == "120000"
    assert headers["x-ratelimit-reset-tokens"].startswith("2.0")


def test_one_request_too_many_is_refused_and_passes_after_the_wait_that_was_told() -> None:
    for path, body in (("/v1/messages", messages()), ("/v1/chat/completions", chat())):
        into = world(limits=TWO)
        assert [send(into, path, body).status for _ in range(3)] == [200, 200, 429]
        refused = send(into, path, body)
        wait_s = int(refused.headers["retry-after"])
        assert wait_s == 30
        assert refused.rule == "rate_limit"
        assert send(into, path, body, now=NOW + wait_s - 1).status == 429
        assert send(into, path, body, now=NOW + wait_s).status == 200


def test_limits_hold_for_each_key_and_model_apart() -> None:
    into = world(limits=TWO)
    assert [send(into, "/v1/messages", messages()).status for _ in range(3)][-1] == 429
    assert send(into, "/v1/messages", messages(), x_api_key="another").status == 200
    assert send(into, "/v1/messages", messages(model="claude-opus-4-6")).status == 200


def test_anthropic_counts_each_direction_and_says_which_ran_out() -> None:
    into = world(limits=RateLimits(1000, 1000, 60))
    refused = send(into, "/v1/messages", messages("word " * 2000))
    assert "1,000 input tokens per minute" in refused.json["error"]["message"]
    assert send(into, "/v1/messages", messages("hi [[simulate tokens=90]]")).status == 200
    refused = send(into, "/v1/messages", messages())
    assert "60 output tokens per minute" in refused.json["error"]["message"]
    assert refused.headers["anthropic-ratelimit-output-tokens-remaining"] == "0"


def test_openai_says_when_no_wait_helps() -> None:
    into = world(limits=RateLimits(1000, 500, 500))
    refused = ask_gpt(into, "word " * 2000)
    assert "Request too large for gpt-5.4" in refused.json["error"]["message"]
    assert refused.json["error"]["type"] == "tokens"
    assert "retry-after" not in refused.headers
    assert [ask_gpt(into, "word " * 700).status for _ in range(2)] == [200, 429]
    refused = ask_gpt(into, "word " * 700)
    assert "Please try again in " in refused.json["error"]["message"]
    assert refused.json["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.012, "12ms"), (1, "1s"), (50.529, "50.529s"), (360, "6m0s"), (3723.5, "1h2m3.5s"), (3600, "1h0m0s")],
)
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


@given(st.floats(0, 100_000))
def test_our_own_reader_of_durations_reads_what_is_written(seconds: float) -> None:
    assert hints.duration_s(go_duration(seconds)) == pytest.approx(seconds, abs=0.001)


def test_a_moment_is_written_in_whole_seconds_not_too_early() -> None:
    assert rfc3339(NOW + 0.5) == "2026-11-22T12:00:01Z"
