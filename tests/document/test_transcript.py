"""The product document's commands do what it says, and docs/transcript.md shows what they say today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kruxos import catalog
from tests.cli import document
from tests.document.internet import PortTakenError, internet
from tests.document.page import commands_of, page
from tests.document.sections import DOCUMENT, SECTIONS, Step
from tests.document.transcript import PAGE, Play, play_all
from tests.shared import shared

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
ALSO = ("kruxos verify", "kruxos model default fallback local-default")
"""The commands that stand within the Troubleshooting section's sentences."""


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Play]]:
    home = tmp_path_factory.mktemp("t")
    try:
        with internet(home) as world:
            yield play_all(world, home)
    except PortTakenError as error:
        pytest.skip(str(error))


def test_every_command_of_the_document_is_typed_as_it_is_written() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    typed = [
        each.command
        for section in SECTIONS
        for each in section.steps
        if isinstance(each, Step) and each.kind == DOCUMENT
    ]
    assert sorted(typed) == sorted([*document.commands_in(text), *ALSO])
    assert all(command in text for command in ALSO)


def test_each_works_or_differs_where_a_providers_own_api_has_moved(plays: list[Play]) -> None:
    assert [(each.words, each.reason) for play in plays for each in play.told if each.verdict == "fails"] == []
    assert all("retired since" in each.reason for each in commands_of(plays) if each.verdict == "differs")


def test_the_page_shows_what_they_say_today(plays: list[Play]) -> None:
    written = PAGE.read_text(encoding="utf-8")
    (made,) = re.findall(r"^Times, .* As of (\S+):", written, re.MULTILINE)
    today = datetime.now(UTC).date().isoformat()
    if any(made < (row.gone_from or "") <= today for row in catalog.models()):
        pytest.skip("models were retired since docs/transcript.md was made: run scripts/pages")
    assert page(plays, made) == written


def test_no_key_is_in_the_page() -> None:
    assert "sk-" not in Path(PAGE).read_text(encoding="utf-8")
