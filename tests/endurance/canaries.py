"""Keys and prompts are looked for after runs with crashes and with refusals that quote them."""

from __future__ import annotations

from pathlib import Path

from tests.endurance.figures import Figures
from tests.service.conftest import MODELS
from tests.service.replaying import replaying
from tests.service.rough import let_it_quote, rough_run
from tests.service.running import Installation, Simulator


def canaries(count: int, home: Path) -> Figures:
    """``count`` rough runs, each in a data directory of its own."""
    figures = Figures(f"canary scan x{count}")
    found: list[str] = []
    codes: list[str] = []
    with Simulator("--fast") as simulator, replaying({}) as upstream:
        for number in range(count):
            place = home / str(number)
            place.mkdir()
            installation = Installation.make(place, MODELS.format(root=simulator.root))
            let_it_quote(installation, upstream)
            seen = rough_run(installation)
            found += seen.found
            codes += seen.codes
    figures.at_most("places where a key or a prompt was found", len(found))
    for each in found:
        figures.tell(each)
    figures.tally("errors in these runs", codes)
    return figures
