"""Agents under load, as a process of their own: so many calls at a time to each provider, until told to stop.

    python -m tests.endurance.load ADDRESS CALLS_AT_A_TIME PROVIDER...

Says ``began`` once every provider has answered, goes on until its standard input ends, then tells every call as a line
of JSON: provider, start (monotonic seconds), seconds it took, outcome.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import trio

from kruxos import Client
from kruxos.errors import KruxosError
from kruxos.paths import agent_socket
from tests.service.running import WITHIN_S, Installation

PROMPT = "Say a few words. [[simulate tokens=12]]"


@dataclass(frozen=True)
class Called:
    """One call."""

    provider: str
    at: float
    took_s: float
    outcome: str


@dataclass
class Load:
    """The process that makes it. ``calls`` is filled when it has stopped."""

    process: subprocess.Popen[str]
    calls: list[Called] = field(default_factory=list)

    def of(self, provider: str) -> list[Called]:
        """The calls to one provider."""
        return [each for each in self.calls if each.provider == provider]

    def failed(self, *providers: str) -> list[Called]:
        """The calls to these that were not answered."""
        return [each for each in self.calls if each.provider in providers and each.outcome != "answered"]


@contextmanager
def loading(installation: Installation, at_a_time: int, *providers: str) -> Generator[Load]:
    """Load for the length of the block."""
    address = str(agent_socket(installation.kruxos.root))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.load", address, str(at_a_time), *providers],
        env=installation.kruxos.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    load = Load(process)
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "began\n"
        try:
            yield load
        except BaseException:
            process.kill()
            raise
        process.stdin.close()
        load.calls = [Called(*json.loads(line)) for line in process.stdout]
        process.wait(WITHIN_S)


class _Agent:
    """All the calls of the process."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, float, str]] = []
        self.stopping = False

    async def call(self, client: Client, provider: str) -> None:
        """One call, answered or not."""
        began = monotonic()
        try:
            async with client.stream(PROMPT, provider=provider, fallback="none", deadline_s=30.0) as events:
                async for _ in events:
                    pass
            outcome = "answered"
        except KruxosError as error:
            outcome = error.code
            await trio.sleep(0.02)  # a provider that is down is asked again, not hammered
        self.calls.append((provider, began, monotonic() - began, outcome))

    async def go_on(self, client: Client, provider: str) -> None:
        """Calls one after the other."""
        while not self.stopping:
            await self.call(client, provider)


async def _run(address: str, at_a_time: int, providers: list[str]) -> None:
    agent = _Agent()
    async with Client(agent="load", address=address) as client:
        for provider in providers:
            await agent.call(client, provider)
        agent.calls.clear()
        sys.stdout.write("began\n")
        sys.stdout.flush()
        async with trio.open_nursery() as nursery:
            for provider in providers:
                for _ in range(at_a_time):
                    nursery.start_soon(agent.go_on, client, provider)
            await trio.to_thread.run_sync(sys.stdin.read)
            agent.stopping = True
    for call in agent.calls:
        sys.stdout.write(json.dumps(call) + "\n")


if __name__ == "__main__":
    trio.run(_run, sys.argv[1], int(sys.argv[2]), sys.argv[3:])
