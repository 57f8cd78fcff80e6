"""A load over HTTP, by the harness's generator where it is there, else by one in Python."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench import harness
from tests.bench.load import MODEL, Load, Outcome
from tests.bench.native import LONG_GAP_S, MARK

TIMEOUT_S = 60


def body_of(load: Load, model: str = MODEL) -> bytes:
    """The request that all targets get: OpenAI's chat completions."""
    body: dict[str, Any] = {
        "model": model, "temperature": 0.2, "max_tokens": 256,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": load.prompt}],
    }  # fmt: skip
    if load.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body).encode()


def run(port: int, path: str, headers: Mapping[str, str], load: Load, model: str = MODEL) -> dict[str, float]:
    """The figures of a load (``Outcome.figures``)."""
    body, programs = body_of(load, model), harness.programs()
    if programs is not None:
        return _by_program(programs[1], port, path, headers, load, body)
    outcome = asyncio.run(_Generator(port, path, headers, load, body).run())
    return outcome.figures()


def _by_program(
    program: Path, port: int, path: str, headers: Mapping[str, str], load: Load, body: bytes
) -> dict[str, float]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        words = [program, "-p", port, "-P", path, "-b", file.name, "-c", load.in_flight, "-n", load.calls]
        words += ["-t", load.seconds, "-T", TIMEOUT_S, "-r", round(load.ramp_s * 1000)]
        words += ["-e", load.chunks, "-g", load.pause_ms] if load.stream else []
        for name, value in headers.items():
            words += ["-H", f"{name}: {value}"]
        done = subprocess.run([str(word) for word in words], capture_output=True, check=True, timeout=300)
    return _figures(json.loads(done.stdout))


def _figures(told: Mapping[str, Any]) -> dict[str, float]:
    units = told["pieces"] or told["ok"]
    found = {
        "rate": units / told["wall_s"],
        "ok": told["ok"],
        "failed": told["requests"] - told["ok"],
        "client_us": told["client_cpu_s"] * 1e6 / max(1, units),
        "long_gaps": told["stalled_gaps"],
    }
    for name, key in (("", "latency_us"), ("first_", "ttft_us"), ("transit_", "transit_us")):
        if told[key]["n"]:
            found |= {f"{name}p50_ms": told[key]["p50"] / 1e3, f"{name}p99_ms": told[key]["p99"] / 1e3}
    return found


class _Generator:
    """A closed loop over keep-alive connections."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str], load: Load, body: bytes) -> None:
        lines = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body)), **headers}
        head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        self._port, self._load, self._request = port, load, head.encode() + body
        self._outcome, self._begun = Outcome(), 0

    async def run(self) -> Outcome:
        """Until the last answer."""
        began_at, cpu_began = time.monotonic(), time.process_time()
        self._until = began_at + self._load.seconds
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._load.in_flight):
                tasks.create_task(self._connection(self._load.ramp_s * number / self._load.in_flight))
        self._outcome.wall_s = time.monotonic() - began_at
        self._outcome.cpu_s = time.process_time() - cpu_began
        return self._outcome

    async def _connection(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while self._begun < self._load.calls and time.monotonic() < self._until:
            self._begun += 1
            writer.write(self._request)
            began_at = time.monotonic()
            ok = await self._answer(reader, began_at)
            self._outcome.latencies.append(time.monotonic() - began_at)
            self._outcome.ok += ok
            if not ok:
                self._outcome.failed["status"] = self._outcome.failed.get("status", 0) + 1
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, began_at: float) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        ok = head.startswith(b"http/1.1 200")
        if b"content-length: " in head:
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
            return ok
        heard_at = 0.0
        while (size := int(await reader.readline(), 16)) > 0:
            heard_at = self._hear(await reader.readexactly(size + 2), began_at, heard_at)
        await reader.readexactly(2)
        return ok

    def _hear(self, data: bytes, began_at: float, heard_at: float) -> float:
        sent, now = MARK.findall(data), time.monotonic()
        if not sent:
            return heard_at
        if not heard_at:
            self._outcome.firsts.append(now - began_at)
        self._outcome.long_gaps += bool(heard_at) and now - heard_at > LONG_GAP_S
        self._outcome.chunks += len(sent)
        self._outcome.transits.append(now - int(sent[0]) / 1e9)
        return now
