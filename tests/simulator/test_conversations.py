"""The forty conversations, and every move between providers in a tool loop, are answered by the simulator."""

from __future__ import annotations

import pytest

from kruxos import catalog
from kruxos.dialects.base import Target
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import UnsupportedError
from kruxos.messages import Message, Request, ToolResult
from tests.dialects.conversations import STATES, WEATHER, conversations, thinking_turn
from tests.dialects.support import ask, tool, user
from tests.simulator.support import NOW, SPOKEN, Answer, send, world

WORLD = world()
PREFIX = {"anthropic": "", "openai": "/v1"}
MODELS = [
    (profile, sold.id) for profile in SPOKEN for sold in WORLD.shop.on_sale(profile, NOW)
    if catalog.lookup(profile, sold.id)
]  # fmt: skip
UNSAYABLE = {"a begun answer"}
"""What some models have no way to go on from."""


def sign(text: str) -> bytes:
    return WORLD.signer.sign(text, 1)


CONVERSATIONS = conversations(sign)


def sent(request: Request, profile: str, model: str, *, stream: bool = False) -> Answer:
    """The request in the profile's dialect, sent to the simulator. Raises what the dialect raises."""
    target = Target("p", model, SPOKEN[profile], profile, stream, now=NOW)
    http = DIALECTS[target.profile.dialect].encode_request(request, target).http
    return send(WORLD, PREFIX[profile] + http.path, http.body, headers=http.headers)


@pytest.mark.parametrize(("profile", "model"), MODELS)
def test_every_conversation_is_answered(profile: str, model: str) -> None:
    refused: set[str] = set()
    for name, request in CONVERSATIONS.items():
        for stream in (True, False):
            try:
                answer = sent(request, profile, model, stream=stream)
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


@pytest.mark.parametrize("profile", SPOKEN)
@pytest.mark.parametrize("origin", STATES)
@pytest.mark.parametrize("effort", [None, "low"])
def test_a_loop_that_anybody_began_goes_on_and_comes_back(profile: str, origin: str, effort: str | None) -> None:
    models = [model for name, model in MODELS if name == profile]
    for origins in ((origin,), (origin, profile), (profile, origin), (profile, origin, profile)):
        for model in models:
            answer = sent(ask(*loop_through(*origins), tools=[WEATHER], thinking_effort=effort), profile, model)
            assert answer.status == 200, (origins, model, answer.rule, answer.body[:500])
