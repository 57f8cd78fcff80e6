"""What Gemini refuses is refused: every rule of the table has a request that it refuses, in Google's words."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.simulator import RateLimits
from kruxos.simulator.gemini.provider import GEMINI as ROW
from kruxos.simulator.gemini.rules import COUNTING_RULES
from kruxos.simulator.gemini.turn_rules import FILLER
from tests.simulator.support import GEMINI, Refused, contents, gemini_path, send, world

OLD = "gemini-2.5-flash"
SIGNED_CALL = {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": FILLER}
CALLING = {"role": "model", "parts": [SIGNED_CALL]}
RESULT = {"functionResponse": {"id": "1", "name": "f", "response": {"output": "1"}}}
ANSWERING = {"role": "user", "parts": [RESULT]}
USER = {"role": "user", "parts": [{"text": "hi"}]}


def functions(**changes: Any) -> list[Any]:
    return [{"functionDeclarations": [{"name": "f"} | changes]}]


def config(**fields: Any) -> dict[str, Any]:
    return contents(generationConfig=fields)


def thinking(**fields: Any) -> dict[str, Any]:
    return config(thinkingConfig=fields)


def unsigned(part: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": [{name: value for name, value in part.items() if name != "thoughtSignature"}]}


def calling(mode: str) -> dict[str, Any]:
    return {"functionCallingConfig": {"mode": mode, "allowedFunctionNames": ["g"]}}


def old(case: Refused) -> Refused:
    """The same, at a model of 2.5."""
    return Refused(case.rule, case.says, case.body, path=gemini_path(OLD))


REFUSED = [
    Refused("key_missing", "unregistered callers", contents(), 403, drop=("x-goog-api-key",)),
    Refused("key_wrong", "API key not valid", contents(), headers={"x-goog-api-key": "bad-key"}),
    Refused("key_wrong", "key not valid", contents(), drop=("x-goog-api-key",), path=f"{gemini_path()}?key=bad-key"),
    Refused("body_too_large", "payload size", b" " * (20 * 1024 * 1024 + 1), 413),
    Refused("body_not_json", "not a JSON object", b"{"),
    Refused("field_unknown", 'Unknown name "foo": Cannot find field.', contents(foo=1)),
    Refused("field_unknown", 'Unknown name "top" at \'generation_config\'', config(top=1)),
    Refused("field_required", "function_declarations[0].name", contents(tools=[{"functionDeclarations": [{}]}])),
    Refused("type_wrong", "Invalid value at 'contents[0].parts[0].function_response.response' (TYPE_MESSAGE)",
        contents({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": "text"}}]})),
    Refused("type_wrong", "(TYPE_FLOAT)", config(temperature="hot")),
    Refused("value_not_allowed", "'tool_config.function_calling_config.mode'", contents(toolConfig=calling("SOME"))),
    Refused("out_of_range", "generation_config.temperature", config(temperature=2.1)),
    Refused("out_of_range", "at most 5 values", config(stopSequences=list("abcdef"))),
    Refused("out_of_range", "generation_config.seed", config(seed=2**31)),
    Refused("model_not_found", "models/gemini-none is not found for API version v1beta",
        contents(), 404, path=gemini_path("gemini-none")),
    Refused("model_not_found", "not supported for generateContent", contents(), 404,
        path=f"{gemini_path('gemini-none', 'streamGenerateContent')}?alt=sse"),
    Refused("contents_missing", "contents is not specified", {}),
    Refused("parts_missing", "must not be empty", contents({"role": "user", "parts": []})),
    Refused("role_unknown", "Please use a valid role", contents({"role": "system", "parts": [{"text": "a"}]})),
    Refused("part_empty", "must have one initialized field", contents({"role": "user", "parts": [{"thought": True}]})),
    Refused("data_not_base64", "Base64 decoding failed",
        contents({"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]})),
    Refused("call_misplaced", "immediately after a user turn", contents(CALLING, ANSWERING)),
    Refused("result_misplaced", "immediately after a function call turn", contents(USER, ANSWERING)),
    Refused("results_miscounted", "number of function response parts is equal", contents(USER, CALLING, USER)),
    Refused("response_reference", "$ref", contents(USER, CALLING, {"role": "user", "parts": [
        {"functionResponse": {"name": "f", "response": {"a": [{"$ref": "x"}]}}}]})),
    Refused("signature_missing", "function call `default_api:f` , position 2",
        contents(USER, unsigned(SIGNED_CALL), ANSWERING)),
    Refused("signature_corrupted", "Corrupted thought signature.",
        contents(USER, {"role": "model", "parts": [SIGNED_CALL | {"thoughtSignature": "c29tZWJvZHk="}]}, ANSWERING)),
    Refused("tool_name_bad", "Must start with a letter or an underscore", contents(tools=functions(name="9 lives"))),
    Refused("tool_name_repeated", "Duplicate function declaration found: f", contents(tools=functions() * 2)),
    Refused("schemas_both", "mutually exclusive", contents(
        tools=functions(parameters={"type": "OBJECT"}, parametersJsonSchema={"type": "object"}))),
    Refused("schema_field_unknown", "\"additionalProperties\" at 'tools[0].function_declarations[0].parameters'",
        contents(tools=functions(parameters={"type": "OBJECT", "additionalProperties": False}))),
    Refused("schema_keyword_unsupported", "'const'", contents(
        tools=functions(parametersJsonSchema={"type": "object", "properties": {"a": {"const": 1}}}))),
    Refused("names_without_any", "ANY or VALIDATED", contents(tools=functions(), toolConfig=calling("AUTO"))),
    Refused("names_undeclared", "'g'", contents(tools=functions(), toolConfig=calling("ANY"))),
    Refused("thinking_unsupported", "Thinking is not enabled", thinking(thinkingBudget=1024),
        path=gemini_path("gemini-2.0-flash")),
    Refused("thinking_both_ways", "only set one", thinking(thinkingBudget=1024, thinkingLevel="LOW")),
    old(Refused("thinking_level_unsupported", "Thinking level is not supported", thinking(thinkingLevel="LOW"))),
    Refused("thinking_level_unsupported", "Thinking level MINIMAL is not supported", thinking(thinkingLevel="MINIMAL")),
    old(Refused("thinking_budget_invalid", "The thinking budget 24577 is invalid", thinking(thinkingBudget=24_577))),
    Refused("thinking_budget_invalid", "Budget 0 is invalid.", thinking(thinkingBudget=0),
        path=gemini_path("gemini-2.5-pro")),
    old(Refused("json_with_tools", "mime type: 'application/json' is unsupported",
        contents(tools=functions(), generationConfig={"responseMimeType": "application/json"}))),
    Refused("schema_without_json", "response_mime_type", config(responseJsonSchema={"type": "object"})),
    Refused("cache_with_others", "CachedContent can not be used", contents(cachedContent="cachedContents/1",
        systemInstruction=USER)),
    Refused("cache_not_found", "CachedContent not found", contents(cachedContent="cachedContents/1"), 403),
    Refused("context_exceeded", "exceeds the maximum number of tokens allowed (1048576).",
        contents("a " * 1_048_577)),
]  # fmt: skip
STATUSES = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.rule)
def test_it_is_refused_in_googles_words(case: Refused) -> None:
    refused = send(world(), case.path or gemini_path(), case.body, headers=case.headers, drop=case.drop)
    assert refused.rule == case.rule, refused.body[:500]
    error = refused.json["error"]
    assert (refused.status, error["code"]) == (case.status, case.status)
    assert error["status"] == STATUSES.get(case.status, "INVALID_ARGUMENT")
    assert case.says in error["message"]


def test_a_wrong_key_is_told_by_a_detail() -> None:
    refused = send(world(), gemini_path(), contents(), headers={"x-goog-api-key": "bad-key"})
    assert refused.json["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_every_rule_of_the_table_has_a_case_and_a_source() -> None:
    table = (*ROW.door, *ROW.rules, *ROW.window, *COUNTING_RULES)
    assert {rule.name for rule in table} - {case.rule for case in REFUSED} == {"pattern_mismatch"}
    assert all(rule.source for rule in table)


ACCEPTED: dict[str, tuple[str, Any]] = {
    "names with underscores": (GEMINI, {"contents": [{"parts": [{"text": "hi"}]}], "generation_config": {"top_p": 1}}),
    "an unsigned call of an older turn": (GEMINI, contents(USER, unsigned(SIGNED_CALL), ANSWERING, USER)),
    "an unsigned call at a model of 2.5": (OLD, contents(USER, unsigned(SIGNED_CALL), ANSWERING)),
    "a budget of 0 where thinking can be off": (OLD, thinking(thinkingBudget=0)),
    "a budget at a newer model": (GEMINI, thinking(thinkingBudget=1024)),
    "a level in small letters": (GEMINI, thinking(thinkingLevel="low", includeThoughts=True)),
    "JSON beside tools at a newer model": (
        GEMINI,
        contents(tools=functions(), generationConfig={"responseMimeType": "application/json"}),
    ),
    "Google's own form of a schema": (
        GEMINI,
        contents(tools=functions(parameters={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}})),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_it_is_accepted(name: str) -> None:
    model, body = ACCEPTED[name]
    answer = send(world(), gemini_path(model), body)
    assert answer.status == 200, answer.json


def test_a_call_of_a_newer_model_has_a_signature_that_goes_back() -> None:
    asked = contents("hi [[simulate tool calls=2]]", tools=functions())
    first = send(world(), gemini_path(), asked).json["candidates"][0]
    parts = first["content"]["parts"]
    assert ["thoughtSignature" in part for part in parts] == [True, False]
    ids = [part["functionCall"]["id"] for part in parts]
    results = {
        "role": "user",
        "parts": [{"functionResponse": RESULT["functionResponse"] | {"id": each}} for each in ids],
    }
    again = asked | {"contents": [*asked["contents"], first["content"], results]}
    assert send(world(), gemini_path(), again).status == 200
    assert first["finishReason"] == "STOP"


def test_a_stream_has_crlf_no_end_mark_growing_counts_and_a_last_signature() -> None:
    path = f"{gemini_path(method='streamGenerateContent')}?alt=sse"
    streamed = send(world(), path, contents(generationConfig={"thinkingConfig": {"includeThoughts": True}}))
    events = streamed.events
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.body.count(b"\r\n\r\n") == len(events)
    assert b"[DONE]" not in streamed.body
    assert all("promptTokenCount" in event["usageMetadata"] for event in events)
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    assert parts[0]["thought"]
    assert next(part for part in parts if "thoughtSignature" in part)["text"] == ""
    assert events[-1]["usageMetadata"]["thoughtsTokenCount"] > 0
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_stream_without_alt_is_one_json_array() -> None:
    streamed = send(world(), gemini_path(method="streamGenerateContent"), contents())
    assert len(streamed.json) > 2


def test_a_broken_limit_names_its_quota_and_the_wait_in_details() -> None:
    into = world(limits=RateLimits(1, 1_000, 1_000))
    assert send(into, gemini_path(), contents()).status == 200
    refused = send(into, gemini_path(), contents())
    quota, retry = refused.json["error"]["details"]
    assert (refused.status, refused.json["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "PerMinute" in quota["violations"][0]["quotaId"]
    assert retry["retryDelay"] == "60s"
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(("fault", "word"), [("429 retry_after=34.4", "PerMinute"), ("quota", "PerDay")])
def test_faults_name_the_quota_they_stand_for(fault: str, word: str) -> None:
    refused = send(world(), gemini_path(), contents(f"hi [[simulate {fault}]]"))
    details = refused.json["error"]["details"]
    assert word in details[0]["violations"][0]["quotaId"]
    assert [each["retryDelay"] for each in details[1:]] == (["34.4s"] if "retry" in fault else [])


def test_models_come_in_pages_and_one_by_one() -> None:
    page = send(world(), "/v1beta/models?pageSize=2", method="GET").json
    assert len(page["models"]) == 2
    more = send(world(), f"/v1beta/models?pageSize=1000&pageToken={page['nextPageToken']}", method="GET").json
    assert "nextPageToken" not in more
    one = page["models"][0]
    assert send(world(), f"/v1beta/{one['name']}", method="GET").json == one
    assert send(world(), "/v1beta/models/none", method="GET").status == 404
    assert send(world(), "/v1beta/models?pageSize=x", method="GET").status == 400


def test_tokens_are_counted_as_they_are_charged() -> None:
    counted = send(world(), gemini_path(method="countTokens"), contents("How many?")).json["totalTokens"]
    assert counted == send(world(), gemini_path(), contents("How many?")).json["usageMetadata"]["promptTokenCount"]
    whole = {"generateContentRequest": contents("How many?") | {"model": f"models/{GEMINI}"}}
    assert send(world(), gemini_path(method="countTokens"), whole).json["totalTokens"] == counted


def test_a_path_that_is_none_is_refused_in_googles_words() -> None:
    assert send(world(), "/v1beta/nothing", {}).json["error"]["status"] == "NOT_FOUND"


def test_a_directive_stands_behind_the_models_name() -> None:
    assert send(world(), gemini_path(f"{GEMINI}%23503"), contents()).json["error"]["status"] == "UNAVAILABLE"
