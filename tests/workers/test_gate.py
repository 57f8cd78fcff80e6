"""Calls before the gate, with a clock that is moved by hand."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing

from kruxos.errors import RateLimitedError
from kruxos_workers.gate import Gate
from kruxos_workers.limits import Ask, Configured, Limits


@pytest.fixture
def autojump(monkeypatch: pytest.MonkeyPatch) -> trio.testing.MockClock:
    """Unix time goes with trio's."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    monkeypatch.setattr(time, "time", clock.current_time)
    return clock


def gate_of(concurrency: int = 1) -> tuple[Gate, list[bool]]:
    changes: list[bool] = []
    return Gate(Limits(lambda: 1.0, Configured(concurrency=concurrency)), lambda: changes.append(True)), changes


def test_a_place_that_comes_free_goes_to_the_one_who_waits(autojump: trio.testing.MockClock) -> None:
    async def main() -> None:
        gate, _ = gate_of()
        await gate.enter(Ask(1, "a", "m"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.enter, Ask(2, "a", "m"))
            await trio.testing.wait_all_tasks_blocked()
            gate.worked(1, None)

    trio.run(main, clock=autojump)


def test_a_cooldown_is_told_and_waited_for(autojump: trio.testing.MockClock) -> None:
    async def main() -> None:
        gate, changes = gate_of(8)
        await gate.enter(Ask(1, "a", "m"))
        gate.failed(1, RateLimitedError("no", retry_at=time.time() + 30))
        assert changes == [True]
        with pytest.raises(RateLimitedError):
            await gate.enter(Ask(2, "a", "m"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.run)
            began_at = trio.current_time()
            await gate.enter(Ask(3, "a", "m", wait_s=60.0))
            assert trio.current_time() - began_at == pytest.approx(30)
            gate.worked(3, None)
            assert changes == [True, True]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=autojump)


def test_whoever_is_cancelled_leaves_no_place_taken(autojump: trio.testing.MockClock) -> None:
    async def main() -> None:
        gate, _ = gate_of()
        await gate.enter(Ask(1, "a", "m"))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gate.enter, Ask(2, "a", "m"))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
                gate.worked(1, None)  # the place is 2's now, but it was cancelled before it knows
        await gate.enter(Ask(3, "a", "m", wait_s=0.0))

    trio.run(main, clock=autojump)
