"""Requests to Gemini: every body is one that Google's own types take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.genai import types

from kruxos.dialects.base import EncodedRequest
from kruxos.dialects.gemini.turns import FILLER
from kruxos.errors import BadRequestError
from kruxos.messages import (
    Document,
    Image,
    Message,
    Native,
    OutputFormat,
    Part,
    ProviderState,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import assistant, codes, system, target, tool, user
from tests.dialects.support import encode as encode_for

WEATHER = Tool("weather", "The weather.", {"type": "object", "properties": {"place": {"type": "string"}}})
HI = [Message.of("user", "hi")]


def encode(request: Request, model: str = "gemini-3.8-flash", **changes: Any) -> tuple[dict[str, Any], EncodedRequest]:
    """The body, checked against Google's types, which forbid fields that they do not know."""
    body, encoded = encode_for(request, target("gemini", model, **changes))
    check(body)
    return body, encoded


def check(body: dict[str, Any]) -> None:
    known = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    assert body.keys() <= known
    for content in body["contents"]:
        types.Content.model_validate(content)
    if "systemInstruction" in body:
        types.Content.model_validate(body["systemInstruction"])
    for each in body.get("tools", ()):
        types.Tool.model_validate(each)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))


def signed(data: str, kind: str = "thought_signature", *, origin: str = "gemini") -> ProviderState:
    return ProviderState(origin, "gemini-3.8-flash", kind, data.encode())


def config_of(model: str, **wishes: Any) -> tuple[dict[str, Any], list[str]]:
    body, encoded = encode(Request(HI, **wishes), model)
    return body.get("generationConfig", {}), codes(encoded.notices)


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-3.8-flash", False, "/models/gemini-3.8-flash:generateContent"),
        ("gemini-3.8-flash", True, "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-3.8-flash", False, "/models/gemini-3.8-flash:generateContent"),
        ("tunedModels/mine", False, "/tunedModels/mine:generateContent"),
        ("odd name?:x", False, "/models/odd%20name%3F%3Ax:generateContent"),
    ],
)
def test_model_and_streaming_stand_in_the_path(model: str, path: str, *, stream: bool) -> None:
    aim = target("gemini", model)
    body, encoded = encode_for(Request(HI), target("gemini", model, stream=stream) if not stream else aim)
    assert encoded.http.path == path
    assert body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def test_system_messages_are_the_instruction_wherever_they_stand() -> None:
    body, encoded = encode(Request([system("be brief"), user("hi"), system("and kind")]))
    assert body["systemInstruction"] == {"parts": [{"text": "be brief"}, {"text": "and kind"}]}
    assert codes(encoded.notices) == ["message_moved"]


def test_turns_of_one_role_are_one_and_the_first_is_the_users() -> None:
    body, encoded = encode(Request([assistant("a"), user("b"), user("c")]))
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][2]["parts"] == [{"text": "b"}, {"text": "c"}]
    assert codes(encoded.notices) == ["message_inserted"]


def test_a_conversation_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequestError, match="nothing that can be sent"):
        encode(Request([user("")]))


def test_every_kind_of_content_has_its_part() -> None:
    parts: list[Part] = [
        Text("look"),
        Image(data=b"x", media_type="image/png"),
        Image(url="data:image/jpeg;base64,eA=="),
        Image(url="https://example.com/a.PNG?x=1"),
        Document(data=b"%PDF", media_type="application/pdf", name="a.pdf"),
        Document(text="plain"),
        Document(url="https://example.com/b.pdf"),
    ]
    body, _ = encode(Request([Message("user", parts)]))
    assert body["contents"][0]["parts"] == [
        {"text": "look"},
        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
        {"inlineData": {"mimeType": "image/jpeg", "data": "eA=="}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.PNG?x=1"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
        {"text": "plain"},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/b.pdf"}},
    ]


def test_answers_stand_by_themselves_in_the_order_of_the_calls_before_all_else() -> None:
    calls = assistant(ToolCall("a", "f", {"x": 1}), ToolCall("b", "g", {}))
    picture = Image(data=b"x", media_type="image/png")
    results = [tool(ToolResult("b", [Text("two"), picture])), tool(ToolResult("a", "one", is_error=True))]
    body, encoded = encode(Request([user("hi"), calls, *results, user("and?")]))
    assert body["contents"][2:] == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"error": "one"}}},
                {"functionResponse": {"id": "b", "name": "g", "response": {"output": "two"}}},
            ],
        },
        {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "eA=="}}, {"text": "and?"}]},
    ]
    assert "message_moved" in codes(encoded.notices)


