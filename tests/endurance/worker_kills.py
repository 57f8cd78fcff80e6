"""One worker is killed again and again, under load on it and on two others.

After each kill comes a span of the same length without one: what is late then is not the kill's doing. An operator's
start before each kill forgives the ones before, so every restart is the first: it comes after a jittered pause of up
to a quarter of a second. A worker that had been ready for ten seconds is restarted at once; that is measured apart.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures, percentile
from tests.endurance.load import Called, Load, loading
from tests.endurance.setting import serving
from tests.service.running import Daemon, Installation, kill

OTHERS = ("one", "two")
AT_A_TIME = 3
SPAN_S = 0.4
LATE_S = 0.1
HEALTHY_S = 10.2
READY = "provider victim: starting -> ready"


def worker_kills(count: int, home: Path, *, healthy: int = 0) -> Figures:
    """SIGKILL ``count`` times under load, and ``healthy`` times after ten quiet seconds."""
    figures = Figures(f"worker SIGKILL x{count}")
    with serving(home) as (installation, _):
        kills: list[float] = []
        controls: list[float] = []
        ready_s: list[float] = []
        with loading(installation, AT_A_TIME, "victim", *OTHERS) as load:
            for _ in range(count):
                installation.control("worker.start", provider="victim")
                kills.append(monotonic())
                ready_s.append(_kill_and_wait(installation))
                _let_pass(kills[-1] + SPAN_S)
                installation.control("worker.start", provider="victim")
                controls.append(monotonic())
                _let_pass(controls[-1] + SPAN_S)
        _tell_calls(figures, load, kills, controls)
        figures.spread("crash to ready (with the jittered pause of 0 to 250 ms)", ready_s)
        _tell_answers(figures, installation, load)
        if healthy:
            figures.spread("crash to ready after 10 healthy seconds", [_healthy(installation) for _ in range(healthy)])
    return figures


def _let_pass(until: float) -> None:
    threading.Event().wait(max(0.0, until - monotonic()))


def _kill_and_wait(installation: Installation) -> float:
    """Seconds from the kill to a worker that takes calls."""
    pid, seen = installation.workers()["victim"], _times(installation.gateway)
    began = monotonic()
    kill(pid)
    installation.gateway.wait_log(READY, seen + 1)
    return next(at for at, line in reversed(installation.gateway.lines) if READY in line) - began


def _times(daemon: Daemon) -> int:
    return len(re.findall(READY, daemon.log))


def _healthy(installation: Installation) -> float:
    installation.control("worker.start", provider="victim")
    _let_pass(monotonic() + HEALTHY_S)
    return _kill_and_wait(installation)


def _within(calls: list[Called], spans: list[float]) -> list[float]:
    """How long those calls took that were under way in one of the spans."""
    return [
        call.took_s for call in calls
        if any(at - call.took_s <= call.at < at + SPAN_S for at in spans)
    ]  # fmt: skip


def _tell_calls(figures: Figures, load: Load, kills: list[float], controls: list[float]) -> None:
    others = [call for name in OTHERS for call in load.of(name)]
    figures.tell(f"calls of the two others: {len(others)}")
    figures.at_most("failed calls of the others", len(load.failed(*OTHERS)))
    struck, quiet = _within(others, kills), _within(others, controls)
    late = percentile(quiet, 0.5) + LATE_S
    figures.spread("the others' calls around a kill", struck)
    figures.spread("the others' calls in the control spans", quiet)
    late_struck, late_quiet = (sum(took > late for took in each) for each in (struck, quiet))
    figures.tell(f"of these over the control's median + 100 ms: {late_struck} around a kill, {late_quiet} in control")
    figures.tally("the killed worker's own calls", [call.outcome for call in load.of("victim")])


def _tell_answers(figures: Figures, installation: Installation, load: Load) -> None:
    """What the gateway booked as answered, beside what the agents have; the first call of each was before the load."""
    for name in ("victim", *OTHERS):
        booked = installation.control("usage", agent="load", provider=name)["total"]
        answered = booked["calls"] - booked["failed_calls"] - 1
        received = len(load.of(name)) - len(load.failed(name))
        figures.at_most(f"answers of {name} finished but not delivered", answered - received)
