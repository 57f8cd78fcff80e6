"""Rows as ``call.list`` gives them."""

from __future__ import annotations

from typing import Any


def row(**changed: Any) -> dict[str, Any]:
    """An answered call of ``code-bot`` at ``claude``."""
    return {
        "call_id": "call_1", "step": 0, "last": True, "started_at": 1_700_000_000.5, "agent": "code-bot",
        "provider": "claude", "model": "claude-sonnet-4-6", "op": "chat", "outcome": "answered",
        "finish_reason": "stop", "stream": True,
        "attempts": [
            {"provider": "gpt", "model": "gpt-5.2", "outcome": "rate_limited", "elapsed_ms": 40},
            {"provider": "claude", "model": "claude-sonnet-4-6", "outcome": "answered", "elapsed_ms": 700},
        ],
        "usage": {
            "uncached_input_tokens": 10, "cache_read_tokens": 300, "cache_write_tokens": 40, "output_tokens": 50,
            "reasoning_tokens": 20,
        },
        "cost": {"currency": "USD", "total": "0.0012345"}, "billed_maybe": False, "overhead_us": 800,
        "upstream_us": 699_000, "duration_ms": 750, "upstream_request_id": "req_1",
        **changed,
    }  # fmt: skip
