"""What an agent in Python costs in CPU: our client with its gateway, and the official SDK without any, in one run."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

from tests.bench import harness
from tests.bench.processes import Meter
from tests.bench.report import Book
from tests.bench.targets import Native, provider, started

SECONDS = 3.0
OFFICIAL = ("openai-sync", "openai-async")
OURS = ("sync", "async")
TITLES = {"c1": "agent, a call", "stream": "agent, a chunk"}


def round_of(records: Book, number: int) -> None:
    """One round: each kind of agent once, in a new order."""
    kinds = [*OURS, *(OFFICIAL if harness.folder() is not None else ())]
    random.shuffle(kinds)
    with provider(), started("kruxos") as target:
        assert isinstance(target, Native)
        for kind in kinds:
            figures = _ours(target, kind) if kind in OURS else _official(kind)
            name = f"kruxos client, {kind}, and gateway" if kind in OURS else f"{kind}, no gateway"
            for job, costs in figures.items():
                records.add(number, name, TITLES[job], costs)


def _ours(target: Native, kind: str) -> dict[str, dict[str, float]]:
    words = [sys.executable, "-m", "tests.bench.agent", str(target.address), kind, str(SECONDS)]
    found: dict[str, dict[str, float]] = {}
    meter = Meter(target.pid)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdin is not None
        for line in agent.stdout:
            word, job, *rest = line.split(maxsplit=2)
            if word == "begin":
                meter.__enter__()
                continue
            meter.__exit__()
            found[job] = _costs(json.loads(rest[0]), meter)
            agent.stdin.write("\n")
            agent.stdin.flush()
    return found


def _costs(told: dict[str, float], meter: Meter) -> dict[str, float]:
    client_us, gateway_us = told["client_s"] * 1e6 / told["units"], meter.cpu_s * 1e6 / told["units"]
    return {
        "rate": told["units"] / told["wall_s"],
        "cpu_us": gateway_us,
        "client_us": client_us,
        "together_us": client_us + gateway_us,
    }


def _official(library: str) -> dict[str, dict[str, float]]:
    driver = harness.driver()
    apart = harness.installed() / "clients" / "bin" / "python"
    python = str(apart) if apart.exists() else sys.executable
    direct = driver.Running(driver.TARGETS["direct"])
    try:
        told = driver.run_client(python, library, direct, "c1,stream", {"seconds": SECONDS})
    finally:
        direct.stop()
    jobs = {each["job"]: each for each in told if each.get("job") in TITLES}
    if not jobs:
        raise RuntimeError(f"{library}: {told[:1]} (python {python}, HOME {os.environ.get('HOME')})")
    return {job: _told(job, each) for job, each in jobs.items()}


def _told(job: str, each: dict[str, float]) -> dict[str, float]:
    rate, cpu_us = ("rps", "cpu_us_per_req") if job == "c1" else ("pieces_per_s", "cpu_us_per_chunk")
    return {"rate": each[rate], "cpu_us": 0.0, "client_us": each[cpu_us], "together_us": each[cpu_us]}
