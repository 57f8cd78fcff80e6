"""The catalogue holds what it must, and finds a model by every name it goes by."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from kruxos import catalog
from kruxos.dialects.efforts import SCALE
from kruxos.dialects.profiles import PROFILES


def found(profile: str, model: str) -> str | None:
    row = catalog.lookup(profile, model)
    return None if row is None else row.id


@pytest.mark.parametrize(
    ("profile", "model", "row"),
    [
        ("anthropic", "claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("anthropic", "claude-sonnet-4-6-20270101", "claude-sonnet-4-6"),
        ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("anthropic", "claude-opus-4-1", "claude-opus-4-1-20250805"),
        ("anthropic", "claude-opus-4-20250522", "claude-opus-4-20250514"),
        ("openai", "gpt-5.4-2026-03-05", "gpt-5.4"),
        ("openai", "gpt-5.4-mini", "gpt-5.4-mini"),
        ("grok", "grok-4-0709", "grok-4"),
        ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("groq", "llama-3.3-8b-instant", "llama-3.1-8b-instant"),
        ("mistral", "mistral-large-2512", "mistral-large-latest"),
    ],
)
def test_a_model_is_found_by_its_id_its_aliases_and_their_dated_forms(profile: str, model: str, row: str) -> None:
    assert found(profile, model) == row


@pytest.mark.parametrize(
    ("profile", "model"),
    [
        ("anthropic", "claude-sonnet-9"),
        ("openai", "claude-sonnet-4-6"),
        ("generic", "gpt-4o"),
        ("openai", ""),
        ("", ""),
    ],
)
def test_what_is_not_listed_is_unknown(profile: str, model: str) -> None:
    assert catalog.lookup(profile, model) is None


def test_every_row_says_where_it_is_from_and_when() -> None:
    for row in catalog.models():
        assert row.source
        assert date.fromisoformat(row.as_of) <= date(2026, 12, 31)
        assert row.profile in PROFILES or row.profile == "gemini"


def test_no_name_leads_to_two_rows() -> None:
    names = [(row.profile, name) for row in catalog.models() for name in (row.id, *row.aliases)]
    assert len(names) == len(set(names))


def test_what_is_retired_or_retiring_names_a_successor_or_a_day() -> None:
    for row in catalog.models():
        for day in (row.retired, row.retires):
            if day is not None:
                date.fromisoformat(day)
        if row.retired:
            assert row.successor
        if row.successor:
            assert found(row.profile, row.successor) == row.successor


def test_values_are_of_the_sets_that_encoders_know() -> None:
    for row in catalog.models():
        assert row.sampling in ("any", "one", "none")
        if row.thinking is not None:
            assert set(row.thinking.efforts) <= set(SCALE)
            assert set(row.thinking.forms) <= {"enabled", "adaptive", "disabled", "budget", "level", "switch"}
            assert row.thinking.default in SCALE
            assert list(row.thinking.efforts) == sorted(row.thinking.efforts, key=SCALE.index)


def test_limits_fit_into_each_other() -> None:
    for row in catalog.models():
        if row.context is not None and row.max_output is not None:
            assert row.max_output <= row.context


def test_every_model_of_the_product_document_is_there() -> None:
    wanted = {
        "anthropic": "claude-sonnet-4-6 claude-opus-4-6 claude-haiku-4-5-20251001 claude-sonnet-4-5-20250929 "
        "claude-opus-4-5-20251101 claude-opus-4-1-20250805 claude-sonnet-4-20250514 claude-opus-4-20250522",
        "openai": "gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-4o",
        "gemini": "gemini-2.5-flash gemini-2.5-pro",
        "deepseek": "deepseek-chat",
        "glm": "glm-5 glm-5-turbo glm-4.7",
        "grok": "grok-4",
        "mistral": "mistral-large-latest",
        "groq": "llama-3.3-70b-versatile llama-3.3-8b-instant",
    }
    for profile, ids in wanted.items():
        for model in ids.split():
            row = catalog.lookup(profile, model)
            assert row is not None, model
            assert row.prices is not None, model


def test_importing_the_catalogue_reads_nothing_and_brings_only_the_standard_library() -> None:
    code = """
import sys
import kruxos.catalog
from kruxos.catalog.models import _rows
assert _rows.cache_info().currsize == 0
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("httpx", "pynng", "trio", "pydantic", "yaml")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
