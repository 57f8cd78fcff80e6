"""Every profile is a row that its dialect can read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from kruxos.dialects.anthropic import thinking as claude
from kruxos.dialects.encoding import SAMPLING
from kruxos.dialects.openai_chat import errors, request, thinking, turns
from kruxos.dialects.openai_responses import items
from kruxos.dialects.openai_responses import request as responses
from kruxos.dialects.profiles import PROFILES, Profile, choose_profile
from kruxos.dialects.registry import DIALECTS


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_word_in_a_row_is_a_name_that_its_dialect_knows(profile: Profile) -> None:
    assert profile.dialect in DIALECTS
    assert DIALECTS[profile.dialect].name == profile.dialect
    assert profile.auth in ("bearer", "x-api-key", "x-goog-api-key")
    assert profile.sampling <= {*SAMPLING, "stop"}
    if profile.dialect == "anthropic":
        assert profile.thinking in claude.MAPPINGS
    if profile.dialect == "openai-chat":
        assert profile.thinking in thinking.MAPPINGS
        assert profile.reasoning in turns.REASONING
        assert profile.documents in turns.DOCUMENTS
        assert profile.tool_ids in turns.TOOL_IDS
        assert profile.forced_tool_choice in request.FORCED_TOOL_CHOICES
        assert profile.error_codes in errors.CODES
    if profile.dialect == "openai-responses":
        assert profile.thinking in responses.EFFORTS
        assert profile.reasoning_items in items.REASONING_ITEMS
        assert profile.system_role in ("system", "developer")
    if profile.catalogue:
        assert profile.catalogue in PROFILES


def test_a_row_holds_plain_values_only() -> None:
    for profile in PROFILES.values():
        for each in fields(profile):
            assert isinstance(getattr(profile, each.name), (str, bool, int, float, tuple, frozenset))


def test_base_urls_are_whole_and_have_no_slash_at_the_end() -> None:
    for profile in PROFILES.values():
        if profile.name != "generic":
            assert profile.base_url.startswith(("https://", "http://localhost:"))
            assert not profile.base_url.endswith("/")


def test_dialects_import_no_io() -> None:
    code = """
import sys
import kruxos.dialects.registry
heavy = ("trio", "anyio", "httpx", "httptools", "pynng", "pydantic", "yaml", "socket", "asyncio", "ssl")
print(*[name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("kind", "base_url", "profile"),
    [
        ("openai", "https://api.openai.com/v1", "openai"),
        ("openai", "https://api.deepseek.com/v1", "deepseek"),
        ("openai", "https://api.anthropic.com/v1", "generic"),
        ("openai", "https://chatgpt.com/backend-api/codex", "generic"),
        ("openai", "http://localhost:8000/v1", "generic"),
        ("openai-codex", "https://chatgpt.com/backend-api/codex", "openai-codex"),
        ("anthropic", "https://h", "anthropic"),
    ],
)
def test_a_provider_has_the_profile_of_its_type_or_of_its_address(kind: str, base_url: str, profile: str) -> None:
    chosen = choose_profile(kind, base_url)
    assert chosen is not None
    assert chosen.name == profile
    assert choose_profile("openai", "https://h", profile) is chosen
