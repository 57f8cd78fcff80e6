"""Every call has an id of its own that its provider takes, results keep to their calls, and beginnings stay alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.call_ids import Spelling, with_own_ids
from kruxos.dialects.tool_names import legal_id, nine_characters, short_id
from kruxos.messages import Message, ToolCall, ToolResult
from tests.dialects.support import assistant, tool, user

IDS = st.lists(st.sampled_from(["a", "a.2", "b", "x" * 80, "ü", ""]), min_size=1, max_size=3)
SPELLINGS: list[Spelling] = [str, short_id, legal_id, nine_characters]


def loops(turns: list[list[str]]) -> list[Message]:
    """Turns of calls with these ids, each answered in order; a result says which call it belongs to."""
    messages = [user("?")]
    for turn, ids in enumerate(turns):
        messages.append(assistant(*[ToolCall(each, f"f{turn}_{at}") for at, each in enumerate(ids)]))
        messages.append(tool(*[ToolResult(each, f"f{turn}_{at}") for at, each in enumerate(ids)]))
    return messages


@pytest.mark.parametrize("spell", SPELLINGS)
@given(turns=st.lists(IDS, min_size=1, max_size=4))
def test_ids_are_unique_and_results_keep_to_their_calls(spell: Spelling, turns: list[list[str]]) -> None:
    parts = [part for message in with_own_ids(loops(turns), spell) for part in message.parts]
    calls = {part.id: part.name for part in parts if isinstance(part, ToolCall)}
    assert len(calls) == sum(len(ids) for ids in turns)
    assert [(part.id, part.content) for part in parts if isinstance(part, ToolResult)] == list(calls.items())


@pytest.mark.parametrize("spell", SPELLINGS)
@given(turns=st.lists(IDS, min_size=2, max_size=4))
def test_the_beginning_of_a_conversation_is_spelled_alike_however_it_goes_on(
    spell: Spelling, turns: list[list[str]]
) -> None:
    longer, shorter = with_own_ids(loops(turns), spell), with_own_ids(loops(turns[:-1]), spell)
    assert longer[: len(shorter)] == shorter


def test_what_needs_no_change_is_not_copied() -> None:
    messages = loops([["a"], ["b"]])
    assert all(new is old for new, old in zip(with_own_ids(messages, legal_id), messages, strict=True))
