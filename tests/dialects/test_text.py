"""Text that leaves a dialect is whole, wherever its provider cut it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.text import Balance, Joiner, body_bytes, parse_json, scrub, whole

HIGH, LOW = "\ud83d", "\ude00"


def joined(*pieces: str) -> list[str]:
    joiner = Joiner()
    return [*(joiner.feed(piece) for piece in pieces), joiner.finish()]


def test_a_pair_split_between_two_pieces_is_one_character() -> None:
    assert joined(f"a{HIGH}", f"{LOW}b") == ["a", "😀b", ""]


def test_a_half_waits_through_empty_pieces() -> None:
    assert joined(HIGH, "", LOW) == ["", "", "😀", ""]


def test_a_half_whose_other_never_comes_is_replaced() -> None:
    assert joined(f"a{HIGH}", "b", f"{LOW}c", HIGH) == ["a", "\ufffdb", "\ufffdc", "", "\ufffd"]


def test_scrub_mends_every_text_of_a_value() -> None:
    assert scrub({f"k{HIGH}": [HIGH + LOW, 1, None, LOW]}) == {"k\ufffd": ["😀", 1, None, "\ufffd"]}


@given(st.text(alphabet=st.sampled_from(["a", "é", "😀", HIGH, LOW]), max_size=12), st.integers(0, 12))
def test_whole_text_does_not_depend_on_the_cut_and_can_be_encoded(text: str, cut: int) -> None:
    pieces = joined(text[:cut], text[cut:])
    assert "".join(pieces) == whole(text)
    for piece in pieces:
        piece.encode()


@pytest.mark.parametrize("text", ["{", "nul", "", "[" * 100_000, "9" * 10_000, b"\xff"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


@given(st.dictionaries(st.text(), st.text(alphabet=st.characters())))
def test_a_body_is_always_utf8_and_the_same_value_the_same_bytes(value: dict[str, str]) -> None:
    assert body_bytes(value) == body_bytes(dict(value))
    json.loads(body_bytes(value).decode())


def test_a_lone_half_in_a_request_does_not_stop_it() -> None:
    assert body_bytes({"a": HIGH}) == '{"a":"\ufffd"}'.encode()


@given(
    st.recursive(
        st.text(alphabet='a"\\\\{}[]', max_size=4), lambda inner: st.lists(inner) | st.dictionaries(st.just("k"), inner)
    )
)
def test_brackets_balance_when_the_value_is_whole_and_not_before(value: object) -> None:
    text = json.dumps([value])
    balance = Balance()
    states = []
    for char in text:
        balance.feed(char)
        states.append(balance.is_whole)
    assert states == [False] * (len(text) - 1) + [True]
