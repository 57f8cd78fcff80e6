"""Generated histories at every provider: what is left of them is never refused, torn, too long or paid for twice."""

from __future__ import annotations

import pytest

from tests.economy.compaction import MODELS, run


@pytest.mark.parametrize("name", MODELS)
def test_what_compaction_leaves_is_legal_everywhere_and_paid_for_once(name: str) -> None:
    score = run(name, range(3))
    assert (score.rejected, score.broken, score.exceeded, score.twice) == (0, 0, 0, 0), score.why
    assert score.summaries
    assert score.reused
