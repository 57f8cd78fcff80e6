"""Who is asked to compact a conversation itself, and what of one has been compacted already."""

from __future__ import annotations

import pytest

from kruxos.dialects.profiles import PROFILES
from kruxos.dialects.registry import DIALECTS
from kruxos.events import State, TextDelta
from kruxos.messages import Message, ProviderState, Request, Text
from kruxos_workers.compaction import Length, Wish
from kruxos_workers.compaction.native import native_compaction, since_compaction, told_of_native
from kruxos_workers.settings import Settings

SONNET = "claude-sonnet-4-6"


def settings(name: str, dialect: str = "", origin: str = "") -> Settings:
    profile = PROFILES[name]
    return Settings("p", profile, DIALECTS[dialect or profile.dialect], origin or name, profile.base_url, None)


@pytest.mark.parametrize(
    ("here", "model", "asked"),
    [
        (settings("anthropic"), SONNET, True),
        (settings("anthropic"), "claude-haiku-4-5-20251001", False),
        (settings("anthropic", origin="anthropic@proxy"), SONNET, False),
        (settings("openai"), "gpt-5.4", True),
        (settings("openai"), "gpt-of-tomorrow", False),
        (settings("openai", dialect="openai-chat"), "gpt-5.4", False),
        (settings("openai-codex"), "gpt-5.4", False),
        (settings("gemini"), "gemini-3.8-flash", False),
    ],
)
def test_only_who_can_and_at_its_own_host_is_asked(here: Settings, model: str, asked: bool) -> None:
    found = native_compaction(here, here.shelf.lookup(model), Wish(), Length(model, 70_000, 100_000))
    assert (found is not None) == asked
    assert found is None or found.at_tokens == 80_000


def test_a_request_that_is_far_from_long_says_nothing_of_it_and_a_call_may_switch_it_off() -> None:
    here = settings("anthropic")
    row = here.shelf.lookup(SONNET)
    assert native_compaction(here, row, Wish(), Length(SONNET, 30_000, 100_000)) is None
    assert native_compaction(here, row, Wish(native=False), Length(SONNET, 70_000, 100_000)) is None


def test_what_stands_before_the_last_block_of_the_provider_counts_no_more() -> None:
    block = ProviderState("anthropic", "m", "compaction", b"{}")
    old, system, last = Message.of("user", "old"), Message.of("system", "s"), Message.of("user", "on")
    whole = Request([system, old, Message("assistant", [Text("x"), block, Text("so")]), last])
    assert since_compaction(whole, "anthropic").messages == [system, Message("assistant", [block, Text("so")]), last]
    assert since_compaction(whole, "elsewhere") is whole


def test_a_summary_of_the_providers_own_is_told() -> None:
    assert not told_of_native([TextDelta(0, "hi")])
    [notice] = told_of_native([State(0, "anthropic", "m", "compaction", b"{}")])
    assert (notice.code, notice.data) == ("compacted", {"native": True})
