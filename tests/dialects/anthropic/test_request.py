"""What is sent to Anthropic is what its API takes, and what had to change is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kruxos.dialects.base import NativeCompaction
from kruxos.errors import BadRequestError, UnsupportedError
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
    ThinkingEffort,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import ask, assistant, codes, encode, system, target, tool, user

SONNET = "claude-sonnet-4-6"
OLDER = "claude-sonnet-4-5-20250929"
WEATHER = Tool("get_weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("toolu_1", "get_weather", {"city": "Paris"})


def signed(text: str, signature: bytes = b"EqQB", origin: str = "anthropic", model: str = SONNET) -> Thinking:
    return Thinking(text, ProviderState(origin, model, "signature", signature))


def test_a_plain_question() -> None:
    body, encoded = encode(ask(system("Be brief."), user("hi")), target("anthropic", SONNET))
    assert body == {
        "model": SONNET,
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True,
    }
    http = encoded.http
    assert (http.method, http.path) == ("POST", "/v1/messages")
    assert http.headers["anthropic-version"] == "2023-06-01"
    assert http.headers["accept"] == "text/event-stream"
    assert encoded.notices == []


def test_without_a_stream_none_is_asked_for() -> None:
    body, encoded = encode(ask(), target("anthropic", SONNET, stream=False))
    assert "stream" not in body
    assert encoded.http.headers["accept"] == "application/json"


def test_the_same_request_is_the_same_bytes() -> None:
    request = ask(user("hi"), assistant(CALL), tool(ToolResult("toolu_1", "15 C")), tools=[WEATHER], temperature=0.5)
    _, first = encode(request, target("anthropic", SONNET))
    _, second = encode(request, target("anthropic", SONNET))
    assert first.http.body == second.http.body


@pytest.mark.parametrize(
    ("model", "wanted", "sent", "told"),
    [
        (SONNET, None, 32_000, []),
        ("unknown-model", None, 32_000, []),
        (SONNET, 100, 100, []),
        (SONNET, 900_000, 128_000, ["parameter_clamped"]),
        ("claude-opus-4-1", 60_000, 32_000, ["parameter_clamped"]),
    ],
)
def test_max_tokens_is_always_there_and_never_above_the_ceiling(
    model: str, wanted: int | None, sent: int, told: list[str]
) -> None:
    body, encoded = encode(ask(max_output_tokens=wanted), target("anthropic", model))
    assert body["max_tokens"] == sent
    assert codes(encoded.notices) == told


def test_the_targets_own_ceiling_counts_more_than_the_catalogues() -> None:
    body, _ = encode(ask(), target("anthropic", SONNET, max_output_tokens=500))
    assert body["max_tokens"] == 500


def test_tool_results_come_first_in_the_very_next_user_turn() -> None:
    request = ask(
        user("weather?"),
        assistant("Looking.", CALL, ToolCall("toolu_2", "get_weather", {"city": "Rome"})),
        tool(ToolResult("toolu_1", "15 C")),
        tool(ToolResult("toolu_2", "no such city", is_error=True)),
        user("and now?"),
        tools=[WEATHER],
    )
    body, _ = encode(request, target("anthropic", SONNET))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"][1] == {
        "type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"},
    }  # fmt: skip
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 C"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no such city", "is_error": True},
        {"type": "text", "text": "and now?"},
    ]


def test_text_before_a_result_in_one_turn_goes_behind_it() -> None:
    request = ask(user("?"), assistant(CALL), user("see:", ToolResult("toolu_1", "15 C")))
    body, _ = encode(request, target("anthropic", SONNET))
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "text"]


def test_a_tool_result_may_hold_text_images_and_documents() -> None:
    content: list[Part] = [
        Text("see"),
        Image(data=b"\x89PNG", media_type="image/png"),
        Document(text="notes", name="n.txt"),
    ]
    request = ask(user("?"), assistant(CALL), tool(ToolResult("toolu_1", content)))
    body, _ = encode(request, target("anthropic", SONNET))
    assert body["messages"][2]["content"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "notes"},
            "title": "n.txt",
        },
    ]


def test_images_and_documents_go_as_data_or_url() -> None:
    message = user(
        Image(url="https://x/y.png"),
        Image(url="data:image/png;base64,iVBORw=="),
        Document(url="https://x/y.pdf"),
        Document(data=b"%PDF", media_type="application/pdf"),
        Document(data="größe".encode(), media_type="text/markdown"),
    )
    body, _ = encode(ask(message), target("anthropic", SONNET))
    assert [block["source"] for block in body["messages"][0]["content"]] == [
        {"type": "url", "url": "https://x/y.png"},
        {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
        {"type": "url", "url": "https://x/y.pdf"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        {"type": "text", "media_type": "text/plain", "data": "größe"},
    ]


def test_a_document_that_is_neither_pdf_nor_text_is_unsupported() -> None:
    with pytest.raises(UnsupportedError, match=r"messages\[0\]\.parts\[0\]"):
        encode(ask(user(Document(data=b"PK", media_type="application/zip"))), target("anthropic", SONNET))


def test_empty_and_blank_texts_are_left_out_and_empty_turns_with_them() -> None:
    request = ask(user("a"), assistant("", " \n"), user("", "b"))
    body, _ = encode(request, target("anthropic", SONNET))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]


def test_nothing_to_send_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="nothing that can be sent"):
        encode(ask(user(" ")), target("anthropic", SONNET))


def test_a_conversation_that_begins_with_the_assistant_gets_a_user_turn_first() -> None:
    body, encoded = encode(ask(assistant("Hello!"), user("hi")), target("anthropic", SONNET))
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert codes(encoded.notices) == ["message_inserted"]


def test_a_later_system_message_moves_to_the_beginning_and_that_is_told() -> None:
    body, encoded = encode(ask(system("a"), user("hi"), system("b"), user("ho")), target("anthropic", SONNET))
    assert [block["text"] for block in body["system"]] == ["a", "b"]
    assert codes(encoded.notices) == ["message_moved"]


def test_a_system_message_holds_text_only() -> None:
    with pytest.raises(BadRequestError) as caught:
        encode(ask(Message("system", [Image(url="https://x")]), user("hi")), target("anthropic", SONNET))
    assert caught.value.detail.field == "messages[0].parts[0]"


@pytest.mark.parametrize("message", [user(CALL), assistant(Image(url="https://x")), assistant(ToolResult("a", "b"))])
def test_a_part_in_a_message_of_the_wrong_role_is_named(message: Message) -> None:
    with pytest.raises(BadRequestError) as caught:
        encode(ask(user("hi"), message, user("ho")), target("anthropic", SONNET))
    assert caught.value.detail.field == "messages[1].parts[0]"


def test_thinking_goes_back_with_its_signature_byte_for_byte_and_before_the_call() -> None:
    redacted = ProviderState("anthropic", SONNET, "redacted_thinking", b"EvgF+/=")
    request = ask(
        user("?"), assistant(signed("hm \u2028", b"Eq/+Q=="), redacted, CALL), tool(ToolResult("toolu_1", "1"))
    )
    body, encoded = encode(request, target("anthropic", SONNET))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm \u2028", "signature": "Eq/+Q=="},
        {"type": "redacted_thinking", "data": "EvgF+/="},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}},
    ]
    assert encoded.notices == []


def test_a_signature_without_shown_thinking_is_a_thinking_block() -> None:
    alone = ProviderState("anthropic", SONNET, "signature", b"EqQB")
    body, _ = encode(ask(user("?"), assistant(alone, "a"), user("b")), target("anthropic", SONNET))
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "", "signature": "EqQB"}


@pytest.mark.parametrize(
    "thought",
    [
        signed("x", origin="openrouter"),
        signed("x", model="claude-opus-4-6"),
        Thinking("unsigned"),
        ProviderState("openai", "gpt", "reasoning", b"{}"),
    ],
)
def test_thinking_of_another_origin_or_model_is_not_sent_and_that_is_told(thought: Thinking | ProviderState) -> None:
    body, encoded = encode(ask(user("?"), assistant(thought, "a"), user("b")), target("anthropic", SONNET))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "a"}]
    assert codes(encoded.notices) == ["state_dropped"]


def test_thinking_made_under_a_dated_name_of_the_same_model_goes_back() -> None:
    thought = signed("x", model="claude-haiku-4-5-20251001")
    body, _ = encode(ask(user("?"), assistant(thought, "a"), user("b")), target("anthropic", "claude-haiku-4-5"))
    assert body["messages"][1]["content"][0]["type"] == "thinking"


def test_blocks_without_a_word_of_ours_and_citations_go_back_as_they_came() -> None:
    block = b'{"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"ruby"}}'
    cited = Text("4.0.6", ProviderState("anthropic", SONNET, "citations", b'[{"type":"char_location","start":1}]'))
    summary = ProviderState("anthropic", SONNET, "compaction", b'{"type":"compaction","content":"so far"}')
    message = assistant(summary, ProviderState("anthropic", SONNET, "block", block), cited)
    body, encoded = encode(ask(user("?"), message, user("b")), target("anthropic", SONNET))
    assert block in encoded.http.body
    assert body["messages"][1]["content"] == [
        {"type": "compaction", "content": "so far"},
        json.loads(block),
        {"type": "text", "text": "4.0.6", "citations": [{"type": "char_location", "start": 1}]},
    ]


def test_tools_and_their_names_are_made_legal_everywhere_and_the_way_back_is_known() -> None:
    request = ask(
        user("?"),
        assistant(ToolCall("functions.add:0", "math.add", {"a": 1})),
        tool(ToolResult("functions.add:0", "1")),
        tools=[Tool("math.add", strict=True)],
        tool_choice="tool:math.add",
    )
    body, encoded = encode(request, target("anthropic", SONNET))
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    assert body["tools"] == [{"name": "math_add", "input_schema": schema, "strict": True}]
    assert body["tool_choice"] == {"type": "tool", "name": "math_add"}
    use, result = body["messages"][1]["content"][0], body["messages"][2]["content"][0]
    assert use["name"] == "math_add"
    assert use["id"] == result["tool_use_id"] != "functions.add:0"
    assert encoded.tool_names == {"math_add": "math.add"}
    assert codes(encoded.notices) == ["tool_renamed"]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        ("auto", None, {"type": "auto"}),
        ("required", None, {"type": "any"}),
        ("none", False, {"type": "none"}),
        ("tool:get_weather", False, {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_every_tool_choice_has_its_form(choice: str | None, parallel: bool | None, sent: object) -> None:
    body, _ = encode(
        ask(tools=[WEATHER], tool_choice=choice, parallel_tool_calls=parallel), target("anthropic", SONNET)
    )
    assert body.get("tool_choice") == sent


def test_arguments_that_are_no_object_are_wrapped_in_one_and_that_is_told() -> None:
    request = ask(
        user("?"), assistant(ToolCall("toolu_1", "f", arguments_json='{"a": 1')), tool(ToolResult("toolu_1", ""))
    )
    body, encoded = encode(request, target("anthropic", SONNET))
    assert body["messages"][1]["content"][0]["input"] == {"arguments": '{"a": 1'}
    assert codes(encoded.notices) == ["arguments_wrapped"]


def test_structured_output_is_an_output_config() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    body, _ = encode(ask(output_format=OutputFormat(schema)), target("anthropic", SONNET))
    closed = schema | {"additionalProperties": False}
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": closed}}


def test_json_without_a_schema_is_asked_for_in_words_and_that_is_told() -> None:
    body, encoded = encode(ask(output_format=OutputFormat()), target("anthropic", SONNET))
    assert "output_config" not in body
    assert "JSON" in body["system"][-1]["text"]
    assert codes(encoded.notices) == ["message_inserted", "parameter_dropped"]
    body, _ = encode(ask(user("Give me json."), output_format=OutputFormat()), target("anthropic", SONNET))
    assert "system" not in body


def test_sampling_stop_and_user_go_as_they_are() -> None:
    request = ask(temperature=0.5, top_p=0.9, top_k=5, stop=["END"], metadata={"user_id": "u1"})
    body, encoded = encode(request, target("anthropic", SONNET))
    assert {name: body[name] for name in ("temperature", "top_p", "top_k", "stop_sequences", "metadata")} == {
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "stop_sequences": ["END"], "metadata": {"user_id": "u1"},
    }  # fmt: skip
    assert encoded.notices == []


def test_temperature_is_clamped_to_one_and_what_anthropic_lacks_is_dropped_and_both_are_told() -> None:
    request = ask(temperature=1.5, seed=1, presence_penalty=1.0, frequency_penalty=1.0, metadata={"team": "x"})
    body, encoded = encode(request, target("anthropic", SONNET))
    assert body["temperature"] == 1.0
    assert not {"seed", "presence_penalty", "frequency_penalty", "metadata"} & set(body)
    told = {notice.data["parameter"]: notice.code for notice in encoded.notices}
    assert told.pop("temperature") == "parameter_clamped"
    assert told == dict.fromkeys(["seed", "presence_penalty", "frequency_penalty", "metadata"], "parameter_dropped")


@pytest.mark.parametrize("model", ["claude-opus-4-7", "claude-opus-5", "claude-fable-5"])
def test_newer_models_take_no_sampling_at_all(model: str) -> None:
    body, encoded = encode(ask(temperature=0.5, top_k=3), target("anthropic", model))
    assert "temperature" not in body
    assert codes(encoded.notices) == ["parameter_dropped", "parameter_dropped"]


def test_models_of_4_5_take_temperature_or_top_p_but_not_both() -> None:
    body, encoded = encode(ask(temperature=0.5, top_p=0.9), target("anthropic", OLDER))
    assert body["temperature"] == 0.5
    assert "top_p" not in body
    assert codes(encoded.notices) == ["parameter_dropped"]


def test_a_begun_answer_goes_to_models_that_go_on_from_one() -> None:
    body, _ = encode(ask(user("hi"), assistant("{")), target("anthropic", OLDER))
    assert body["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "{"}]}


@pytest.mark.parametrize(("model", "effort"), [(SONNET, None), ("claude-opus-5", None), (OLDER, "high")])
def test_a_begun_answer_is_unsupported_by_newer_models_and_while_thinking(model: str, effort: str | None) -> None:
    with pytest.raises(UnsupportedError) as caught:
        encode(ask(user("hi"), assistant("{"), thinking_effort=effort), target("anthropic", model))
    assert caught.value.detail.field == "messages[1]"


def test_a_paused_turn_with_a_provider_tool_is_no_begun_answer() -> None:
    block = ProviderState("anthropic", SONNET, "block", b'{"type":"server_tool_use","id":"s","name":"n","input":{}}')
    body, _ = encode(ask(user("hi"), assistant("Searching.", block)), target("anthropic", SONNET))
    assert body["messages"][-1]["role"] == "assistant"


def native(body: object, effort: ThinkingEffort | None = None, **headers: str) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request([], native=Native("anthropic", data, headers), thinking_effort=effort)


def test_a_native_request_goes_on_byte_for_byte_where_nothing_has_to_change() -> None:
    body = f'{{"model": "{SONNET}", "stream": true, "max_tokens": 5, "x_new": [1.0], "messages": []}}'.encode()
    _, encoded = encode(native(body), target("anthropic", SONNET))
    assert encoded.http.body == body


def test_in_a_native_request_only_model_stream_and_effort_are_set() -> None:
    given = {"model": "other", "max_tokens": 9000, "messages": [], "unknown": {"a": 1}, "output_config": {"format": 1}}
    body, encoded = encode(
        native(given, "high", **{"anthropic-beta": "b1", "x-api-key": "secret"}), target("anthropic", SONNET)
    )
    assert body == {
        **given, "model": SONNET, "stream": True, "thinking": {"type": "adaptive"},
        "output_config": {"format": 1, "effort": "high"},
    }  # fmt: skip
    assert encoded.http.headers["anthropic-beta"] == "b1"
    assert "x-api-key" not in encoded.http.headers


def test_effort_none_switches_a_native_requests_thinking_off() -> None:
    given = {"model": SONNET, "max_tokens": 9000, "messages": [], "thinking": {"type": "adaptive"}}
    body, _ = encode(native(given, "none"), target("anthropic", SONNET))
    assert body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"'])
def test_a_native_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        encode(native(body), target("anthropic", SONNET))
    assert caught.value.detail.field == "native.body"


def test_another_dialects_native_request_is_left_and_the_common_parts_are_sent() -> None:
    request = ask(native=Native("openai-chat", b"{}"))
    body, _ = encode(request, target("anthropic", SONNET))
    assert body["messages"][0]["content"][0]["text"] == "hi"


def test_a_native_requests_own_words_for_an_effort_stand_where_its_model_is_asked() -> None:
    thinking = {"type": "enabled", "budget_tokens": 7000}
    given = {"model": SONNET, "max_tokens": 9000, "messages": [], "thinking": thinking}
    body, _ = encode(native(given, "medium"), target("anthropic", SONNET))
    assert body["thinking"] == given["thinking"]
    body, _ = encode(native(given | {"model": "another"}, "medium"), target("anthropic", SONNET))
    assert body["thinking"] != given["thinking"]


def test_compaction_is_asked_for_by_an_edit_and_its_beta_is_named() -> None:
    asked = replace(target("anthropic", SONNET), compaction=NativeCompaction(120_000))
    body, encoded = encode(ask(), asked)
    trigger = {"type": "input_tokens", "value": 120_000}
    assert body["context_management"] == {"edits": [{"type": "compact_20260112", "trigger": trigger}]}
    assert encoded.http.headers["anthropic-beta"] == "compact-2026-01-12"
    assert not encoded.notices


def test_results_of_tools_are_cleared_where_that_is_wished_for() -> None:
    wish = NativeCompaction(120_000, clear_tool_results=True)
    body, encoded = encode(ask(), replace(target("anthropic", SONNET), compaction=wish))
    assert [edit["type"] for edit in body["context_management"]["edits"]] == [
        "clear_tool_uses_20250919", "compact_20260112"]  # fmt: skip
    assert encoded.http.headers["anthropic-beta"] == "context-management-2025-06-27,compact-2026-01-12"


def test_a_length_below_the_least_that_the_provider_compacts_at_is_raised_and_told() -> None:
    body, encoded = encode(ask(), replace(target("anthropic", SONNET), compaction=NativeCompaction(9_000)))
    assert body["context_management"]["edits"][0]["trigger"]["value"] == 50_000
    assert codes(encoded.notices) == ["parameter_clamped"]


def test_a_compaction_block_that_goes_back_names_its_beta() -> None:
    summary = ProviderState("anthropic", SONNET, "compaction", b'{"type":"compaction","content":"so far"}')
    _, encoded = encode(ask(user("hi"), assistant(summary, Text("so")), user("on")), target("anthropic", SONNET))
    assert encoded.http.headers["anthropic-beta"] == "compact-2026-01-12"
