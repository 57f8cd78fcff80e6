"""Runs the measurements: ``scripts/endurance --help``. Prints a line a figure; the exit code tells of missed targets.

A target that is missed does not end the run: what comes after it is measured too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.endurance.agent_kills import agent_kills
from tests.endurance.batches import batches
from tests.endurance.canaries import canaries
from tests.endurance.figures import Figures, load_average
from tests.endurance.launcher_kills import launcher_kills
from tests.endurance.ledger import ledger_kills, ledger_rows
from tests.endurance.mixed import mixed
from tests.endurance.mutated import mutated
from tests.endurance.outage import outage
from tests.endurance.overload import overload
from tests.endurance.streams import streams
from tests.endurance.stuck import stuck
from tests.endurance.supervisor_kills import supervisor_kills
from tests.endurance.traffic import traffic_figures
from tests.endurance.worker_kills import worker_kills


def main() -> int:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/endurance", description="Kills, garbage, load and outages, counted.")
    add = parser.add_argument
    add("--worker-kills", type=int, default=200, metavar="N", help="SIGKILLs of one worker (default: %(default)s)")
    add("--healthy-kills", type=int, default=5, metavar="N", help="of these, after ten quiet seconds, on top")
    add("--launcher-kills", type=int, default=20, metavar="N", help="SIGKILLs of the launcher")
    add("--supervisor-kills", type=int, default=50, metavar="N", help="SIGKILLs of the supervisor")
    add("--canary-runs", type=int, default=5, metavar="N", help="rough runs whose traces are searched for secrets")
    add("--agent-kills", type=int, default=100, metavar="N", help="SIGKILLs of agents in the middle of a stream")
    add("--mutated-frames", type=int, default=100_000, metavar="N", help="half at the door, half in sessions")
    add("--batches", type=int, default=10_000, metavar="N", help="requests in batches, with kills in every state")
    add("--stuck", type=int, default=1000, metavar="N", help="workers killed, stopped, spinning, leaking at each step")
    add("--ledger-kills", type=int, default=200, metavar="N", help="SIGKILLs of a process that writes the ledger")
    add("--ledger-rows", type=int, default=1_000_000, metavar="N", help="rows of a ledger that is summed up")
    add("--streams", type=int, default=300, metavar="N", help="streams under 20 edits and 5 restarts of each worker")
    add("--outage-seconds", type=int, default=60, metavar="S", help="a provider is out, in three ways, so long each")
    add("--overload-seconds", type=int, default=60, metavar="S", help="ten times the peak, so long")
    add("--mixed-minutes", type=int, default=60, metavar="M", help="mixed load with every kind of fault")
    add("--traffic", type=int, default=1, metavar="N", help="rounds of recorded traffic; 0 leaves any of these out")
    chosen = parser.parse_args()
    measurements: list[tuple[int, Callable[[int, Path], Figures]]] = [
        (chosen.worker_kills, lambda count, home: worker_kills(count, home, healthy=chosen.healthy_kills)),
        (chosen.launcher_kills, launcher_kills),
        (chosen.supervisor_kills, supervisor_kills),
        (chosen.canary_runs, canaries),
        (chosen.agent_kills, agent_kills),
        (chosen.mutated_frames, mutated),
        (chosen.batches, batches),
        (chosen.stuck, stuck),
        (chosen.ledger_kills, ledger_kills),
        (chosen.ledger_rows, ledger_rows),
        (chosen.traffic, traffic_figures),
        (chosen.streams, streams),
        (chosen.outage_seconds, outage),
        (chosen.overload_seconds, overload),
        (chosen.mixed_minutes, mixed),
    ]
    missed: list[str] = []
    for count, measure in measurements:
        if count > 0:
            missed += _measure(count, measure)
    _say(f"{len(missed)} targets missed" + "".join(f"\n  {each}" for each in missed))
    return 1 if missed else 0


def _measure(count: int, measure: Callable[[int, Path], Figures]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="kx-") as home:
        before = load_average()
        figures = measure(count, Path(home))
    figures.tell(f"load average {before} before, {load_average()} after")
    for line in figures.lines:
        _say(line)
    return figures.missed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
