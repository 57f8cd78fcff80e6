"""Measurements of our gateway alone: starting, dying, falling over, standing idle, growing."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable

from kruxos import BlockingClient
from kruxos.cores.policy import HEALTHY_AFTER_S
from kruxos.errors import KruxosError
from tests.bench import native
from tests.bench.load import PROMPT, Load
from tests.bench.processes import Meter, memory
from tests.bench.report import Book
from tests.bench.targets import MODELS, OURS, Native, native_gateway, provider
from tests.endurance.figures import percentile
from tests.service.running import until

IDLE_WORKERS = 12
CALLERS = 4
HEALTHY_S = HEALTHY_AFTER_S + 1.0
"""A worker that ends after so long is started again at once; one that ends sooner after a pause."""
AGENTS = (1, 10, 100, 1000)
PROVIDERS = (1, 10, 50, 200)
STREAMS = 2000


def start(records: Book, rounds: int) -> None:
    """From the process's start to the first answer, and what a gateway with twelve idle workers holds."""
    with provider():
        for number in range(1, rounds + 1):
            with native_gateway(_models(IDLE_WORKERS), _names(IDLE_WORKERS)) as target:
                held = memory(target.pid or 0)
                figures = {"cold_s": target.cold_s, "pss_mb": held.pss_bytes / 1e6, "processes": len(held.each)}
                shares = [each / 1e6 for pid, each in held.each.items() if pid != target.pid]
                figures |= {"supervisor_mb": held.each[target.pid or 0] / 1e6, "others_mb": sum(shares)}
                records.add(number, OURS, f"{IDLE_WORKERS} idle workers", figures)


def kill(records: Book, rounds: int) -> None:
    """SIGKILL for the worker that has calls: what fails, and when the first call succeeds again."""
    with provider():
        for number in range(1, rounds + 1):
            with native_gateway(MODELS) as target:
                threading.Event().wait(HEALTHY_S)
                records.add(number, OURS, "kill -9 of the worker", _killed(target))


