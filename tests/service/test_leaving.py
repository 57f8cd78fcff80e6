"""Calls that nobody wants any more, that take too long, or that are asked twice."""

from __future__ import annotations

import threading
import time

import pytest

from kruxos import BlockingClient, Reply
from kruxos.errors import (
    CancelledError,
    ConnectionLostError,
    DeadlineExceededError,
    IdempotencyConflictError,
    OutcomeUnknownError,
)
from tests.service.running import Installation, Simulator, kill, until

pytestmark = pytest.mark.real

CLAUDE = "claude-sonnet-4-6"
HALF = "[[simulate silence where=middle after=3]]"
NEVER = "[[simulate silence where=headers]]"

STREAMING_AGENT = """
import sys
from kruxos import BlockingClient
with BlockingClient(agent="short-lived").stream(sys.argv[1], provider="claude") as events:
    next(events)
    print("began", flush=True)
    for _ in events:
        pass
"""


def test_leaving_a_stream_closes_the_provider_s_connection(gateway: Installation, simulator: Simulator) -> None:
    before = len(simulator.requests(CLAUDE))
    with gateway.client() as client:
        with client.stream(f"Hello {HALF}", provider="claude") as events:
            next(events)
        simulator.wait_left(CLAUDE, before)
        gateway.wait_idle()
        assert client.chat("Hello", provider="claude").text, "the session goes on"


def test_leaving_before_the_first_token_closes_it_too(gateway: Installation, simulator: Simulator) -> None:
    before = len(simulator.requests(CLAUDE))
    with gateway.client() as client:
        with client.stream(f"Hello {NEVER}", provider="claude"):
            until(lambda: len(simulator.requests(CLAUDE)) > before, "the request")
        simulator.wait_left(CLAUDE, before)
        gateway.wait_idle()


def test_closing_a_client_ends_its_calls_up_to_the_provider(gateway: Installation, simulator: Simulator) -> None:
    before = len(simulator.requests(CLAUDE))
    client = gateway.client()
    ended: list[Exception] = []

    def ask() -> None:
        try:
            client.chat(f"Hello {NEVER}", provider="claude")
        except (CancelledError, ConnectionLostError) as error:
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: len(simulator.requests(CLAUDE)) > before, "the request")
    client.close()
    thread.join(10)
    assert [type(error) for error in ended] == [ConnectionLostError]
    simulator.wait_left(CLAUDE, before)


def test_the_calls_of_an_agent_that_is_killed_end_up_to_the_provider(
    gateway: Installation, simulator: Simulator
) -> None:
    before, sessions = len(simulator.requests(CLAUDE)), gateway.status()["sessions"]
    with gateway.agent_process(STREAMING_AGENT, f"Hello {HALF}") as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "began\n"
        kill(agent.pid)
        simulator.wait_left(CLAUDE, before)
    gateway.wait_idle()
    until(lambda: gateway.status()["sessions"] == sessions, "the end of the session")
    used = gateway.control("usage", agent="short-lived")["total"]
    assert (used["calls"], used["failed_calls"], used["billed_maybe_calls"]) == (1, 1, 1)


def test_a_deadline_ends_a_call_at_the_agent_and_at_the_provider(gateway: Installation, simulator: Simulator) -> None:
    before = len(simulator.requests(CLAUDE))
    with gateway.client() as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError) as caught:
            client.chat(f"Hello {NEVER}", provider="claude", deadline_s=0.3)
        assert 0.3 <= time.monotonic() - began < 2.0
    assert caught.value.billed_maybe
    assert simulator.wait_left(CLAUDE, before)["status"] is None


def test_a_deadline_that_passed_already_asks_nobody(gateway: Installation, simulator: Simulator) -> None:
    before = simulator.counts()
    with gateway.client() as client, pytest.raises(DeadlineExceededError) as caught:
        client.chat("Hello", provider="claude", deadline_s=0.0)
    assert not caught.value.billed_maybe
    assert simulator.counts() == before


