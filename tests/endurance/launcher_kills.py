"""The launcher is killed again and again under load: no worker may go with it, and each next one must fork."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

from tests.endurance.figures import Figures
from tests.endurance.load import loading
from tests.endurance.setting import NAMES, serving
from tests.service.running import Installation, kill, until


def launcher_kills(count: int, home: Path) -> Figures:
    """SIGKILL ``count`` times; after each, a worker is replaced through the next launcher."""
    figures = Figures(f"launcher SIGKILL x{count}")
    lost, up_s = 0, list[float]()
    with serving(home) as (installation, _):
        with loading(installation, 2, *NAMES) as load:
            for _ in range(count):
                before = _wait_launcher(installation, None)
                began = monotonic()
                kill(before["launcher_pid"])
                after = _wait_launcher(installation, before["launcher_pid"])
                up_s.append(monotonic() - began)
                lost += sum(now != then for now, then in zip(_pids(after), _pids(before), strict=True))
                installation.control("worker.restart", provider="victim")
                installation.wait_other("victim", before["workers"][0]["pid"])
        figures.at_most("workers lost", lost)
        figures.at_most("failed calls", len(load.failed(*NAMES)))
        figures.tell(f"calls meanwhile, hand-overs among them: {len(load.calls)}")
        figures.spread("death to the next launcher (its pause doubles up to 5 s while they live under 10 s)", up_s)
    return figures


def _wait_launcher(installation: Installation, old: int | None) -> dict[str, Any]:
    def found() -> dict[str, Any]:
        status = installation.status()
        return status if status["launcher_pid"] not in (None, old) else {}

    return until(found, "a launcher")


def _pids(status: dict[str, Any]) -> list[int | None]:
    return [each["pid"] for each in status["workers"]]
