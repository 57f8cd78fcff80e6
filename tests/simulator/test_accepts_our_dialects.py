"""What our own dialects make of a valid request is accepted: a mistake of either side shows here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kruxos import catalog
from kruxos.checks import check_request
from kruxos.dialects.base import Target
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.messages import (
    Message,
    OutputFormat,
    ProviderState,
    Request,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.simulator.conversations import requests
from tests.simulator.support import NOW, SPOKEN, Answer, send, world

WORLD = world()
MODELS = {
    profile: [sold.id for sold in WORLD.shop.on_sale(profile, NOW) if catalog.lookup(profile, sold.id)]
    for profile in ("anthropic", "openai")
}
PREFIX = {"anthropic": "", "openai": "/v1"}


def sent(request: Request, profile: str, model: str, *, stream: bool = False) -> Answer:
    """The request in the profile's dialect, sent to the simulator. Raises what the dialect raises."""
    target = Target("p", model, SPOKEN[profile], profile, stream, now=NOW)
    http = DIALECTS[target.profile.dialect].encode_request(request, target).http
    return send(WORLD, PREFIX[profile] + http.path, http.body, headers=http.headers)


@pytest.mark.parametrize("profile", MODELS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_every_request_that_a_dialect_encodes_is_accepted(profile: str, data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(MODELS[profile]))
    request = data.draw(requests(WORLD.signer, profile, model))
    check_request(request)
    try:
        answer = sent(request, profile, model, stream=data.draw(st.booleans()))
    except (BadRequestError, UnsupportedError):
        assume(False)
    assert answer.status == 200, (answer.rule, answer.body)


HI = Message.of("user", "hi")
CALL = ToolCall("c1", "f")
RESULTS = Message("tool", [ToolResult("c1", "1")])
EITHER: dict[str, Any] = {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
SIGNED = Thinking("hm", ProviderState("anthropic", "claude-sonnet-4-6", "signature", WORLD.signer.sign("hm", 1)))

# Requests that are valid in our language, and refused if they are passed on as they are: model, rule, request.
TRAPS: dict[str, tuple[str, str, str, Request]] = {
    "stop sequences of white space only": (
        "anthropic", "claude-sonnet-4-6", "stop_sequence_blank", Request([HI], stop=["\n"]),
    ),
    "one id for calls of two turns": (
        "anthropic", "claude-sonnet-4-6", "tool_use_ids_repeated",
        Request([HI, *[Message("assistant", [CALL]), RESULTS] * 2]),
    ),
    "an assistant's turn of thinking only": (
        "anthropic", "claude-sonnet-4-6", "thinking_last", Request([HI, Message("assistant", [SIGNED]), HI]),
    ),
    "a begun answer that ends in a space": (
        "anthropic", "claude-haiku-4-5-20251001", "prefill_spaced", Request([HI, Message.of("assistant", "Well, ")]),
    ),
    "an output schema that is not closed": (
        "anthropic", "claude-sonnet-4-6", "output_schema_open",
        Request([HI], output_format=OutputFormat({"type": "object", "properties": {}})),
    ),
    "a tool's schema with anyOf at its top": (
        "anthropic", "claude-sonnet-4-6", "tool_schema_open", Request([HI], tools=[Tool("f", parameters=EITHER)]),
    ),
    "five stop sequences": ("openai", "gpt-4o", "out_of_range", Request([HI], stop=list("abcde"))),
    "JSON that nobody spoke of": ("openai", "gpt-5.4", "json_unspoken", Request([HI], output_format=OutputFormat())),
    "a strict tool without parameters": (
        "openai", "gpt-5.4", "schema_not_strict", Request([HI], tools=[Tool("f", strict=True)]),
    ),
    "a hundred and twenty-nine tools": (
        "openai", "gpt-5.4", "out_of_range", Request([HI], tools=[Tool(f"f{at}") for at in range(129)]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_what_would_be_refused_is_made_legal_and_told_or_is_an_error_before_it_is_sent(name: str) -> None:
    profile, model, _, request = TRAPS[name]
    check_request(request)
    target = Target("p", model, SPOKEN[profile], profile, stream=False, now=NOW)
    encode = DIALECTS[target.profile.dialect].encode_request
    if name in REFUSED:
        with pytest.raises(UnsupportedError):
            encode(request, target)
        return
    assert encode(request, target).notices or name in UNTOLD
    answer = sent(request, profile, model)
    assert answer.status == 200, (answer.rule, answer.body)


REFUSED = ("a hundred and twenty-nine tools",)
UNTOLD = ("one id for calls of two turns", "a strict tool without parameters")
"""What changes no meaning: ids are the gateway's to spell, and a tool without parameters has none."""
