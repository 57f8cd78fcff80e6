"""``scripts/simulate-faults``: tells single histories, or runs many and reports what they had in them."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simworld.checkers import judge
from tests.simworld.clock import START_S
from tests.simworld.story import tell

BATCH = 100


@dataclass(slots=True)
class Total:
    """What many histories had in them."""

    histories: int = 0
    simulated_s: float = 0.0
    events: int = 0
    calls: int = 0
    attempts: int = 0
    posts: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])

    def add(self, other: Total) -> None:
        self.histories += other.histories
        self.simulated_s += other.simulated_s
        self.events += other.events
        self.calls += other.calls
        self.attempts += other.attempts
        self.posts += other.posts
        self.faults.update(other.faults)
        self.wrong += other.wrong


def run_batch(seeds: range) -> Total:
    total = Total()
    for seed in seeds:
        try:
            story = tell(seed)
        except Exception as fault:  # noqa: BLE001 - one history that cannot be told is a finding, not the end
            total.wrong.append(f"seed {seed}: {type(fault).__name__}: {fault}")
            continue
        total.histories += 1
        total.simulated_s += story.world.time - START_S
        total.events += story.world.events
        total.calls += sum(1 for _ in story.seen())
        total.attempts += len(story.dispatched)
        total.posts += sum(len(upstream.posts) for upstream in story.upstreams.values())
        total.faults.update(story.world.faults)
        total.wrong += [f"seed {seed}: {what}" for what in judge(story)]
    return total


def run_many(first: int, count: int, *, processes: int, within_s: float) -> Total:
    """Histories of the seeds from ``first`` on, until they are all told or the time is over."""
    total, ends_at = Total(), time.monotonic() + within_s
    batches = [range(at, min(at + BATCH, first + count)) for at in range(first, first + count, BATCH)]
    with get_context("spawn").Pool(processes) as pool:
        for batch in pool.imap_unordered(run_batch, batches):
            total.add(batch)
            if time.monotonic() > ends_at:
                pool.terminate()
                break
    return total


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def report(total: Total, took_s: float) -> None:
    hours = total.simulated_s / 3600
    say(
        f"{total.histories} histories, {hours:.1f} simulated hours in {took_s:.1f} s "
        f"({total.histories / took_s:.0f} histories/s, {total.simulated_s / took_s:.0f} times real time)"
    )
    say(f"{total.calls} calls, {total.attempts} attempts, {total.posts} requests at providers, {total.events} events")
    for kind, count in sorted(total.faults.items()):
        say(f"  {count:8} {kind}")
    for what in total.wrong[:50]:
        say(f"WRONG {what}")
    say(f"{len(total.wrong)} things that should never have happened")


def show(seed: int) -> bool:
    """One history, whole."""
    story = tell(seed)
    say(f"seed {seed}, history {story.world.digest()}")
    say("\n".join(story.world.history))
    wrong = judge(story)
    for what in wrong:
        say(f"WRONG {what}")
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/simulate-faults", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="histories to print")
    parser.add_argument("--count", type=int, default=0, help="run so many histories instead")
    parser.add_argument("--first", type=int, default=0, help="the first seed of many (0)")
    parser.add_argument("--processes", type=int, default=2, help="how many at once (2)")
    parser.add_argument("--within", type=float, default=900.0, metavar="SECONDS", help="stop after this long (900)")
    options = parser.parse_args()
    if not options.count and not options.seeds:
        parser.error("give seeds to print, or --count")
    fine = [show(seed) for seed in options.seeds]
    if options.count:
        began_at = time.monotonic()
        total = run_many(options.first, options.count, processes=options.processes, within_s=options.within)
        report(total, time.monotonic() - began_at)
        fine.append(not total.wrong)
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
