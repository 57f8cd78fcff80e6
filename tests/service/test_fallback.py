"""Who answers when the first one does not, what the agent is told, and when nobody may answer instead."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from kruxos import BlockingClient, Restart, TextDelta
from kruxos.attempts import Attempt
from kruxos.errors import (
    AllProvidersUnavailableError,
    BadRequestError,
    PermissionDeniedError,
    RateLimitedError,
    StreamInterruptedError,
)
from tests.service.running import Installation, Simulator, until

pytestmark = pytest.mark.real

CLAUDE, GPT, SPARE = "claude-sonnet-4-6", "gpt-4o", "gpt-4.1"


def outcomes(attempts: Iterable[Attempt]) -> list[tuple[str, str]]:
    return [(each.provider, each.outcome) for each in attempts]


def test_the_wish_then_the_role_s_default_then_the_fallback(client: BlockingClient) -> None:
    first = client.chat("Hello", provider="claude")
    assert (first.provider, first.notices) == ("claude", [])
    second = client.chat(f"Hello [[simulate 500 on={CLAUDE}]]", provider="claude")
    assert outcomes(second.attempts) == [("claude", "provider_error"), ("gpt", "answered")]
    assert second.provider == "gpt"
    third = client.chat(f"Hello [[simulate 500 on={GPT}]]", provider="broken")
    assert outcomes(third.attempts) == [
        ("broken", "provider_overloaded"), ("gpt", "provider_error"), ("spare", "answered"),
    ]  # fmt: skip
    assert {notice.code for notice in third.notices} == {"fallback"}
    assert "spare answers instead of broken" in [notice.message for notice in third.notices]


def test_a_provider_that_does_not_exist_is_passed_over_and_told(client: BlockingClient) -> None:
    reply = client.chat("Hello", provider="nobody")
    assert outcomes(reply.attempts) == [("nobody", "no_provider"), ("gpt", "answered")]


def test_an_overload_inside_a_200_before_the_first_token_falls_over(client: BlockingClient) -> None:
    prompt = f"Hello [[simulate overloaded on={CLAUDE}]]"
    with client.stream(prompt, provider="claude") as events:
        assert not any(isinstance(event, Restart) for event in events)
        reply = events.reply()
    assert outcomes(reply.attempts) == [("claude", "provider_overloaded"), ("gpt", "answered")]


@pytest.mark.parametrize("how", ["reset", "fin"])
def test_a_stream_cut_after_its_first_token_is_interrupted_and_nobody_else_is_asked(
    client: BlockingClient, simulator: Simulator, how: str
) -> None:
    before = simulator.counts()
    prompt = f"Hello [[simulate cut after=3 how={how} on={CLAUDE}]]"
    with pytest.raises(StreamInterruptedError) as caught, client.stream(prompt, provider="claude") as events:
        list(events)
    error = caught.value
    assert error.billed_maybe
    assert error.detail.provider == "claude"
    assert outcomes(error.attempts) == [("claude", "interrupted")]
    assert error.reply is not None
    assert error.reply.text
    assert error.reply.finish_reason == "error"
    after = simulator.counts()
    assert after[CLAUDE] == before.get(CLAUDE, 0) + 1
    assert after.get(GPT) == before.get(GPT)


def test_an_agent_that_wishes_it_is_told_to_start_over_with_the_next_provider(client: BlockingClient) -> None:
    prompt = f"Hello [[simulate cut after=3 on={CLAUDE}]]"
    with client.stream(prompt, provider="claude", on_interrupt="restart") as events:
        seen = list(events)
        reply = events.reply()
    at = next(index for index, event in enumerate(seen) if isinstance(event, Restart))
    assert [isinstance(event, TextDelta) for event in seen[:at]].count(True) == 3
    assert reply.text == "".join(event.text for event in seen[at:] if isinstance(event, TextDelta))
    assert outcomes(reply.attempts) == [("claude", "interrupted"), ("gpt", "answered")]


def test_when_all_fail_each_cause_is_named(client: BlockingClient) -> None:
    with pytest.raises(AllProvidersUnavailableError) as caught:
        client.chat("Hello [[simulate 503]]", provider="claude")
    named = {(each.provider, each.outcome) for each in caught.value.attempts}
    assert named == {
        ("claude", "provider_overloaded"),
        ("gpt", "provider_overloaded"),
        ("spare", "provider_overloaded"),
    }
    assert caught.value.retryable


def test_when_all_ask_to_wait_the_earliest_time_is_told_and_they_are_left_alone(
    gateway: Installation, simulator: Simulator
) -> None:
    gateway.control("model.default", role="autonomous", name="tired-second")
    gateway.control("model.default", role="fallback", name="tired-second")
    try:
        with gateway.client() as client:
            asked_at = time.time()
            with pytest.raises(AllProvidersUnavailableError) as caught:
                client.chat("Hello", provider="tired-first", role="autonomous")
            waits = {each.provider: each.retry_at for each in caught.value.attempts}
            assert waits.keys() == {"tired-first", "tired-second"}
            assert caught.value.retry_at == pytest.approx(asked_at + 20, abs=3)
            assert caught.value.retry_at == min(at for at in waits.values() if at is not None)
            before = simulator.counts()
            with pytest.raises(AllProvidersUnavailableError) as again:
                client.chat("Hello", provider="tired-first", role="autonomous")
            assert again.value.retry_at == caught.value.retry_at
            assert simulator.counts() == before
            with pytest.raises(RateLimitedError):
                client.chat("Hello", provider="tired-first", role="autonomous", fallback="none")
    finally:
        gateway.control("model.default", role="fallback", name="spare")
    told = gateway.worker("tired-first")
    assert told["cooling_reason"] == "rate_limited"
    assert told["cooling_until"] == pytest.approx(asked_at + 40, abs=3)


def test_a_provider_that_asked_to_wait_is_skipped_until_then_and_asked_again(
    own: Installation, simulator: Simulator
) -> None:
    simulator.reset()
    with own.serving(), own.client() as client:
        own.store_keys(["claude", "gpt"])
        first = client.chat(f"Hello [[simulate 429 retry_after=1 times=1 on={CLAUDE}]]", provider="claude")
        assert outcomes(first.attempts) == [("claude", "rate_limited"), ("gpt", "answered")]
        assert own.worker("claude")["cooling_until"] is not None
        second = client.chat("Hello again", provider="claude")
        assert outcomes(second.attempts) == [("claude", "rate_limited"), ("gpt", "answered")]
        assert simulator.counts() == {CLAUDE: 1, GPT: 2}
        until(lambda: own.worker("claude")["cooling_until"] is None, "the end of the cooling")
        third = client.chat("Hello again", provider="claude")
        assert third.provider == "claude"


def test_a_call_that_may_wait_is_answered_once_the_provider_takes_calls_again(
    own: Installation, simulator: Simulator
) -> None:
    simulator.reset()
    with own.serving(), own.client() as client:
        own.store_keys(["claude"])
        with pytest.raises(RateLimitedError) as caught:
            client.chat("Hello [[simulate 429 retry_after=1 times=1]]", provider="claude", fallback="none")
        reply = client.chat("Hello", provider="claude", fallback="none", wait_s=5.0)
        assert reply.provider == "claude"
        assert caught.value.retry_at is not None
        assert simulator.requests(CLAUDE)[-1]["at"] >= caught.value.retry_at


def test_a_request_that_is_wrong_is_wrong_everywhere(client: BlockingClient, simulator: Simulator) -> None:
    before = simulator.counts()
    with pytest.raises(BadRequestError) as caught:
        client.chat(messages=[{"role": "user", "content": "hi"}], temperature=-5.0, provider="claude")
    assert caught.value.detail.field == "temperature"
    assert simulator.counts() == before


def test_a_refusal_is_told_with_the_provider_s_own_status(client: BlockingClient) -> None:
    with pytest.raises(PermissionDeniedError) as caught:
        client.chat("Hello [[simulate 403]]", provider="claude", fallback="none")
    assert (caught.value.detail.provider, caught.value.detail.provider_status) == ("claude", 403)
    assert not caught.value.billed_maybe
