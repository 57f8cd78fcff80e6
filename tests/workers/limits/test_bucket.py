"""One limit that refills."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos_workers.limits.bucket import WAIT_MAX_S, Bucket


def test_what_was_used_comes_back_evenly_until_it_is_said_to_be_full() -> None:
    bucket = Bucket.full(100, 60.0, 0.0)
    bucket.read(100, 40, 30.0, 0.0)  # 60 of them in 30 seconds
    assert bucket.available(10.0) == 60
    assert bucket.ready_at(50, 0.0) == 5.0
    assert bucket.available(1000.0) == 100


def test_without_a_reset_the_window_says_how_fast() -> None:
    bucket = Bucket.full(60, 60.0, 0.0)
    bucket.read(60, 0, None, 0.0)
    assert bucket.ready_at(1, 0.0) == 1.0


def test_what_is_larger_than_the_limit_needs_all_of_it() -> None:
    bucket = Bucket.full(100, 60.0, 0.0)
    assert bucket.ready_at(5000, 0.0) == 0.0
    bucket.take(5000, 0.0)
    assert bucket.ready_at(1, 0.0) > 60


def test_a_limit_that_is_raised_refills_faster() -> None:
    bucket = Bucket.full(60, 60.0, 0.0)
    bucket.read(120, 0, None, 0.0)
    assert bucket.ready_at(2, 0.0) == 1.0


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.one_of(st.none(), st.floats(0.0, 1.0)), st.floats(0, 100)), max_size=20)
)
def test_nothing_waits_for_ever_and_the_state_survives(steps: list[tuple[float, float | None, float]]) -> None:
    bucket, now = Bucket.full(1000, 60.0, 0.0), 0.0
    for cost, rest, pause_s in steps:
        now += pause_s
        bucket.take(cost, now)
        if rest is not None:
            bucket.read(1000, 1000 * rest, now + 60 * (1 - rest), now)
        at = bucket.ready_at(cost, now)
        assert now <= at <= now + WAIT_MAX_S
        assert bucket.available(now) <= 1000
    again = Bucket.from_state(json.loads(json.dumps(bucket.state())))
    assert again == bucket


@pytest.mark.parametrize("value", [None, [], [1, 2, 3], ["a", 1, 1, 1], [0, 0, 1, 1], [1, 5, 1, 1], {"limit": 1}])
def test_what_is_no_state_is_no_bucket(value: object) -> None:
    assert Bucket.from_state(value) is None
