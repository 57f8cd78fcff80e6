"""Tool names and ids are spelled as providers take them, always alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.tool_names import ToolNames, legal_id, nine_characters

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")


def test_legal_names_stay() -> None:
    names = ToolNames(["get_weather", "A-1", "3d"])
    assert [names.sent(name) for name in ("get_weather", "A-1", "3d")] == ["get_weather", "A-1", "3d"]
    assert names.changed == {}


@pytest.mark.parametrize(
    ("name", "sent"),
    [("server.tool", "server_tool"), ("a b/c:d", "a_b_c_d"), ("1.2", "_1_2"), ("", "_"), ("*", "_")],
)
def test_what_is_not_allowed_becomes_an_underscore(name: str, sent: str) -> None:
    names = ToolNames([name])
    assert names.sent(name) == sent
    assert names.changed == {sent: name}


def test_two_names_never_become_one_and_the_legal_one_keeps_its_spelling() -> None:
    names = ToolNames(["a.b", "a_b", "a/b"])
    sent = [names.sent(name) for name in ("a.b", "a_b", "a/b")]
    assert sent[1] == "a_b"
    assert len(set(sent)) == 3


def test_a_long_name_is_cut_and_ends_in_its_hash() -> None:
    sent = ToolNames(["x" * 100]).sent("x" * 100)
    assert len(sent) == 64
    assert sent.startswith("x" * 55 + "_")


@given(st.lists(st.text(max_size=80), max_size=8))
def test_every_name_is_legal_and_has_a_way_back(wanted: list[str]) -> None:
    names = ToolNames(wanted)
    sent = [names.sent(name) for name in wanted]
    assert all(LEGAL.fullmatch(name) for name in sent)
    assert [names.changed.get(name, name) for name in sent] == wanted


@given(st.text(max_size=80))
def test_ids_are_legal_and_different_ones_stay_different(call_id: str) -> None:
    assert LEGAL.fullmatch(legal_id(call_id))
    assert re.fullmatch(r"[A-Za-z0-9]{9}", nine_characters(call_id))
    assert legal_id(call_id) != legal_id(call_id + "!")
    assert nine_characters(call_id) != nine_characters(call_id + "!")
