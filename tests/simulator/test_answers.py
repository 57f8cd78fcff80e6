"""Answers that nobody wrote: text, tools, thinking, JSON, limits and stop sequences, all of it repeatable."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kruxos.errors import BadRequestError
from kruxos.simulator import RateLimits, Scripted, Timing, tokens
from kruxos.simulator.scenario import load_script
from tests.simulator.support import CLAUDE, HAIKU, NOW, ask, ask_gpt, messages, send, world

TOOL = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3, "maximum": 3}},
        "required": ["city", "days"],
    },
}
OTHER = {"name": "other", "input_schema": {"type": "object", "properties": {}}}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": TOOL["input_schema"]}}


def load(*answers: Any) -> tuple[Scripted, ...]:
    """A script from its JSON."""
    with TemporaryDirectory() as place:
        path = Path(place, "script.json")
        path.write_text(json.dumps(answers))
        return load_script(path)


def text(answer: Any) -> str:
    return "".join(block["text"] for block in answer.json["content"] if block["type"] == "text")


def calls(answer: Any) -> list[Any]:
    return [block for block in answer.json["content"] if block["type"] == "tool_use"]


def test_the_same_question_gets_the_same_answer_and_another_one_another() -> None:
    first, again = ask(world(), "Tell me about lighthouses"), ask(world(), "Tell me about lighthouses")
    assert text(first) == text(again)
    assert text(first) != text(ask(world(), "Tell me about harbours"))
    assert text(first) != text(ask(world(seed=1), "Tell me about lighthouses"))


def test_an_answer_speaks_of_what_was_asked_and_not_of_markers() -> None:
    said = text(ask(world(), "Tell me about lighthouses [[simulate tokens=200]]"))
    assert "lighthouses" in said
    assert "simulate" not in said
    assert tokens.count(said) == 200


def test_usage_counts_the_tokens_that_were_sent() -> None:
    answer = ask(world(), "hi [[simulate tokens=40]]")
    assert answer.json["usage"]["output_tokens"] == 40
    assert answer.json["usage"]["cache_read_input_tokens"] == 0
    counted = {name: value for name, value in messages("hi [[simulate tokens=40]]").items() if name != "max_tokens"}
    count = send(world(), "/v1/messages/count_tokens", counted).json
    assert count == {"input_tokens": answer.json["usage"]["input_tokens"]}


def test_a_stream_tells_the_input_tokens_in_its_first_event() -> None:
    first, *_, last, _stop = ask(world(), "hi", stream=True).events
    assert first["message"]["usage"]["input_tokens"] == last["usage"]["input_tokens"] > 0


def test_a_limit_cuts_the_answer() -> None:
    answer = ask(world(), "hi", max_tokens=7)
    assert (answer.json["stop_reason"], answer.json["usage"]["output_tokens"]) == ("max_tokens", 7)
    choice = ask_gpt(world(), "hi", max_completion_tokens=7).json["choices"][0]
    assert (choice["finish_reason"], tokens.count(choice["message"]["content"])) == ("length", 7)


def test_a_stop_sequence_ends_the_answer_and_is_named() -> None:
    answer = ask(world(), 'hi [[simulate text="one two three"]]', stop_sequences=["never", "three"])
    assert (answer.json["stop_reason"], answer.json["stop_sequence"], text(answer)) == (
        "stop_sequence", "three", "one two ",
    )  # fmt: skip


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_forced_tool_is_called_with_arguments_that_fit_and_suit_the_prompt(choice: Any) -> None:
    answer = ask(world(), "What is the weather in Lisbon like?", tools=[TOOL], tool_choice=choice)
    [call] = calls(answer)
    assert (call["name"], call["input"]) == ("get_weather", {"city": "Lisbon", "days": 3})
    assert answer.json["stop_reason"] == "tool_use"


def test_a_marker_asks_for_a_tool_or_for_several() -> None:
    assert calls(ask(world(), "hi", tools=[TOOL])) == []
    [call] = calls(ask(world(), "hi [[simulate tool=other]]", tools=[TOOL, OTHER]))
    assert call["name"] == "other"
    several = calls(ask(world(), "hi [[simulate tool calls=3]]", tools=[TOOL, OTHER]))
    assert [call["name"] for call in several] == ["get_weather", "other", "get_weather"]
    assert len({call["id"] for call in several}) == 3
    only_one = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(calls(ask(world(), "hi [[simulate tool calls=3]]", tools=[TOOL], tool_choice=only_one))) == 1


def test_after_a_tools_result_comes_text() -> None:
    into = world()
    asked = messages("hi [[simulate tool]]", tools=[TOOL])
    [call] = calls(send(into, "/v1/messages", asked))
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "15 C"}
    turns = [*asked["messages"], {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    answer = send(into, "/v1/messages", asked | {"messages": turns})
    assert (answer.json["stop_reason"], calls(answer)) == ("end_turn", [])


def test_a_marker_in_the_system_prompt_counts_always_and_one_in_an_older_turn_not() -> None:
    assert calls(ask(world(), "hi", tools=[TOOL], system="Be nice. [[simulate tool]]"))
    assert calls(ask(world(), "hi [[simulate tool]]", "yes?", "go on", tools=[TOOL])) == []


def test_openai_calls_tools_too() -> None:
    answer = ask_gpt(world(), "hi", tools=[FUNCTION], tool_choice="required").json["choices"][0]
    [call] = answer["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"])["days"] == 3
    assert (call["id"][:5], answer["finish_reason"]) == ("call_", "tool_calls")


def test_thinking_comes_first_with_a_signature_and_is_counted() -> None:
    answer = ask(world(), "hi", thinking={"type": "adaptive"})
    thinking, said = answer.json["content"]
    assert (thinking["type"], said["type"]) == ("thinking", "text")
    assert thinking["signature"]
    usage = answer.json["usage"]
    assert usage["output_tokens_details"]["thinking_tokens"] == tokens.count(thinking["thinking"])
    assert usage["output_tokens"] == tokens.count(thinking["thinking"]) + tokens.count(said["text"])


def test_thinking_with_its_text_left_out_still_has_its_signature_and_tokens() -> None:
    answer = ask(world(), "hi", thinking={"type": "adaptive", "display": "omitted"}, stream=True)
    deltas = [event["delta"] for event in answer.events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == ""
    assert [delta for delta in deltas if delta["type"] == "signature_delta"]
    assert answer.events[-2]["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_thinking_goes_back_as_it_came_whether_shown_or_not() -> None:
    for model, display in ((CLAUDE, "summarized"), ("claude-opus-5", "omitted")):
        into = world()
        asked = messages("hi [[simulate tool]]", model=model, tools=[TOOL], thinking={"type": "adaptive"})
        asked["thinking"]["display"] = display
        first = send(into, "/v1/messages", asked)
        call = calls(first)[0]
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": "15 C"}
        turns = [*asked["messages"], {"role": "assistant", "content": first.json["content"]}]
        turns.append({"role": "user", "content": [result]})
        assert send(into, "/v1/messages", asked | {"messages": turns}).status == 200
        changed = [dict(block) for block in first.json["content"]]
        changed[0]["thinking"] += "!"
        turns[1] = {"role": "assistant", "content": changed}
        assert send(into, "/v1/messages", asked | {"messages": turns}).rule == "thinking_altered"


def test_thinking_that_can_not_be_read_goes_back_as_it_came() -> None:
    into = world()
    asked = messages("hi [[simulate tool redacted]]", tools=[TOOL], thinking={"type": "adaptive"})
    first = send(into, "/v1/messages", asked).json["content"]
    assert [block["type"] for block in first] == ["redacted_thinking", "tool_use"]
    result = {"type": "tool_result", "tool_use_id": first[1]["id"], "content": "15 C"}
    turns = [*asked["messages"], {"role": "assistant", "content": first}, {"role": "user", "content": [result]}]
    assert send(into, "/v1/messages", asked | {"messages": turns}).status == 200
    first[0]["data"] = first[0]["data"][::-1]
    assert send(into, "/v1/messages", asked | {"messages": turns}).rule == "thinking_altered"


def test_openai_counts_reasoning_and_does_not_show_it() -> None:
    answer = ask_gpt(world(), "hi", reasoning_effort="low").json
    usage = answer["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning > 0
    assert usage["completion_tokens"] == reasoning + tokens.count(answer["choices"][0]["message"]["content"])
    assert ask_gpt(world(), "hi").json["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_structured_output_fits_its_schema() -> None:
    schema = {
        "type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["name", "age"], "additionalProperties": False,
    }  # fmt: skip
    answer = ask(world(), "Who is it?", output_config={"format": {"type": "json_schema", "schema": schema}})
    value = json.loads(text(answer))
    assert isinstance(value["name"], str)
    assert value["age"] >= 18
    wish = {"type": "json_schema", "json_schema": {"name": "out", "schema": schema, "strict": True}}
    answer = ask_gpt(world(), "Who is it?", response_format=wish)
    assert set(json.loads(answer.json["choices"][0]["message"]["content"])) == {"name", "age"}
    answer = ask_gpt(world(), "as JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.json["choices"][0]["message"]["content"]), dict)


def test_a_model_can_be_told_to_decline() -> None:
    assert ask(world(), "hi [[simulate refuse]]").json["stop_reason"] == "refusal"
    assert ask_gpt(world(), "hi [[simulate refuse]]").json["choices"][0]["finish_reason"] == "content_filter"


def test_an_alias_is_answered_by_the_model_that_it_means() -> None:
    assert ask(world(), model="claude-haiku-4-5").json["model"] == HAIKU


def test_a_script_is_followed_and_then_answers_are_made_up() -> None:
    into = world(script=load({"text": "first", "times": 1}, {"text": "ships", "when": "ship"}))
    assert text(ask(into, "anything")) == "first"
    assert text(ask(into, "what of ships?")) == "ships"
    assert text(ask(into, "what of ships?")) == "ships"
    assert text(ask(into, "what of trains?")) not in ("first", "ships")
    into.reset()
    assert text(ask(into, "anything")) == "first"


def test_a_scripted_answer_is_not_used_up_by_a_request_that_is_refused() -> None:
    into = world(script=load({"text": "first", "times": 1}), limits=RateLimits(1, 10**6, 10**6))
    into.limiter.meters(("anthropic", "some-key", CLAUDE), NOW).requests.left = 0.5
    assert ask(into).status == 429
    assert text(send(into, "/v1/messages", messages(), now=NOW + 60)) == "first"


def test_a_scripted_answer_may_think_call_and_fail() -> None:
    call = {"name": "get_weather", "arguments": {"city": "Oslo"}}
    into = world(script=load({"thinking": "hm", "tool_calls": [call]}))
    answer = ask(into, "hi", tools=[TOOL], thinking={"type": "adaptive"})
    assert answer.json["content"][0]["thinking"] == "hm"
    assert calls(answer)[0]["input"] == {"city": "Oslo"}
    into = world(script=load({"text": "x", "fault": "529", "times": 1}, "plain"))
    assert ask(into).status == 529
    assert text(ask(into)) == "plain"


@pytest.mark.parametrize(
    ("answer", "says"), [({"txt": "x"}, r"script\[0\]\.txt"), ({"times": 0}, "at least 1"), (3, "must be a map")]
)
def test_a_script_that_is_none_is_refused_by_the_name_of_its_field(answer: Any, says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        load(answer)


def test_a_fault_in_a_script_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(BadRequestError, match="'flood' is no fault"):
        world(script=(Scripted(fault="flood"),))


def test_tokens_come_at_their_rate_after_the_first_one_with_jitter_from_the_seed() -> None:
    timing = Timing(first_token_s=1.0, tokens_per_s=10.0, jitter=0.5)
    answer = ask(world(timing=timing), "hi [[simulate tokens=101]]", stream=True)
    assert answer.waited_s == pytest.approx(11.0, rel=0.2)
    again = ask(world(timing=timing), "hi [[simulate tokens=101]]", stream=True)
    assert again.waited_s == answer.waited_s
    whole = ask(world(timing=timing), "hi [[simulate tokens=101]]")
    assert whole.waited_s == pytest.approx(11.0, rel=0.6)
    assert ask(world(), "hi", stream=True).waited_s == 0.0


def test_hidden_reasoning_takes_its_time_before_the_first_token() -> None:
    timing = Timing(first_token_s=0.0, tokens_per_s=10.0, jitter=0.0)
    wish = "hi [[simulate tokens=1 thinking=50]]"
    answer = ask_gpt(world(timing=timing), wish, reasoning_effort="low", stream=True)
    assert answer.waited_s == pytest.approx(5.0)
