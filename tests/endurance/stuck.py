"""Workers of several providers are struck at every step of their work, side by side, beside two that are left alone.

Spans with strikes take turns with spans without: what is late then is not their doing. The product's own limits hold:
5 s of silence, 20 s to become ready, memory looked at once a second.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures, percentile
from tests.endurance.holding import Holding, holding
from tests.endurance.load import Load, loading
from tests.endurance.setting import PACE
from tests.endurance.strikes import KINDS, Struck, Victim
from tests.rogue.deeds import MEMORY_MAX
from tests.service.running import Installation, Simulator

OTHERS = ("one", "two")
AT_A_TIME = 2
STRUCK_S, QUIET_S = 30.0, 15.0
SPINNING_MAX = 1
"""More at once would measure two cores, not the gateway."""

QUICK, SINKS, SLOW = ("q1", "q2", "q3", "q4"), ("k1", "k2"), ("s1", "s2")
EARLY_STEPS = ("starting", "successor")
PLANS: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {
    QUICK: (("idle", "first byte", "mid stream", "draining"), ("kill", "stop", "leak", "spin", "flood", "stop")),
    SINKS: (("sending",), ("kill", "stop", "leak", "spin", "flood")),
    SLOW: (EARLY_STEPS, ("kill", "flood", "kill", "kill", "flood", "kill", "stop", "kill", "spin")),
}
"""Steps and kinds of each group; a group's victims take turns through all of them."""
_MODELS = """\
memory_max: {memory_max}
providers:
  one: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-4o}}
  two: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
{victims}defaults: {{chat: one}}
"""
_VICTIM = '  {name}: {{type: openai, base_url: "http://127.0.0.1:{port}/v1", model: m, auth: none{more}}}\n'


@dataclass
class _Course:
    """How far the strikes are. Everything here is under one lock."""

    left: int
    runs: list[Struck] = field(default_factory=list[Struck])
    strike_until: float = 0.0
    busy: int = 0
    is_over: bool = False
    news: threading.Condition = field(default_factory=threading.Condition)
    spinning: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SPINNING_MAX))

    def next_turn(self) -> bool:
        """Waits until a victim may be struck; False when it is over."""
        with self.news:
            self.news.wait_for(lambda: self.is_over or (self.left > 0 and monotonic() < self.strike_until))
            if self.is_over:
                return False
            self.left, self.busy = self.left - 1, self.busy + 1
            return True

    def done(self, run: Struck) -> None:
        """A run is over."""
        with self.news:
            self.runs.append(run)
            self.busy -= 1
            self.news.notify_all()


def stuck(count: int, home: Path) -> Figures:
    """``count`` strikes in all."""
    figures = Figures(f"stuck x{count}")
    with Simulator(*PACE) as simulator, holding((*QUICK, *SLOW), SINKS) as held:
        installation = Installation.make(home, _models(simulator.root, held))
        installation.serve_words = ("-m", "tests.rogue.serve")
        with installation.serving():
            installation.store_keys(OTHERS)
            installation.wait_ready(*QUICK, *SINKS, *SLOW)
            course, began = _Course(count), monotonic()
            with loading(installation, AT_A_TIME, *OTHERS) as load, _victims(installation, held, course):
                struck, quiet = _alternate(course)
            figures.tell(f"took {monotonic() - began:.0f} s, {len(QUICK + SINKS + SLOW)} victims side by side")
            figures.at_most("faults of our own in the log", installation.gateway.log.count("fault in "))
    _tell_runs(figures, course.runs)
    _tell_others(figures, load, struck, quiet)
    return figures


def _models(root: str, held: Holding) -> str:
    victims = ""
    for name in (*QUICK, *SINKS, *SLOW):
        more = ', headers: {x-rogue: "slow"}' if name in SLOW else ""
        victims += _VICTIM.format(name=name, port=held.sinks.get(name, held.port), more=more)
    return _MODELS.format(memory_max=MEMORY_MAX, root=root, victims=victims)


@contextmanager
def _victims(installation: Installation, held: Holding, course: _Course) -> Generator[None]:
    """A thread for each victim, for the length of the block."""
    threads: list[threading.Thread] = []
    for names, (steps, kinds) in PLANS.items():
        plan, lock = _plan(steps, kinds), threading.Lock()
        shared = (installation, held, course, plan, lock)
        threads += [threading.Thread(target=_victim, args=(name, *shared)) for name in names]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        with course.news:
            course.is_over = True
            course.news.notify_all()
        for thread in threads:
            thread.join()


def _plan(steps: tuple[str, ...], kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every step with every kind, again and again; of one that drains a small leak is of no interest."""
    return cycle([
        (step, "flood" if kind == "leak" and step == "draining" else kind) for kind in kinds for step in steps
    ])  # fmt: skip


def _victim(
    name: str, installation: Installation, held: Holding, course: _Course, plan: Iterator[tuple[str, str]],
    lock: threading.Lock,
) -> None:  # fmt: skip
    with installation.client(f"agent-{name}") as client:
        victim = Victim(name, installation, held, client)
        while course.next_turn():
            with lock:
                step, kind = next(plan)
            if kind == "spin":
                with course.spinning:
                    run = victim.strike(step, kind)
            else:
                run = victim.strike(step, kind)
            course.done(run)


def _alternate(course: _Course) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Spans with strikes and without, until all are done."""
    struck, quiet = list[tuple[float, float]](), list[tuple[float, float]]()
    while course.left > 0:
        began = monotonic()
        with course.news:
            course.strike_until = began + STRUCK_S
            course.news.notify_all()
            course.news.wait_for(lambda: course.left == 0, STRUCK_S)
            course.strike_until = 0.0
            course.news.wait_for(lambda: course.busy == 0)
        struck.append((began, monotonic()))
        began = monotonic()
        threading.Event().wait(min(QUIET_S, struck[-1][1] - struck[-1][0]))
        quiet.append((began, monotonic()))
    return struck, quiet


def _tell_runs(figures: Figures, runs: list[Struck]) -> None:
    figures.tally("strikes", (run.kind for run in runs))
    figures.tally("steps", (run.step for run in runs))
    problems = [run.problem for run in runs if run.problem]
    figures.at_most("runs that did not go as designed", len(problems))
    for problem in problems[:20]:
        figures.tell(problem)
    figures.tally("the struck workers' own calls", (run.outcome for run in runs if run.outcome))
    for kind in KINDS:
        for words, early in (("", False), (" before it was ready", True)):
            those = [run for run in runs if run.kind == kind and (run.step in EARLY_STEPS) == early]
            if those:
                found = [run.found_s for run in those if run.found_s is not None]
                answered = [run.answered_s for run in those if run.answered_s is not None]
                figures.spread(f"{kind}{words}: strike to found", found)
                figures.spread(f"{kind}{words}: strike to the next answer", answered)


def _tell_others(
    figures: Figures, load: Load, struck: list[tuple[float, float]], quiet: list[tuple[float, float]]
) -> None:
    figures.at_most("failed calls of the others", len(load.failed(*OTHERS)))
    figures.tally("how they failed", (call.outcome for call in load.failed(*OTHERS)))
    calls = [call for name in OTHERS for call in load.of(name)]
    took = [
        [call.took_s for call in calls if any(began <= call.at < end for began, end in spans)]
        for spans in (struck, quiet)
    ]
    figures.spread("the others' calls while workers are struck", took[0])
    figures.spread("the others' calls in the control spans", took[1])
    figures.tell(f"added p99: {(percentile(took[0], 0.99) - percentile(took[1], 0.99)) * 1000:.1f} ms")
