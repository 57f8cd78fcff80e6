"""What a reply says of the gateway's own time is checked by the clock of the agent that waits for it."""

from __future__ import annotations

import time

import pytest

from kruxos import BlockingClient

pytestmark = pytest.mark.real

CALLS = 20


@pytest.mark.parametrize("provider", ["claude", "gpt"])
def test_the_gateways_own_time_is_within_what_the_agent_waited(client: BlockingClient, provider: str) -> None:
    client.chat("Are you there?", provider=provider)
    for number in range(CALLS):
        began_at = time.monotonic()
        reply = client.chat(f"Count to {number}", provider=provider)
        outside_us = (time.monotonic() - began_at) * 1e6
        assert reply.overhead_us is not None
        assert 0 < reply.overhead_us < outside_us
