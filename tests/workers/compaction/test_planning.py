"""Where conversations are cut, what stands in their place, and what is kept of it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.checks import check_request
from kruxos.messages import COMPACTION_TEMPLATES, Document, Image, Message, Request, Text, ToolCall, ToolResult
from kruxos_workers.compaction.planning import TAIL_SHARE, Room, choose_cut, places_to_cut
from kruxos_workers.compaction.summaries import CHARS_MAX, STATE_CHARS_MAX, Summaries, Summary, digests_of
from kruxos_workers.compaction.templates import TEMPLATES, instructions
from kruxos_workers.compaction.transcript import transcript_of
from kruxos_workers.compaction.wishes import Wish, read_wish

HI = Message.of("user", "hi")
CALL = Message("assistant", [ToolCall("c1", "f"), ToolCall("c2", "f")])
ONE, OTHER = Message("tool", [ToolResult("c1", "1")]), Message("tool", [ToolResult("c2", "2")])
SAID = Message.of("assistant", "so")


def chars(text: str) -> float:
    return len(text)


def test_no_cut_stands_between_a_call_and_any_of_its_results() -> None:
    assert places_to_cut([HI, CALL, ONE, OTHER, SAID, HI]) == [1, 4, 5]


def test_no_cut_stands_between_two_messages_of_the_assistant() -> None:
    assert places_to_cut([HI, SAID, SAID, HI]) == [1, 3]


@given(st.lists(st.sampled_from(["user", "call", "said", "system"]), min_size=2, max_size=30), st.randoms())
def test_both_sides_of_every_cut_are_whole_conversations(kinds: list[str], random: Random) -> None:
    messages: list[Message] = []
    for at, kind in enumerate(kinds):
        if kind == "call":
            ids = [f"{at}-{number}" for number in range(random.randint(1, 3))]
            messages.append(Message("assistant", [ToolCall(each, "f") for each in ids]))
            messages += [Message("tool", [ToolResult(each, "r")]) for each in random.sample(ids, len(ids))]
        else:
            messages.append({"user": HI, "said": SAID}.get(kind, Message.of("system", "text")))
    for place in places_to_cut(messages):
        check_request(Request(messages[:place]))
        check_request(Request([HI, *messages[place:]]))


def test_the_most_of_the_last_turns_that_their_share_allows_stays() -> None:
    messages = [HI, SAID] * 50
    cut = choose_cut(messages, [10.0] * 100, 0, Room(free=600, summary=100))
    assert cut is not None
    assert 100 - cut == int(TAIL_SHARE * 500 / 10)


def test_a_last_turn_over_its_share_stays_whole_where_it_fits() -> None:
    messages = [HI, SAID, HI]
    assert choose_cut(messages, [300.0, 300.0, 400.0], 0, Room(free=600, summary=100)) == 2
    assert choose_cut(messages, [300.0, 300.0, 501.0], 0, Room(free=600, summary=100)) is None


def test_nothing_is_summed_up_that_is_shorter_than_its_summary() -> None:
    assert choose_cut([HI, SAID, HI], [40.0, 40.0, 10.0], 0, Room(free=600, summary=100)) is None


def test_pictures_are_named_and_counted_and_long_results_lose_their_middle() -> None:
    picture, paper = Image(b"x", "image/png"), Document(b"%PDF", "application/pdf", name="a.pdf")
    messages = [
        Message("user", [Text("Look"), picture, paper]),
        Message("assistant", [ToolCall("c", "f", {"a": 1})]),
        Message("tool", [ToolResult("c", [Text("r" * 9000), picture], name="f")]),
    ]
    found = transcript_of(messages, "", 100_000, chars)
    assert found is not None
    assert (found.images, found.documents, found.shortened) == (2, 1, True)
    assert "[picture 1 is left out: image/png]" in found.text
    assert '[calls f {"a":1}]' in found.text
    assert "1000 characters are left out" in found.text


@given(st.integers(1200, 60_000))
def test_a_transcript_fits_or_there_is_none(room: int) -> None:
    found = transcript_of([HI, Message.of("user", "word " * 40_000)] * 3, "before", room, chars)
    assert found is None or len(found.text) <= room


def test_a_hash_does_not_look_at_the_system_prompt_and_looks_at_the_agent() -> None:
    plain = digests_of("a", [HI, SAID])
    assert digests_of("a", [Message.of("system", "It is 12:00."), HI, SAID])[1:] == plain
    assert digests_of("b", [HI, SAID]) != plain
    assert digests_of("a", [HI, HI])[0] == plain[0]


def test_what_is_longest_unused_is_forgotten_first_and_remembered_as_lost() -> None:
    known = Summaries()
    for at in range(3):
        known.add(str(at), Summary(f"sum_{at}", "x" * (CHARS_MAX // 2)))
    assert known.longest(["0"], [1]) is None
    assert known.has_lost(["0"])
    assert not known.has_lost(["2"])


def test_a_successor_gets_the_newest_and_learns_of_the_others() -> None:
    known, heir = Summaries(), Summaries()
    for at in range(4):
        known.add(str(at), Summary(f"sum_{at}", "x" * (STATE_CHARS_MAX // 2)))
    heir.restore(known.state())
    assert [heir.longest([str(at)], [1]) is not None for at in range(4)] == [False, False, True, True]
    assert heir.has_lost(["0"])


def test_the_newer_word_goes_before_the_older_one() -> None:
    provider = read_wish({"at_tokens": 5000, "template": "coder"}, Wish())
    assert provider.threshold(100_000) == 5000
    assert read_wish({"at": 0.5}, provider).threshold(100_000) == 50_000
    assert read_wish({"at": 0.5}, provider).template == "coder"


@pytest.mark.parametrize("template", COMPACTION_TEMPLATES)
def test_every_template_says_more_than_the_general_one(template: str) -> None:
    assert set(TEMPLATES) == set(COMPACTION_TEMPLATES)
    assert len(instructions(template, 100)) > len(instructions("general", 100)) or template == "general"
