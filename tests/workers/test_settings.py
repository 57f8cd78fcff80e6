"""What a worker is told about its provider."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.dialects.profiles import PROFILES, choose_profile, origin_of
from kruxos.errors import ProviderMisconfiguredError
from kruxos_workers.settings import Settings, read_settings


def settings(profile: str, secret: bytes = b"", **changes: Any) -> Settings:
    row = PROFILES[profile]
    told = {"profile": profile, "origin": origin_of(row, row.base_url), "base_url": row.base_url}
    return read_settings("mine", told | changes, secret)


@pytest.mark.parametrize(
    ("profile", "header"),
    [
        ("anthropic", {"x-api-key": "k"}),
        ("openai", {"authorization": "Bearer k"}),
        ("gemini", {"x-goog-api-key": "k"}),
        ("ollama", {"authorization": "Bearer k"}),
    ],
)
def test_a_key_goes_into_the_header_that_the_provider_reads(profile: str, header: dict[str, str]) -> None:
    assert settings(profile, b'{"api_key": "k"}').auth() == header


def test_a_local_server_needs_no_key() -> None:
    local = settings("ollama")
    assert local.auth() == {}
    assert (local.dialect.name, local.base_url, local.origin) == ("ollama", "http://localhost:11434", "ollama")


@pytest.mark.parametrize("kind", ["gemini", "ollama"])
def test_a_type_chooses_its_own_profile_wherever_its_server_stands(kind: str) -> None:
    row = choose_profile(kind, "http://10.0.0.7:8080")
    assert row is not None
    assert (row.name, row.dialect) == (kind, kind)
    assert origin_of(row, "http://10.0.0.7:8080") == f"{kind}@10.0.0.7:8080"


def test_a_dialect_may_be_chosen_beside_the_profile() -> None:
    assert settings("ollama", dialect="openai-chat").dialect.name == "openai-chat"


def test_the_key_is_not_shown() -> None:
    assert "secret-key" not in repr(settings("gemini", b'{"api_key": "secret-key"}'))


def test_a_profile_that_is_not_known_is_refused() -> None:
    with pytest.raises(ProviderMisconfiguredError, match="no profile nonsense"):
        read_settings("mine", {"profile": "nonsense"}, b"")
