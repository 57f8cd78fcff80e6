"""A question goes through agent, supervisor, worker and provider, and all of the answer comes back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from decimal import Decimal

import pytest

from kruxos import BlockingClient, Message, TextDelta, ThinkingDelta, ToolResult
from kruxos.messages import Image, Text, Thinking, Tool
from tests.cli.upstream import Upstream, running_upstream
from tests.service.running import Installation

pytestmark = pytest.mark.real

DIALECTS = ("claude", "gpt")
WEATHER = Tool("weather", "The weather at a place.", {"type": "object", "properties": {"place": {"type": "string"}}})


@pytest.mark.parametrize("provider", DIALECTS)
def test_an_answer_is_the_same_whole_and_streamed(client: BlockingClient, provider: str) -> None:
    whole = client.chat("What is a gateway?", provider=provider)
    with client.stream("What is a gateway?", provider=provider) as events:
        pieces = [event.text for event in events if isinstance(event, TextDelta)]
        streamed = events.reply()
    assert len(pieces) > 3
    assert whole.text == streamed.text == "".join(pieces)
    assert (whole.provider, whole.finish_reason) == (streamed.provider, streamed.finish_reason) == (provider, "stop")
    assert whole.usage is not None
    assert whole.usage == streamed.usage
    assert whole.cost == streamed.cost
    assert [each.outcome for each in streamed.attempts] == ["answered"]


@pytest.mark.parametrize("provider", DIALECTS)
def test_a_tool_is_called_and_its_result_answered(client: BlockingClient, provider: str) -> None:
    asked = Message.of("user", "The weather in Oslo? [[simulate tool=weather]]")
    first = client.chat(messages=[asked], tools=[WEATHER], provider=provider)
    assert first.finish_reason == "tool_call"
    (call,) = first.tool_calls
    assert (call.name, set(call.arguments)) == ("weather", {"place"})
    result = Message("tool", [ToolResult(call.id, [Text("rain")])])
    second = client.chat(
        messages=[asked, Message("assistant", first.parts), result], tools=[WEATHER], provider=provider
    )
    assert second.finish_reason == "stop"
    assert second.text


def test_thinking_comes_as_it_is_thought_and_goes_back_as_it_was_signed(client: BlockingClient) -> None:
    asked = Message.of("user", "Think. [[simulate tool=weather]]")
    with client.stream(messages=[asked], tools=[WEATHER], provider="claude", thinking_effort="high") as events:
        thoughts = [event.text for event in events if isinstance(event, ThinkingDelta)]
        first = events.reply()
    assert "".join(thoughts) == first.thinking
    assert len(thoughts) > 1
    assert any(isinstance(part, Thinking) and part.state is not None for part in first.parts)
    result = Message("tool", [ToolResult(first.tool_calls[0].id, [Text("rain")])])
    again = [asked, Message("assistant", first.parts), result]
    second = client.chat(messages=again, tools=[WEATHER], provider="claude", thinking_effort="high")
    assert second.text  # the simulator refuses a signature that was altered


def test_what_an_answer_used_and_cost_is_in_the_ledger(gateway: Installation) -> None:
    with gateway.client(agent="bookkeeper") as client:
        replies = [client.chat(f"Count to {number}", provider=name) for number in (3, 5) for name in DIALECTS]
    used = gateway.control("usage", by=["provider"], agent="bookkeeper")
    assert {row["provider"] for row in used["rows"]} == set(DIALECTS)
    total = used["total"]
    assert (total["calls"], total["failed_calls"], total["unpriced_calls"]) == (4, 0, 0)
    for bucket in ("uncached_input_tokens", "output_tokens"):
        assert total[bucket] == sum(getattr(reply.usage, bucket) for reply in replies) > 0
    costs = [Decimal(reply.cost["total"]) for reply in replies if reply.cost]
    assert Decimal(total["cost"]["USD"]) == sum(costs) > 0
    assert len(costs) == len(replies)


@pytest.fixture
def attentive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Upstream]]:
    """A gateway before a provider that keeps what it was sent."""
    with running_upstream() as upstream:
        models = "providers:\n"
        for name, kind, root in (("a", "anthropic", upstream.root), ("o", "openai", f"{upstream.root}/v1")):
            models += f"  {name}: {{type: {kind}, base_url: '{root}', auth: none, model: gpt-4o}}\n"
        installation = Installation.make(tmp_path_factory.mktemp("k"), models)
        with installation.serving():
            yield installation, upstream


def test_an_image_reaches_the_provider_byte_for_byte(attentive: tuple[Installation, Upstream]) -> None:
    installation, upstream = attentive
    data = bytes(range(256)) * 4000
    question = Message("user", [Text("What is it?"), Image(media_type="image/png", data=data)])
    with installation.client() as client:
        for provider in ("a", "o"):
            assert client.chat(messages=[question], provider=provider, max_output_tokens=9).text == "Ready and waiting."
    bodies = {path: body for path, _, body in upstream.seen}
    encoded = base64.b64encode(data).decode()
    anthropic = bodies["/v1/messages"]["messages"][0]["content"][1]
    assert anthropic["source"] == {"type": "base64", "media_type": "image/png", "data": encoded}
    chat = bodies["/v1/chat/completions"]["messages"][0]["content"][1]
    assert chat["image_url"]["url"] == f"data:image/png;base64,{encoded}"
