"""Whatever goes wrong for a newcomer: what is said names the cause and what mends it, and the page shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.troubles.page import PAGE, masked, page
from tests.troubles.scene import Scene
from tests.troubles.table import TROUBLES, Trouble

pytestmark = pytest.mark.real
SAID: dict[str, str] = {}


def may_mount() -> bool:
    return sys.platform == "linux" and not subprocess.run(
        ["unshare", "-r", "-m", "true"], capture_output=True, check=False
    ).returncode  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.title)
def test_it_is_told_with_its_cause_and_what_mends_it(
    trouble: Trouble, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if trouble.title == "The disk is full" and not may_mount():
        pytest.skip("this system gives no mount namespace")
    home: Path = tmp_path_factory.mktemp("k")
    scene = Scene(home)
    try:
        done = trouble.play(scene)
    finally:
        scene.close()
    assert trouble.cause in done.said, done.said
    assert trouble.fix in done.said, done.said
    assert done.code == trouble.code
    SAID[trouble.title] = masked(done, home)


def test_the_page_has_all_of_them_as_they_are_told() -> None:
    if len(SAID) < len(TROUBLES):
        pytest.skip("not all of the troubles were played")
    assert page((trouble, SAID[trouble.title]) for trouble in TROUBLES) == PAGE.read_text(encoding="utf-8")


def test_there_are_at_least_the_twenty_five_that_newcomers_meet() -> None:
    assert len({trouble.title for trouble in TROUBLES}) == len(TROUBLES) >= 25