def test_an_answer_that_is_json_stays_text_for_a_reference_in_it_would_be_refused() -> None:
    messages = [user("hi"), assistant(ToolCall("a", "f")), tool(ToolResult("a", '{"$ref":"#/x"}'))]
    body, _ = encode(Request(messages))
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": '{"$ref":"#/x"}'}


def test_signatures_go_back_where_they_were_byte_for_byte() -> None:
    turn = assistant(
        Thinking("hm", signed("", "thought")),
        Thinking("aha", signed("QQ==")),
        Text("yes", signed("Qg==")),
        ToolCall("a", "f", {}, state=signed("Qw==")),
        ToolCall("b", "f", {}),
        signed("RA=="),
        signed('{"executableCode":{"language":"PYTHON","code":"1"}}', "part"),
        signed("{}", "grounding"),
    )
    body, encoded = encode(Request([user("hi"), turn, tool(ToolResult("a", "1"), ToolResult("b", "2"))]))
    assert body["contents"][1]["parts"] == [
        {"text": "hm", "thought": True},
        {"text": "aha", "thought": True, "thoughtSignature": "QQ=="},
        {"text": "yes", "thoughtSignature": "Qg=="},
        {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "Qw=="},
        {"functionCall": {"id": "b", "name": "f", "args": {}}},
        {"text": "", "thoughtSignature": "RA=="},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
    ]
    assert encoded.notices == []


def test_what_another_provider_signed_is_not_sent_and_its_calls_are_marked() -> None:
    turn = assistant(
        Thinking("hm", signed("x", "signature", origin="anthropic")), ToolCall("a", "f", {}), ToolCall("b", "f", {})
    )
    request = Request([user("hi"), turn, tool(ToolResult("a", "1"), ToolResult("b", "2"))])
    body, encoded = encode(request)
    first, second = body["contents"][1]["parts"]
    assert first["thoughtSignature"] == FILLER
    assert "thoughtSignature" not in second
    assert codes(encoded.notices) == ["signature_filled", "state_dropped"]
    older, encoded = encode(request, "gemini-2.5-flash")
    assert "thoughtSignature" not in older["contents"][1]["parts"][0]
    assert codes(encoded.notices) == ["state_dropped"]


def test_tools_are_declared_with_schemas_that_google_takes() -> None:
    schema = {"type": "object", "properties": {"a": {"const": "x"}, "b": {"type": "string", "pattern": "^b$"}}}
    body, encoded = encode(Request(HI, tools=[Tool("server.find", "Finds.", schema), Tool("2nd")]))
    first, second = body["tools"][0]["functionDeclarations"]
    assert first == {
        "name": "server_find",
        "description": "Finds.",
        "parametersJsonSchema": {
            "type": "object",
            "properties": {
                "a": {"type": "string", "enum": ["x"]},
                "b": {"type": "string", "description": '(pattern: "^b$")'},
            },
        },
    }
    assert second == {"name": "_2nd"}
    assert codes(encoded.notices) == ["tool_renamed", "schema_reduced"]
    assert encoded.notices[1].data == {"lost": ["/properties/b/pattern"]}
    assert encoded.tool_names == {"server_find": "server.find", "_2nd": "2nd"}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("tool:weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_every_tool_choice_has_its_mode(choice: str, config: dict[str, Any]) -> None:
    body, _ = encode(Request(HI, tools=[WEATHER], tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "told"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}, []),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1_024, "includeThoughts": True}, []),
        ("gemini-2.5-flash", "medium", {"thinkingBudget": 8_192, "includeThoughts": True}, []),
        ("gemini-2.5-flash", "high", {"thinkingBudget": 24_576, "includeThoughts": True}, []),
        ("gemini-2.5-flash", "max", {"thinkingBudget": 24_576, "includeThoughts": True}, []),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}, ["effort_clamped"]),
        ("gemini-2.5-pro", "max", {"thinkingBudget": 32_768, "includeThoughts": True}, []),
        ("gemini-2.5-flash-lite", "low", {"thinkingBudget": 1_024, "includeThoughts": True}, []),
        ("gemini-3.8-flash", "none", {"thinkingLevel": "LOW"}, ["effort_clamped"]),
        ("gemini-3.8-flash", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}, []),
        ("gemini-3.8-flash", "max", {"thinkingLevel": "HIGH", "includeThoughts": True}, ["effort_clamped"]),
        ("gemini-3.5-flash-lite", "none", {"thinkingLevel": "MINIMAL"}, ["effort_clamped"]),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH", "includeThoughts": True}, ["effort_clamped"]),
        ("gemini-2.0-flash", "high", None, ["effort_clamped"]),
        ("gemini-2.0-flash", "none", None, []),
        ("gemini-next", "high", None, ["parameter_dropped"]),
    ],
)
def test_every_effort_is_one_that_the_model_takes(
    model: str, effort: Any, thinking: dict[str, Any] | None, told: list[str]
) -> None:
    config, notices = config_of(model, thinking_effort=effort)
    assert config.get("thinkingConfig") == thinking
    assert notices == told


