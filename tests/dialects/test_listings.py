"""Lists of models, as providers give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects import listings
from kruxos.dialects.listings import Listed
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import ProviderProtocolError
from tests.shared import exchanges_of

DIALECT_OF = {"anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}


def page(dialect: str, value: Any) -> listings.Page:
    return listings.read_page(dialect, json.dumps(value).encode())


@pytest.mark.traffic
def test_recorded_lists_hold_the_ids_that_the_providers_own_libraries_read() -> None:
    read = 0
    for recorded, expected in exchanges_of("models").values():
        wanted = expected["value"] or {}
        if "ids" not in wanted:
            continue
        dialect = DIALECT_OF.get(recorded["provider"], "openai-chat")
        found = listings.read_page(dialect, recorded["response"]["body_text"].encode())
        ids = [row.id for row in found.rows]
        assert (found.next is not None) is wanted["more"], recorded["id"]
        names = [name.removeprefix("models/") for name in wanted["ids"]]
        assert ids == (names if dialect != "gemini" else [name for name in names if name in ids]), recorded["id"]
        read += 1
    assert read


@pytest.mark.traffic
def test_recorded_descriptions_of_ollama_say_the_context() -> None:
    shows = [
        recorded
        for recorded, expected in exchanges_of("models").values()
        if (expected["value"] or {}).get("kind") == "show"
    ]
    assert shows
    for recorded in shows:
        found = listings.read_ollama_show("llama3.2:3b", recorded["response"]["body_text"].encode())
        assert found.context == 131_072


def test_every_dialect_has_a_list() -> None:
    for dialect in DIALECTS:
        assert listings.path_of(dialect).startswith("/")
        assert page(dialect, {"data": [], "models": []}).rows == ()


def test_anthropics_list_goes_on_after_its_last_id() -> None:
    row = {
        "id": "claude-x", "display_name": "Claude X", "max_input_tokens": 200_000, "max_tokens": 64_000,
        "capabilities": {"batch": {"supported": True}, "effort": {"supported": False}}, "retires_at": "2027-01-01",
    }  # fmt: skip
    found = page("anthropic", {"data": [row], "has_more": True, "last_id": "claude-x"})
    assert found.rows == (Listed("claude-x", "Claude X", 200_000, 64_000, {}, ("batch",), "2027-01-01"),)
    assert found.next == "/v1/models?limit=1000&after_id=claude-x"
    assert page("anthropic", {"data": [], "has_more": False, "last_id": "x"}).next is None


def test_geminis_list_leaves_out_what_cannot_chat_and_goes_on_by_its_token() -> None:
    chat = {
        "name": "models/gemini-2.5-pro", "displayName": "Gemini 2.5 Pro", "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent"], "thinking": True,
    }  # fmt: skip
    other = {"name": "models/embedding", "supportedGenerationMethods": ["embedContent"]}
    found = page("gemini", {"models": [chat, other], "nextPageToken": "a/b="})
    assert found.rows == (Listed("gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 65_536, {}, ("thinking",)),)
    assert found.next == "/models?pageSize=1000&pageToken=a%2Fb%3D"


def test_openrouters_list_says_limits_and_prices() -> None:
    row = {
        "id": "a/b", "name": "A: B", "context_length": 1000, "top_provider": {"max_completion_tokens": 100},
        "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "-1"},
        "supported_parameters": ["tools", "reasoning"], "expiration_date": None,
    }  # fmt: skip
    prices = {"input": "0.000003", "output": "0.000015"}
    found = page("openai-chat", {"data": [row]})
    assert found.rows == (Listed("a/b", "A: B", 1000, 100, prices, ("tools", "reasoning")),)


def test_ollamas_list_says_sizes_and_abilities() -> None:
    details = {"parameter_size": "8.2B", "quantization_level": "Q4_K_M"}
    found = page("ollama", {"models": [{"name": "qwen3:8b", "details": details, "capabilities": ["tools"]}]})
    assert found.rows == (Listed("qwen3:8b", "8.2B Q4_K_M", abilities=("tools",)),)


def test_a_bare_list_is_taken() -> None:
    assert [row.id for row in page("openai-chat", [{"id": "a"}, {"id": ""}, 7]).rows] == ["a"]


@pytest.mark.parametrize("body", [b"<html>", b"7", b"{}", b'{"data": 7}', b"[" * 100_000])
def test_what_is_no_list_is_a_fault_of_the_protocol(body: bytes) -> None:
    for dialect in DIALECTS:
        with pytest.raises(ProviderProtocolError, match="no list of models"):
            listings.read_page(dialect, body)
