"""Options become one frame, in one place, for both clients."""

from __future__ import annotations

import inspect
from typing import Any, cast

import msgpack
import pytest

from kruxos import wire
from kruxos.client import options as options_module
from kruxos.client.options import CallOptions, opening
from kruxos.codec import decode_request
from kruxos.errors import BadRequestError, TooLargeError
from kruxos.messages import Message, Native, OutputFormat, Request, Text, Tool


def opened(prompt: str | None = None, **options: Any) -> tuple[wire.Open, Request]:
    frame = opening("chat", prompt, cast("CallOptions", options))
    return frame, decode_request(msgpack.unpackb(frame.body))


def test_a_prompt_is_one_user_message() -> None:
    frame, request = opened("hi")
    assert request == Request([Message("user", [Text("hi")])])
    assert frame == wire.Open(op="chat", body=frame.body, prefixes=frame.prefixes)


def test_messages_may_be_values_or_maps() -> None:
    _, request = opened(messages=[{"role": "user", "content": "hi"}, Message.of("assistant", "hello")])
    assert request.messages == [Message.of("user", "hi"), Message.of("assistant", "hello")]


def test_system_comes_first() -> None:
    _, request = opened("hi", system="be brief")
    assert request.messages == [Message.of("system", "be brief"), Message.of("user", "hi")]


def test_tools_may_be_values_or_maps() -> None:
    schema = {"type": "object", "properties": {}}
    _, request = opened("hi", tools=[Tool("a", "first", schema), {"name": "b", "parameters": schema}])
    assert request.tools == [Tool("a", "first", schema), Tool("b", "", schema)]


def test_every_wish_of_a_request_arrives() -> None:
    wishes: dict[str, Any] = {
        "tool_choice": "auto", "parallel_tool_calls": False, "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9,
        "top_k": 4, "seed": 7, "presence_penalty": 0.1, "frequency_penalty": -0.1, "stop": ["END"],
        "thinking_effort": "high", "output_format": OutputFormat({"type": "object"}), "cache": {"ttl": "1h"},
        "compaction": {"at": 0.8}, "metadata": {"run": "1"}, "native": Native("openai", b"{}"), "raw_events": True,
    }  # fmt: skip
    _, request = opened("hi", **wishes)
    assert {name: getattr(request, name) for name in wishes} == wishes
    assert set(wishes) | {"messages", "tools", "unknown"} == set(Request.__dataclass_fields__)


def test_every_word_to_the_gateway_arrives_in_the_header() -> None:
    words: dict[str, Any] = {
        "provider": "claude-api", "model": "m", "role": "autonomous", "strict_model": True, "fallback": "none",
        "deadline_s": 30.0, "wait_s": 5.0, "key": "k1", "conversation": "c", "at_most_once": True,
        "retry_ambiguous": True, "on_interrupt": "restart",
    }  # fmt: skip
    frame, _ = opened("hi", **words)
    assert {name: getattr(frame, name) for name in words} == words


def test_there_is_no_option_that_goes_nowhere() -> None:
    request = set(Request.__dataclass_fields__) - {"unknown"}
    header = set(wire.Open.__dataclass_fields__) - {"kind", "id", "body", "op", "stream", "agent", "token", "call_id"}
    assert set(CallOptions.__annotations__) | {"prefixes"} == request | header | {"system", "timeout_s"}


def test_the_next_turn_of_a_conversation_carries_the_hash_of_the_turn_before() -> None:
    turns: list[dict[str, str]] = [{"role": "user", "content": "hi"}]
    first, _ = opened(messages=turns, system="be brief")
    turns += [{"role": "assistant", "content": "hello"}, {"role": "user", "content": "and?"}]
    second, _ = opened(messages=turns, system="be brief")
    turns += [{"role": "assistant", "content": "so"}, {"role": "user", "content": "well?"}]
    third, _ = opened(messages=turns, system="be brief")
    assert second.prefixes[1:] == first.prefixes
    assert third.prefixes[1:] == second.prefixes
    assert opened(messages=turns, system="be long")[0].prefixes != third.prefixes


def test_a_conversation_with_a_name_needs_no_hashes() -> None:
    assert opened("hi", conversation="mine")[0].prefixes == []


def test_a_long_conversation_carries_a_bounded_number_of_hashes() -> None:
    messages = [{"role": role, "content": "x"} for _ in range(50) for role in ("user", "assistant")]
    assert len(opened(messages=messages)[0].prefixes) == options_module.PREFIXES_MAX


def test_none_is_as_good_as_left_out() -> None:
    assert opened("hi", **dict.fromkeys(CallOptions.__annotations__))[0] == opened("hi")[0]


def test_a_timeout_is_a_deadline() -> None:
    assert opened("hi", timeout_s=3.0)[0].deadline_s == 3.0
    with pytest.raises(BadRequestError, match="are the same"):
        opened("hi", timeout_s=3.0, deadline_s=3.0)


def test_one_stop_text_is_one_stop_text() -> None:
    assert opened("hi", stop="END")[1].stop == ["END"]


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="chat has no option max_tokens, temprature"):
        opened("hi", temprature=1, max_tokens=5)


@pytest.mark.parametrize("question", [{}, {"prompt": "hi", "messages": []}])
def test_there_is_either_a_prompt_or_messages(question: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError, match="either a prompt or messages"):
        opened(**question)


def test_a_wrong_message_or_tool_is_named() -> None:
    with pytest.raises(BadRequestError, match=r"messages\[1\]\.role"):
        opened(messages=[Message.of("user", "x"), {"role": "human", "content": "x"}])
    with pytest.raises(BadRequestError, match=r"tools\[0\]\.name"):
        opened("hi", tools=[{"description": "nameless"}])


@pytest.mark.parametrize("value", [{1, 2}, object(), 2**70, "\ud800"])
def test_a_value_that_cannot_be_sent_is_refused_without_being_quoted(value: Any) -> None:
    with pytest.raises(BadRequestError, match="cannot be sent") as caught:
        opened("hi", metadata={"secret prompt": value})
    assert "secret prompt" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_request_over_the_cap_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_BYTES_MAX", 100)
    with pytest.raises(TooLargeError, match="the cap is 100"):
        opened("x" * 200)


def test_both_clients_take_the_same() -> None:
    from kruxos.client import BlockingClient, Client

    for name in ("__init__", "chat", "stream", "count_tokens"):
        ours, theirs = inspect.signature(getattr(Client, name)), inspect.signature(getattr(BlockingClient, name))
        assert list(ours.parameters.values()) == list(theirs.parameters.values())
    assert options_module.CallOptions.__doc__
