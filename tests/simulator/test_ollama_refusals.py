"""What Ollama refuses is refused: every rule of the table has a request that it refuses, in its server's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.simulator import Timing
from kruxos.simulator.ollama.provider import OLLAMA as ROW
from tests.simulator.support import Answer, Refused, send, world

PATH = "/api/chat"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
USER = {"role": "user", "content": "hi"}


def talk(*said: Any, model: str = "qwen3:8b", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(said) or [USER], **fields}


def lines(answer: Answer) -> list[Any]:
    return [json.loads(line) for line in answer.body.splitlines()]


REFUSED = [
    Refused("body_not_json", "not a JSON object", b"{"),
    Refused("field_required", "model is required", {"messages": [USER]}),
    Refused("type_wrong", "cannot unmarshal string into Go struct field ChatRequest.stream of type bool",
        talk(stream="yes")),
    Refused("type_wrong", "ChatRequest.messages.tool_calls.function.arguments of type map[string]interface {}",
        talk(USER, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]})),
    Refused("model_not_found", "model 'none:latest' not found", talk(model="none:latest"), 404),
    Refused("role_unknown", "invalid role: robot", talk({"role": "robot", "content": "a"})),
    Refused("think_unknown", 'invalid think value: "hard"', talk(think="hard")),
    Refused("thinking_unsupported", '"llama3.2" does not support thinking', talk(model="llama3.2", think=True)),
    Refused("thinking_unsupported", "does not support thinking", talk(model="llama3.2:1b", think="low")),
    Refused("level_unsupported", 'think value "low" is not supported', talk(think="low")),
    Refused("tools_unsupported", "gemma3:4b does not support tools", talk(model="gemma3:4b", tools=[TOOL])),
    Refused("format_unknown", "invalid format", talk(format="yaml")),
    Refused("image_bad", "illegal base64", talk(USER | {"images": ["?"]})),
    Refused("context_exceeded", "exceeds the context length", talk(USER | {"content": "a " * 5000}, truncate=False)),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.rule)
def test_it_is_refused_in_the_servers_words(case: Refused) -> None:
    refused = send(world(), PATH, case.body)
    assert refused.rule == case.rule, refused.body[:500]
    assert refused.status == case.status
    assert list(refused.json) == ["error"]
    assert case.says in refused.json["error"]


def test_every_rule_of_the_table_has_a_case_and_a_source() -> None:
    table = (*ROW.rules, *ROW.window)
    unused = {"field_unknown", "value_not_allowed", "pattern_mismatch", "out_of_range"}
    assert {rule.name for rule in table} - {case.rule for case in REFUSED} == unused
    assert all(rule.source for rule in (*ROW.door, *table))


ACCEPTED: dict[str, Any] = {
    "fields that it does not know": talk(foo=1),
    "no thinking where there is none": talk(model="llama3.2", think=False),
    "a level of a family with levels": talk(model="gpt-oss:20b", think="low"),
    "a context that is said": talk(USER | {"content": "a " * 5000}, truncate=False, options={"num_ctx": 8192}),
    "a schema": talk(format={"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
    "an empty list of tools": talk(tools=[]),
    "a key that nobody asked for": talk(),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    answer = send(world(key="secret"), PATH, ACCEPTED[name] | {"stream": False})
    assert answer.status == 200, answer.json


def test_an_answer_is_streamed_unless_told_not_to_and_its_last_line_has_the_counts() -> None:
    answer = send(world(), PATH, talk())
    told = lines(answer)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [line["done"] for line in told] == [False] * (len(told) - 1) + [True]
    assert told[-1]["done_reason"] == "stop"
    parts = ("load_duration", "prompt_eval_duration", "eval_duration")
    assert told[-1]["total_duration"] == sum(told[-1][name] for name in parts)
    assert told[-1]["eval_count"] > 0
    assert told[0]["message"]["thinking"]


def test_a_call_is_whole_in_one_line_and_its_reason_stays_stop() -> None:
    told = lines(send(world(), PATH, talk(USER | {"content": "hi [[simulate tool]]"}, tools=[TOOL], think=False)))
    calls = [line["message"]["tool_calls"] for line in told if "tool_calls" in line["message"]]
    assert calls[0][0]["function"]["arguments"] == {}
    assert told[-1]["done_reason"] == "stop"


def test_an_answer_that_is_cut_by_its_limit_says_so() -> None:
    told = lines(send(world(), PATH, talk(options={"num_predict": 2}, think=False)))
    assert (told[-1]["done_reason"], told[-1]["eval_count"]) == ("length", 2)


def test_a_model_that_is_loaded_first_answers_late_and_tells_how_long_it_took() -> None:
    body = talk(USER | {"content": "hi [[simulate load seconds=30 times=1]]"})
    into = world(timing=Timing(0, 0, 0))
    first, second = send(into, PATH, body), send(into, PATH, body)
    assert (first.waited_s, second.waited_s) == (30, 0)
    assert lines(first)[-1]["load_duration"] == 30_000_000_000
    assert lines(second)[-1]["load_duration"] < 1_000_000_000


def test_an_error_within_a_stream_is_a_line_of_its_own() -> None:
    told = lines(send(world(), PATH, talk(USER | {"content": "hi [[simulate overloaded after=2]]"})))
    assert "error" in told[-1]
    assert not any(line.get("done") for line in told)


def test_models_are_listed_shown_and_described() -> None:
    names = [model["name"] for model in send(world(), "/api/tags", method="GET").json["models"]]
    assert "qwen3:latest" in names
    told = send(world(), "/api/show", {"model": "llama3.2"}).json
    assert told["model_info"]["llama3.2.context_length"] == 131_072
    assert told["capabilities"] == ["completion", "tools"]
    assert send(world(), "/api/show", {"model": "gemma3"}).json["capabilities"] == ["completion"]
    assert send(world(), "/api/show", {"model": "none"}).status == 404
    assert send(world(), "/api/show", {}).status == 400
    assert send(world(), "/api/version", method="GET").json["version"]
    assert send(world(), "/api/ps", method="GET").json == {"models": []}
    assert send(world(), "/api/nothing", method="GET").json == {"error": "404 page not found"}