@pytest.mark.parametrize(("model", "budget"), [("gemini-2.5-flash", 750), ("gemini-2.5-pro", 750)])
def test_a_budget_leaves_room_for_the_answer(model: str, budget: int) -> None:
    config, notices = config_of(model, thinking_effort="high", max_output_tokens=1_000)
    assert config["thinkingConfig"]["thinkingBudget"] == budget
    assert notices == ["effort_clamped"]


def test_nothing_is_said_of_thinking_where_nothing_was_asked() -> None:
    assert config_of("gemini-3.8-flash") == ({}, [])


def test_sampling_goes_under_googles_names_and_what_it_has_none_for_is_told() -> None:
    config, notices = config_of(
        "gemini-3.8-flash", temperature=3.0, top_p=0.9, top_k=40, seed=7, presence_penalty=1.0,
        stop=["1", "2", "3", "4", "5", "6"], max_output_tokens=100,
    )  # fmt: skip
    assert config == {
        "maxOutputTokens": 100, "temperature": 2.0, "topP": 0.9, "topK": 40, "seed": 7,
        "stopSequences": ["1", "2", "3", "4", "5"],
    }  # fmt: skip
    assert notices == ["parameter_clamped", "parameter_dropped", "parameter_clamped"]


def test_a_seed_beyond_32_bits_is_not_sent() -> None:
    assert config_of("gemini-3.8-flash", seed=2**40) == ({}, ["parameter_dropped"])


def test_structured_output_is_a_schema_or_any_json() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    config, _ = config_of("gemini-2.5-flash", output_format=OutputFormat(schema))
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert config_of("gemini-2.5-flash", output_format=OutputFormat())[0] == {"responseMimeType": "application/json"}


def test_older_models_take_no_structured_output_beside_tools() -> None:
    wishes: dict[str, Any] = {"tools": [WEATHER], "output_format": OutputFormat({"type": "object"})}
    assert config_of("gemini-2.5-flash", **wishes) == ({}, ["parameter_dropped"])
    assert "responseJsonSchema" in config_of("gemini-3.8-flash", **wishes)[0]


def test_a_request_of_its_own_protocol_goes_on_byte_for_byte() -> None:
    body = b'{ "contents" : [{"parts":[{"text":"hi"}]}], "safetySettings": [] }'
    request = Request(HI, native=Native("gemini", body))
    _, encoded = encode_for(request, target("gemini", "gemini-3.8-flash"))
    assert encoded.http.body == body
    assert encoded.http.path == "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"


def test_an_effort_is_set_in_a_request_of_its_own_protocol() -> None:
    body = {"contents": [], "generationConfig": {"topK": 1, "thinkingConfig": {"thinkingBudget": 5}}}
    request = Request(HI, thinking_effort="low", native=Native("gemini", json.dumps(body).encode()))
    sent, _ = encode_for(request, target("gemini", "gemini-2.5-flash"))
    assert sent["generationConfig"] == {
        "topK": 1,
        "thinkingConfig": {"thinkingBudget": 1_024, "includeThoughts": True},
    }


def test_the_same_request_is_the_same_bytes() -> None:
    def sent() -> bytes:
        request = Request(HI, tools=[WEATHER], thinking_effort="low", stop=["x"])
        return encode(request)[1].http.body

    assert sent() == sent()
