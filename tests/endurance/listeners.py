"""Agents that listen to long streams, as a process of their own.

    python -m tests.endurance.listeners ADDRESS COUNT PROVIDER...

Says ``began`` once every stream has brought its first words, then one line of JSON for each stream that is over.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import trio

from kruxos import Client
from kruxos.errors import KruxosError
from kruxos.events import TextDelta
from kruxos.paths import agent_socket
from tests.service.running import Installation

PROMPT = "Count, please."


@dataclass(frozen=True)
class Heard:
    """One stream as its agent has it."""

    provider: str
    outcome: str
    text: str
    took_s: float


@contextmanager
def listening(installation: Installation, count: int, providers: tuple[str, ...]) -> Generator[list[Heard]]:
    """Streams that are open within the block; at its end they are heard to theirs. Filled then."""
    address = str(agent_socket(installation.kruxos.root))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.listeners", address, str(count), *providers],
        env=installation.kruxos.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    heard: list[Heard] = []
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        try:
            yield heard
        except BaseException:
            process.kill()
            raise
        heard += [Heard(*json.loads(line)) for line in process.stdout]


class _Listener:
    def __init__(self, count: int) -> None:
        self.silent, self.all_speak = count, trio.Event()
        self.heard: list[tuple[str, str, str, float]] = []

    async def listen(self, client: Client, provider: str) -> None:
        began, text, error_code = monotonic(), "", "answered"
        try:
            async with client.stream(
                PROMPT, provider=provider, fallback="none", max_output_tokens=32_000, deadline_s=590.0
            ) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        self._spoke(first=not text)
                        text += event.text
        except KruxosError as error:
            error_code = error.code
            self._spoke(first=not text)
        self.heard.append((provider, error_code, text, monotonic() - began))

    def _spoke(self, *, first: bool) -> None:
        self.silent -= first
        if not self.silent:
            self.all_speak.set()


async def _run(address: str, count: int, providers: list[str]) -> None:
    listener = _Listener(count)
    async with Client(agent="listener", address=address) as client, trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(listener.listen, client, providers[number % len(providers)])
        await listener.all_speak.wait()
        sys.stdout.write("began\n")
        sys.stdout.flush()
    for each in listener.heard:
        sys.stdout.write(json.dumps(each) + "\n")


if __name__ == "__main__":
    trio.run(_run, sys.argv[1], int(sys.argv[2]), sys.argv[3:])
