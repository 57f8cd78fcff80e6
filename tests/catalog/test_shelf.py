"""What took the place of what, from when on, and what an operator's own word changes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from kruxos import catalog
from kruxos.catalog import Shelf, Thinking, ending, moved, replacement
from kruxos.dialects.profiles import PROFILES
from tests.dialects.support import ask, encode, target

TODAY = "2026-11-22"


@pytest.mark.parametrize(
    ("profile", "old", "new", "effort", "since"),
    [
        ("deepseek", "deepseek-chat", "deepseek-flash", "none", "2026-07-24"),
        ("deepseek", "deepseek-reasoner", "deepseek-flash", "high", "2026-07-24"),
        ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-6", None, "2026-08-05"),
        ("anthropic", "claude-opus-4-1", "claude-opus-4-6", None, "2026-08-05"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-6", None, "2026-06-15"),
        ("anthropic", "claude-opus-4-20250522", "claude-opus-4-6", None, None),
        ("grok", "grok-4", "grok-4.3", None, "2026-05-15"),
        ("grok", "grok-4-fast-non-reasoning", "grok-4.3", "none", "2026-05-15"),
        ("groq", "llama-3.3-70b-versatile", "openai/gpt-oss-120b", "none", "2026-08-16"),
        ("groq", "llama-3.3-8b-instant", "openai/gpt-oss-20b", "none", None),
        ("openrouter", "meta-llama/llama-3.1-405b-instruct", "meta-llama/llama-3.3-70b-instruct", None, "2026-07-02"),
        ("openrouter", "anthropic/claude-3.5-sonnet", "anthropic/claude-sonnet-4.6", None, "2026-07-02"),
        ("openai", "gpt-5.1-codex", "gpt-5.3-codex", "medium", "2026-07-23"),
    ],
)
def test_a_retired_model_is_replaced_by_one_that_does_the_same(
    profile: str, old: str, new: str, effort: str | None, since: str | None
) -> None:
    found = replacement(profile, old, TODAY)
    assert found is not None
    assert (found.new, found.effort, found.since) == (new, effort, since)
    assert old in found.message
    assert new in found.message


@pytest.mark.parametrize(
    ("profile", "model"),
    [("anthropic", "claude-sonnet-4-6"), ("anthropic", "unheard-of"), ("generic", "deepseek-chat"), ("deepseek", "")],
)
def test_what_answers_or_is_not_known_stays_what_it_is(profile: str, model: str) -> None:
    assert replacement(profile, model, TODAY) is None


def test_a_model_that_is_to_be_retired_is_replaced_from_that_day_on() -> None:
    assert replacement("gemini", "gemini-2.5-pro", "2026-11-30") is None
    at_last = replacement("gemini", "gemini-2.5-pro", "2026-12-01")
    assert at_last is not None
    assert at_last.new == "gemini-3.8-flash"
    coming = ending("gemini", "gemini-2.5-pro", TODAY)
    assert coming is not None
    assert coming.gone_from == "2026-12-01"
    assert ending("gemini", "gemini-2.5-pro", "2026-12-01") is None
    assert ending("gemini", "gemini-3.8-flash", TODAY) is None


def test_another_date_of_a_retired_name_is_another_model() -> None:
    assert replacement("anthropic", "claude-opus-4-20270101", TODAY) is None


def test_a_successor_that_is_retired_too_leads_on_to_its_own() -> None:
    before = replacement("openai", "gpt-5.1-codex", "2027-03-31")
    after = replacement("openai", "gpt-5.1-codex", "2027-04-01")
    assert before is not None
    assert after is not None
    assert (before.new, after.new) == ("gpt-5.3-codex", "gpt-5.4")


def test_every_replacement_leads_to_a_row_that_answers_however_late_it_is() -> None:
    for row in catalog.models():
        for name in row.names:
            found = replacement(row.profile, name, "2099-01-01")
            if found is not None:
                successor = catalog.lookup(row.profile, found.new)
                assert successor is not None, name
                assert not successor.is_retired("2099-01-01"), name
                assert successor.prices is not None or row.prices is None, name


def test_other_hosts_keep_their_ids() -> None:
    assert Shelf("deepseek", own_host=False).replacement("deepseek-chat", TODAY) is None
    assert Shelf("deepseek").replacement("deepseek-chat", TODAY) is not None


def test_an_answer_is_billed_by_the_model_that_gave_it() -> None:
    for own_host, wanted in ((True, "deepseek-flash"), (False, "deepseek-chat")):
        row = Shelf("deepseek", own_host=own_host).priced("deepseek-chat", TODAY)
        assert row is not None
        assert row.id == wanted


def test_the_operators_word_on_a_model_stands_before_ours() -> None:
    said = {
        "context": 1000,
        "prices": {"input": "0.07", "output": "0.3", "cache_read": None},
        "efforts": ["none", "high"],
    }
    shelf = Shelf("deepseek", stated={"deepseek-flash": said, "deepseek-chat": {}, "own-model": said})
    row = shelf.lookup("deepseek-flash")
    assert row is not None
    assert row.prices is not None
    assert (row.context, row.max_output) == (1000, 393_216)
    assert (row.prices.input, row.prices.cache_read, row.peak) == (Decimal("0.07"), None, None)
    assert row.thinking is not None
    assert row.thinking.efforts == ("none", "high")
    assert row.source.startswith("models.yaml; ")
    own = shelf.lookup("own-model")
    assert own is not None
    assert own.prices is not None
    assert own.prices.output == Decimal("0.3")
    assert shelf.replacement("deepseek-chat", TODAY) is None  # it exists, the operator says


def test_addresses_that_were_left_are_known_however_they_are_spelled() -> None:
    for spelled in ("https://api.z.ai/v1", "https://API.z.ai:443/v1/"):
        gone = moved(spelled)
        assert gone is not None
        assert gone.address == PROFILES["glm"].base_url
    assert moved("https://api.z.ai/api/paas/v4") is None
    assert moved("https://my.z.ai/v1") is None


@pytest.mark.parametrize(("profile", "form"), [("anthropic", "adaptive"), ("gemini", "level")])
def test_a_model_that_only_the_operator_knows_thinks_as_its_providers_newest(profile: str, form: str) -> None:
    shelf = Shelf(profile, stated={"of-tomorrow": {"efforts": ["low", "high"], "default_effort": "high"}})
    row = shelf.lookup("of-tomorrow")
    assert row is not None
    assert row.thinking == Thinking(("low", "high"), "high", (form,))
    body, _ = encode(ask(thinking_effort="max"), target(profile, "of-tomorrow", shelf=shelf))
    assert '"high"' in json.dumps(body).lower()
