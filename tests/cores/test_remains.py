"""What remains at a provider, from its worker's last state."""

from __future__ import annotations

from kruxos.cores.remains import FRESH_S, remains_of

NOW = 1_000_000.0


def test_a_rate_limit_has_refilled_since_it_was_heard_of() -> None:
    state = {"buckets": {"m": {"requests": [100.0, 40.0, 1.0, NOW - 10]}}}
    assert remains_of(state, NOW) == [{
        "what": "requests", "model": "m", "left": "50", "limit": "100", "unit": "requests", "resets_at": NOW + 50,
        "as_of": NOW - 10,
    }]  # fmt: skip


def test_what_was_heard_long_ago_says_nothing_of_now() -> None:
    assert remains_of({"buckets": {"m": {"requests": [100.0, 40.0, 1.0, NOW - FRESH_S - 1]}}}, NOW) == []
    row = {"what": "5 hour window", "left": "58", "unit": "percent", "resets_at": NOW - 1}
    assert remains_of({"remains": [row]}, NOW) == []


def test_what_makes_no_sense_is_passed_over() -> None:
    assert remains_of({"remains": "?", "buckets": {"m": {"requests": [1]}, "n": 3}}, NOW) == []
    assert remains_of({"remains": [1, {}], "buckets": []}, NOW) == []
