"""Agents that others wrote, from npm: skipped by name where they are not there. ``scripts/doors-check`` shows more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.web.outside import AGENTS, PROVIDERS, missing, outcomes

VARIABLE = "KRUXOS_NODE_MODULES"


@pytest.mark.real
@pytest.mark.timeout(600)
def test_each_does_a_task_with_a_tool_at_a_provider_of_either_protocol(tmp_path: Path) -> None:
    modules = Path(os.environ.get(VARIABLE, "node_modules")).resolve()
    absent = missing(modules)
    if len(absent) == len(AGENTS):
        pytest.skip(f"none of {', '.join(absent)} is in ${VARIABLE}")
    (tmp_path / "k").mkdir()
    found = list(outcomes(modules, tmp_path))
    assert [each for each in found if not each.passed] == []
    assert len(found) == (len(AGENTS) - len(absent)) * len(PROVIDERS)
