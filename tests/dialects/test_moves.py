"""A conversation moves from provider to provider in the middle of a tool loop, and back.

Whoever is next gets nothing that it refuses. What a provider signed goes back to it byte for byte, also after the
conversation was elsewhere; nobody else sees it, and a notice says so.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.base import EncodedRequest, Target
from kruxos.dialects.registry import DIALECTS
from kruxos.messages import Message, Request, ToolResult
from tests.dialects.conversations import STATES, WEATHER, loop_of, state_of, thinking_turn
from tests.dialects.official import faults
from tests.dialects.support import ask, codes, target, tool

SIGNED = b"U2lnbmVkOiBvbmx5IGl0cyBtYWtlciByZWFkcyB0aGlzLg=="
ROUTE = ("anthropic", "gemini", "openai", "deepseek")
PAIRS = list(permutations(STATES, 2))
SILENT = ("groq", "grok")
"""Whose protocol carries no thinking back, not even their own."""


def signed(_text: str) -> bytes:
    return SIGNED


def aim(origin: str) -> Target:
    """A provider, with the model that made its turns."""
    return target(origin, STATES[origin][0])


def encoded(request: Request, at: Target) -> tuple[dict[str, Any], EncodedRequest]:
    """The body, which its provider takes."""
    check_request(request)
    made = DIALECTS[at.profile.dialect].encode_request(request, at)
    body = json.loads(made.http.body)
    assert faults(body, at, made.http.path) == []
    return body, made


def traces(origin: str) -> list[str]:
    """What only a provider's own turns bring into a body: its signature, or else its thought."""
    state = state_of(origin, signed)
    if state.kind == "reasoning_details":
        return [SIGNED.decode(), "x=="]
    return [SIGNED.decode()] if SIGNED in state.data or origin == "gemini" else ["Hm."]


def loop_through(*origins: str) -> list[Message]:
    """A loop whose turns these providers made, one after the other."""
    messages: list[Message] = [Message.of("user", "Weather?")]
    for number, origin in enumerate(origins):
        result = ToolResult(f"c{number}", f"{number} C", name="get_weather")
        messages += [thinking_turn(origin, f"c{number}", signed), tool(result)]
    return messages


@pytest.mark.parametrize(("origin", "destination"), PAIRS)
def test_a_tool_loop_goes_on_at_any_other_provider(origin: str, destination: str) -> None:
    body, made = encoded(ask(*loop_of(origin, signed), tools=[WEATHER]), aim(destination))
    text = json.dumps(body)
    assert "15 C" in text
    assert "Let me see." in text
    assert not [trace for trace in traces(origin) if trace in text]
    dropped = [notice.data["origins"] for notice in made.notices if notice.code == "state_dropped"]
    assert dropped
    assert set(dropped[0]) == {origin}


@pytest.mark.parametrize("origin", STATES)
def test_a_tool_loop_goes_on_where_it_began_with_everything_that_was_signed(origin: str) -> None:
    body, made = encoded(ask(*loop_of(origin, signed), tools=[WEATHER]), aim(origin))
    assert "state_dropped" not in codes(made.notices)
    text = json.dumps(body)
    assert [trace for trace in traces(origin) if trace not in text] == (traces(origin) if origin in SILENT else [])


@pytest.mark.parametrize(("origin", "between"), PAIRS)
def test_what_was_signed_is_there_again_when_the_conversation_comes_back(origin: str, between: str) -> None:
    messages = loop_through(origin, between)
    body, made = encoded(ask(*messages, tools=[WEATHER]), aim(origin))
    text = json.dumps(body)
    expected = [] if origin in SILENT else [1 for _ in traces(origin)]
    assert [text.count(trace) for trace in traces(origin) if trace in text] == expected
    assert "state_dropped" in codes(made.notices)


def test_a_conversation_moves_from_anthropic_over_gemini_and_openai_to_deepseek_and_back() -> None:
    for count in range(1, len(ROUTE) + 1):
        messages = loop_through(*ROUTE[:count])
        for destination in ROUTE:
            body, made = encoded(ask(*messages, tools=[WEATHER], thinking_effort="low"), aim(destination))
            text = json.dumps(body)
            assert all(f"{number} C" in text for number in range(count))
            others = set(ROUTE[:count]) - {destination}
            dropped = [notice.data["origins"] for notice in made.notices if notice.code == "state_dropped"]
            assert [set(origins) for origins in dropped] == ([others] if others else [])


OTHER_MODELS = {
    "anthropic": "claude-haiku-4-5-20251001",
    "openai": "gpt-5.2",
    "openai-codex": "gpt-5.4-mini",
    "gemini": "gemini-2.5-flash",
}


@pytest.mark.parametrize("origin", OTHER_MODELS)
def test_another_model_of_the_same_provider_does_not_get_what_it_did_not_sign(origin: str) -> None:
    body, made = encoded(ask(*loop_of(origin, signed), tools=[WEATHER]), target(origin, OTHER_MODELS[origin]))
    assert SIGNED.decode() not in json.dumps(body)
    assert "state_dropped" in codes(made.notices)


def test_the_same_beginning_of_a_conversation_is_the_same_bytes_in_every_later_request() -> None:
    for destination in STATES:
        shorter, longer = (ask(*loop_through(*ROUTE[:count]), tools=[WEATHER]) for count in (2, 4))
        bodies = [encoded(request, aim(destination))[0] for request in (shorter, longer)]
        turns = [next(body[name] for name in ("contents", "input", "messages") if name in body) for body in bodies]
        assert json.dumps(turns[1]).startswith(json.dumps(turns[0])[:-1])
