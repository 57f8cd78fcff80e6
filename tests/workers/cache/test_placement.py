"""Where breakpoints are put."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.anthropic import ANTHROPIC
from kruxos.dialects.base import Target
from kruxos.dialects.profiles import PROFILES
from kruxos.messages import Native, Request
from kruxos_workers.cache.placement import Kept, Marks, Rates, Wish, lifetime, marked, own_marks, place, reach
from kruxos_workers.cache.prefix import Chain, Level, chain_of
from kruxos_workers.cache.rhythm import Chances

SOON: dict[Level, Chances] = dict.fromkeys(("tools", "system", "messages"), Chances(0.95, 0.01, 5))
NEVER: dict[Level, Chances] = dict.fromkeys(("tools", "system", "messages"), Chances(0.05, 0.05, 5))
LATER: dict[Level, Chances] = dict.fromkeys(("tools", "system", "messages"), Chances(0.4, 0.5, 10))
LONG = "a long text " * 1000


def text(words: str = LONG, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def body(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "tools": [{"name": "t", "description": LONG, "input_schema": {}}],
        "system": [text()],
        "messages": [{"role": "user", "content": list(blocks)}],
        **more,
    }


def chain(value: dict[str, Any]) -> Chain:
    found = chain_of("anthropic", value)
    assert found is not None
    return found


def placed(value: dict[str, Any], chances: dict[Level, Chances] = SOON, kept: dict[int, Kept] | None = None) -> Marks:
    return place(chain(value), kept or {}, chances, minimum=1024)


def test_the_ends_of_tools_system_and_conversation_are_marked() -> None:
    assert placed(body(text("a"), text("b"))) == {0: "5m", 1: "5m", 3: "5m"}


def test_what_does_not_come_back_is_not_written() -> None:
    assert placed(body(text()), NEVER) == {}


def test_what_comes_back_within_the_hour_is_written_for_an_hour() -> None:
    assert set(placed(body(text()), LATER).values()) == {"1h"}


def test_a_prefix_under_the_models_minimum_is_not_marked() -> None:
    short = {"model": "m", "system": [text("be kind")], "messages": [{"role": "user", "content": [text("hi")]}]}
    assert placed(short) == {}


def test_thinking_is_never_marked() -> None:
    blocks = (text(), {"type": "thinking", "thinking": "x", "signature": "s"})
    assert max(placed(body(*blocks))) == 2


def test_four_breakpoints_of_the_agent_leave_none_for_us() -> None:
    own = [text(cache_control={"type": "ephemeral"}) for _ in range(4)]
    assert placed(body(*own)) == {}


def test_breakpoints_of_the_agent_count_within_the_four() -> None:
    own = [text(cache_control={"type": "ephemeral"}) for _ in range(3)]
    assert len(placed(body(*own, text()))) == 1


def test_a_breakpoint_left_to_the_provider_counts_as_the_last_block() -> None:
    value = body(text(), text(), cache_control={"type": "ephemeral"})
    assert own_marks(chain(value)) == {3: "5m"}
    assert 3 not in placed(value)


def test_hours_stand_before_the_agents_own_minutes_and_hours() -> None:
    minutes = body(text(cache_control={"type": "ephemeral"}), text())
    assert placed(minutes, LATER) == {0: "1h", 1: "1h", 3: "5m"}
    hours = body(text(cache_control={"type": "ephemeral", "ttl": "1h"}), text())
    assert placed(hours) == {0: "1h", 1: "1h", 3: "5m"}


def test_a_kept_prefix_out_of_sight_gets_a_breakpoint_that_reads_it() -> None:
    value = body(*[text(f"{at}") for at in range(60)])
    assert 10 in placed(value, kept={10: Kept("5m", 9000)})
    assert 50 not in placed(value, kept={50: Kept("5m", 9000)})


def test_a_breakpoint_sees_twenty_positions_its_own_included() -> None:
    kept = {10: Kept("5m", 1)}
    assert reach({29: "5m"}, kept) == 10
    assert reach({30: "5m"}, kept) is None


def test_behind_a_conversations_minutes_no_hour_is_paid() -> None:
    value = body(text(), text())
    assert placed(value, LATER, {2: Kept("5m", 9000)})[3] == "5m"


def test_behind_a_busy_prefix_of_minutes_an_hour_is_worth_it() -> None:
    busy: dict[Level, Chances] = {"tools": SOON["tools"], "system": SOON["system"], "messages": LATER["messages"]}
    assert placed(body(text(), text()), busy, {1: Kept("5m", 9000, "system")})[3] == "1h"


def test_a_wished_lifetime_holds_for_all_marks() -> None:
    marks = place(chain(body(text())), {}, SOON, minimum=1024, wish=Wish("1h"))
    assert set(marks.values()) == {"1h"}


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        (Chances(0.21, 0.0, 20), None),
        (Chances(0.23, 0.0, 20), "5m"),
        (Chances(0.9, 0.03, 20), "5m"),
        (Chances(0.9, 0.09, 20), "1h"),
        (Chances(0.5, 0.3, 1), "5m"),
    ],
)
def test_the_lifetime_is_the_one_that_is_expected_to_cost_least(chances: Chances, expected: str | None) -> None:
    assert lifetime(chances, Rates()) == expected


def test_marking_copies_what_it_changes_and_nothing_else() -> None:
    value = body(text("a"), text())
    before = json.dumps(value)
    found = marked(value, chain(value), {0: "1h", 3: "5m"})
    assert json.dumps(value) == before
    assert found["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert found["messages"][0]["content"][1]["cache_control"] == {"type": "ephemeral"}
    assert found["system"] is value["system"]


def test_texts_become_blocks_where_they_are_marked() -> None:
    value = {"model": "m", "system": LONG, "messages": [{"role": "user", "content": LONG}]}
    found = marked(value, chain(value), {0: "5m", 1: "5m"})
    assert found["system"][0]["text"] == LONG
    assert found["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert [block.digest for block in chain(value).blocks] != [b""]


def test_a_native_request_gets_marks_and_nothing_else_is_changed() -> None:
    given_ = body(text(), max_tokens=10)
    value = chain(given_)
    native = Native("anthropic", json.dumps(given_).encode())
    profile = PROFILES["anthropic"]
    target = Target("p", "m", profile, "anthropic", stream=False, edit=lambda body: marked(body, value, {1: "5m"}))
    sent = json.loads(ANTHROPIC.encode_request(Request([], native=native), target).http.body)
    assert sent["system"][0].pop("cache_control") == {"type": "ephemeral"}
    assert sent == given_


TTLS = st.sampled_from([None, "5m", "1h"])


@given(
    st.lists(TTLS, min_size=1, max_size=30),
    st.sampled_from([SOON, NEVER, LATER]),
    st.dictionaries(st.integers(0, 31), st.sampled_from(["5m", "1h"]), max_size=4),
)
def test_marks_are_never_more_than_four_and_hours_stand_first(
    own: list[str | None], chances: dict[Level, Chances], kept: dict[int, str]
) -> None:
    seen_short, count, blocks = False, 0, []
    for wished in own:  # the agent's own keep the rules
        ttl = None if count >= 4 or (seen_short and wished == "1h") else wished
        seen_short, count = seen_short or ttl == "5m", count + (ttl is not None)
        blocks.append(text() | ({"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {}))
    value = chain(body(*blocks))
    marks = place(
        value, {at: Kept(ttl, 5000) for at, ttl in kept.items() if at < len(value.blocks)}, chances, minimum=1024
    )
    together = {**marks, **own_marks(value)}
    assert len(together) <= 4
    assert not set(marks) & set(own_marks(value))
    order = [together[at] for at in sorted(together)]
    assert order == sorted(order, key=lambda ttl: ttl != "1h")
