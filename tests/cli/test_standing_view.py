"""What `kruxos model why` prints of a provider that fails."""

from __future__ import annotations

from kruxos.cli.model_standing import why_lines

NOW = 1_800_000_000.0
FOUND = {
    "name": "deepseek", "running": True, "state": "ready", "since": NOW - 7200, "message": "rate limit reached",
    "fix": "wait", "next_try_at": NOW + 3600, "last_error": "rate_limited", "last_error_at": NOW - 5,
    "lately": {
        "answered": 1200, "last_answered_at": NOW - 60,
        "failures": [{"code": "rate_limited", "count": 3, "first_at": NOW - 90, "last_at": NOW - 5}],
        "moved_to": {"spare": 2},
    },
}  # fmt: skip


def test_it_says_since_when_what_was_seen_and_what_comes_next() -> None:
    lines = why_lines(FOUND, NOW)
    assert lines[:5] == [
        "deepseek: rate limit reached (its worker is ready for 2h).",
        "  last error: rate limited, 5s ago",
        "  1,200 answered, the last 1m ago",
        "  3 x rate limited: first 1m 30s ago, last 5s ago",
        "  answered elsewhere: 2 by spare",
    ]
    assert lines[5].startswith("  tried again by itself: ")
    assert lines[6] == "  fix: wait"


def test_where_nothing_is_wrong_it_says_so() -> None:
    well = FOUND | {"message": "", "fix": "", "next_try_at": None, "last_error": ""}
    lines = why_lines(well | {"lately": {"answered": 0, "failures": [], "moved_to": {}}}, NOW)
    assert lines == [
        "deepseek: nothing is known to keep it from answering (its worker is ready for 2h).",
        "  0 answered",
    ]
