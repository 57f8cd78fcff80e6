"""The same beginning of a conversation is the same bytes at every provider: caches compare nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kruxos.dialects.base import Target
from kruxos.dialects.profiles import PROFILES, Profile
from kruxos.dialects.registry import DIALECTS
from kruxos.messages import Message, Request, Tool, ToolCall, ToolResult
from kruxos_workers.cache.prefix import chain_of

WORDS = st.text("abc xyz 0.:é", min_size=1, max_size=12).filter(str.strip)
SCHEMAS = st.dictionaries(st.sampled_from(["b", "a", "z"]), st.just({"type": "string"}), max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> Request:
    tools = [Tool(f"t{at}", draw(WORDS), {"type": "object", "properties": draw(SCHEMAS)}) for at in range(2)]
    messages = [Message.of("system", draw(WORDS))]
    for at in range(draw(st.integers(1, 4))):
        messages.append(Message.of("user", draw(WORDS)))
        if draw(st.booleans()):
            call = ToolCall(f"call_{at}", "t0", {"b": 1, "a": draw(WORDS)})
            messages += [Message("assistant", [call]), Message("tool", [ToolResult(call.id, draw(WORDS))])]
        messages.append(Message.of("assistant", draw(WORDS)))
    messages.append(Message.of("user", draw(WORDS)))
    return Request(messages, tools=tools)


def encoded(profile: Profile, request: Request) -> bytes:
    target = Target("p", "some-model", profile, profile.name, stream=True)
    return DIALECTS[profile.dialect].encode_request(request, target).http.body


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda row: row.name)
@settings(max_examples=30)
@given(request=conversations())
def test_what_was_sent_stays_as_it_was_when_the_conversation_grows(profile: Profile, request: Request) -> None:
    assert encoded(profile, request) == encoded(profile, request)
    longer = Request(
        [*request.messages, Message.of("assistant", "so"), Message.of("user", "and?")], tools=request.tools
    )
    before, after = (json.loads(encoded(profile, each)) for each in (request, longer))
    if profile.dialect == "ollama":
        assert after["messages"][: len(before["messages"])] == before["messages"]
        return
    first, second = _digests(profile, before), _digests(profile, after)
    assert second[: len(first)] == first
    assert list(before) == list(after)


def _digests(profile: Profile, body: dict[str, Any]) -> list[bytes]:
    chain = chain_of(profile.dialect, body)
    assert chain is not None
    return [block.digest for block in chain.blocks]
