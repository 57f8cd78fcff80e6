"""What a worker's caches do for a call, learn from its answer, and tell."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from kruxos import catalog
from kruxos.dialects.profiles import PROFILES
from kruxos.errors import BadRequestError
from kruxos.events import Usage
from kruxos_workers.cache import Asked, Caches
from kruxos_workers.cache.book import CONVERSATIONS_MAX, PREFIXES_MAX
from kruxos_workers.cache.rhythm import Guess, Rhythm

ROW = catalog.lookup("anthropic", "claude-sonnet-4-6")
LONG = "some instructions " * 800


def caches(profile: str = "anthropic", *, own_host: bool = True) -> Caches:
    row = PROFILES[profile]
    return Caches(row.dialect, row, own_host)


def ask(**more: Any) -> Asked:
    given: dict[str, Any] = {
        "agent": "a", "conversation": None, "model": "claude-sonnet-4-6", "autonomous": True, "wishes": {}, "at": 0.0,
    }  # fmt: skip
    return Asked(**(given | more))


def body(*turns: str, system: str = LONG, **more: Any) -> dict[str, Any]:
    messages = [
        {"role": "assistant" if at % 2 else "user", "content": [{"type": "text", "text": turn}]}
        for at, turn in enumerate(turns)
    ]
    return {"model": "m", "system": [{"type": "text", "text": system}], "messages": messages, **more}


def call(here: Caches, value: dict[str, Any], usage: Usage, **more: Any) -> list[str]:
    """One call; gives the causes of what is told."""
    caching = here.caching(ask(**more), ROW)
    caching.edit(value)
    caching.settle(usage)
    return [str(notice.data.get("cause", notice.code)) for notice in caching.notices]


WRITTEN, READ, NOTHING = Usage(5, 0, 4000, 9), Usage(5, 4000, 500, 9), Usage(4505, 0, 0, 9)


def test_a_hit_that_was_expected_is_counted() -> None:
    here = caches()
    assert call(here, body("hi"), WRITTEN) == []
    assert call(here, body("hi", "hello", "go on"), READ, at=30.0) == []
    assert here.counts == {"expected": 1, "hits": 1}


@pytest.mark.parametrize(
    ("changed", "more", "cause"),
    [
        (body("hi", "hello", "x", system="Now it is 10:01. " + LONG), {"at": 9.0}, "clock"),
        (body("hi", "hello", "x", system="Be unkind. " + LONG), {"at": 9.0}, "system"),
        (body("hi", "hello", "x", tools=[{"name": "t"}]), {"at": 9.0}, "tools"),
        (body("hi", "hello", "x"), {"at": 9.0, "model": "claude-opus-4-6"}, "model"),
        (body("hi", "hello", "x"), {"at": 4000.0}, "lifetime"),
        (body("hi", "hello", "x"), {"at": 9.0}, "dropped"),
    ],
)
def test_a_missed_hit_is_told_with_its_cause(changed: dict[str, Any], more: dict[str, Any], cause: str) -> None:
    here = caches()
    first = body("hi", system="Now it is 10:00. " + LONG) if cause == "clock" else body("hi")
    call(here, first, WRITTEN)
    assert call(here, changed, NOTHING, **more) == [cause]
    assert here.counts[f"missed_{cause}"] == 1
    assert here.last_miss["cause"] == cause


def test_a_changed_message_is_named_by_its_place() -> None:
    here = caches()
    call(here, body("hi", "hello", "go on", "yes", "more"), WRITTEN)
    caching = here.caching(ask(at=9.0), ROW)
    caching.edit(body("hi", "hello", "go back", "yes", "more"))
    caching.settle(NOTHING)
    assert caching.notices[0].data["message"] == 2
    assert "changed at message 2" in caching.notices[0].message
    assert "go back" not in caching.notices[0].message


def test_the_same_cause_is_told_once_for_a_conversation_and_counted_always() -> None:
    here = caches()
    call(here, body("hi"), WRITTEN)
    told = [call(here, body("hi", system=f"Be {at}{LONG}"), NOTHING if at else WRITTEN, at=at) for at in range(1, 5)]
    assert told[0] == ["system"]
    assert sum(map(len, told)) == 1


def test_a_switch_in_the_call_or_the_settings_leaves_the_request_alone() -> None:
    here = caches()
    value = body("hi")
    assert here.caching(ask(wishes={"enabled": False}), ROW).edit(value) is value
    here.is_on = False
    assert here.caching(ask(), ROW).edit(value) is value
    assert here.caching(ask(wishes={"enabled": True}), ROW).edit(value) is not value


@pytest.mark.parametrize("wishes", [{"ttl": "2h"}, {"retention": "in-memory"}, {"enabled": "no"}, {"key": "x"}])
def test_a_wish_that_makes_no_sense_names_its_field(wishes: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError, match=rf"cache\.{next(iter(wishes))}"):
        caches().caching(ask(wishes=wishes), ROW)


def openai(
    model: str, *, profile: str = "openai", own_host: bool = True, **more: Any
) -> tuple[dict[str, Any], list[str]]:
    here = caches(profile, own_host=own_host)
    caching = here.caching(ask(model=model, **more), catalog.lookup("openai", model))
    value = caching.edit({"model": model, "input": [{"role": "user", "content": "hi"}]})
    return value, [notice.message for notice in caching.notices]


def test_openai_gets_a_stable_key_for_each_agent_and_conversation() -> None:
    key = openai("gpt-5.4")[0]["prompt_cache_key"]
    assert key == openai("gpt-5.4")[0]["prompt_cache_key"]
    assert key != openai("gpt-5.4", agent="b")[0]["prompt_cache_key"]
    assert key != openai("gpt-5.4", conversation="c")[0]["prompt_cache_key"]


@pytest.mark.parametrize(
    ("model", "more", "sent"),
    [
        ("gpt-5.4", {}, {"prompt_cache_retention": "24h"}),
        ("gpt-5.6-sol", {}, {"prompt_cache_options": {"mode": "implicit", "ttl": "12h"}}),
        ("gpt-4o", {}, {}),
        ("gpt-unknown", {}, {}),
        ("gpt-5.4", {"autonomous": False}, {}),
        ("gpt-5.4", {"autonomous": False, "wishes": {"retention": "extended"}}, {"prompt_cache_retention": "24h"}),
        ("gpt-5.4", {"wishes": {"retention": "in_memory"}}, {"prompt_cache_retention": "in_memory"}),
        ("gpt-5.5", {}, {"prompt_cache_retention": "24h"}),
        ("gpt-5.5", {"wishes": {"retention": "in_memory"}}, {}),
        ("gpt-5.4", {"own_host": False}, {}),
        ("gpt-5.4", {"profile": "openai-codex"}, {}),
    ],
)
def test_extended_is_sent_as_what_the_model_takes(model: str, more: dict[str, Any], sent: dict[str, Any]) -> None:
    value, _ = openai(model, **more)
    assert {name: value[name] for name in value if name.startswith("prompt_cache_") and "key" not in name} == sent


def test_what_became_of_extended_is_told_once() -> None:
    here = caches("openai")
    told: list[str] = []
    for _ in range(3):
        caching = here.caching(ask(model="gpt-5.4"), catalog.lookup("openai", "gpt-5.4"))
        caching.edit({"model": "gpt-5.4", "input": "hi"})
        told += [notice.message for notice in caching.notices]
    assert told == ["prompt_cache_retention 'extended' is sent to gpt-5.4 as: prompt_cache_retention 24h"]


def test_an_agents_own_key_stays() -> None:
    caching = caches("openai").caching(ask(model="gpt-5.4"), None)
    assert caching.edit({"input": "hi", "prompt_cache_key": "mine"})["prompt_cache_key"] == "mine"


def test_a_successor_knows_what_its_forerunner_knew() -> None:
    here = caches()
    call(here, body("hi"), WRITTEN)
    told = msgpack.unpackb(msgpack.packb(here.state(10.0)))
    after = caches()
    after.restore(told)
    assert call(after, body("hi", "hello", "go on"), READ, at=30.0) == []
    assert after.counts["hits"] == 1


@pytest.mark.parametrize("state", [{}, {"prefixes": 3}, {"prefixes": {"xx": [1]}, "conversations": {"k": [1] * 8}}])
def test_a_state_that_makes_no_sense_is_passed_over(state: dict[str, Any]) -> None:
    after = caches()
    after.restore(state)
    assert not after.book.prefixes


def test_what_is_known_and_told_is_bounded() -> None:
    here = caches()
    for at in range(PREFIXES_MAX + 100):
        call(here, body(f"{at}", system=f"{at}{LONG}"), WRITTEN, at=float(at) / 100, agent=f"a{at}")
    assert len(here.book.prefixes) <= PREFIXES_MAX
    assert len(here.book.conversations) <= CONVERSATIONS_MAX
    assert len(msgpack.packb(here.state(1.0))) < 100_000


def test_no_word_of_a_prompt_is_in_the_state_or_a_notice() -> None:
    here = caches()
    call(here, body("a secret plan", system="another secret " * 900), WRITTEN)
    call(here, body("a secret plot", system="another secret " * 900), NOTHING, at=5.0)
    assert "secret" not in repr(here.state(6.0))


GUESS = Guess(60.0, 0.05, 2.0, 20.0)


def test_quick_loops_are_not_expected_to_pause_and_slow_ones_are() -> None:
    quick, slow = Rhythm(), Rhythm()
    for _ in range(6):
        quick.heard(10.0)
        slow.heard(150.0)
    assert quick.chances(GUESS).long < 0.01
    assert slow.chances(GUESS).long > 0.05


def test_what_is_lost_again_and_again_is_expected_to_be() -> None:
    rhythm = Rhythm()
    for _ in range(5):
        rhythm.heard(None)
    assert rhythm.chances(GUESS).lost > 0.6