def _killed(target: Native) -> dict[str, float]:
    ended, stop = list[tuple[float, float, bool]](), threading.Event()
    callers = [threading.Thread(target=_call_on, args=(target, ended, stop)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    until(lambda: len(ended) > 200, "a load")
    killed_at = time.monotonic()
    os.kill(target.installation.workers()["mock"], signal.SIGKILL)
    until(lambda: sum(began > killed_at and ok for began, _, ok in list(ended)) > 200, "calls that succeed again")
    stop.set()
    for caller in callers:
        caller.join()
    again = min(at for began, at, ok in ended if ok and began > killed_at)
    failed = [began for began, _, ok in ended if not ok]
    return {
        "failed": len(failed),
        "failed_that_began_after": sum(began > killed_at for began in failed),
        "again_after_ms": (again - killed_at) * 1e3,
    }


def _call_on(target: Native, ended: list[tuple[float, float, bool]], stop: threading.Event) -> None:
    with BlockingClient(agent="bench", address=str(target.address)) as client:
        while not stop.is_set():
            began_at = time.monotonic()
            try:
                ok = bool(client.chat(PROMPT, provider="mock", fallback="none").text)
            except KruxosError:
                ok = False
            ended.append((began_at, time.monotonic(), ok))


def failover(records: Book, rounds: int) -> None:
    """What a provider that is left alone after failures adds to a call, once that is known."""
    with provider(), native_gateway(MODELS, ("mock", "failing")) as target:
        for number in range(1, rounds + 1):
            for _ in range(3):
                target.run(Load(1, calls=20, options={"provider": "failing"}))
            healthy = target.run(Load(1, calls=300, options={"provider": "mock"}))
            moved = target.run(Load(1, calls=300, options={"provider": "failing"}))
            added_ms = moved["p50_ms"] - healthy["p50_ms"]
            figures = {"p50_ms": moved["p50_ms"], "healthy_p50_ms": healthy["p50_ms"], "added_p50_ms": added_ms}
            records.add(number, OURS, "failover, breaker open", figures | {"failed": moved["failed"]})


def overhead(records: Book, rounds: int) -> None:
    """``overhead_us`` and ``upstream_us`` of replies, beside the time that the agent saw from outside."""
    with provider(), native_gateway(MODELS) as target:
        target.run(Load(1, calls=50))
        for number in range(1, rounds + 1):
            seen = native.Runner(target.address, Load(1, calls=500)).run()
            outside = percentile(seen.latencies, 0.5) * 1e6
            overhead_us, upstream_us = (percentile(times, 0.5) * 1e6 for times in (seen.overheads, seen.upstreams))
            missing = [a - b - c for a, b, c in zip(seen.latencies, seen.overheads, seen.upstreams, strict=True)]
            figures = {"outside_us": outside, "overhead_us": overhead_us, "upstream_us": upstream_us}
            figures["outside_less_both_us"] = statistics.median(missing) * 1e6
            records.add(number, OURS, "overhead_us against outside", figures)


def idle(records: Book, rounds: int) -> None:
    """Memory with nothing to do, after loads, and with streams open; CPU of a gateway that nobody asks."""
    with provider():
        for number in range(1, rounds + 1):
            with native_gateway(MODELS) as target:
                root = target.pid or 0
                figures = {"idle_mb": memory(root).pss_bytes / 1e6}
                with Meter(root) as meter:
                    threading.Event().wait(5.0)
                figures["idle_cpu_ms_per_s"] = meter.cpu_s * 1e3 / meter.wall_s
                target.run(Load(256, seconds=2.0))
                target.run(Load(64, chunks=200, seconds=2.0))
                figures["after_loads_mb"] = memory(root).pss_bytes / 1e6
                records.add(number, OURS, "memory", figures)


def providers(records: Book, rounds: int) -> None:
    """Cost of a call beside configured providers, and what they hold. Once: a curve shows its own noise."""
    del rounds
    with provider():
        for count in PROVIDERS:
            with native_gateway(_models(count), ()) as target:
                records.add(1, OURS, f"{count} providers", _call_cost(target) | _held(target))


def idle_agents(records: Book, rounds: int) -> None:
    """Cost of a call beside idle agents, and what an agent holds. Once, likewise."""
    del rounds
    with provider(), native_gateway(MODELS) as target:
        _agents_curve(records, target)


def streams(records: Book, rounds: int) -> None:
    """Many streams open at once: what one holds, and what a chunk costs."""
    load = Load(STREAMS, calls=STREAMS, chunks=20, pause_ms=500, ramp_s=4.0, seconds=20, sessions=20)
    with provider():
        for number in range(1, rounds + 1):
            with native_gateway(MODELS) as target:
                before, peak = memory(target.pid or 0).pss_bytes, _Peak(target.pid or 0)
                try:
                    with Meter(target.pid) as meter:
                        figures = target.run(load)
                finally:
                    held = peak.stop() - before
            units = max(1.0, figures["ok"] * load.chunks)
            figures |= {"cpu_us": meter.cpu_s * 1e6 / units, "kb_per_stream": held / STREAMS / 1e3}
            records.add(number, OURS, f"{STREAMS} streams open", figures)


def _agents_curve(records: Book, target: Native) -> None:
    idle_agents = list[native.Line]()
    empty = memory(target.pid or 0).pss_bytes
    for count in AGENTS:
        idle_agents += [native.Line(str(target.address), len(idle_agents) + n) for n in range(count - len(idle_agents))]
        for each in idle_agents:
            each.push()
        target.run(Load(8, calls=200))
        figures = _call_cost(target) | _held(target)
        figures["kb_per_agent"] = (memory(target.pid or 0).pss_bytes - empty) / count / 1e3
        records.add(1, OURS, f"{count} idle agents", figures)
    for each in idle_agents:
        each.socket.close()


def _call_cost(target: Native) -> dict[str, float]:
    target.run(Load(8, calls=200))
    with Meter(target.pid) as meter:
        figures = target.run(Load(16, calls=3000))
    return {"cpu_us": meter.cpu_s * 1e6 / figures["ok"], "p50_ms": figures["p50_ms"], "failed": figures["failed"]}


def _held(target: Native) -> dict[str, float]:
    held = memory(target.pid or 0)
    return {"pss_mb": held.pss_bytes / 1e6, "processes": len(held.each)}


class _Peak:
    """The greatest memory of a tree while something runs."""

    def __init__(self, root: int) -> None:
        self._root, self._stop, self._most = root, threading.Event(), 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self._most = max(self._most, memory(self._root).pss_bytes)

    def stop(self) -> int:
        """Bytes, at the most."""
        self._stop.set()
        self._thread.join()
        return self._most


def _models(count: int) -> str:
    rows = [
        f'  {name}: {{type: openai, base_url: "http://127.0.0.1:9100/v1", model: gpt-4o-mini}}\n'
        for name in _names(count)
    ]
    return "providers:\n" + "".join(rows) + "defaults: {chat: mock}\n"


def _names(count: int) -> tuple[str, ...]:
    return ("mock", *[f"spare-{number}" for number in range(1, count)])


SINGLES: dict[str, Callable[[Book, int], None]] = {
    "start": start, "kill": kill, "failover": failover, "overhead": overhead, "idle": idle,
    "idle_agents": idle_agents, "providers": providers, "streams": streams,
}  # fmt: skip
