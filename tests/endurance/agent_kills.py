"""Agents are killed in the middle of a stream: how soon the provider's connection closes, and what is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.endurance.figures import Figures
from tests.endurance.setting import serving
from tests.service.running import Installation, Simulator, kill, until

AGENT = """
from kruxos import BlockingClient
with BlockingClient(agent="doomed").stream("Hello [[simulate silence where=middle after=3]]", provider="one") as events:
    next(events)
    print("began", flush=True)
    for _ in events:
        pass
"""


def agent_kills(count: int, home: Path) -> Figures:
    """SIGKILL for ``count`` agents, one after the other."""
    figures = Figures(f"agent SIGKILL x{count}")
    closed_s: list[float] = []
    with serving(home, "--fast") as (installation, simulator):
        for _ in range(count):
            number = len(simulator.requests())
            with installation.agent_process(AGENT) as agent:
                assert agent.stdout is not None
                assert agent.stdout.readline() == "began\n"
                killed_at = time.time()
                kill(agent.pid)
            closed_s.append(float(_wait_left(simulator, number)["client_closed_at"]) - killed_at)
        installation.wait_idle()
        until(lambda: installation.status()["sessions"] == 0, "the end of the sessions")
        figures.spread("kill to the end of the provider's connection", closed_s)
        figures.at_most("leftovers", _leftovers(installation))
    return figures


def _wait_left(simulator: Simulator, number: int) -> dict[str, Any]:
    def left() -> dict[str, Any]:
        found = simulator.requests()[number]
        return found if found["client_closed_at"] else {}

    return until(left, "the end of the provider's connection")


def _leftovers(installation: Installation) -> int:
    """Calls, attempts and sessions in the status, and sockets of sessions in the directory."""
    status = installation.status()
    files = {path.name for path in (installation.kruxos.root / "run" / "agents").iterdir()} - {"agent.sock"}
    in_flight = sum(int(each["in_flight"]) for each in status["workers"])
    return int(status["calls"]) + int(status["sessions"]) + in_flight + len(files)
