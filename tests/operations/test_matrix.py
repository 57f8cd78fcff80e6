"""The Feature Comparison Matrix beside the documentation's, and the documentation's prices beside ours."""

from __future__ import annotations

import re

from kruxos import catalog
from kruxos.catalog import documented
from kruxos.dialects import features
from kruxos.dialects.profiles import PROFILES
from kruxos.operations.matrix import PROFILE_OF, WHY, matrix
from kruxos_workers.counting import ENDPOINTS
from tests.operations.conftest import Direct
from tests.shared import shared

TODAY = "2026-11-22"
DIFFERING = {
    "Anthropic": set(),
    "OpenAI": {"Token Pre-flight"},
    "OpenAI Codex": {"Compaction"},
    "Gemini": {"Thinking", "Batch", "Token Pre-flight"},
    "DeepSeek": {"Thinking"},
    "GLM": set(),
    "Grok": {"Thinking"},
    "Mistral": set(),
    "Groq": {"Thinking"},
    "OpenRouter": set(),
    "Ollama": {"Thinking"},
}
"""The cells that are otherwise than documented, of this version. Whoever mends one takes it out."""


def test_the_cells_that_differ_are_those_that_are_known_and_have_a_reason() -> None:
    rows = matrix(TODAY)
    differing = {
        name: {column for column, cell in cells.items() if cell.ours != cell.documented} for name, cells in rows.items()
    }
    assert differing == DIFFERING
    for cells in rows.values():
        for cell in cells.values():
            assert bool(cell.why) == (cell.ours != cell.documented), cell


def test_no_reason_is_left_for_what_does_not_differ() -> None:
    for name, column in WHY:
        assert any(column in columns for row, columns in DIFFERING.items() if name in ("", row)), (name, column)


def test_the_documented_matrix_is_that_of_the_document() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    block = text.partition("\nFeature Comparison Matrix\n")[2].partition("\nOpenAI-Compatible")[0]
    lines = [line for line in block.splitlines() if line.strip()]
    assert lines[0] == " ".join(("Provider", *documented.COLUMNS))
    assert lines[1:] == [" ".join((name, *cells)) for name, cells in documented.MATRIX.items()]


def test_the_documented_prices_are_those_of_the_document() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z][a-z0-9.-]+) .*?~?\$([0-9.]+) / \$([0-9.]+)$", text, re.MULTILINE)
    assert {model: (input_price, output_price) for model, input_price, output_price in found} == {
        model: prices for (_, model), prices in documented.PRICES.items()
    }


def test_a_documented_price_that_is_not_ours_stands_beside_it(direct: Direct) -> None:
    found = {each["id"]: each for each in direct("model.catalog", term="claude")["models"]}
    assert found["claude-opus-4-6"]["documented_prices"] == ["15", "75"]
    assert found["claude-opus-4-6"]["input_price"] == "5"
    assert found["claude-sonnet-4-6"]["documented_prices"] is None
    assert all("claude" in name for name in found)


def test_a_term_is_looked_for_in_all_names(direct: Direct) -> None:
    def ids(term: str) -> list[str]:
        return [each["id"] for each in direct("model.catalog", term=term)["models"]]

    assert "claude-opus-4-20250514" in ids("20250522")
    assert ids("DEEPSEEK-FL") == ["deepseek-flash"]
    assert ids("no such model") == []


def test_every_row_of_the_matrix_is_a_profile_with_models() -> None:
    assert set(PROFILE_OF) == set(documented.MATRIX)
    sold = {row.profile for row in catalog.models()} | {"openai-codex"}
    assert set(PROFILE_OF.values()) <= sold


def test_who_counts_is_who_has_an_endpoint_for_it() -> None:
    counting = {name for name in features.COUNTING if PROFILES[name].dialect in ENDPOINTS and not PROFILES[name].login}
    assert counting == set(features.COUNTING)


def test_who_compacts_natively_is_who_is_asked_to() -> None:
    assert {name for name, profile in PROFILES.items() if profile.compaction} == set(features.COMPACTION)
