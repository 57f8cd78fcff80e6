"""The table of efforts: it is what the encoders say, complete, and the page has it as it is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from kruxos import catalog
from kruxos.catalog import documented
from kruxos.messages import THINKING_EFFORTS
from kruxos.operations.efforts import effort_groups
from kruxos.operations.offers import OFFERS
from tests.operations.conftest import Direct
from tests.shared import shared

ROOT = Path(__file__).parents[2]
TODAY = "2026-11-22"


def test_the_page_has_the_table_as_the_encoders_make_it() -> None:
    page = (ROOT / "docs/providers.md").read_text(encoding="utf-8")
    with_table = runpy.run_path(str(ROOT / "scripts/effort_table.py"))["with_table"]
    assert page == with_table(page), "run scripts/effort-table"


def test_every_provider_that_can_be_added_has_its_default_model_first() -> None:
    firsts: dict[str, str] = {}
    for group in effort_groups(TODAY):
        assert [row.level for row in group.rows] == list(THINKING_EFFORTS)
        firsts.setdefault(group.provider, group.models[0])
    assert set(firsts) == set(OFFERS) - {"local"}
    assert firsts["deepseek"] == "deepseek-flash"
    assert firsts["anthropic"] == "claude-sonnet-4-6"


def test_what_is_otherwise_than_documented_has_a_reason() -> None:
    for group in effort_groups(TODAY):
        for row in group.rows:
            said_so = row.documented in (row.level, "ignored", "not offered", "true", "false")
            as_it_stands = f'"{row.documented}"' in row.sent
            assert row.why or said_so or as_it_stands, (group.provider, row)
            if row.documented == "ignored" and row.sent != "nothing":
                assert row.why


def test_no_model_that_is_retired_is_in_the_table() -> None:
    for group in effort_groups(TODAY):
        for model in group.models:
            row = catalog.lookup(group.provider, model)
            assert row is None or not row.is_retired(TODAY)


def test_the_documented_efforts_are_those_of_the_document() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    assert "Maps: none/low → false, medium/high/max → true." in text
    assert "only low and high. Maps: none/low → low, medium/high/max → high." in text
    assert "reasoning.effort (none/low/medium/high), xhigh for max" in text
    assert 'reasoning_effort parameter (low/medium/high). No "none" or "max".' in text
    assert len(re.findall(r"thinking_effort is ignored", text)) == 3
    assert [name for name, levels in documented.EFFORTS.items() if levels["low"] == "ignored"] == [
        "deepseek", "mistral", "groq", "ollama",
    ]  # fmt: skip


def test_the_operation_gives_the_same(direct: Direct) -> None:
    groups = direct("model.efforts")["groups"]
    assert groups[0]["provider"] == "anthropic"
    assert groups[0]["levels"][-1]["level"] == "max"
