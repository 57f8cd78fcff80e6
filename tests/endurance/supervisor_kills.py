"""The supervisor is killed again and again under load, at no chosen moment; what it left must not stop the next one."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from time import monotonic

from tests.endurance.figures import Figures
from tests.endurance.load import loading
from tests.endurance.setting import NAMES, serving
from tests.service.running import Installation, kill, wait_gone

GONE_WITHIN_S = 1.0
SEED = 20_261_122


def supervisor_kills(count: int, home: Path) -> Figures:
    """SIGKILL ``count`` times; the agents' load goes on and connects again by itself."""
    figures = Figures(f"supervisor SIGKILL x{count}")
    chance, alive, failed_starts, gone_s, start_s = random.Random(SEED), 0, 0, list[float](), list[float]()
    with serving(home) as (installation, _):
        with loading(installation, 2, *NAMES) as load:
            for _ in range(count):
                threading.Event().wait(chance.uniform(0.0, 0.3))
                alive += _kill(installation, gone_s)
                failed_starts += not _start(installation, start_s)
        figures.at_most("workers alive after 1 s", alive)
        figures.at_most("next starts that failed", failed_starts)
        figures.spread("death to the end of the last worker", gone_s)
        figures.spread("start to an answered call", start_s)
        figures.tally("calls meanwhile", [call.outcome for call in load.calls])
    return figures


def _kill(installation: Installation, gone_s: list[float]) -> int:
    """How many of its processes are there too long after its death."""
    status = installation.status()
    pids = [each["pid"] for each in status["workers"]] + [status["launcher_pid"]]
    began = monotonic()
    kill(installation.gateway.pid)
    alive = sum(not wait_gone(pid, GONE_WITHIN_S) for pid in pids if pid is not None)
    gone_s.append(monotonic() - began)
    return alive


def _start(installation: Installation, start_s: list[float]) -> bool:
    """Whether the next one starts and answers."""
    installation.stop()
    began = monotonic()
    try:
        installation.start()
        installation.wait_ready(*NAMES)
        with installation.client(agent="next") as client:
            is_well = bool(client.chat("Hello", provider="one").text)
    except AssertionError:
        return False
    start_s.append(monotonic() - began)
    return is_well