def test_one_deadline_holds_for_all_attempts(gateway: Installation) -> None:
    with gateway.client() as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError) as caught:
            client.chat("Hello [[simulate silence where=headers on=gpt-4o]]", provider="broken", deadline_s=0.5)
        assert 0.5 <= time.monotonic() - began < 2.0
    assert [each.provider for each in caught.value.attempts][:1] == ["broken"]
    assert caught.value.detail.provider == "gpt"


# Keys


def test_the_same_key_is_answered_once_and_paid_once(gateway: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get(CLAUDE, 0)
    with gateway.client() as client:
        first = client.chat("Hello", provider="claude", key="k-1")
        second = client.chat("Hello", provider="claude", key="k-1")
        with client.stream("Hello", provider="claude", key="k-1") as events:
            assert list(events)
            third = events.reply()
    with gateway.client() as another:
        fourth = another.chat("Hello", provider="claude", key="k-1")
    assert len({reply.call_id for reply in (first, second, third, fourth)}) == 1
    assert len({reply.text for reply in (first, second, third, fourth)}) == 1
    assert simulator.counts()[CLAUDE] == before + 1


def test_the_same_key_with_another_request_is_refused(gateway: Installation, simulator: Simulator) -> None:
    with gateway.client() as client:
        client.chat("Hello", provider="claude", key="k-2")
        before = simulator.counts()
        for prompt, provider in (("Something else", "claude"), ("Hello", "gpt")):
            with pytest.raises(IdempotencyConflictError):
                client.chat(prompt, provider=provider, key="k-2")
    assert simulator.counts() == before


def test_another_agents_key_is_another_key(gateway: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get(CLAUDE, 0)
    for agent in ("one", "two"):
        with gateway.client(agent=agent) as client:
            client.chat("Hello", provider="claude", key="k-3")
    assert simulator.counts()[CLAUDE] == before + 2


def test_the_same_key_joins_the_call_that_is_under_way(gateway: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get(CLAUDE, 0)
    slow = "Hello [[simulate silence where=middle after=3 seconds=0.4]]"
    replies: list[Reply] = []

    def ask(client: BlockingClient) -> None:
        replies.append(client.chat(slow, provider="claude", key="k-4"))

    with gateway.client() as one, gateway.client() as two:
        threads = [threading.Thread(target=ask, args=(client,)) for client in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(replies) == 2
    assert replies[0].text == replies[1].text
    assert simulator.counts()[CLAUDE] == before + 1


def test_a_call_with_a_key_goes_on_without_its_agent(gateway: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get(CLAUDE, 0)
    slow = "Hello [[simulate silence where=middle after=3 seconds=0.4]]"
    gone = gateway.client()
    with gone.stream(slow, provider="claude", key="k-5") as events:
        next(events)
        gone.close()
    with gateway.client() as client:
        assert client.chat(slow, provider="claude", key="k-5").finish_reason == "stop"
    assert simulator.counts()[CLAUDE] == before + 1


def test_after_a_crash_of_the_gateway_a_key_is_never_bought_again(own: Installation, simulator: Simulator) -> None:
    before = simulator.counts().get(CLAUDE, 0)
    with own.serving() as daemon, own.client() as client:
        own.store_keys(["claude"])
        client.chat("Hello", provider="claude", key="answered")
        with client.stream(f"Hello {HALF}", provider="claude", key="under way") as events:
            next(events)
            kill(daemon.pid)
            with pytest.raises(ConnectionLostError):
                list(events)
    with own.serving(), own.client() as client:
        own.wait_ready("claude")
        for prompt, key in (("Hello", "answered"), (f"Hello {HALF}", "under way")):
            with pytest.raises(OutcomeUnknownError):
                client.chat(prompt, provider="claude", key=key)
        assert client.chat("Hello", provider="claude", key="fresh").text
    assert simulator.counts()[CLAUDE] == before + 3
