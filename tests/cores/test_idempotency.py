"""Keys: the same key is the same call."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos import wire
from kruxos.cores import idempotency
from kruxos.cores.idempotency import ANSWERS_BYTES_MAX, KEEP_S, Idempotency, digest

ONE, OTHER = digest(b"one"), digest(b"other")


def test_the_first_use_of_a_key_is_fresh_and_the_next_joins() -> None:
    keys = Idempotency()
    assert keys.claim("a", "k", ONE, 1, 0)[0] == "fresh"
    claim, entry = keys.claim("a", "k", ONE, 2, 1)
    assert (claim, entry.call) == ("join", 1)


def test_another_body_under_the_key_is_a_conflict() -> None:
    keys = Idempotency()
    keys.claim("a", "k", ONE, 1, 0)
    assert keys.claim("a", "k", OTHER, 2, 0)[0] == "conflict"


def test_a_key_belongs_to_its_agent() -> None:
    keys = Idempotency()
    keys.claim("a", "k", ONE, 1, 0)
    assert keys.claim("b", "k", OTHER, 2, 0)[0] == "fresh"


def test_a_finished_call_is_given_again_with_all_that_it_said() -> None:
    keys = Idempotency()
    keys.claim("a", "k", ONE, 1, 0)
    keys.add("a", "k", b"x")
    keys.add("a", "k", b"y")
    keys.finish("a", "k", wire.End(model="m"))
    claim, entry = keys.claim("a", "k", ONE, 2, 1)
    assert (claim, entry.bodies, entry.last) == ("replay", [b"x", b"y"], wire.End(model="m"))


def test_a_key_of_an_earlier_life_is_never_bought_again() -> None:
    keys = Idempotency()
    keys.remember([("a", "k", ONE, 0.0)])
    assert keys.claim("a", "k", ONE, 1, 1)[0] == "unknown"


def test_a_call_that_cost_nothing_gives_its_key_free() -> None:
    keys = Idempotency()
    keys.claim("a", "k", ONE, 1, 0)
    keys.add("a", "k", b"xyz")
    keys.release("a", "k")
    assert keys.held_bytes.now == 0
    assert keys.claim("a", "k", OTHER, 2, 0)[0] == "fresh"


def test_keys_are_kept_a_day() -> None:
    keys = Idempotency()
    keys.claim("a", "k", ONE, 1, 0)
    keys.finish("a", "k", wire.End())
    assert keys.claim("a", "k", ONE, 2, KEEP_S - 1)[0] == "replay"
    assert keys.claim("a", "k", ONE, 3, KEEP_S)[0] == "fresh"


def test_answers_over_the_bound_are_forgotten_oldest_first_but_not_their_keys() -> None:
    keys = Idempotency()
    half = bytes(ANSWERS_BYTES_MAX // 2)
    for number, name in enumerate(("old", "middle", "new")):
        keys.claim("a", name, ONE, number, 0)
        keys.add("a", name, half)
        keys.finish("a", name, wire.End())
    assert keys.held_bytes.now <= ANSWERS_BYTES_MAX
    assert [keys.claim("a", name, ONE, 9, 1)[0] for name in ("old", "middle", "new")] == ["unknown", "replay", "replay"]


def test_the_number_of_keys_is_bounded(monkeypatch: object) -> None:
    keys = Idempotency()
    for number in range(idempotency.KEYS_MAX + 50):
        keys.claim("a", str(number), ONE, number, 0)
        keys.finish("a", str(number), wire.End())
    assert len(keys) <= idempotency.KEYS_MAX + 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["claim", "add", "finish", "release"])), max_size=80))
def test_bytes_held_are_always_those_of_the_answers(history: list[tuple[str, str]]) -> None:
    keys = Idempotency()
    fresh = 0
    for key, action in history:
        match action:
            case "claim":
                fresh += keys.claim("a", key, ONE, 1, 0.0)[0] == "fresh"
            case "add":
                keys.add("a", key, b"12345")
            case "finish":
                keys.finish("a", key, wire.End(body=b"123"))
            case _:
                keys.release("a", key)
    assert keys.held_bytes.now >= 0
    for key in "abc":
        keys.release("a", key)
    assert keys.held_bytes.now == 0
