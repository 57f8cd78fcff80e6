"""What a worker is told about its provider: what it speaks, and how it proves who pays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.profiles import PROFILES, choose_profile, origin_of
from kruxos.errors import ProviderMisconfiguredError
from kruxos_workers.settings import Settings, read_settings


def settings(profile: str, secret: dict[str, str] | None = None, **fields: Any) -> Settings:
    given = {"profile": profile, "origin": profile, "base_url": "https://h", **fields}
    return read_settings("p", given, json.dumps(secret).encode() if secret else b"")


@pytest.mark.parametrize(
    ("profile", "dialect", "spoken"),
    [
        ("openai", "openai-responses", "openai-responses"),
        ("openai", "openai-chat", "openai-chat"),
        ("openai", None, "openai-responses"),
        ("openai-codex", None, "openai-responses"),
        ("generic", None, "openai-chat"),
        ("generic", "openai-responses", "openai-responses"),
    ],
)
def test_a_provider_is_spoken_to_as_its_settings_say_or_else_its_profile(
    profile: str, dialect: str | None, spoken: str
) -> None:
    assert settings(profile, dialect=dialect).dialect.name == spoken


def test_a_dialect_that_is_not_known_is_never_replaced_by_another() -> None:
    with pytest.raises(ProviderMisconfiguredError, match="does not speak esperanto"):
        settings("openai", dialect="esperanto")
    with pytest.raises(ProviderMisconfiguredError, match="no profile nobody"):
        settings("nobody")


@pytest.mark.parametrize(
    ("profile", "secret", "headers"),
    [
        ("openai", None, {}),
        ("openai", {"api_key": "k"}, {"authorization": "Bearer k"}),
        ("anthropic", {"api_key": "k"}, {"x-api-key": "k"}),
        ("gemini", {"api_key": "k"}, {"x-goog-api-key": "k"}),
        ("ollama", {"api_key": "k"}, {"authorization": "Bearer k"}),
        ("openai-codex", {"access_token": "t", "account_id": "a"},
         {"authorization": "Bearer t", "chatgpt-account-id": "a"}),
    ],
)  # fmt: skip
def test_who_pays_is_proved_as_the_provider_wants_it(
    profile: str, secret: dict[str, str] | None, headers: dict[str, str]
) -> None:
    assert settings(profile, secret).auth() == headers


def test_a_secret_shows_in_no_representation() -> None:
    assert "canary" not in repr(settings("openai", {"api_key": "canary"}))


def test_a_local_server_needs_no_key() -> None:
    row = PROFILES["ollama"]
    local = settings("ollama", origin=origin_of(row, row.base_url), base_url=row.base_url)
    assert local.auth() == {}
    assert (local.dialect.name, local.base_url, local.origin) == ("ollama", "http://localhost:11434", "ollama")


@pytest.mark.parametrize("kind", ["gemini", "ollama"])
def test_a_type_chooses_its_own_profile_wherever_its_server_stands(kind: str) -> None:
    row = choose_profile(kind, "http://10.0.0.7:8080")
    assert row is not None
    assert (row.name, row.dialect) == (kind, kind)
    assert origin_of(row, "http://10.0.0.7:8080") == f"{kind}@10.0.0.7:8080"


def test_prompt_caches_are_looked_after_unless_the_settings_say_otherwise() -> None:
    told = settings("anthropic")
    assert (told.caches_prompts, told.cache_retention) == (True, "extended")
    told = settings("openai", cache="off", prompt_cache_retention="24h")
    assert (told.caches_prompts, told.cache_retention) == (False, "24h")
