"""What `kruxos model add` makes of its words."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.config.load import load
from kruxos.errors import RefusedError
from kruxos.operations.additions import Wish, plan_addition
from kruxos.operations.offers import OFFERS

TODAY = "2026-11-22"


def planned(type_: str, **words: Any) -> tuple[str, dict[str, str], list[str]]:
    addition = plan_addition(Wish(type_, **words), today=TODAY)
    return addition.name, addition.fields, addition.told


def refusal(type_: str, **words: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        plan_addition(Wish(type_, **words), today=TODAY)
    return caught.value.message


@pytest.mark.parametrize(
    ("words", "name", "fields"),
    [
        (
            {"type_": "anthropic", "auth": "api-key"},
            "anthropic",
            {"type": "anthropic", "auth": "api_key", "model": "claude-sonnet-4-6", "label": "Claude Sonnet 4.6"},
        ),
        (
            {"type_": "openai", "auth": "api-key"},
            "openai",
            {"type": "openai", "auth": "api_key", "model": "gpt-5.4", "label": "GPT-5.4"},
        ),
        (
            {"type_": "gemini", "auth": "api-key"},
            "gemini",
            {"type": "gemini", "auth": "api_key", "model": "gemini-2.5-flash", "label": "Gemini 2.5 Flash"},
        ),
        (
            {"type_": "local", "endpoint": "http://localhost:11434"},
            "local-default",
            {
                "type": "local",
                "auth": "none",
                "endpoint": "http://localhost:11434",
                "model": "llama3.3:8b",
                "label": "Local Llama",
            },
        ),
        (
            {"type_": "openrouter", "auth": "api-key"},
            "openrouter",
            {
                "type": "openrouter",
                "auth": "api_key",
                "default_model": "meta-llama/llama-3.3-70b-instruct",
            },
        ),
        (
            {
                "type_": "openai",
                "auth": "api-key",
                "name": "deepseek",
                "endpoint": "https://api.deepseek.com/v1",
                "model": "deepseek-chat",
            },
            "deepseek",
            {
                "type": "openai",
                "auth": "api_key",
                "base_url": "https://api.deepseek.com/v1",
                "model": "deepseek-chat",
            },
        ),
        (
            {
                "type_": "openai",
                "auth": "api-key",
                "name": "groq",
                "endpoint": "https://api.groq.com/openai/v1",
                "model": "llama-3.3-70b-versatile",
            },
            "groq",
            {
                "type": "openai",
                "auth": "api_key",
                "base_url": "https://api.groq.com/openai/v1",
                "model": "llama-3.3-70b-versatile",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_documented_command_makes_the_documented_entry(
    words: dict[str, Any], name: str, fields: dict[str, str]
) -> None:
    assert planned(**words)[:2] == (name, fields)


@pytest.mark.parametrize("word", OFFERS)
def test_every_type_makes_an_entry_that_loads(word: str) -> None:
    name, fields, _ = planned(word)
    lines = "".join(f'    {key}: "{value}"\n' for key, value in fields.items())
    provider = load(f"providers:\n  {name}:\n{lines}").providers[name]
    assert provider.model == fields.get("model", fields.get("default_model"))


@pytest.mark.parametrize(
    ("word", "documented", "instead"),
    [
        ("deepseek", "deepseek-chat", "deepseek-flash"),
        ("grok", "grok-4", "grok-4.3"),
        ("groq", "llama-3.3-70b-versatile", "openai/gpt-oss-120b"),
        ("openrouter", "meta-llama/llama-3.1-405b-instruct", "meta-llama/llama-3.3-70b-instruct"),
    ],
)
def test_where_the_recommended_model_is_retired_its_successor_is_taken_and_told(
    word: str, documented: str, instead: str
) -> None:
    _, fields, told = planned(word)
    assert fields.get("model", fields.get("default_model")) == instead
    (said,) = told
    assert said.startswith(f"{documented}, which the documentation recommends, is retired since 2026-")
    assert said.endswith(f": {instead} is taken in its place")
    assert "label" not in fields  # it would name the other model


def test_a_model_that_lives_on_the_day_is_taken_until_then_and_its_end_is_told() -> None:
    assert planned("gemini")[2] == [
        "gemini-2.5-flash is to be retired on 2026-12-01; gemini-3.5-flash-lite answers from then on"
    ]
    later = plan_addition(Wish("gemini"), today="2026-12-01")
    assert later.fields["model"] == "gemini-3.5-flash-lite"


def test_a_retired_model_that_is_asked_for_is_written_as_asked_and_told() -> None:
    _, fields, told = planned("deepseek", model="deepseek-chat")
    assert fields["model"] == "deepseek-chat"
    price = "($0.15 in, $0.6 out for a million tokens)"
    why = "deepseek-chat is retired since 2026-07-24: deepseek-flash answers in its place, without thinking"
    assert told == [f"{why} {price}"]


def test_another_host_may_have_a_model_of_that_name() -> None:
    assert planned("openai", endpoint="https://my-api.example.com/v1", model="deepseek-chat")[2] == []


def test_an_address_that_its_provider_has_left_is_written_as_todays_and_told() -> None:
    _, fields, told = planned("openai", endpoint="https://api.z.ai/v1", model="glm-5")
    assert fields["base_url"] == "https://api.z.ai/api/paas/v4"
    assert told == ["https://api.z.ai/v1 answers no more: https://api.z.ai/api/paas/v4 is written in its place"]


def test_a_model_that_the_catalogue_does_not_know_is_written_as_it_is() -> None:
    _, fields, told = planned("anthropic", model="claude-of-tomorrow")
    assert (fields["model"], told) == ("claude-of-tomorrow", [])


def test_a_known_host_needs_no_model() -> None:
    assert planned("openai", endpoint="https://api.mistral.ai/v1")[1]["model"] == "mistral-large-latest"


def test_a_host_that_is_not_known_needs_a_model() -> None:
    assert refusal("openai", endpoint="https://my-api.example.com/v1").endswith("fix: name it: --model MODEL")


def test_base_url_and_endpoint_are_one_thing() -> None:
    by_endpoint = planned("openai", endpoint="https://my-api.example.com/v1/", model="m")
    assert by_endpoint == planned("openai", base_url="https://my-api.example.com/v1", model="m")
    assert "say different things" in refusal("openai", endpoint="https://a.example/v1", base_url="https://b.example/v1")


def test_a_local_address_with_a_version_path_speaks_openais_api() -> None:
    name, fields, told = planned("local", endpoint="http://localhost:8000/v1", model="qwen")
    assert (name, fields) == (
        "local-default",
        {"type": "openai", "auth": "none", "base_url": "http://localhost:8000/v1", "model": "qwen"},
    )
    assert "`type: openai`" in told[0]


def test_a_way_to_sign_in_that_the_type_has_not_is_refused_with_those_it_has() -> None:
    assert refusal("anthropic", auth="oauth").endswith("fix: --auth api-key or --auth none")
    assert refusal("openai-codex", auth="api-key").endswith("fix: --auth oauth")


@pytest.mark.parametrize("name", ["X", "a b", "../x", "sk-ant-api03-0123456789abcdef", "a" * 64])
def test_a_name_that_cannot_be_one_is_refused_without_being_repeated(name: str) -> None:
    message = refusal("anthropic", name=name)
    assert message.startswith("this name cannot be used")
    assert name not in message


def test_an_unknown_type_is_refused_with_the_types_there_are() -> None:
    assert "one of anthropic, openai" in refusal("claude")


def test_a_key_in_place_of_a_type_is_not_repeated() -> None:
    assert "canary" not in refusal("sk-ant-api03-canary0123456789")


@pytest.mark.parametrize(
    "address", ["api.example.com", "ftp://x/v1", "https://user:secret@host/v1", "https://h/v1?k=1"]
)
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    message = refusal("openai", endpoint=address, model="m")
    assert message.startswith("the address")
    assert address not in message
