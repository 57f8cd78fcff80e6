"""The official Python libraries through the doors: a task that takes a tool, at a provider of either protocol."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from tests.web.running import Web

pytestmark = pytest.mark.real

PROVIDERS = ("gpt", "claude", "chatty", "gemini")
ASKED = "Use the tool to find out the weather. [[simulate tool=weather]]"
PARAMETERS: dict[str, Any] = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip


@pytest.fixture
def from_openai(web: Web) -> openai.OpenAI:
    return openai.OpenAI(api_key=web.token, base_url=f"{web.address}/v1", max_retries=0)


@pytest.fixture
def from_anthropic(web: Web) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=web.token, base_url=web.address, max_retries=0)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_completions_carry_a_task_with_a_tool(from_openai: openai.OpenAI, provider: str) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    first = from_openai.chat.completions.create(model=provider, messages=messages, tools=tools)
    assert first.choices[0].finish_reason == "tool_calls"
    calls: Any = first.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["weather"]
    assert "city" in json.loads(calls[0].function.arguments)
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": calls[0].id, "content": "It rains."}]
    second = from_openai.chat.completions.create(model=provider, messages=messages, tools=tools)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content
    assert second.usage is not None
    assert second.usage.prompt_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_streamed_chat_completions_carry_it_too(from_openai: openai.OpenAI, provider: str) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    with from_openai.chat.completions.stream(model=provider, messages=messages, tools=tools) as stream:
        first = stream.get_final_completion()
    calls: Any = first.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["weather"]
    turn = {"role": "assistant", "tool_calls": [
        {"id": calls[0].id, "type": "function",
         "function": {"name": "weather", "arguments": calls[0].function.arguments}},
    ]}  # fmt: skip
    messages += [turn, {"role": "tool", "tool_call_id": calls[0].id, "content": "It rains."}]
    with from_openai.chat.completions.stream(model=provider, messages=messages, tools=tools) as stream:
        second = stream.get_final_completion()
    assert second.choices[0].message.content
    assert second.usage is None, "the agent did not ask for usage in its stream"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("streamed", [False, True])
def test_responses_carry_a_task_with_a_tool(from_openai: openai.OpenAI, provider: str, streamed: bool) -> None:
    tools: Any = [{"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}]
    conversation: list[Any] = [{"role": "user", "content": ASKED}]

    def ask() -> Any:
        if not streamed:
            return from_openai.responses.create(model=provider, input=conversation, tools=tools, store=False)
        with from_openai.responses.stream(model=provider, input=conversation, tools=tools, store=False) as stream:
            return stream.get_final_response()

    first = ask()
    calls = [item for item in first.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["weather"]
    conversation += [item.to_dict(mode="json") for item in first.output]
    for each in conversation:
        each.pop("parsed_arguments", None)
    conversation += [{"type": "function_call_output", "call_id": calls[0].call_id, "output": "It rains."}]
    second = ask()
    assert second.status == "completed"
    assert second.output_text
    assert second.usage.input_tokens > 0


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("streamed", [False, True])
def test_messages_carry_a_task_with_a_tool(from_anthropic: anthropic.Anthropic, provider: str, streamed: bool) -> None:
    tools: Any = [{"name": "weather", "input_schema": PARAMETERS}]
    messages: list[Any] = [{"role": "user", "content": ASKED}]

    def ask() -> Any:
        if not streamed:
            return from_anthropic.messages.create(model=provider, max_tokens=4000, messages=messages, tools=tools)
        with from_anthropic.messages.stream(model=provider, max_tokens=4000, messages=messages, tools=tools) as stream:
            return stream.get_final_message()

    first = ask()
    assert first.stop_reason == "tool_use"
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["weather"]
    assert "city" in calls[0].input
    result = {"type": "tool_result", "tool_use_id": calls[0].id, "content": "It rains."}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = ask()
    assert second.stop_reason == "end_turn"
    assert any(block.type == "text" and block.text for block in second.content)
    assert second.usage.input_tokens > 0


def test_errors_are_the_librarys_own(from_openai: openai.OpenAI, from_anthropic: anthropic.Anthropic) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        from_openai.chat.completions.create(
            model="tired", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-kruxos-fallback": "none"}
        )
    assert "retry-after" in limited.value.response.headers
    with pytest.raises(anthropic.BadRequestError):
        from_anthropic.messages.create(model="claude", max_tokens=5, messages=[])


def test_a_wrong_token_is_a_wrong_key(web: Web) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(api_key="0" * 64, base_url=f"{web.address}/v1", max_retries=0).models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(api_key="sk-ant-x", base_url=web.address, max_retries=0).models.list()


def test_models_are_listed_in_both_forms(from_openai: openai.OpenAI, from_anthropic: anthropic.Anthropic) -> None:
    names = {model.id for model in from_openai.models.list()}
    assert {"default", "gpt", "claude", "claude-sonnet-4-6", "claude/claude-sonnet-4-6"} <= names
    assert {model.id for model in from_anthropic.models.list()} == names
    assert from_openai.models.retrieve("claude/claude-sonnet-4-6").owned_by == "claude"
    with pytest.raises(openai.NotFoundError):
        from_openai.models.retrieve("nothing")
