"""How an effort is said in Chat Completions: what the model offers, else what is documented, else the nearest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import catalog
from kruxos.dialects.profiles import PROFILES
from kruxos.messages import THINKING_EFFORTS, Tool
from tests.dialects.support import ask, codes, encode, target

CHAT = [name for name, profile in PROFILES.items() if profile.dialect == "openai-chat"]
MODELS = [(row.profile, row.id) for row in catalog.models() if row.profile in CHAT and not row.retired]
ON, OFF = {"type": "enabled"}, {"type": "disabled"}


def said(profile: str, model: str, effort: str, **wishes: Any) -> tuple[dict[str, Any], list[str]]:
    body, encoded = encode(ask(thinking_effort=effort, **wishes), target(profile, model))
    fields: dict[str, Any] = {
        name: body[name] for name in ("thinking", "reasoning_effort", "reasoning") if name in body
    }
    return fields, codes(encoded.notices)


@pytest.mark.parametrize(
    ("profile", "model", "effort", "fields", "notices"),
    [
        ("deepseek", "deepseek-flash", "none", {"thinking": OFF}, []),
        ("deepseek", "deepseek-flash", "low", {"thinking": ON, "reasoning_effort": "low"}, []),
        ("deepseek", "deepseek-flash", "medium", {"thinking": ON, "reasoning_effort": "high"}, ["effort_clamped"]),
        ("deepseek", "deepseek-flash", "max", {"thinking": ON, "reasoning_effort": "max"}, []),
        ("glm", "glm-5", "none", {"thinking": OFF}, []),
        ("glm", "glm-5", "low", {"thinking": OFF}, ["effort_clamped"]),
        ("glm", "glm-5", "medium", {"thinking": ON}, ["effort_clamped"]),
        ("glm", "glm-5", "high", {"thinking": ON}, []),
        ("glm", "glm-5", "max", {"thinking": ON}, ["effort_clamped"]),
        ("glm", "glm-5.3", "none", {"thinking": ON, "reasoning_effort": "low"}, ["effort_clamped"]),
        ("glm", "glm-5.3", "medium", {"thinking": ON, "reasoning_effort": "high"}, ["effort_clamped"]),
        ("grok", "grok-4.3", "none", {"reasoning_effort": "none"}, []),
        ("grok", "grok-4.3", "medium", {"reasoning_effort": "medium"}, []),
        ("grok", "grok-4.3", "max", {"reasoning_effort": "high"}, ["effort_clamped"]),
        ("grok", "grok-4.5", "none", {"reasoning_effort": "low"}, ["effort_clamped"]),
        ("grok", "grok-4.7", "max", {"reasoning_effort": "xhigh"}, []),
        ("grok", "grok-4.20-reasoning", "low", {}, ["parameter_dropped"]),
        ("grok", "grok-unheard-of", "low", {}, ["parameter_dropped"]),
        ("mistral", "mistral-large-latest", "high", {}, ["effort_clamped"]),
        ("mistral", "mistral-large-latest", "none", {}, []),
        ("mistral", "mistral-small-latest", "high", {"reasoning_effort": "high"}, []),
        ("groq", "openai/gpt-oss-120b", "none", {"reasoning_effort": "low"}, ["effort_clamped"]),
        ("groq", "openai/gpt-oss-120b", "medium", {"reasoning_effort": "medium"}, []),
        ("openrouter", "anthropic/claude-sonnet-4.6", "none", {"reasoning": {"effort": "none"}}, []),
        ("openrouter", "some/model", "low", {"reasoning": {"effort": "low"}}, []),
        ("openrouter", "some/model", "max", {"reasoning": {"effort": "high"}}, ["effort_clamped"]),
        ("openrouter", "some/model", "none", {}, ["parameter_dropped"]),
        ("generic", "some-model", "high", {}, ["parameter_dropped"]),
    ],
)
def test_an_effort_is_said_as_the_model_takes_it(
    profile: str, model: str, effort: str, fields: dict[str, Any], notices: list[str]
) -> None:
    assert said(profile, model, effort) == (fields, notices)


@pytest.mark.parametrize("profile", CHAT)
def test_without_a_wish_nothing_is_said(profile: str) -> None:
    body, _ = encode(ask(), target(profile, "some-model"))
    assert not {"thinking", "reasoning_effort", "reasoning"} & set(body)


def test_a_server_whose_efforts_the_operator_states_is_told_them() -> None:
    shelf = catalog.Shelf("generic", stated={"mine": {"efforts": ["low", "high"], "default_effort": "high"}})
    body, _ = encode(ask(thinking_effort="low"), target("generic", "mine", shelf=shelf))
    assert body["reasoning_effort"] == "low"


def test_a_small_output_limit_leaves_room_for_the_answer() -> None:
    fields, notices = said("deepseek", "deepseek-flash", "high", max_output_tokens=4_000)
    assert fields["reasoning_effort"] == "low"
    assert notices == ["effort_clamped"]
    assert said("deepseek", "deepseek-flash", "high", max_output_tokens=256)[0] == {"thinking": OFF}
    assert said("deepseek", "deepseek-flash", "high", max_output_tokens=64_000)[0]["reasoning_effort"] == "high"


def test_a_switch_stays_on_while_there_is_room_for_any_thinking() -> None:
    assert said("glm", "glm-5", "high", max_output_tokens=4_000) == ({"thinking": {"type": "enabled"}}, [])
    assert said("glm", "glm-5", "high", max_output_tokens=256) == ({"thinking": OFF}, ["effort_clamped"])


def test_a_forced_tool_takes_no_effort_along() -> None:
    wishes: dict[str, Any] = {"tools": [Tool("f")], "tool_choice": "required"}
    assert said("deepseek", "deepseek-flash", "high", **wishes) == ({"thinking": OFF}, ["thinking_off"])
    assert said("deepseek", "deepseek-flash", "none", **wishes) == ({"thinking": OFF}, [])


@given(st.sampled_from(MODELS), st.sampled_from(THINKING_EFFORTS), st.none() | st.integers(1, 100_000))
def test_only_what_the_model_has_is_ever_said(which: tuple[str, str], effort: str, limit: int | None) -> None:
    profile, model = which
    fields, _ = said(profile, model, effort, max_output_tokens=limit)
    row = catalog.lookup(profile, model)
    assert row is not None
    known = row.thinking.efforts if row.thinking else ("low", "medium", "high")
    for level in (fields.get("reasoning_effort"), fields.get("reasoning", {}).get("effort")):
        assert level is None or level in known
    assert fields.get("thinking") != OFF or "none" in known
