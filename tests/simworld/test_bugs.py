"""The judges are worth their name: bugs that are planted into the cores are found, each by its own rule."""

from __future__ import annotations

import pytest

from tests.simworld.bugs import PLANTED, Bug, seeds_until_found

SEEDS_MAX = 1000


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    assert seeds_until_found(bug, SEEDS_MAX) is not None
