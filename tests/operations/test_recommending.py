"""Which model for what: the documentation's tables, and no id that is retired."""

from __future__ import annotations

import re
import time

import pytest

from kruxos import catalog
from kruxos.dialects.profiles import PROFILES
from kruxos.operations.offers import OFFERS
from kruxos.operations.recommending import RECOMMENDATIONS
from tests.operations.conftest import Direct
from tests.shared import shared


def test_every_recommendation_is_one_of_the_document() -> None:
    text = shared("model-providers.txt").read_text(encoding="utf-8")
    tables = text[text.index("Recommended models by use case") :]
    named = tables.replace("Sonnet 4.6", "claude-sonnet-4-6").replace("GPT-5.4", "gpt-5.4")
    named = named.replace("Ollama (local)", "llama3.3:8b").replace("OpenAI Codex (subscription)", "gpt-5.4")
    assert [each.model for each in RECOMMENDATIONS if each.model not in named] == []
    uses = re.search(r"Use Case Recommendation Why\n(.*?)\n\n", text, re.DOTALL)
    assert uses is not None
    assert len({each.use for each in RECOMMENDATIONS if ":" not in each.use}) == len(uses[1].splitlines())


@pytest.mark.parametrize("day", [time.strftime("%Y-%m-%d", time.gmtime()), "2030-01-01"])
def test_no_id_is_retired_whatever_the_day(direct: Direct, monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setattr(catalog, "day_of", lambda _now: day)
    found = direct("model.recommend")["recommendations"]
    assert found
    for each in found:
        profile = PROFILES["ollama" if each["type"] == "local" else each["type"]]
        row = catalog.lookup(profile.catalogue or profile.name, each["model"])
        assert row is None or not row.is_retired(day)
        assert each["type"] in OFFERS
        assert each["command"] == f"kruxos model add {each['type']} --model {each['model']}"


def test_a_use_narrows_it_down_and_what_is_there_already_is_named(direct: Direct) -> None:
    direct.write("providers:\n  home:\n    type: local\n  claude-api:\n    type: anthropic\n")
    (found,) = direct("model.recommend", term="Privacy")["recommendations"]
    assert (found["type"], found["providers"], found["instead_of"]) == ("local", ["home"], None)
    assert direct("model.recommend", term="nothing of the kind")["recommendations"] == []
