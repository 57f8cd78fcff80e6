"""Conversations that stay where they moved."""

from __future__ import annotations

from kruxos.cores.conversations import CONVERSATIONS_MAX, Conversations, Thread, thread_of


def turn(*prefixes: str, agent: str = "a", model: str | None = None) -> Thread:
    return thread_of(agent, model, None, prefixes)


def test_the_next_turn_is_known_by_the_beginning_that_was_the_turn_before() -> None:
    conversations = Conversations()
    conversations.moved(turn("h1"), "beta", until=300.0)
    second = turn("h2", "h1")
    assert conversations.stays_with(second, 10.0) == "beta"
    conversations.moved(second, "beta", until=310.0)
    assert conversations.stays_with(turn("h3", "h2", "h1"), 20.0) == "beta"
    assert len(conversations) == 1


def test_the_same_request_anew_begins_where_the_order_says() -> None:
    conversations = Conversations()
    conversations.moved(turn("h1"), "beta", until=300.0)
    assert conversations.stays_with(turn("h1"), 10.0) is None


def test_a_name_stands_before_the_hashes() -> None:
    conversations = Conversations()
    named = thread_of("a", None, "mine", ["h1"])
    conversations.moved(named, "beta", until=300.0)
    assert conversations.stays_with(thread_of("a", None, "mine", ["other"]), 10.0) == "beta"
    assert conversations.stays_with(turn("h2", "h1"), 10.0) is None


def test_it_is_another_conversation_for_another_agent_model_or_beginning() -> None:
    conversations = Conversations()
    conversations.moved(turn("h1", model="m"), "beta", until=300.0)
    assert conversations.stays_with(turn("h2", "h1", model="m"), 0.0) == "beta"
    assert conversations.stays_with(turn("h2", "h1", model="m", agent="b"), 0.0) is None
    assert conversations.stays_with(turn("h2", "h1"), 0.0) is None
    assert conversations.stays_with(turn("h2", "other", model="m"), 0.0) is None


def test_a_pause_longer_than_the_cache_lasts_ends_it() -> None:
    conversations = Conversations()
    conversations.moved(turn("h1"), "beta", until=300.0)
    assert conversations.stays_with(turn("h2", "h1"), 299.0) == "beta"
    assert conversations.stays_with(turn("h2", "h1"), 300.0) is None


def test_a_provider_that_fails_it_loses_it() -> None:
    conversations = Conversations()
    conversations.moved(turn("h1"), "beta", until=300.0)
    conversations.back(turn("h2", "h1"))
    assert conversations.stays_with(turn("h2", "h1"), 1.0) is None
    assert len(conversations) == 0


def test_calls_that_cannot_be_told_apart_do_not_stay() -> None:
    conversations = Conversations()
    conversations.moved(turn(), "beta", until=300.0)
    assert conversations.stays_with(turn(), 1.0) is None
    assert len(conversations) == 0


def test_their_number_is_bounded() -> None:
    conversations = Conversations()
    for number in range(CONVERSATIONS_MAX + 5):
        conversations.moved(turn(str(number)), "beta", until=300.0)
    assert len(conversations) == CONVERSATIONS_MAX
    assert conversations.stays_with(turn("next", "0"), 1.0) is None
