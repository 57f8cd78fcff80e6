"""The forty conversations, and every move between providers in a tool loop, are answered by the simulator."""

from __future__ import annotations

import pytest

from kruxos.errors import UnsupportedError
from kruxos.messages import Message, ToolResult
from tests.dialects.conversations import STATES, WEATHER, conversations, thinking_turn
from tests.dialects.support import ask, tool, user
from tests.simulator.support import world
from tests.simulator.targets import CHAT, SPOKEN, sent, sold

WORLD = world()
SIGNED = ("anthropic", CHAT)
"""Whose state a test can make; a loop with each of the others' own is in test_conversations_go_on."""
MODELS = [(name, model) for name in SIGNED for model in sold(WORLD)[name]]
UNSAYABLE = {"a begun answer"}
"""What some models have no way to go on from."""


def sign(text: str) -> bytes:
    return WORLD.signer.sign(text, 1)


CONVERSATIONS = conversations(sign)


@pytest.mark.parametrize(("profile", "model"), MODELS)
def test_every_conversation_is_answered(profile: str, model: str) -> None:
    refused: set[str] = set()
    for name, request in CONVERSATIONS.items():
        for stream in (True, False):
            try:
                answer = sent(WORLD, request, profile, model, stream=stream)
            except UnsupportedError:
                refused.add(name)
            else:
                assert answer.status == 200, (name, answer.rule, answer.body[:500])
    assert refused <= UNSAYABLE


def loop_through(*origins: str) -> list[Message]:
    """A loop whose turns these providers made, one after the other."""
    messages = [user("Weather?")]
    for number, origin in enumerate(origins):
        messages += [thinking_turn(origin, f"c{number}", sign), tool(ToolResult(f"c{number}", "15 C"))]
    return messages


@pytest.mark.parametrize("profile", SIGNED)
@pytest.mark.parametrize("origin", STATES)
@pytest.mark.parametrize("effort", [None, "low"])
def test_a_loop_that_anybody_began_goes_on_and_comes_back(profile: str, origin: str, effort: str | None) -> None:
    models = [model for name, model in MODELS if name == profile]
    own = SPOKEN[profile].name
    for origins in ((origin,), (origin, own), (own, origin), (own, origin, own)):
        for model in models:
            answer = sent(WORLD, ask(*loop_through(*origins), tools=[WEATHER], thinking_effort=effort), profile, model)
            assert answer.status == 200, (origins, model, answer.rule, answer.body[:500])
