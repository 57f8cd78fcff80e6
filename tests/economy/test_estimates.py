"""Token estimates beside the counts that providers told."""

from __future__ import annotations

import pytest

from kruxos.messages import Message, Request, Tool
from kruxos_workers.estimate import ERROR_MEDIAN_PERCENT, ERROR_P95_PERCENT, _tool_tokens, estimate_tokens
from tests.economy.calibration import errors


@pytest.mark.traffic
def test_the_error_that_is_told_is_the_one_that_was_measured() -> None:
    count, median, p95, out_median, out_p95 = errors()["all"]
    assert count > 100
    assert median <= 0.08
    assert round(100 * out_median) <= ERROR_MEDIAN_PERCENT
    assert round(100 * out_p95) <= ERROR_P95_PERCENT
    assert p95 <= out_p95


@pytest.mark.traffic
@pytest.mark.parametrize("provider", ["openai", "codex", "deepseek", "glm", "mistral", "groq", "ollama"])
def test_half_of_a_providers_requests_are_estimated_within_a_tenth(provider: str) -> None:
    assert errors()[provider][1] <= 0.10


def test_an_image_counts_as_one_and_not_as_its_bytes() -> None:
    from kruxos.messages import Image

    picture = Image(data=b"x" * 1_000_000, media_type="image/png")
    assert estimate_tokens(Request([Message("user", [picture])]), "claude-opus-4-6") < 2_000
    assert estimate_tokens(Request([Message("user", [picture])]), "gemini-2.5-pro") < 300


def test_a_tool_that_was_seen_is_not_looked_at_again() -> None:
    request = Request([Message.of("user", "hi")], tools=[Tool("seen", "words " * 50, {"type": "object"})])
    estimate_tokens(request, "m")
    before = _tool_tokens.cache_info()
    estimate_tokens(request, "m")
    after = _tool_tokens.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


@pytest.mark.parametrize("text", ["", "\ud800", "é" * 10, "中文" * 10, "a" * 100_000])
def test_any_text_has_an_estimate(text: str) -> None:
    assert estimate_tokens(Request([Message.of("user", text)]), "m") >= 1
