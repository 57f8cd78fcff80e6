"""Agents that ask at a fixed pace, however long answers take, as a process of their own.

    python -m tests.endurance.steady ADDRESS PROVIDER=CALLS_A_SECOND...

Says ``began``, goes on until its standard input ends, waits for the answers that are due, and tells every call as a
line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import trio

from kruxos import Client
from kruxos.attempts import Attempt
from kruxos.errors import KruxosError
from kruxos.paths import agent_socket
from kruxos_workers.limits.limits import LEFT_ALONE
from tests.endurance.load import PROMPT
from tests.service.running import Installation


@dataclass(frozen=True)
class Answered:
    """One call: whom it asked, when (monotonic), how long it took, what came of it and from whom.

    ``tried``: the outcomes of those attempts for which a provider was really asked; ``held``: of those that its worker
    held back and gave up. Candidates that were passed over are in neither.
    """

    asked: str
    at: float
    took_s: float
    outcome: str
    answered_by: str
    tried: list[str]
    held: list[str]


@contextmanager
def steady(installation: Installation, per_s: Mapping[str, float]) -> Generator[list[Answered]]:
    """Calls for the length of the block; the list is filled when it ends."""
    address = str(agent_socket(installation.kruxos.root))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.steady", address, *(f"{name}={rate}" for name, rate in per_s.items())],
        env=installation.kruxos.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    answered: list[Answered] = []
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "began\n"
        try:
            yield answered
        except BaseException:
            process.kill()
            raise
        process.stdin.close()
        answered += [Answered(*json.loads(line)) for line in process.stdout]


HELD = ("rate_limited", "provider_overloaded", "overloaded")
"""What a worker says that does not ask its provider; the providers here never say it themselves."""


def _is_held(attempt: Attempt) -> bool:
    return attempt.outcome in HELD or attempt.message == LEFT_ALONE


def _outcomes(attempts: list[Attempt]) -> tuple[list[str], list[str]]:
    made = [each for each in attempts if not each.message.startswith("skipped: ")]
    return [each.outcome for each in made if not _is_held(each)], [each.outcome for each in made if _is_held(each)]


class _Agent:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def call(self, client: Client, provider: str) -> None:
        began = monotonic()
        try:
            async with client.stream(PROMPT, provider=provider, deadline_s=60.0, on_interrupt="restart") as events:
                async for _ in events:
                    pass
                reply = events.reply()
            told: tuple[Any, ...] = "answered", reply.provider, *_outcomes(reply.attempts)
        except KruxosError as error:
            told = error.code, "", *_outcomes(error.attempts)
        self.calls.append((provider, began, monotonic() - began, *told))

    async def go_on(self, client: Client, provider: str, per_s: float, nursery: trio.Nursery) -> None:
        """A call at each of its moments."""
        at = trio.current_time()
        while True:
            at += 1 / per_s
            await trio.sleep_until(at)
            nursery.start_soon(self.call, client, provider)


async def _run(address: str, rates: dict[str, float]) -> None:
    agent = _Agent()
    async with Client(agent="steady", address=address) as client, trio.open_nursery() as calls:
        sys.stdout.write("began\n")
        sys.stdout.flush()
        async with trio.open_nursery() as pace:
            for provider, per_s in rates.items():
                pace.start_soon(agent.go_on, client, provider, per_s, calls)
            await trio.to_thread.run_sync(sys.stdin.read)
            pace.cancel_scope.cancel()
    for call in sorted(agent.calls, key=lambda each: each[1]):
        sys.stdout.write(json.dumps(call) + "\n")


if __name__ == "__main__":
    trio.run(_run, sys.argv[1], {name: float(rate) for name, rate in (each.split("=") for each in sys.argv[2:])})
