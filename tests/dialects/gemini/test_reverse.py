"""Requests as Gemini's clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.gemini import GEMINI
from kruxos.errors import BadRequestError
from kruxos.messages import (
    Document,
    Image,
    Message,
    OutputFormat,
    ProviderState,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import encode, target

HI = {"role": "user", "parts": [{"text": "hi"}]}


def decode(path: str | None = None, **fields: Any) -> DecodedRequest:
    headers = {} if path is None else {":path": path}
    return GEMINI.decode_request(json.dumps({"contents": [HI]} | fields).encode(), headers)


@pytest.mark.parametrize(
    ("path", "model", "stream", "extra"),
    [
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash", False, {}),
        ("/v1beta/models/a:streamGenerateContent?alt=sse", "a", True, {"alt": "sse"}),
        ("/v1beta/models/a:streamGenerateContent?key=k", "a", True, {"alt": "json"}),
        ("/models/team%2Fa:generateContent", "team/a", False, {}),
    ],
)
def test_model_and_streaming_stand_in_the_path(path: str, model: str, extra: dict[str, Any], *, stream: bool) -> None:
    decoded = decode(path)
    assert (decoded.model, decoded.stream, decoded.extra) == (model, stream, extra)


def test_another_path_is_refused() -> None:
    with pytest.raises(BadRequestError, match="names no model"):
        decode("/v1beta/models/a:embedContent")


def test_every_part_becomes_ours() -> None:
    model = {
        "role": "model",
        "parts": [
            {"text": "hm", "thought": True},
            {"text": "yes", "thoughtSignature": "QQ=="},
            {"text": "", "thoughtSignature": "Qg=="},
            {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "Qw=="},
            {"executableCode": {"code": "1"}},
        ],
    }
    answer = {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "one"}}}
    media = [
        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a.pdf"}},
    ]
    decoded = decode(contents=[HI, model, {"role": "user", "parts": [answer, *media]}])

    def state(kind: str, data: bytes) -> ProviderState:
        return ProviderState("gemini", "", kind, data)

    assert decoded.request.messages == [
        Message("user", [Text("hi")]),
        Message(
            "assistant",
            [
                Thinking("hm", state("thought", b"")),
                Text("yes", state("thought_signature", b"QQ==")),
                state("thought_signature", b"Qg=="),
                ToolCall("c1", "f", {"x": 1}, state=state("thought_signature", b"Qw==")),
                state("part", b'{"executableCode":{"code":"1"}}'),
            ],
        ),
        Message("tool", [ToolResult("c1", "one", name="f")]),
        Message(
            "user",
            [
                Image(data=b"x", media_type="image/png"),
                Document(media_type="application/pdf", url="https://example.com/a.pdf"),
            ],
        ),
    ]
    check_request(decoded.request)
    assert decoded.extra == {}


def test_calls_without_ids_are_paired_by_name_and_order() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    answers = [{"functionResponse": {"name": "f", "response": response}} for response in ({"error": "no"}, {"a": 1})]
    request = decode(
        contents=[HI, {"role": "model", "parts": [call, call]}, {"role": "user", "parts": answers}]
    ).request
    check_request(request)
    calls = [part.id for part in request.messages[1].parts if isinstance(part, ToolCall)]
    assert len(set(calls)) == 2
    results = request.messages[2].parts
    assert results == [ToolResult(calls[0], "no", is_error=True, name="f"), ToolResult(calls[1], '{"a":1}', name="f")]


def test_wishes_become_ours() -> None:
    config = {
        "maxOutputTokens": 100, "temperature": 0.5, "topP": 0.9, "topK": 40, "seed": 7, "stopSequences": ["x"],
        "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"},
        "thinkingConfig": {"thinkingBudget": 8_000, "includeThoughts": True},
    }  # fmt: skip
    instruction = {"parts": [{"text": "be brief"}]}
    request = decode(generationConfig=config, systemInstruction=instruction).request
    assert request.messages[0] == Message("system", [Text("be brief")])
    assert (request.max_output_tokens, request.temperature, request.top_p, request.top_k) == (100, 0.5, 0.9, 40)
    assert (request.seed, request.stop, request.thinking_effort) == (7, ["x"], "medium")
    assert request.output_format == OutputFormat({"type": "object"})


@pytest.mark.parametrize(
    ("config", "effort"),
    [
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": -1}, None),
        ({"thinkingBudget": 1}, "low"),
        ({"thinkingBudget": 24_576}, "high"),
        ({"thinkingLevel": "MINIMAL"}, "low"),
        ({"thinkingLevel": "high"}, "high"),
        ({"includeThoughts": True}, None),
    ],
)
def test_every_way_of_thinking_has_its_effort(config: dict[str, Any], effort: str | None) -> None:
    assert decode(generationConfig={"thinkingConfig": config}).request.thinking_effort == effort


def test_tools_and_their_choice_become_ours() -> None:
    plain = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}
    tools = [{"functionDeclarations": [{"name": "f", "description": "d", "parameters": plain}]}, {"googleSearch": {}}]
    choice = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}
    decoded = decode(tools=tools, toolConfig=choice)
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert decoded.request.tools == [Tool("f", "d", schema)]
    assert decoded.request.tool_choice == "tool:f"
    assert decoded.extra == {"tools[1].googleSearch": {}}


def test_names_with_underscores_are_read_and_those_of_the_caller_stay() -> None:
    tools = [{"function_declarations": [{"name": "f", "parameters_json_schema": {"properties": {"a_b": {}}}}]}]
    contents = [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "eA=="}}]}]
    decoded = decode(contents=contents, tools=tools, generation_config={"max_output_tokens": 5})
    assert decoded.request.messages == [Message("user", [Image(data=b"x", media_type="image/png")])]
    assert decoded.request.tools[0].parameters == {"properties": {"a_b": {}}}
    assert decoded.request.max_output_tokens == 5


def test_what_we_have_no_word_for_is_kept_by_its_path() -> None:
    decoded = decode(safetySettings=[{"category": "x"}], generationConfig={"candidateCount": 2})
    assert decoded.extra == {"safetySettings": [{"category": "x"}], "generationConfig.candidateCount": 2}
    assert decoded.request.native is not None
    assert json.loads(decoded.request.native.body)["safetySettings"] == [{"category": "x"}]


def part(value: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"parts": [value]}]}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        (part({"text": 1}), "contents[0].parts[0].text"),
        (part({"inlineData": {"mimeType": "a/b", "data": "?"}}), "contents[0].parts[0].inlineData.data"),
        (part({"functionResponse": {"name": "f"}}), "contents[0].parts[0].functionResponse.name"),
        ({"generationConfig": {"temperature": 9}}, "generationConfig.temperature"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "x"}}}, "toolConfig.functionCallingConfig.mode"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(**fields)
    assert caught.value.detail.field == place


def test_what_a_client_sends_back_goes_on_as_it_came() -> None:
    turn = {
        "role": "model",
        "parts": [{"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "Qw=="}],
    }
    answer = {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "f", "response": {"output": "1"}}}]}
    request = decode(contents=[HI, turn, answer]).request
    body, _ = encode(Request(request.messages), target("gemini", "gemini-3.8-flash"))
    assert body["contents"] == [HI, turn, answer]
