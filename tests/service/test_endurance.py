"""The endurance measurements in small: a few rounds each, and no target missed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.endurance.agent_kills import agent_kills
from tests.endurance.batches import batches_in_small
from tests.endurance.figures import Figures, percentile
from tests.endurance.launcher_kills import launcher_kills
from tests.endurance.mixed import slope_per_s
from tests.endurance.mutated import mutated
from tests.endurance.outage import whole_again
from tests.endurance.steady import Answered
from tests.endurance.streams import REFUSED, edits, streams
from tests.endurance.stuck import stuck
from tests.endurance.supervisor_kills import supervisor_kills
from tests.endurance.worker_kills import worker_kills


def streams_in_small(count: int, home: Path) -> Figures:
    return streams(count, home, edited=3, restarts=1, seconds=40)


SMALL: list[tuple[Callable[[int, Path], Figures], int]] = [
    (worker_kills, 1),
    (launcher_kills, 1),
    (supervisor_kills, 1),
    (agent_kills, 2),
    (mutated, 300),
    (batches_in_small, 60),
    (stuck, 8),
    (streams_in_small, 12),
]


@pytest.mark.real
@pytest.mark.parametrize(("measure", "count"), SMALL, ids=[each.__name__ for each, _ in SMALL])
def test_in_small(
    measure: Callable[[int, Path], Figures], count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    figures = measure(count, tmp_path_factory.mktemp("k"))
    assert figures.missed == []
    assert len(figures.lines) > 1


def test_a_figure_over_its_target_is_a_miss() -> None:
    figures = Figures("it")
    figures.at_most("failed", 0)
    figures.at_most("grown", 3, 4)
    assert figures.missed == []
    figures.at_most("failed", 1)
    figures.at_most("grown", 5, 4)
    assert figures.missed == ["it: failed", "it: grown"]
    assert figures.lines[-1] == "it: grown: 5 (target at most 4, MISSED)"


def test_a_slope_is_that_of_the_line_that_fits_best() -> None:
    points = [(float(at), 5.0 + 2.0 * at + (-1.0) ** at) for at in range(101)]
    assert slope_per_s(points) == pytest.approx(2.0, abs=0.01)
    assert slope_per_s([(1.0, 5.0)]) == 0.0


def test_a_provider_has_its_share_back_once_it_lacks_none_any_more() -> None:
    def calls(*by: str) -> list[Answered]:
        return [Answered("first", 100.0 + at, 0.1, "answered", name, [], []) for at, name in enumerate(by)]

    assert whole_again(calls("spare", "first", "spare", "first", "first"), 100.0) == 3.0
    assert whole_again(calls("spare", "first", "spare"), 100.0) is None


def test_every_edit_is_another_one_and_every_fifth_is_refused() -> None:
    saved = list(edits("http://127.0.0.1:1", 20))
    assert [number for number, edit in enumerate(saved, start=1) if edit.told == REFUSED] == [5, 10, 15, 20]
    assert all(one.text != other.text for one, other in pairwise(saved))


def test_percentiles() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 51.0, 100.0, 100.0]
    assert str(percentile([], 0.5)) == "nan"
