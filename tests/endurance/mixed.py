"""Mixed load with every kind of fault for as long as asked, and what it leaves: memory, descriptors, sockets, tasks.

Steady agents ask four providers; beside them, one fault after the other: a worker is killed, or stopped for a moment,
a provider says 429 or cuts its streams, models.yaml is edited, a worker is restarted, an agent does not read, one
cancels, one dies. First and last of all comes a rest, and what is held in both is compared. Memory is looked at every
few seconds: its slope over the second half tells whether it would go on growing.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures
from tests.endurance.load import loading
from tests.endurance.overload import DEAF_AGENT
from tests.endurance.processes import Held, held, memory_bytes, pids
from tests.endurance.streams import rename
from tests.service.running import Installation, Simulator, kill, until

MODELS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6, limits: {{concurrency: {places}}}}}
  gpt: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-4o}}
  responses: {{type: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.1}}
  endless: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-5-mini}}
defaults: {{chat: gpt, fallback: responses}}
"""
NAMES = ("claude", "gpt", "responses", "endless")
LOADED = NAMES[:3]
SEED = 20_261_122
FAULT_EVERY_S = 2.0
SAMPLE_EVERY_S = 5.0
WARM_UP_SHARE = 0.1
REST_S = 70.0
"""Longer than an agent that does not read is borne with, and than idle connections to providers are kept."""
GROWTH_MIB_MAX = 48.0
SLOPE_MIB_AN_HOUR_MAX = 8.0
MEANINGFUL_S = 1200.0
"""A slope over less than this says little about an hour."""
DYING_AGENT = """
from kruxos import BlockingClient
with BlockingClient(agent="dying").stream("Hi [[simulate silence where=middle after=3]]", provider="gpt") as events:
    next(events)
    print("began", flush=True)
    for _ in events:
        pass
"""


@dataclass
class _Sampled:
    """Memory by process name: seconds, bytes."""

    points: dict[str, list[tuple[float, int]]] = field(default_factory=dict[str, list[tuple[float, int]]])

    def look(self, processes: dict[str, int], at: float) -> None:
        for name, pid in processes.items():
            try:
                self.points.setdefault(name, []).append((at, memory_bytes(pid)))
            except OSError:
                continue  # it was just killed


class _Trouble:
    """The faults, in a shuffled order that the seed gives."""

    def __init__(self, installation: Installation, simulator: Simulator) -> None:
        self.installation, self.simulator = installation, simulator
        self.chance = random.Random(SEED)
        self.times: dict[str, int] = {}
        self.places = 100
        self.kinds: list[Callable[[], None]] = [
            self.crash, self.stopped, self.storm, self.cut, self.reload, self.restart, self.deaf, self.cancelled,
            self.dying,
        ]  # fmt: skip

    def one(self) -> None:
        """The next fault."""
        kind = self.chance.choice(self.kinds)
        self.times[kind.__name__] = self.times.get(kind.__name__, 0) + 1
        kind()

    def _victim(self) -> int | None:
        return self.installation.workers().get(self.chance.choice(LOADED))

    def crash(self) -> None:
        pid = self._victim()
        if pid is not None:
            kill(pid)

    def stopped(self) -> None:
        pid = self._victim()
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            threading.Event().wait(1.0)
            os.kill(pid, signal.SIGCONT)

    def storm(self) -> None:
        self._switched("429 retry_after=1 times=40 on=gpt-4o")

    def cut(self) -> None:
        self._switched("cut after=4 times=20 on=gpt-5.1")

    def _switched(self, fault: str) -> None:
        self.simulator.switch_faults(fault)
        threading.Event().wait(1.0)
        self.simulator.switch_faults()

    def reload(self) -> None:
        self.places += 1
        rename(self.installation.kruxos.root / "models.yaml", _models(self.simulator, self.places))

    def restart(self) -> None:
        self.installation.control("worker.restart", provider=self.chance.choice(LOADED))

    def deaf(self) -> None:
        agent = self.installation.agent_process(DEAF_AGENT, str(self.installation.kruxos.root))
        threading.Event().wait(2.0)
        assert agent.stdin is not None
        with agent:
            agent.stdin.close()

    def cancelled(self) -> None:
        prompt = "Hi [[simulate tokens=400]]"
        with self.installation.client("fickle") as client, client.stream(prompt, provider="gpt") as events:
            next(events, None)

    def dying(self) -> None:
        with self.installation.agent_process(DYING_AGENT) as agent:
            assert agent.stdout is not None
            agent.stdout.readline()
            kill(agent.pid)


