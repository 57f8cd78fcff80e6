"""Conversations that stay where they moved."""

from __future__ import annotations

from kruxos.cores.conversations import CONVERSATIONS_MAX, Conversations, names_of


def test_the_next_turn_is_known_by_the_beginning_that_was_the_turn_before() -> None:
    conversations = Conversations()
    conversations.moved("a", None, names_of(None, ["h1"]), "beta", until=300.0)
    second = names_of(None, ["h2", "h1"])
    assert conversations.stays_with("a", None, second, 10.0) == "beta"
    conversations.moved("a", None, second, "beta", until=310.0)
    assert conversations.stays_with("a", None, names_of(None, ["h3", "h2", "h1"]), 20.0) == "beta"
    assert len(conversations) == 1


def test_a_name_stands_before_the_hashes() -> None:
    assert names_of("mine", ["h1"]) == ["name mine"]
    assert names_of(None, []) == []


def test_it_is_another_conversation_for_another_agent_model_or_beginning() -> None:
    conversations = Conversations()
    conversations.moved("a", "m", ["n"], "beta", until=300.0)
    assert conversations.stays_with("b", "m", ["n"], 0.0) is None
    assert conversations.stays_with("a", None, ["n"], 0.0) is None
    assert conversations.stays_with("a", "m", ["other"], 0.0) is None


def test_a_pause_longer_than_the_cache_lasts_ends_it() -> None:
    conversations = Conversations()
    conversations.moved("a", None, ["n"], "beta", until=300.0)
    assert conversations.stays_with("a", None, ["n"], 299.0) == "beta"
    assert conversations.stays_with("a", None, ["n"], 300.0) is None


def test_a_provider_that_fails_it_loses_it() -> None:
    conversations = Conversations()
    conversations.moved("a", None, ["n"], "beta", until=300.0)
    conversations.back("a", None, ["n"])
    assert conversations.stays_with("a", None, ["n"], 1.0) is None


def test_calls_that_cannot_be_told_apart_do_not_stay() -> None:
    conversations = Conversations()
    conversations.moved("a", None, [], "beta", until=300.0)
    assert conversations.stays_with("a", None, [], 1.0) is None


def test_their_number_is_bounded() -> None:
    conversations = Conversations()
    for number in range(CONVERSATIONS_MAX + 5):
        conversations.moved("a", None, [str(number)], "beta", until=300.0)
    assert len(conversations) == CONVERSATIONS_MAX
    assert conversations.stays_with("a", None, ["0"], 1.0) is None
