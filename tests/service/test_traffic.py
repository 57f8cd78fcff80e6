"""Recorded traffic end to end: recorded bytes over HTTP, through worker and supervisor, to the agent's client."""

from __future__ import annotations

import pytest

from tests.endurance.traffic import served, tell

pytestmark = [pytest.mark.real, pytest.mark.traffic]


def test_every_recorded_answer_means_to_the_agent_what_it_meant(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = served(tmp_path_factory.mktemp("k"))
    assert found.wrong == {}
    assert found.asked_more_than_once == []
    assert found.streamed > 50
    assert found.whole > 20
    assert found.errors > 20
    assert "0 wrong" in tell(found)
