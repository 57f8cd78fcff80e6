"""An effort becomes what each Claude model takes, never an error, and what had to change is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kruxos import catalog
from kruxos.messages import THINKING_EFFORTS, ProviderState, Thinking, Tool, ToolCall, ToolResult
from tests.dialects.support import ask, assistant, codes, encode, target, tool, user

CLAUDES = [row.id for row in catalog.models() if row.profile == "anthropic"]
SONNET_46, SONNET_45, OPUS_45 = "claude-sonnet-4-6", "claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101"


def fields(model: str, effort: str | None, **wishes: Any) -> tuple[Any, Any, list[str]]:
    body, encoded = encode(ask(thinking_effort=effort, **wishes), target("anthropic", model))
    return body.get("thinking"), body.get("output_config", {}).get("effort"), codes(encoded.notices)


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "level", "told"),
    [
        (SONNET_46, None, None, None, []),
        (SONNET_46, "none", None, None, []),
        (SONNET_46, "low", {"type": "adaptive"}, "low", []),
        (SONNET_46, "max", {"type": "adaptive"}, "max", []),
        (SONNET_45, "none", None, None, []),
        (SONNET_45, "low", {"type": "enabled", "budget_tokens": 2_048}, None, []),
        (SONNET_45, "max", {"type": "enabled", "budget_tokens": 24_000}, None, []),
        (OPUS_45, "medium", {"type": "enabled", "budget_tokens": 8_192}, "medium", []),
        (OPUS_45, "max", {"type": "enabled", "budget_tokens": 24_000}, "high", ["effort_clamped"]),
        ("claude-opus-4-7", "none", None, None, []),
        ("claude-opus-4-7", "high", {"type": "adaptive"}, "high", []),
        ("claude-opus-5", "none", {"type": "disabled"}, None, []),
        ("claude-sonnet-5", "max", {"type": "adaptive"}, "max", []),
        ("claude-fable-5", "none", None, "low", ["effort_clamped"]),
        ("claude-fable-5", "medium", {"type": "adaptive"}, "medium", []),
        ("claude-unheard-of", "high", None, None, ["parameter_dropped"]),
    ],
)
def test_every_family_has_its_form(model: str, effort: str, thinking: Any, level: Any, told: list[str]) -> None:
    assert fields(model, effort) == (thinking, level, told)


@pytest.mark.parametrize(
    ("limit", "effort", "thinking", "told"),
    [
        (1_024, "low", None, ["effort_clamped"]),
        (1_025, "low", {"type": "enabled", "budget_tokens": 1_024}, ["effort_clamped"]),
        (4_000, "low", {"type": "enabled", "budget_tokens": 2_048}, []),
        (4_000, "high", {"type": "enabled", "budget_tokens": 3_000}, ["effort_clamped"]),
    ],
)
def test_a_budget_leaves_room_for_the_answer(limit: int, effort: str, thinking: Any, told: list[str]) -> None:
    assert fields(SONNET_45, effort, max_output_tokens=limit) == (thinking, None, told)


def test_a_profile_that_names_no_mapping_tells_that_the_effort_is_not_sent() -> None:
    aim = target("anthropic", SONNET_46)
    plain = replace(aim, profile=replace(aim.profile, thinking="omitted"))
    body, encoded = encode(ask(thinking_effort="high"), plain)
    assert "thinking" not in body
    assert codes(encoded.notices) == ["parameter_dropped"]


def test_a_forced_tool_switches_thinking_with_a_budget_off_but_not_the_adaptive_kind() -> None:
    forced = {"tools": [Tool("f")], "tool_choice": "required"}
    assert fields(SONNET_45, "high", **forced) == (None, None, ["effort_clamped"])
    assert fields(SONNET_46, "high", **forced) == ({"type": "adaptive"}, "high", [])


def test_a_tool_loop_that_began_without_thinking_goes_on_without_it() -> None:
    thought = Thinking("hm", ProviderState("anthropic", SONNET_45, "signature", b"Eq"))
    call, result = ToolCall("t1", "f"), tool(ToolResult("t1", "1"))
    again = [assistant(ToolCall("t2", "f")), tool(ToolResult("t2", "2"))]
    for loop, thinks in [
        ([assistant(call), result], False),
        ([assistant(thought, call), result], True),
        ([assistant(thought, call), result, *again], True),
        ([assistant(call), result, assistant("done"), user("next")], True),
    ]:
        request = ask(user("?"), *loop, thinking_effort="high")
        body, encoded = encode(request, target("anthropic", SONNET_45))
        assert ("thinking" in body) is thinks
        assert codes(encoded.notices) == ([] if thinks else ["effort_clamped"])


def test_while_a_model_thinks_only_a_high_top_p_goes_with_it() -> None:
    request = ask(thinking_effort="low", temperature=0.5, top_k=3, top_p=0.99)
    body, encoded = encode(request, target("anthropic", SONNET_46))
    assert "temperature" not in body
    assert body["top_p"] == 0.99
    assert [notice.data["parameter"] for notice in encoded.notices] == ["temperature", "top_k"]
    body, _ = encode(ask(thinking_effort="low", top_p=0.5), target("anthropic", SONNET_46))
    assert "top_p" not in body


@given(
    st.sampled_from(CLAUDES),
    st.sampled_from(THINKING_EFFORTS),
    st.none() | st.integers(1, 200_000),
    st.sampled_from([None, "auto", "required", "none", "tool:f"]),
    st.none() | st.floats(0, 2),
    st.none() | st.floats(0, 1),
)
def test_no_combination_of_wishes_breaks_a_rule_of_the_api(
    model: str, effort: str, limit: int | None, choice: str | None, temperature: float | None, top_p: float | None
) -> None:
    wishes = {"max_output_tokens": limit, "temperature": temperature, "top_p": top_p}
    request = ask(thinking_effort=effort, tools=[Tool("f")], tool_choice=choice, **wishes)
    body, encoded = encode(request, target("anthropic", model))
    row = catalog.lookup("anthropic", model)
    assert row is not None
    assert row.thinking is not None
    thinking = body.get("thinking", {})
    kind = thinking.get("type")
    assert kind is None or kind in row.thinking.forms
    if kind == "enabled":
        assert 1_024 <= thinking["budget_tokens"] < body["max_tokens"]
        assert body.get("tool_choice", {}).get("type") not in ("any", "tool")
    level = body.get("output_config", {}).get("effort")
    assert level is None or level in row.thinking.efforts
    if kind in ("enabled", "adaptive"):
        assert not {"temperature", "top_k"} & set(body)
        assert body.get("top_p", 1) >= 0.95
    if row.sampling == "one":
        assert not {"temperature", "top_p"} <= set(body)
    if row.sampling == "none":
        assert not {"temperature", "top_p", "top_k"} & set(body)
    silent = temperature is not None and "temperature" not in body
    assert not silent or "parameter_dropped" in codes(encoded.notices)
