"""What answers say of their limits, as each provider writes it."""

from __future__ import annotations

import pytest

from kruxos_workers.limits.headers import Reading, readings

NOW = 1_800_000_000.0

CASES: dict[str, tuple[dict[str, str], list[Reading]]] = {
    "anthropic": (
        {
            "anthropic-ratelimit-input-tokens-limit": "40000",
            "anthropic-ratelimit-input-tokens-remaining": "30000",
            "anthropic-ratelimit-input-tokens-reset": "2027-01-15T08:00:15Z",
        },
        [Reading("input-tokens", "input_tokens", 60.0, 40000.0, 30000.0, NOW + 15)],
    ),
    "openai": (
        {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-limit-tokens": "500000",
            "x-ratelimit-remaining-tokens": "499829",
            "x-ratelimit-reset-tokens": "1m0.5s",
        },
        [
            Reading("requests", "requests", 60.0, 500.0, 499.0, NOW + 0.12),
            Reading("tokens", "tokens", 60.0, 500000.0, 499829.0, NOW + 60.5),
        ],
    ),
    "mistral, which tells no reset": (
        {"x-ratelimit-limit-req-minute": "360", "x-ratelimit-remaining-req-minute": "358"},
        [Reading("req-minute", "requests", 60.0, 360.0, 358.0, None)],
    ),
    "cerebras": (
        {
            "x-ratelimit-limit-tokens-minute": "1000000",
            "x-ratelimit-remaining-tokens-minute": "999927",
            "x-ratelimit-reset-tokens-minute": "23.5",
        },
        [Reading("tokens-minute", "tokens", 60.0, 1000000.0, 999927.0, NOW + 23.5)],
    ),
    "openrouter, in epoch milliseconds": (
        {
            "x-ratelimit-limit": "20",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int((NOW + 30) * 1000)),
        },
        [Reading("x-ratelimit", "requests", 60.0, 20.0, 0.0, NOW + 30)],
    ),
    "no limit at all": ({"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1"}, []),
    "more left than there is": ({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "19"}, []),
    "words": ({"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "1"}, []),
    "a limit without its rest": ({"x-ratelimit-limit-requests": "5"}, []),
    "nothing": ({"content-type": "application/json"}, []),
}


@pytest.mark.parametrize("name", CASES)
def test_headers_are_read(name: str) -> None:
    headers, expected = CASES[name]
    found = readings(headers, NOW)
    assert [each[:5] for each in found] == [each[:5] for each in expected]
    assert [each.full_at for each in found] == pytest.approx([each.full_at for each in expected])
