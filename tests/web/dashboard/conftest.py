"""One gateway with every kind of provider, and one browser that is signed in to its dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.running import Simulator
from tests.web.conftest import KEYED, MODELS
from tests.web.dashboard.running import PASSPHRASE, Dashboard, browsing, dashboard


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Dashboard]:
    models = MODELS.format(root=simulator.root)
    with dashboard(tmp_path_factory.mktemp("k"), models, KEYED) as made:
        yield made


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    """A browser's context, for all tests of a file: its driver keeps a loop running in this thread while it lives."""
    with browsing(viewport={"width": 1100, "height": 800}) as made:
        yield made


@pytest.fixture
def page(context: Any, board: Dashboard) -> Iterator[Any]:
    """A page that is signed in; at its end the browser may have complained about nothing."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
    opened.goto(board.link())
    opened.wait_for_url("**/dashboard")
    yield opened
    opened.close()
    assert complaints == []


@pytest.fixture
def sealed(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Dashboard]:
    """A gateway whose vault has a passphrase."""
    models = f"providers:\n  gpt: {{type: openai, base_url: '{simulator.root}/v1', model: gpt-4o}}\n"
    with dashboard(tmp_path_factory.mktemp("k"), models, ("gpt",)) as made:
        made.installation.control("vault.set_passphrase", place="passphrase", passphrase=PASSPHRASE)
        yield made
