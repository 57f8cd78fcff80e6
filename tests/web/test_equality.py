"""Recorded traffic as the official libraries see it: directly, and through the door of the same protocol."""

from __future__ import annotations

import pytest

from tests.web.equality import compared, tell

pytestmark = [pytest.mark.real, pytest.mark.traffic]


def test_a_library_sees_through_the_door_what_it_sees_directly(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = compared(tmp_path_factory.mktemp("k"))
    assert found.differing == {}
    assert found.answers > 150, tell(found)
    assert found.fields > 40_000, tell(found)
    assert found.errors > 5, tell(found)
    assert len(found.told_otherwise) < 40, found.told_otherwise