def _models(simulator: Simulator, places: int) -> str:
    return MODELS.format(root=simulator.root, places=places)


def mixed(minutes: int, home: Path) -> Figures:
    """``minutes`` of it."""
    return mixed_for(minutes * 60.0, home)


def mixed_for(seconds: float, home: Path, rest_s: float = REST_S) -> Figures:
    """So many seconds of it, between two rests."""
    figures = Figures(f"mixed load {seconds / 60:g} min")
    with Simulator("--first-token", "0.02", "--rate", "300") as simulator:
        installation = Installation.make(home, _models(simulator, 100))
        with installation.serving():
            installation.store_keys(NAMES)
            trouble, sampled = _Trouble(installation, simulator), _Sampled()
            _go_on(installation, trouble, _Sampled(), max(10.0, seconds * WARM_UP_SHARE))
            first, tasks = _at_rest(installation, rest_s), installation.status()["tasks"]
            outcomes = _go_on(installation, trouble, sampled, seconds)
            last = _at_rest(installation, rest_s)
            figures.tally("calls", outcomes)
            figures.tally("faults, those of the warming up among them", [
                name for name, times in trouble.times.items() for _ in range(times)
            ])  # fmt: skip
            figures.at_most("supervisors that died", int(not installation.gateway.running))
            figures.at_most("faults of our own in the log", installation.gateway.log.count("fault in "))
            for name in first:
                _tell_held(figures, name, first[name], last[name])
            figures.at_most(f"supervisor: tasks more than the {tasks} at first", installation.status()["tasks"] - tasks)
            supervisor = sampled.points.get("supervisor", [])
            _tell_slope(figures, supervisor, seconds)
            figures.at_most("places that are not empty at rest", _occupied(installation))
    return figures


def _go_on(installation: Installation, trouble: _Trouble, sampled: _Sampled, seconds: float) -> list[str]:
    """Load and faults; the outcomes of the calls."""
    began = monotonic()
    with loading(installation, 2, *LOADED) as load:
        look_at = began
        while (passed_s := monotonic() - began) < seconds:
            if monotonic() >= look_at:
                sampled.look(pids(installation), passed_s)
                look_at += SAMPLE_EVERY_S
            trouble.one()
            threading.Event().wait(FAULT_EVERY_S * trouble.chance.uniform(0.5, 1.5))
    return [call.outcome for call in load.calls]


def _at_rest(installation: Installation, rest_s: float) -> dict[str, Held]:
    """What each process holds once all is over, and idle connections are closed."""
    for name in NAMES:
        installation.control("worker.start", provider=name)
        installation.wait_ready(name)
    installation.wait_idle()
    threading.Event().wait(rest_s)
    until(lambda: installation.status()["sessions"] == 0, "the end of the sessions", pause_s=0.1)
    return {name: held(pid) for name, pid in pids(installation).items()}


def _tell_held(figures: Figures, name: str, first: Held, last: Held) -> None:
    figures.tell(f"{name}: {first.memory_bytes / 2**20:.1f} MiB, then {last.memory_bytes / 2**20:.1f} MiB")
    grown = (last.memory_bytes - first.memory_bytes) / 2**20
    figures.at_most(f"{name}: growth in MiB", round(grown, 1), GROWTH_MIB_MAX)
    for what in ("descriptors", "sockets", "threads"):
        before, after = getattr(first, what), getattr(last, what)
        figures.at_most(f"{name}: {what} more than the {before} at first", after - before)


def _tell_slope(figures: Figures, points: Sequence[tuple[float, int]], seconds: float) -> None:
    half = [(at, size) for at, size in points if at >= seconds / 2]
    slope = slope_per_s(half) * 3600 / 2**20
    what = f"supervisor: slope of memory over the second half, {len(half)} looks, in MiB an hour"
    if seconds >= MEANINGFUL_S:
        figures.at_most(what, round(slope, 2), SLOPE_MIB_AN_HOUR_MAX)
    else:
        figures.tell(f"{what}: {slope:.1f} (too short a time to mean much)")


def slope_per_s(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line that fits best; 0 for fewer than two points."""
    count = len(points)
    if count <= 1:
        return 0.0
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def _occupied(installation: Installation) -> int:
    """Places of the supervisor that still hold something for a call that is over."""
    bounds = installation.status()["bounds"]
    kept = ("keys", "conversations", "kept_answer_bytes", "sessions", "ledger_rows")
    return sum(bool(bound["now"]) for name, bound in bounds.items() if name not in kept)
