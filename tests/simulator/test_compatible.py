"""Providers that speak Chat Completions in ways of their own: what each refuses, and how its answers look."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.simulator import RateLimits
from kruxos.simulator.bases import BASE_PATHS
from kruxos.simulator.compatible.table import COMPATIBLE, doors
from tests.simulator.support import Answer, Refused, chat, send, world

MODELS = {
    "deepseek": "deepseek-flash", "glm": "glm-5", "grok": "grok-4.3", "mistral": "mistral-large-latest",
    "groq": "openai/gpt-oss-120b", "openrouter": "anthropic/claude-sonnet-4-6",
}  # fmt: skip
THINKERS = MODELS | {"mistral": "mistral-small-latest"}
KEY = {"authorization": "Bearer some-key"}
USER = {"role": "user", "content": "hi"}
CALL = {"id": "abcdefgh1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "abcdefgh1", "content": "1"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "out", "schema": {"type": "object"}}}


def ask(name: str, body: Any, *, headers: dict[str, str] | None = None, **settings: Any) -> Answer:
    path = f"{BASE_PATHS[name]}/chat/completions"
    return send(world(**settings), path, body, headers=KEY if headers is None else headers)


def talk(name: str, *said: Any, model: str = "", **fields: Any) -> dict[str, Any]:
    return {"model": model or MODELS[name], "messages": list(said) or [USER], **fields}


def deepseek(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("deepseek", *said, **fields)


def glm(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("glm", *said, **fields)


def grok(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("grok", *said, **fields)


def mistral(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("mistral", *said, **fields)


def groq(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("groq", *said, **fields)


def openrouter(*said: Any, **fields: Any) -> dict[str, Any]:
    return talk("openrouter", *said, **fields)


LONG = {"role": "user", "content": "a " * 1_048_577}
SIGNED = {"type": "reasoning.text", "text": "changed", "signature": "c29tZWJvZHk=", "index": 0}
ARGUMENT = "Client specified an invalid argument"

REFUSED: dict[str, list[Refused]] = {
    "deepseek": [
        Refused("field_required", "missing field `messages`", {"model": "deepseek-flash"}),
        Refused("type_wrong", "invalid type", deepseek(stream="yes")),
        Refused("value_not_allowed", "messages[0]: unknown variant `file`, expected `text`",
            deepseek({"role": "user", "content": [{"type": "file", "file": {}}]})),
        Refused("image_refused", "messages[0]: unknown variant `image_url`, expected `text`",
            deepseek({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a"}}]},
                model="deepseek-v4-pro")),
        Refused("out_of_range", "Invalid temperature value", deepseek(temperature=3)),
        Refused("model_not_found", "but you passed deepseek-none", deepseek(model="deepseek-none")),
        Refused("model_not_found", "but you passed deepseek-chat", deepseek(model="deepseek-chat")),
        Refused("thinking_with_forced_tool", "does not support this tool_choice",
            deepseek(tools=[TOOL], tool_choice="required")),
        Refused("reasoning_dropped", "must be passed back", deepseek(USER, CALLING, RESULT)),
        Refused("json_schema_unavailable", "response_format type is unavailable", deepseek(response_format=SCHEMA)),
        Refused("json_unspoken", "'json'", deepseek(response_format={"type": "json_object"})),
        Refused("limit_over", "[1, 393216]", deepseek(max_tokens=393_217)),
        Refused("context_exceeded", "maximum context length is 1000000 tokens", deepseek(LONG)),
    ],
    "glm": [
        Refused("field_required", "messages parameter was not received", {"model": "glm-5"}, code="1213"),
        Refused("type_wrong", "stream", glm(stream="yes"), code="1214"),
        Refused("value_not_allowed", "thinking.type", glm(thinking={"type": "hard"}), code="1214"),
        Refused("out_of_range", "temperature", glm(temperature=1.5), code="1210"),
        Refused("model_not_found", "Unknown Model", glm(model="glm-none"), code="1211"),
        Refused("thinking_always", "please use low, high, or max",
            glm(model="glm-5.3", thinking={"type": "disabled"}), code="1210"),
        Refused("context_exceeded", "exceeds max length", glm(LONG), code="1261"),
    ],
    "grok": [
        Refused("field_required", "missing field `messages`", {"model": "grok-4.3"}, 422),
        Refused("type_wrong", "stream", grok(stream="yes"), 422),
        Refused("value_not_allowed", "messages[0].role", grok({"role": "robot", "content": "a"}), 422),
        Refused("out_of_range", "tools must not be empty", grok(tools=[])),
        Refused("model_not_found", "grok-none does not exist", grok(model="grok-none"), 404),
        Refused("effort_refused", "Model grok-code-fast-1 does not support parameter reasoningEffort.",
            grok(model="grok-code-fast-1", reasoning_effort="low")),
        Refused("effort_refused", "'none'", grok(model="grok-4.5", reasoning_effort="none")),
        Refused("sampling_refused", "parameter stop.", grok(stop=["a"])),
        Refused("sampling_refused", "parameter frequencyPenalty.", grok(frequency_penalty=0.5)),
        Refused("context_exceeded", "maximum prompt length is 1000000", grok(LONG)),
    ],
    "mistral": [
        Refused("field_required", "Field required", {"model": "mistral-large-latest"}, 422),
        Refused("field_unknown", "Extra inputs are not permitted", mistral(seed=1), 422),
        Refused("field_unknown", "stream_options", mistral(stream=True, stream_options={"include_usage": True}), 422),
        Refused("field_unknown", "reasoning_content",
            mistral(USER, {"role": "assistant", "content": "a", "reasoning_content": "b"}, USER), 422),
        Refused("type_wrong", "stream", mistral(stream="yes"), 422),
        Refused("value_not_allowed", "reasoning_effort", mistral(reasoning_effort="hard"), 422),
        Refused("out_of_range", "temperature", mistral(temperature=1.6), 422),
        Refused("model_not_found", "Invalid model: mistral-none", mistral(model="mistral-none"), code="1500"),
        Refused("assistant_empty", "must have either content or tool_calls",
            mistral(USER, {"role": "assistant", "content": ""}, USER), code="3240"),
        Refused("order_wrong", "Unexpected role 'user' after role 'tool'", mistral(USER, CALLING, RESULT, USER),
            code="3230"),
        Refused("tool_id_bad", "Tool call id was call_1 but must be",
            mistral(USER, CALLING | {"tool_calls": [CALL | {"id": "call_1"}]}, RESULT), code="3280"),
        Refused("tool_choice_alone", "tool_choice", mistral(tool_choice="any"), code="3051"),
        Refused("logprobs_refused", "Logprobs are not enabled", mistral(logprobs=True), code="3051"),
        Refused("context_exceeded", "maximum context length", mistral(LONG), code="3051"),
    ],
    "groq": [
        Refused("field_required", "'messages' : property is missing", {"model": "openai/gpt-oss-120b"}),
        Refused("field_unknown", "property 'top_k' is unsupported", groq(top_k=1)),
        Refused("field_unknown", "property 'messages[0].reasoning_content' is unsupported",
            groq({"role": "assistant", "content": "a", "reasoning_content": "b"})),
        Refused("type_wrong", "'stream'", groq(stream="yes")),
        Refused("value_not_allowed", "`parsed`", groq(reasoning_format="long")),
        Refused("out_of_range", "at most 2", groq(temperature=3)),
        Refused("model_not_found", "The model `none` does not exist", groq(model="none"), 404, "model_not_found"),
        Refused("model_not_found", "does not exist", groq(model="llama-3.3-70b-versatile"), 404, "model_not_found"),
        Refused("field_unsupported", "property 'logprobs' is unsupported", groq(logprobs=True)),
        Refused("several_answers", "'n' : number must be at most 1", groq(n=2)),
        Refused("tools_unsupported", "`tool calling` is not supported",
            groq(model="meta-llama/llama-guard-4-12b", tools=[TOOL])),
        Refused("effort_unsupported", "`low`, `medium`, or `high`", groq(reasoning_effort="max")),
        Refused("reasoning_formats_both", "can't be set together",
            groq(reasoning_format="parsed", include_reasoning=True)),
        Refused("context_exceeded", "reduce the length", groq(LONG), code="context_length_exceeded"),
    ],
    "openrouter": [
        Refused("field_required", "messages", {"model": "anthropic/claude-sonnet-4-6"}),
        Refused("type_wrong", "stream", openrouter(stream="yes")),
        Refused("value_not_allowed", "reasoning.effort", openrouter(reasoning={"effort": "hard"})),
        Refused("out_of_range", "temperature", openrouter(temperature=3)),
        Refused("model_not_found", "none/none is not a valid model ID", openrouter(model="none/none")),
        Refused("effort_and_budget", "Only one of", openrouter(reasoning={"effort": "low", "max_tokens": 1024})),
        Refused("efforts_differ", "differ", openrouter(reasoning={"effort": "low"}, reasoning_effort="high")),
        Refused("reasoning_mandatory", "mandatory", openrouter(model="openai/o3", reasoning={"enabled": False})),
        Refused("system_refused", "Provider returned error",
            openrouter({"role": "system", "content": "a"}, USER, model="google/gemma-3n-e4b-it:free")),
        Refused("details_altered", "Provider returned error",
            openrouter(USER, {"role": "assistant", "content": "a", "reasoning_details": [SIGNED]}, USER)),
        Refused("context_exceeded", "maximum context length", openrouter(LONG)),
    ],
}  # fmt: skip
UNUSED = {"field_unknown", "pattern_mismatch", "type_wrong"}
CASES = [(name, case) for name, cases in REFUSED.items() for case in cases]


def words_of(name: str, answer: Answer) -> tuple[str, str | None]:
    """Message and code where this provider puts them."""
    body = answer.json
    if name == "grok":
        return body["error"], None
    if name == "mistral":
        assert (body["object"], body["raw_status_code"]) == ("error", answer.status)
        return json.dumps(body["message"]) if isinstance(body["message"], dict) else body["message"], body["code"]
    code = body["error"].get("code")
    return body["error"]["message"], code if name in ("glm", "groq") else None


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case.rule}" for name, case in CASES])
def test_it_is_refused_in_the_providers_words(name: str, case: Refused) -> None:
    refused = ask(name, case.body)
    assert refused.rule == case.rule, refused.body[:500]
    assert refused.status == case.status
    says, code = words_of(name, refused)
    assert case.says in says
    assert code == case.code


def test_every_rule_of_every_table_has_a_case_and_a_source() -> None:
    for row in COMPATIBLE:
        table = (*row.rules, *row.window)
        assert {rule.name for rule in table} - {case.rule for case in REFUSED[row.name]} <= UNUSED, row.name
        assert all(rule.source for rule in (*row.door, *table))


WRONG_KEYS = {
    "deepseek": (401, "authentication_error"), "glm": (401, "1000"), "grok": (400, "invalid-argument"),
    "mistral": (401, "Invalid API Key"), "groq": (401, "invalid_api_key"), "openrouter": (401, "User not found."),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_KEYS)
def test_a_wrong_key_and_a_missing_one_are_refused(name: str) -> None:
    status, word = WRONG_KEYS[name]
    refused = ask(name, talk(name), headers={"authorization": "Bearer bad-key"})
    assert (refused.status, refused.rule) == (status, "key_wrong")
    assert word in refused.body.decode()
    assert ask(name, talk(name), headers={}).rule == "key_missing"
    assert ask(name, b" " * (32 * 1024 * 1024 + 1)).rule == "body_too_large"


@pytest.mark.parametrize(("provider", "base"), doors())
def test_every_door_answers_and_lists_models(provider: Any, base: str) -> None:
    body = chat(model=MODELS[provider.name])
    assert send(world(), f"{base}/chat/completions", body, headers=KEY).status == 200
    listed = send(world(), f"{base}/models", method="GET", headers=KEY).json["data"]
    assert MODELS[provider.name] in [model["id"] for model in listed]
    assert send(world(), f"{base}/nothing", body, headers=KEY).rule == "no_route"


def chunks(name: str, *said: Any, **fields: Any) -> list[Any]:
    return ask(name, talk(name, *said, model=THINKERS[name], stream=True, **fields)).events


def whole(name: str, *said: Any, **fields: Any) -> Any:
    return ask(name, talk(name, *said, model=THINKERS[name], **fields)).json


@pytest.mark.parametrize("name", ["deepseek", "glm", "mistral", "groq"])
def test_counts_stand_in_the_chunk_with_the_reason(name: str) -> None:
    told = chunks(name)
    assert [bool(chunk.get("usage")) for chunk in told] == [False] * (len(told) - 1) + [True]
    assert told[-1]["choices"][0]["finish_reason"] == "stop"


def test_deepseek_tells_its_thoughts_and_what_its_cache_had() -> None:
    told = chunks("deepseek")
    assert any(chunk["choices"][0]["delta"].get("reasoning_content") for chunk in told)
    counts = told[-1]["usage"]
    assert counts["prompt_cache_hit_tokens"] + counts["prompt_cache_miss_tokens"] == counts["prompt_tokens"]
    assert counts["completion_tokens_details"]["reasoning_tokens"] > 0
    assert told[0]["usage"] is None
    assert "reasoning_content" not in whole("deepseek", thinking={"type": "disabled"})["choices"][0]["message"]


def test_deepseek_takes_its_thoughts_back_beside_calls() -> None:
    thought = {"reasoning_content": ""}
    assert ask("deepseek", deepseek(USER, CALLING | thought, RESULT, tools=[TOOL])).status == 200
    off = deepseek(USER, CALLING, RESULT, thinking={"type": "disabled"}, tools=[TOOL])
    assert ask("deepseek", off).status == 200
    forced = deepseek(tools=[TOOL], tool_choice="required", thinking={"type": "disabled"})
    assert ask("deepseek", forced).json["choices"][0]["finish_reason"] == "tool_calls"


def test_deepseek_keeps_a_waiting_connection_alive() -> None:
    asked = {"role": "user", "content": "hi [[simulate load]]"}
    assert ask("deepseek", deepseek(asked, stream=True)).body.startswith(b": keep-alive\n\n")
    assert ask("deepseek", deepseek(asked)).body.startswith(b"\n\n{")


TOOLED = {"role": "user", "content": "hi [[simulate tool]]"}


@pytest.mark.parametrize("name", ["glm", "grok", "mistral"])
def test_a_call_comes_whole(name: str) -> None:
    told = chunks(name, TOOLED, tools=[TOOL])
    calls = [chunk["choices"][0]["delta"]["tool_calls"] for chunk in told if chunk.get("choices")
             and chunk["choices"][0]["delta"].get("tool_calls")]  # fmt: skip
    assert len(calls) == 1
    assert json.loads(calls[0][0]["function"]["arguments"]) == {}
    assert whole(name, TOOLED, tools=[TOOL])["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"


def test_grok_counts_its_reasoning_apart_and_tells_the_price() -> None:
    told = chunks("grok", stream_options={"include_usage": True})
    counts = told[-1]["usage"]
    reasoning = counts["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning > 0
    assert counts["total_tokens"] == counts["prompt_tokens"] + counts["completion_tokens"] + reasoning
    assert counts["cost_in_usd_ticks"] > 0
    assert told[-1]["choices"] == []


def test_grok_serves_retired_names_by_what_came_after() -> None:
    assert ask("grok", grok(model="grok-4")).json["model"] == "grok-4.3"


def test_mistral_thinks_within_its_content_and_has_short_ids() -> None:
    asked = {"reasoning_effort": "high"}
    parts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks("mistral", **asked)]
    assert any(isinstance(part, list) and part[0]["type"] == "thinking" for part in parts)
    message = whole("mistral", **asked)["choices"][0]["message"]
    assert [part["type"] for part in message["content"]] == ["thinking", "text"]
    again = mistral(USER, {"role": "assistant", "content": message["content"]}, USER, model="mistral-small-latest")
    assert ask("mistral", again).status == 200
    call = whole("mistral", TOOLED, tools=[TOOL])["choices"][0]["message"]["tool_calls"][0]
    assert len(call["id"]) == 9
    assert (
        ask("mistral", mistral(USER, CALLING | {"tool_calls": [call]}, RESULT | {"tool_call_id": call["id"]})).status
        == 200
    )


def test_groq_tells_ids_seeds_and_counts_beside_the_usual_fields() -> None:
    told = chunks("groq")
    assert set(told[0]["x_groq"]) == {"id", "seed"}
    assert told[-1]["x_groq"]["usage"] == told[-1]["usage"]
    assert any(chunk["choices"][0]["delta"].get("reasoning") for chunk in told)
    assert ask("groq", groq()).headers["x-ratelimit-limit-requests"]


def test_groq_says_when_a_call_could_not_be_read() -> None:
    refused = ask("groq", groq({"role": "user", "content": "hi [[simulate tool-failed]]"}))
    assert (refused.status, refused.json["error"]["code"]) == (400, "tool_use_failed")
    assert refused.json["error"]["failed_generation"]


def test_groq_refuses_for_good_what_is_larger_than_its_limit() -> None:
    refused = ask("groq", groq({"role": "user", "content": "a " * 3000}), limits=RateLimits(100, 500, 500))
    assert (refused.status, refused.json["error"]["type"]) == (413, "tokens")


def test_groq_ends_a_broken_stream_by_an_event_named_error() -> None:
    body = ask("groq", groq({"role": "user", "content": "hi [[simulate overloaded after=2]]"}, stream=True)).body
    assert b"event: error\ndata: {" in body
    assert b"[DONE]" not in body


def test_openrouter_has_comments_its_own_fields_and_counts_behind_the_reason() -> None:
    answer = ask("openrouter", openrouter(stream=True, reasoning={"effort": "low"}))
    assert answer.body.startswith(b": OPENROUTER PROCESSING\n\n")
    told = answer.events
    assert all(chunk["provider"] for chunk in told)
    assert told[-2]["choices"][0]["native_finish_reason"] == "stop"
    assert (told[-1]["choices"][0]["finish_reason"], told[-1]["usage"]["is_byok"]) == (None, False)
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert all(delta["role"] == "assistant" for delta in deltas)
    assert any(delta.get("reasoning") for delta in deltas)


def test_openrouter_sends_white_space_before_a_body() -> None:
    answer = ask("openrouter", openrouter())
    assert answer.body.startswith(b"\n   ")
    assert answer.json["usage"]["cost"] > 0


def test_openrouter_takes_details_back_as_they_were() -> None:
    message = ask("openrouter", openrouter(reasoning={"effort": "low"})).json["choices"][0]["message"]
    assert message["reasoning_details"][0]["signature"]
    said: Any = {"role": "assistant", "content": message["content"], "reasoning_details": message["reasoning_details"]}
    assert ask("openrouter", openrouter(USER, said, USER)).status == 200
    said["reasoning_details"][0]["text"] += "!"
    refused = ask("openrouter", openrouter(USER, said, USER))
    assert "Invalid `signature`" in refused.json["error"]["metadata"]["raw"]


def test_openrouter_puts_an_error_into_a_200() -> None:
    asked = {"role": "user", "content": "hi [[simulate overloaded after=2]]"}
    streamed = ask("openrouter", openrouter(asked, stream=True))
    assert streamed.status == 200
    assert (streamed.events[-1]["error"]["code"], streamed.events[-1]["choices"][0]["finish_reason"]) == (502, "error")
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert ask("openrouter", openrouter(asked)).json["error"]["code"] == 502


QUOTAS = {
    "deepseek": (402, "Insufficient Balance"), "glm": (429, '"1113"'), "grok": (429, "spending limit"),
    "mistral": (429, "monthly"), "groq": (429, "per day"), "openrouter": (429, "per-day"),
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTAS)
def test_an_empty_account_is_told_as_the_provider_does(name: str) -> None:
    refused = ask(name, talk(name, {"role": "user", "content": "hi [[simulate quota]]"}))
    status, says = QUOTAS[name]
    assert refused.status == status
    assert says in refused.body.decode()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "deepseek"])
def test_a_broken_limit_is_a_429(name: str) -> None:
    into, path = world(limits=RateLimits(1, 10_000, 10_000)), f"{BASE_PATHS[name]}/chat/completions"
    assert send(into, path, talk(name), headers=KEY).status == 200
    assert send(into, path, talk(name), headers=KEY).status == 429
