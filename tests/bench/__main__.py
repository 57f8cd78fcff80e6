"""Measures our gateway beside none and beside others, in interleaved rounds, and writes down what it found.

Every figure comes from one run on one machine; compare figures of a run with each other only. CPU is of a target's
whole process tree. Without ../shared/bench only ``direct`` and ``kruxos`` are measured, with slower tools.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

from tests.bench import agents, harness, plot, report, singles
from tests.bench.load import Load
from tests.bench.targets import OURS, Target, measure, provider, started

LOADS = {
    "unary 1 in flight": Load(1, calls=1500),
    "unary 32 in flight": Load(32, sessions=4),
    "unary 256 in flight": Load(256, sessions=4),
    "stream 64 at full speed": Load(64, chunks=200, sessions=4),
    "stream 250 at 20 ms": Load(250, chunks=50, pause_ms=20, ramp_s=1.0, calls=1000, seconds=8, sessions=4),
    "stream 500 at 20 ms": Load(500, chunks=50, pause_ms=20, ramp_s=1.0, calls=1500, seconds=12, sessions=4),
    "body of 1 KB": Load(1, calls=500, text="x" * 1_000),
    "body of 100 KB": Load(1, calls=300, text="x" * 100_000),
    "body of 1 MB": Load(1, calls=100, text="x" * 1_000_000),
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of an unpaced load (default 4)")
    parser.add_argument("--targets", help="comma-separated; default: direct, kruxos, and what is installed of nginx, "
                        "litellm-1w, litellm-2w, portkey")  # fmt: skip
    parser.add_argument("--loads", help="comma-separated beginnings of names, such as 'unary,body'; none: ''")
    parser.add_argument("--singles", default="agents,start,kill,failover,overhead,idle,idle_agents,providers,streams",
                        help="our own measurements, comma-separated (default: all)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder of the results")
    parser.add_argument("--report", action="store_true", help="only write the tables of what is there already")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report:
        harness.enter_own_network()
        _measure(options)
    records = report.read(options.out / "records.jsonl")
    (options.out / "report.md").write_text(report.markdown(records))
    (options.out / "report.json").write_text(json.dumps(report.medians(records), indent=1))
    (options.out / "throughput.svg").write_text(plot.throughput(records))
    print((options.out / "report.md").read_text())


def _measure(options: argparse.Namespace) -> None:
    records = report.Book(options.out / "records.jsonl")
    targets = options.targets.split(",") if options.targets else _default_targets()
    loads = _chosen(options.loads, options.seconds)
    chosen = [name for name in options.singles.split(",") if name]
    for number in range(1, options.rounds + 1):
        order = list(targets)
        random.shuffle(order)
        if loads:
            for name in order:
                _round(records, number, name, loads)
        if "agents" in chosen:
            agents.round_of(records, number)
    for name in chosen:
        if name != "agents":
            singles.SINGLES[name](records, options.rounds)


def _default_targets() -> list[str]:
    wanted = ("nginx", "litellm-1w", "litellm-2w", "portkey")
    return ["direct", OURS, *[name for name in wanted if name in harness.rivals()]]


def _chosen(beginnings: str | None, seconds: float) -> dict[str, Load]:
    words = None if beginnings is None else tuple(word for word in beginnings.split(",") if word)
    chosen = {name: load for name, load in LOADS.items() if words is None or (words and name.startswith(words))}
    for load in chosen.values():
        if not load.pause_ms:
            load.seconds = seconds
    return chosen


def _round(records: report.Book, number: int, name: str, loads: dict[str, Load]) -> None:
    with provider() as pid:
        try:
            with started(name) as target:
                records.add(number, name, "start", {"cold_s": target.cold_s})
                _warm_up(target)
                for title, load in loads.items():
                    figures = measure(target, load, pid)
                    figures["loadavg"] = os.getloadavg()[0]
                    records.add(number, name, title, figures)
        except Exception as error:  # noqa: BLE001 - one target may fail; the others are measured all the same
            print(f"{name}: {type(error).__name__}: {error}"[:500], file=sys.stderr)
            records.add(number, name, "failed", {})


def _warm_up(target: Target) -> None:
    target.run(Load(16, seconds=1.0))
    time.sleep(0.2)


if __name__ == "__main__":
    main()
