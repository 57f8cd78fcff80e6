"""Recorded answers go back with the next request, and recorded requests are read by the other side."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from kruxos.dialects.base import Target
from kruxos.dialects.registry import DIALECTS
from kruxos.events import Assembler
from kruxos.messages import Message, Request, ToolCall, ToolResult
from tests.dialects import traffic
from tests.dialects.support import encode, target, user
from tests.shared import exchanges_of

pytestmark = pytest.mark.traffic


def sent_back(recorded: dict[str, Any], wire: str, aim: Target) -> dict[str, Any]:
    """The next request's body after a recorded answer, its tools answered."""
    assembler = Assembler()
    for event in traffic.decode(recorded, wire).events:
        assembler.feed(event)
    parts = assembler.parts()
    results = [ToolResult(part.id, "done") for part in parts if isinstance(part, ToolCall)]
    messages = [user("hi"), Message("assistant", parts)]
    body, _ = encode(Request(messages + ([Message("tool", list(results))] if results else [user("and?")])), aim)
    return body


def test_signatures_of_recorded_answers_go_back_byte_for_byte_and_in_order() -> None:
    found = 0
    for recorded, expected in exchanges_of("gemini").values():
        if not expected["complete"] or not expected["opaque"]["count"]:
            continue
        body = sent_back(recorded, "gemini", target("gemini", "another-name"))
        signatures = [part["thoughtSignature"] for content in body["contents"] for part in content["parts"]
                      if "thoughtSignature" in part]  # fmt: skip
        digests = [hashlib.sha256(signature.encode()).hexdigest() for signature in signatures]
        assert digests == expected["opaque"]["sha256"], recorded["id"]
        found += len(signatures)
    assert found


def test_thoughts_and_calls_of_recorded_ollama_answers_go_back() -> None:
    for recorded, expected in exchanges_of("ollama-chat").values():
        if not expected["complete"] or not (expected["text"] or expected["tool_calls"]):
            continue
        turn = sent_back(recorded, "ollama-chat", target("ollama", "another-name"))["messages"][1]
        assert (turn["content"], turn.get("thinking", "")) == (expected["text"], expected["thinking"]), recorded["id"]
        calls = [call["function"]["arguments"] for call in turn.get("tool_calls", [])]
        assert calls == [call["arguments"] for call in expected["tool_calls"]], recorded["id"]


@pytest.mark.parametrize(("wire", "dialect"), [("gemini", "gemini"), ("ollama-chat", "ollama")])
def test_recorded_requests_are_read_and_can_be_asked_anywhere(wire: str, dialect: str) -> None:
    read = 0
    for recorded, _ in exchanges_of(wire).values():
        asked = recorded["request"]["body"]
        if not isinstance(asked, dict):
            continue
        request = DIALECTS[dialect].decode_request(json.dumps(asked).encode(), {}).request
        request.native = None
        assert encode(request, target(dialect, "a-model"))[0]
        assert encode(request, target("anthropic", "claude-sonnet-4-6"))[0]
        read += 1
    assert read
