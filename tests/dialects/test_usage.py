"""Token counts of every provider become buckets that do not overlap and add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos.dialects.openai_chat.usage import counts_of, raw_usage
from kruxos.dialects.usage import Counts, disjoint, inconsistent, merge
from kruxos.events import Usage


def buckets(raw: dict[str, Any], **ways: bool) -> tuple[Any, ...]:
    counts = counts_of(raw)
    usage = disjoint(counts, **ways)
    told = inconsistent(usage, counts) is not None
    return (
        usage.uncached_input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens,
        usage.reasoning_tokens, usage.other_tokens, told,
    )  # fmt: skip


def test_cached_tokens_are_within_the_prompt_and_reasoning_within_the_completion() -> None:
    raw = {
        "prompt_tokens": 339,
        "completion_tokens": 83,
        "total_tokens": 422,
        "prompt_tokens_details": {"cached_tokens": 320},
        "completion_tokens_details": {"reasoning_tokens": 39},
    }
    assert buckets(raw) == (19, 320, None, 83, 39, {}, False)


def test_xai_counts_reasoning_outside_the_completion_and_its_total_says_so() -> None:
    raw = {"prompt_tokens": 291, "completion_tokens": 26, "total_tokens": 506,
           "completion_tokens_details": {"reasoning_tokens": 189}}  # fmt: skip
    assert buckets(raw) == (291, None, None, 215, 189, {}, False)


def test_without_a_total_the_profile_says_where_reasoning_stands() -> None:
    raw = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert buckets(raw)[3:5] == (5, 3)
    assert buckets(raw, reasoning_outside=True)[3:5] == (8, 3)


def test_more_reasoning_than_completion_is_cut_to_the_completion() -> None:
    raw = {"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 19,
           "completion_tokens_details": {"reasoning_tokens": 11}}  # fmt: skip
    assert buckets(raw)[3:5] == (10, 10)


def test_audio_outside_the_prompt_is_a_bucket_of_its_own() -> None:
    raw = {"prompt_tokens": 9, "completion_tokens": 201, "total_tokens": 585,
           "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 375}}  # fmt: skip
    assert buckets(raw) == (9, 0, None, 201, None, {"audio_input": 375}, False)


def test_audio_within_the_prompt_is_no_bucket() -> None:
    raw = {
        "prompt_tokens": 400,
        "completion_tokens": 1,
        "total_tokens": 401,
        "prompt_tokens_details": {"audio_tokens": 375},
    }
    assert buckets(raw)[0] == 400
    assert buckets(raw)[5] == {}


@pytest.mark.parametrize(
    "field",
    [
        {"prompt_tokens_details": {"cached_tokens": 48}},
        {"prompt_token_details": {"cached_tokens": 48}},
        {"num_cached_tokens": 48},
        {"prompt_cache_hit_tokens": 48, "prompt_cache_miss_tokens": 46},
        {"cache_read_input_tokens": 48},
    ],
)
def test_cached_tokens_go_by_many_names(field: dict[str, Any]) -> None:
    assert buckets({"prompt_tokens": 94, "completion_tokens": 33, "total_tokens": 127, **field})[:2] == (46, 48)


def test_more_cached_than_prompt_means_outside_the_prompt() -> None:
    raw = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}}
    assert buckets(raw)[:2] == (10, 90)


def test_tokens_told_as_cached_and_as_written_count_once_and_that_is_told() -> None:
    raw = {"prompt_tokens": 1220, "completion_tokens": 5, "total_tokens": 1225,
           "prompt_tokens_details": {"cached_tokens": 1217, "cache_write_tokens": 1217}}  # fmt: skip
    assert buckets(raw) == (3, 1217, 0, 5, None, {}, True)


def test_a_total_that_nothing_explains_is_told() -> None:
    assert buckets({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 9})[-1] is True


@pytest.mark.parametrize("value", [None, "7", -1, 1.5, True, 2**60, [], {}])
def test_what_is_no_count_is_not_known(value: Any) -> None:
    assert counts_of({"prompt_tokens": value}).prompt is None


def test_later_usage_lays_itself_over_earlier_but_null_does_not() -> None:
    raw: dict[str, Any] = {"a": 1, "d": {"x": 1, "y": 2}}
    merge(raw, {"a": None, "b": 2, "d": {"y": 3}})
    merge(raw, {"a": 5, "c": None})
    assert raw == {"a": 5, "b": 2, "c": None, "d": {"x": 1, "y": 3}}


COUNT = st.none() | st.integers(0, 50)


@given(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, st.integers(0, 20))
def test_buckets_are_never_negative_and_add_up_or_tell(
    prompt: int | None,
    completion: int | None,
    total: int | None,
    cached: int | None,
    written: int | None,
    reasoning: int | None,
    audio: int,
) -> None:
    counts = Counts(prompt, completion, total, cached, written, reasoning, {"audio_input": audio} if audio else {})
    usage = disjoint(counts)
    numbers = [usage.uncached_input_tokens, usage.cache_write_tokens, usage.output_tokens, usage.reasoning_tokens]
    assert all(number is None or number >= 0 for number in numbers)
    assert (usage.reasoning_tokens or 0) <= (usage.output_tokens or 0)
    if None not in (prompt, completion, total) and inconsistent(usage, counts) is None:
        assert usage.input_tokens + (usage.output_tokens or 0) + sum(usage.other_tokens.values()) == total


@given(st.integers(0, 99), st.none() | st.integers(0, 99), st.none() | st.integers(0, 99), st.integers(0, 99))
def test_usage_goes_out_and_comes_back_the_same(uncached: int, read: int, written: int, output: int) -> None:
    usage = Usage(uncached, read, written, output, output // 2)
    assert disjoint(counts_of(raw_usage(usage))) == usage
