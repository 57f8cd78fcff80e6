"""A request in our words becomes one of Responses: for OpenAI, for the Codex backend, and natively."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kruxos import __version__
from kruxos.dialects.base import NativeCompaction
from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.openai_responses.state import sealed
from kruxos.dialects.profiles import PROFILES
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.messages import (
    Document,
    Image,
    Native,
    OutputFormat,
    Part,
    ProviderState,
    Request,
    Text,
    Thinking,
    ThinkingEffort,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import ask, assistant, codes, encode, system, target, tool, user

OPENAI = target("openai", "gpt-5.4")
CODEX = target("openai-codex", "gpt-5.4")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
STRICT_SCHEMA = {
    "type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"],
    "additionalProperties": False,
}  # fmt: skip
WEATHER = Tool("get_weather", "Weather.", SCHEMA)
CALL = ToolCall("call_1", "get_weather", arguments_json='{"city": "Paris"}')
RESULT = ToolResult("call_1", "15 C")


def state(kind: str, fields: object, origin: str = "openai", model: str = "gpt-5.4") -> ProviderState:
    return ProviderState(origin, model, kind, json.dumps(fields).encode())


REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA+/="}


def test_a_plain_question() -> None:
    body, encoded = encode(ask(system("Be brief."), user("hi")), OPENAI)
    assert body == {
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    assert (encoded.http.method, encoded.http.path, encoded.notices) == ("POST", "/responses", [])
    assert encoded.http.headers["accept"] == "text/event-stream"


def test_the_same_request_is_the_same_bytes() -> None:
    request = ask(user("?"), assistant(CALL), tool(RESULT), tools=[WEATHER], thinking_effort="high")
    assert encode(request, OPENAI)[1].http.body == encode(request, OPENAI)[1].http.body


def test_an_answer_that_is_asked_whole_is_not_streamed() -> None:
    body, encoded = encode(ask(), target("openai", "gpt-5.4", stream=False))
    assert not {"stream", "stream_options"} & set(body)
    assert encoded.http.headers["accept"] == "application/json"


def test_instructions_stand_in_front_and_later_ones_in_their_place() -> None:
    body, _ = encode(ask(system("A"), system("B"), user("hi"), system("C"), user("ho")), OPENAI)
    assert body["instructions"] == "A\n\nB"
    assert [item["role"] for item in body["input"]] == ["user", "developer", "user"]


def test_a_conversation_of_instructions_alone_is_sent() -> None:
    body, _ = encode(ask(system("A")), OPENAI)
    assert "instructions" not in body
    assert body["input"][0]["role"] == "developer"


def test_a_turn_with_tools() -> None:
    request = ask(user("?"), assistant("Let me see.", CALL), tool(RESULT), tools=[WEATHER])
    body, _ = encode(request, OPENAI)
    assert body["input"][1:] == [
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "15 C"},
    ]  # fmt: skip
    assert body["tools"] == [
        {"type": "function", "name": "get_weather", "description": "Weather.", "parameters": SCHEMA, "strict": False}
    ]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [("auto", "auto"), ("none", "none"), ("required", "required"),
     ("tool:get_weather", {"type": "function", "name": "get_weather"})],
)  # fmt: skip
def test_tool_choices(choice: str, wire: object) -> None:
    body, _ = encode(ask(tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False), OPENAI)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (wire, False)


def test_names_that_the_provider_does_not_take_are_spelled_otherwise_everywhere() -> None:
    call = ToolCall("c" * 80, "mail.send", {})
    request = ask(user("?"), assistant(call), tool(ToolResult("c" * 80, "ok")), tools=[Tool("mail.send")],
                  tool_choice="tool:mail.send")  # fmt: skip
    body, encoded = encode(request, OPENAI)
    assert body["tools"][0]["name"] == body["input"][1]["name"] == body["tool_choice"]["name"] == "mail_send"
    assert body["input"][1]["call_id"] == body["input"][2]["call_id"]
    assert len(body["input"][1]["call_id"]) <= 64
    assert encoded.tool_names == {"mail_send": "mail.send"}


def test_what_a_tool_answers() -> None:
    image = Image(b"\x01", "image/png")
    contents: list[tuple[Any, bool]] = [
        ("ok", False), ("no such file", True), ("Error: no", True), ([Text("a"), Text("b")], False),
        ([Text("a"), image], False), ([image], True),
    ]  # fmt: skip
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AQ==", "detail": "auto"}
    calls = [ToolCall(f"c{number}", "f", {}) for number in range(len(contents))]
    results = [ToolResult(call.id, *content) for call, content in zip(calls, contents, strict=True)]
    body, _ = encode(ask(user("?"), assistant(*calls), tool(*results)), OPENAI)
    outputs = [item["output"] for item in body["input"] if item["type"] == "function_call_output"]
    assert outputs == [
        "ok", "Error: no such file", "Error: no", "a\nb", [{"type": "input_text", "text": "a"}, picture],
        [{"type": "input_text", "text": "Error: "}, picture],
    ]  # fmt: skip


def test_images_and_documents() -> None:
    parts: list[Part] = [
        Image(url="https://h/i.png", detail="low"), Image(b"\x01", "image/png"), Document(b"\x02", "application/pdf"),
        Document(b"\x02", "application/pdf", name="a.pdf"), Document(url="https://h/d.pdf"), Document(text="words"),
        Document("wörter".encode(), "text/plain"),
    ]  # fmt: skip
    body, _ = encode(ask(user(*parts)), OPENAI)
    assert body["input"][0]["content"] == [
        {"type": "input_image", "image_url": "https://h/i.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,AQ==", "detail": "auto"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,Ag=="},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,Ag=="},
        {"type": "input_file", "file_url": "https://h/d.pdf"},
        {"type": "input_text", "text": "words"},
        {"type": "input_text", "text": "wörter"},
    ]


@pytest.mark.parametrize("message", [system("x"), assistant("x")])
def test_parts_that_do_not_belong_into_a_turn_are_refused_by_name(message: Any) -> None:
    message.parts.append(Image(url="https://h/i.png"))
    with pytest.raises(BadRequestError) as caught:
        encode(ask(user("hi"), message), OPENAI)
    assert caught.value.detail.field == "messages[1].parts[1]"


def test_a_conversation_without_anything_to_send_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        encode(ask(user(""), assistant("")), OPENAI)


# What the provider made goes back


def test_reasoning_goes_back_in_front_of_what_came_of_it_without_its_id() -> None:
    thinking = Thinking("Hm.", state("reasoning_item", REASONING | {"status": "completed"}))
    body, encoded = encode(ask(user("?"), assistant(thinking, CALL), tool(RESULT)), OPENAI)
    assert [item["type"] for item in body["input"]] == ["message", "reasoning", "function_call", "function_call_output"]
    assert body["input"][1] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA+/="}
    assert encoded.notices == []


def test_further_summaries_are_part_of_the_item_and_told_to_nobody() -> None:
    parts = [
        Thinking("A", state("reasoning_item", REASONING)),
        Thinking("B", ProviderState("openai", "gpt-5.4", "summary_part", b"")),
    ]
    body, encoded = encode(ask(user("?"), assistant(*parts, "so"), user("ok")), OPENAI)
    assert [item["type"] for item in body["input"]] == ["message", "reasoning", "message", "message"]
    assert encoded.notices == []


@pytest.mark.parametrize("origin", ["anthropic", "openai-codex"])
def test_reasoning_of_others_is_not_sent_and_that_is_told(origin: str) -> None:
    thinking = Thinking("Hm.", state("reasoning_item", REASONING, origin))
    body, encoded = encode(ask(user("?"), assistant(thinking, "so"), user("ok")), OPENAI)
    assert "reasoning" not in [item["type"] for item in body["input"]]
    assert codes(encoded.notices) == ["state_dropped"]


def test_reasoning_that_can_not_be_read_or_that_nothing_came_of_is_left_out() -> None:
    bare = Thinking("", state("reasoning_item", {"type": "reasoning", "id": "rs_1", "summary": []}))
    loose = state("reasoning_item", REASONING)
    body, encoded = encode(ask(user("?"), assistant(bare, "so", loose), user("ok")), OPENAI)
    assert [item["type"] for item in body["input"]] == ["message"] * 3
    assert codes(encoded.notices) == ["state_dropped"]


def test_items_and_phases_go_back_as_they_came() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}}
    patch = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": "*** Begin"}
    parts: list[Part] = [
        state("compaction_item", {"type": "compaction", "id": "cmp_1", "encrypted_content": "g"}),
        state("item", search),
        Text("Working.", state("message_item", {"phase": "commentary"})),
        Text("Done.", state("message_item", {"annotations": [{"type": "url_citation", "url": "u"}]})),
        ToolCall("c", "apply_patch", "*** Begin", state=state("item", patch)),
    ]
    body, encoded = encode(ask(user("?"), assistant(*parts), tool(ToolResult("c", "ok"))), OPENAI)
    assert body["input"][1:] == [
        {"type": "compaction", "encrypted_content": "g"},
        {"type": "web_search_call", "status": "completed", "action": {"query": "x"}},
        {"type": "message", "role": "assistant", "phase": "commentary",
         "content": [{"type": "output_text", "text": "Working.", "annotations": []}]},
        {"type": "message", "role": "assistant",
         "content": [{"type": "output_text", "text": "Done.", "annotations": [{"type": "url_citation", "url": "u"}]}]},
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]  # fmt: skip
    assert encoded.notices == []


# Wishes


@pytest.mark.parametrize(
    ("wish", "wire"),
    [
        (OutputFormat(), {"type": "json_object"}),
        (OutputFormat(SCHEMA, "my form", strict=True),
         {"type": "json_schema", "name": "my_form", "schema": STRICT_SCHEMA, "strict": True}),
    ],
)  # fmt: skip
def test_structured_output(wish: OutputFormat, wire: dict[str, Any]) -> None:
    assert encode(ask(output_format=wish), OPENAI)[0]["text"] == {"format": wire}


EFFORTS: list[tuple[str, ThinkingEffort | None, str | None, list[str]]] = [
    ("gpt-5.4", None, None, []), ("gpt-5.4", "none", "none", []), ("gpt-5.4", "max", "xhigh", []),
    ("gpt-5.6-sol", "max", "max", []), ("gpt-5", "none", "minimal", ["effort_clamped"]),
    ("gpt-5", "max", "high", ["effort_clamped"]), ("gpt-5.1", "low", "low", []),
    ("gpt-5-pro", "low", "high", ["effort_clamped"]), ("o3", "none", "low", ["effort_clamped"]),
    ("gpt-4o", "none", None, []), ("gpt-4o", "high", None, ["effort_clamped"]),
    ("gpt-unheard-of", "high", None, ["parameter_dropped"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "effort", "sent", "told"), EFFORTS)
@pytest.mark.parametrize("profile", ["openai", "openai-codex"])
def test_an_effort_is_the_nearest_that_the_model_has(
    profile: str, model: str, effort: ThinkingEffort | None, sent: str | None, told: list[str]
) -> None:
    request = ask(system("x"), user("hi"), thinking_effort=effort)
    body, encoded = encode(request, target(profile, model))
    assert body.get("reasoning", {}).get("effort") == sent
    assert codes(encoded.notices) == told


@pytest.mark.parametrize(
    ("model", "effort", "limit", "sent"),
    [
        ("gpt-5.4", "high", 100_000, "high"), ("gpt-5.4", "high", 16_000, "medium"), ("gpt-5.4", "max", 1_000, "none"),
        ("o3", "high", 100, "low"), ("gpt-5", "medium", 1_500, "minimal"), ("gpt-5.4", "none", 100, "none"),
        ("gpt-5-pro", "high", 100, "high"),
    ],
)  # fmt: skip
def test_a_limit_leaves_room_for_the_answer_beside_the_thinking(
    model: str, effort: ThinkingEffort, limit: int, sent: str
) -> None:
    body, encoded = encode(ask(thinking_effort=effort, max_output_tokens=limit), target("openai", model))
    assert (body["reasoning"]["effort"], body["max_output_tokens"]) == (sent, limit)
    assert codes(encoded.notices) == (["effort_clamped"] if sent != effort else [])


@pytest.mark.parametrize(("wanted", "sent"), [(1, 16), (50, 50), (900_000, 128_000)])
def test_a_limit_is_within_what_the_provider_takes(wanted: int, sent: int) -> None:
    body, encoded = encode(ask(max_output_tokens=wanted), OPENAI)
    assert body["max_output_tokens"] == sent
    assert codes(encoded.notices) == (["parameter_clamped"] if sent != wanted else [])


@pytest.mark.parametrize(
    ("model", "effort", "keeps"),
    [("gpt-4o", None, True), ("gpt-5.4", None, True), ("gpt-5.4", "none", True), ("gpt-5.4", "low", False),
     ("gpt-5", None, False), ("o3", None, False), ("gpt-unheard-of", None, True)],
)  # fmt: skip
def test_sampling_goes_only_where_the_model_does_not_think(
    model: str, effort: ThinkingEffort | None, keeps: bool
) -> None:
    body, encoded = encode(ask(thinking_effort=effort, temperature=0.5, top_p=0.5), target("openai", model))
    assert ("temperature" in body, "top_p" in body) == (keeps, keeps)
    assert ("parameter_dropped" in codes(encoded.notices)) is not keeps


def test_what_the_protocol_has_no_word_for_is_not_sent_and_that_is_told() -> None:
    wishes: dict[str, Any] = {"seed": 1, "top_k": 3, "presence_penalty": 1.0, "stop": ["END"], "metadata": {"a": "b"}}
    body, encoded = encode(ask(**wishes), target("openai", "gpt-4o"))
    assert not set(wishes) & set(body)
    assert {notice.data["parameter"] for notice in encoded.notices} == set(wishes)


@pytest.mark.parametrize(("model", "asks"), [("gpt-4o", False), ("gpt-5.4", True), ("gpt-unheard-of", True)])
def test_encrypted_reasoning_is_asked_for_where_a_model_may_think(model: str, asks: bool) -> None:
    assert ("include" in encode(ask(), target("openai", model))[0]) is asks


# The Codex backend


def test_codex_gets_what_its_own_client_sends() -> None:
    wishes: dict[str, Any] = {"temperature": 0.5, "top_p": 0.5, "max_output_tokens": 50, "seed": 1, "stop": ["END"],
                              "metadata": {"a": "b"}, "presence_penalty": 1.0}  # fmt: skip
    request = ask(system("Be brief."), user("hi"), tools=[WEATHER], thinking_effort="high", **wishes)
    body, encoded = encode(request, target("openai-codex", "gpt-5.4", stream=False))
    assert list(body) == [
        "model", "instructions", "input", "tools", "reasoning", "include", "store", "stream",
    ]  # fmt: skip
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert (body["store"], body["stream"]) == (False, True)
    assert {notice.data["parameter"] for notice in encoded.notices} == set(wishes)
    assert encoded.http.headers["originator"] == f"kruxos/{__version__}"
    assert encoded.http.headers["accept"] == "text/event-stream"


def test_codex_demands_instructions() -> None:
    body, encoded = encode(ask(user("hi"), system("late"), user("ho")), CODEX)
    assert body["instructions"] == PROFILES["openai-codex"].instructions
    assert codes(encoded.notices) == ["message_inserted"]
    assert body["input"][1]["role"] == "developer"


# Requests that came in the protocol itself


def native(body: object, effort: ThinkingEffort | None = None, **headers: str) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request([], native=Native("openai-responses", data, headers), thinking_effort=effort)


def test_a_native_request_goes_on_byte_for_byte_where_nothing_has_to_change() -> None:
    body = b'{"model": "gpt-5.4", "input": "hi", "x_new": [1.0], "store": true}'
    _, encoded = encode(native(body), target("openai", "gpt-5.4", stream=False))
    assert encoded.http.body == body


def test_in_a_native_request_only_model_stream_and_effort_are_set() -> None:
    given = {
        "model": "other",
        "input": [],
        "reasoning": {"effort": "low", "summary": "auto"},
        "previous_response_id": "r",
    }
    body, encoded = encode(native(given, "max", **{"session-id": "s", "cookie": "c"}), OPENAI)
    reasoning = {"effort": "xhigh", "summary": "auto"}
    assert body == {**given, "model": "gpt-5.4", "reasoning": reasoning, "stream": True}
    assert encoded.http.headers["session-id"] == "s"
    assert "cookie" not in encoded.http.headers


def test_a_native_stream_that_is_asked_whole_loses_its_options() -> None:
    given = {"model": "gpt-5.4", "input": "hi", "stream": True, "stream_options": {"include_obfuscation": True}}
    body, _ = encode(native(given), target("openai", "gpt-5.4", stream=False))
    assert body == {"model": "gpt-5.4", "input": "hi", "stream": False}


def test_a_native_request_to_codex_is_made_what_it_takes_and_that_is_told() -> None:
    given = {"model": "m", "input": "hi", "temperature": 1.0, "max_output_tokens": 9, "user": None, "include": ["x"]}
    body, encoded = encode(native(given), CODEX)
    assert body == {
        "model": "gpt-5.4",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "include": ["x", "reasoning.encrypted_content"],
        "stream": True,
        "store": False,
        "instructions": PROFILES["openai-codex"].instructions,
    }
    assert codes(encoded.notices) == ["parameter_dropped", "parameter_dropped", "message_inserted"]


def test_items_of_a_native_request_go_to_codex_without_ids_and_its_lite_form_needs_no_instructions() -> None:
    given = {"model": "m", "input": [{"type": "reasoning", "id": "rs_1", "summary": []}, "odd"]}
    body, encoded = encode(native(given, None, **{"x-openai-internal-codex-responses-lite": "true"}), CODEX)
    assert body["input"] == [{"type": "reasoning", "summary": []}, "odd"]
    assert "instructions" not in body
    assert encoded.http.headers["x-openai-internal-codex-responses-lite"] == "true"


def test_what_our_doors_sealed_for_others_never_reaches_the_provider() -> None:
    word = sealed(ProviderState("anthropic", "claude", "signature", b"Eq"))
    items = [{"type": "reasoning", "summary": [], "encrypted_content": each} for each in (word, "gAAA")]
    body, encoded = encode(native({"model": "gpt-5.4", "input": items}), OPENAI)
    assert body["input"] == items[1:]
    assert codes(encoded.notices) == ["state_dropped"]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_what_refers_to_something_kept_is_unsupported_at_codex(name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        encode(native({"model": "m", "input": "hi", name: "x"}), CODEX)
    assert caught.value.detail.field == f"native.{name}"


def test_a_native_body_that_is_no_object_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        encode(native(b"[]"), OPENAI)


def test_a_native_request_of_another_protocol_is_said_in_our_words() -> None:
    request = ask(native=Native("anthropic", b"{}"))
    assert "input" in json.loads(OPENAI_RESPONSES.encode_request(request, OPENAI).http.body)


def test_the_length_from_which_on_the_server_compacts_is_said() -> None:
    body, _ = encode(ask(), replace(OPENAI, compaction=NativeCompaction(200_000)))
    assert body["context_management"] == [{"type": "compaction", "compact_threshold": 200_000}]


def test_the_server_is_known_to_clear_no_results() -> None:
    _, encoded = encode(ask(), replace(OPENAI, compaction=NativeCompaction(5000, clear_tool_results=True)))
    assert codes(encoded.notices) == ["parameter_dropped"]
