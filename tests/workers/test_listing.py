"""A provider's own list of models, page by page, over a scripted network."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing

from kruxos import events, wire
from kruxos.dialects.profiles import ANTHROPIC, GEMINI, GENERIC, OLLAMA, OPENAI_CODEX, Profile
from kruxos_workers import listing
from kruxos_workers.http.scripted import Script, Wait
from kruxos_workers.listing import Listing
from tests.workers.test_exchange import SECRET, World, json_answer, world


def listed(profile: Profile, *pages: Script) -> World:
    here = world(*pages, profile=profile)
    run = Listing(here.worker, wire.Open(id=7, op="list_models")).run
    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return here


def page(value: Any, *headers: str) -> Script:
    return Script([json_answer(200, json.dumps(value), "connection: close", *headers)])


def ids_of(here: World) -> list[str]:
    assert isinstance(here.last, wire.End), here.error
    text = "".join(event.text for event in events.decode_events(here.last.body) if isinstance(event, events.TextDelta))
    return [row["id"] for row in json.loads(text)]


def requests_of(here: World) -> list[str]:
    return [bytes(stream.sent).decode() for stream in here.network.streams]


def test_a_list_is_asked_for_page_by_page_as_the_provider_gives_it() -> None:
    first = page({"models": [_gemini("a")], "nextPageToken": "next"})
    here = listed(GEMINI, first, page({"models": [_gemini("b")]}))
    assert ids_of(here) == ["a", "b"]
    asked = requests_of(here)
    assert asked[0].startswith("GET /v1/models?pageSize=1000 HTTP/1.1\r\n")
    assert asked[1].startswith("GET /v1/models?pageSize=1000&pageToken=next HTTP/1.1\r\n")
    assert all(f"x-goog-api-key: {SECRET}" in each for each in asked)


def _gemini(name: str) -> dict[str, Any]:
    return {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}


def test_each_protocol_is_asked_in_its_own_way() -> None:
    assert ids_of(listed(OLLAMA, page({"models": [{"name": "qwen3:8b"}]}))) == ["qwen3:8b"]
    assert ids_of(listed(GENERIC, page({"data": [{"id": "m"}]}))) == ["m"]
    here = listed(ANTHROPIC, page({"data": [{"id": "claude"}], "has_more": False}))
    assert ids_of(here) == ["claude"]
    assert "anthropic-version: 2023-06-01" in requests_of(here)[0]


def test_a_refused_key_is_told_as_such_and_not_repeated() -> None:
    answer = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRET}", "code": "invalid_api_key"}})
    here = listed(GENERIC, Script([json_answer(401, answer)]))
    assert here.error.code == "invalid_credentials"
    assert SECRET not in str(here.last)


def test_what_is_no_list_and_who_is_not_there_are_errors() -> None:
    assert listed(GENERIC, page({"hello": 1})).error.code == "provider_protocol"
    assert listed(GENERIC).error.code == "provider_unreachable"
    assert listed(OPENAI_CODEX).error.code == "unsupported"


def test_a_server_that_says_nothing_is_given_up() -> None:
    assert listed(GENERIC, Script([Wait()])).error.code == "provider_timeout"


def test_a_list_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MODELS_MAX", 3)
    again = page({"models": [_gemini("a"), _gemini("b")], "nextPageToken": "more"})
    here = listed(GEMINI, again, again, again)
    assert len(ids_of(here)) == 3
    assert len(here.network.streams) == 2


def test_a_page_that_is_too_big_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_BYTES_MAX", 20)
    assert isinstance(listed(GENERIC, page({"data": [{"id": "m" * 40}]})).last, wire.Error)
