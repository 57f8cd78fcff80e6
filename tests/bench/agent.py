"""An agent with our client, as a process of its own: says when a job begins, and what it cost this process.

agent.py ADDRESS sync|async SECONDS     prints "begin JOB" and "end JOB {figures}" for c1 and stream
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kruxos import BlockingClient, Client
from kruxos.client.options import CallOptions
from kruxos.events import TextDelta
from tests.bench.load import PROMPT, Load

STREAMS = 16
CHUNKS = 200
OPTIONS = CallOptions(system="Be brief.", temperature=0.2, max_output_tokens=256)
_STREAM = Load(1, chunks=CHUNKS, text=PROMPT).prompt


@dataclass
class Job:
    """Times one job, from ``begin`` to ``end``, and tells both."""

    name: str

    def begin(self) -> None:
        """From here on it counts."""
        print("begin", self.name, flush=True)
        self.began_at, self._cpu_began = time.monotonic(), time.process_time()

    def end(self, units: int) -> None:
        """``units``: calls, or chunks whose text has come."""
        figures = {"units": units, "client_s": time.process_time() - self._cpu_began}
        figures["wall_s"] = time.monotonic() - self.began_at
        print("end", self.name, json.dumps(figures), flush=True)
        sys.stdin.readline()  # the gateway's CPU is read before anything else happens


def run_sync(client: BlockingClient, seconds: float) -> None:
    """One call at a time."""
    for name, call in (("c1", _call), ("stream", _stream)):
        for _ in range(20 if name == "c1" else 3):
            call(client)
        job, units = Job(name), 0
        job.begin()
        while time.monotonic() < job.began_at + seconds:
            units += call(client)
        job.end(units)


def _call(client: BlockingClient) -> int:
    assert client.chat(PROMPT, **OPTIONS).text
    return 1


def _stream(client: BlockingClient) -> int:
    with client.stream(_STREAM, **OPTIONS) as events:
        return sum(isinstance(event, TextDelta) for event in events)


async def run_async(client: Client, seconds: float) -> None:
    """One call at a time; then several streams at once."""
    for name, call, at_once in (("c1", _call_async, 1), ("stream", _stream_async, STREAMS)):
        await _many(client, call, at_once, 20 if name == "c1" else 1, 0.0)
        job = Job(name)
        job.begin()
        job.end(await _many(client, call, at_once, 0, job.began_at + seconds))


async def _many(
    client: Client, call: Callable[[Client], Awaitable[int]], at_once: int, least: int, until: float
) -> int:
    async def one() -> int:
        units = done = 0
        while done < least or time.monotonic() < until:
            units += await call(client)
            done += 1
        return units

    return sum(await asyncio.gather(*[one() for _ in range(at_once)]))


async def _call_async(client: Client) -> int:
    assert (await client.chat(PROMPT, **OPTIONS)).text
    return 1


async def _stream_async(client: Client) -> int:
    units = 0
    async with client.stream(_STREAM, **OPTIONS) as events:
        async for event in events:
            units += isinstance(event, TextDelta)
    return units


async def _main_async(address: str, seconds: float) -> None:
    async with Client(agent="bench", address=address) as client:
        await run_async(client, seconds)


def main(address: str, kind: str, seconds: float) -> None:
    """Both jobs."""
    if kind == "async":
        asyncio.run(_main_async(address, seconds))
    else:
        with BlockingClient(agent="bench", address=address) as client:
            run_sync(client, seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
