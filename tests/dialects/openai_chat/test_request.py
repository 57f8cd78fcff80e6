"""What is sent as Chat Completions is what each provider takes, and what had to change is told."""

from __future__ import annotations

from typing import Any

import pytest

from kruxos.dialects.profiles import PROFILES
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.messages import (
    Document,
    Image,
    Message,
    OutputFormat,
    ProviderState,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.dialects.support import ask, assistant, chat_target, codes, encode, openai_chat, system, target, tool, user

WEATHER = Tool("get_weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
CALL = ToolCall("call_1", "get_weather", arguments_json='{"city": "Paris"}')
RESULT = tool(ToolResult("call_1", "15 C"))
CHAT = [name for name, profile in PROFILES.items() if profile.dialect == "openai-chat"]


def test_a_plain_question() -> None:
    body, encoded = encode(ask(system("Be brief."), user("hi")), openai_chat("gpt-4o"))
    assert body == {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (encoded.http.method, encoded.http.path, encoded.notices) == ("POST", "/chat/completions", [])


def test_without_a_stream_there_are_no_options_of_one() -> None:
    body, _ = encode(ask(), openai_chat("gpt-4o", stream=False))
    assert "stream" not in body
    assert "stream_options" not in body


@pytest.mark.parametrize("profile", CHAT)
def test_nothing_empty_or_null_is_sent_but_the_content_beside_calls(profile: str) -> None:
    body, _ = encode(ask(user("?"), assistant(CALL), RESULT), chat_target(profile))
    assert "tools" not in body
    assert None not in body.values()
    assert body["messages"][1]["content"] is None


def test_tools_are_nested_and_arguments_go_back_as_the_model_wrote_them() -> None:
    request = ask(user("?"), assistant("Looking.", CALL), RESULT, tools=[WEATHER], parallel_tool_calls=False)
    body, _ = encode(request, openai_chat("gpt-4o"))
    function = {"name": "get_weather", "description": "Weather.", "parameters": WEATHER.parameters}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["parallel_tool_calls"] is False
    call = {"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}  # fmt: skip
    assert body["messages"][1:] == [
        {"role": "assistant", "content": "Looking.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "15 C"},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("tool:get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_every_tool_choice_has_its_form(choice: str | None, sent: object) -> None:
    body, _ = encode(ask(tools=[WEATHER], tool_choice=choice), openai_chat("gpt-4o"))
    assert body.get("tool_choice") == sent


def test_images_go_as_urls() -> None:
    message = user("see", Image(data=b"\x89PNG", media_type="image/png", detail="low"), Image(url="https://x"))
    body, _ = encode(ask(message), openai_chat("gpt-4o"))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://x"}},
    ]


PDF = Document(data=b"%PDF", media_type="application/pdf", name="a.pdf")


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        (
            "openai",
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        ),
        ("mistral", {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERg=="}),
    ],
)
def test_documents_go_in_the_form_of_the_provider(profile: str, sent: object) -> None:
    body, _ = encode(ask(user("?", PDF)), chat_target(profile))
    assert body["messages"][0]["content"][1] == sent


@pytest.mark.parametrize(("profile", "part"), [("deepseek", PDF), ("openai", Document(url="https://x/a.pdf"))])
def test_a_document_that_a_provider_cannot_take_is_unsupported(profile: str, part: Document) -> None:
    with pytest.raises(UnsupportedError) as caught:
        encode(ask(user(part)), chat_target(profile))
    assert caught.value.detail.field == "messages[0].parts[0]"


@pytest.mark.parametrize("part", [Document(text="größe"), Document(data="größe".encode(), media_type="text/csv")])
def test_a_document_of_text_goes_everywhere_as_text(part: Document) -> None:
    body, _ = encode(ask(user("?", part)), target("deepseek"))
    assert body["messages"][0]["content"][1] == {"type": "text", "text": "größe"}


def test_what_tool_results_hold_beside_text_follows_all_of_them() -> None:
    second = ToolCall("call_2", "get_weather", {})
    picture = Image(url="https://x")
    request = ask(
        user("?"),
        assistant(CALL, second),
        tool(ToolResult("call_1", [Text("a"), Text("b"), picture])),
        tool(ToolResult("call_2", [picture], is_error=True)),
        assistant("ok"),
    )
    body, encoded = encode(request, openai_chat("gpt-4o"))
    image = {"type": "image_url", "image_url": {"url": "https://x"}}
    assert body["messages"][2:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "a\nb"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: (attached below)"},
        {"role": "user", "content": [image, image]},
        {"role": "assistant", "content": "ok"},
    ]
    assert codes(encoded.notices) == ["message_moved"]


def test_results_and_text_of_one_user_turn_are_messages_of_their_own() -> None:
    body, _ = encode(ask(user("?"), assistant(CALL), user("so", ToolResult("call_1", "15"))), openai_chat())
    assert [message["role"] for message in body["messages"][2:]] == ["tool", "user"]


@pytest.mark.parametrize("message", [user(CALL), assistant(Image(url="x")), Message("system", [Image(url="x")])])
def test_a_part_in_a_message_of_the_wrong_role_is_named(message: Message) -> None:
    with pytest.raises(BadRequestError) as caught:
        encode(ask(user("hi"), message), openai_chat())
    assert caught.value.detail.field == "messages[1].parts[0]"


def test_nothing_to_send_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        encode(ask(user(""), assistant("")), openai_chat())


@pytest.mark.parametrize(
    ("profile", "field"),
    [("openai", "max_completion_tokens"), ("generic", "max_tokens"), ("deepseek", "max_tokens"),
     ("grok", "max_completion_tokens"), ("mistral", "max_tokens")],
)  # fmt: skip
def test_the_limit_has_the_name_that_the_provider_knows(profile: str, field: str) -> None:
    body, _ = encode(ask(max_output_tokens=50), chat_target(profile))
    assert body[field] == 50


def test_a_limit_above_the_models_ceiling_is_clamped_and_told() -> None:
    body, encoded = encode(ask(max_output_tokens=900_000), openai_chat("gpt-4o"))
    assert body["max_completion_tokens"] == 16_384
    assert codes(encoded.notices) == ["parameter_clamped"]


WISHES: dict[str, Any] = {
    "temperature": 0.5, "top_p": 0.5, "top_k": 5, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": 0.5,
    "stop": ["END"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "dropped"),
    [
        ("openai", {"top_k"}),
        ("generic", set()),
        ("openrouter", set()),
        ("mistral", set()),
        ("deepseek", {"top_k", "seed"}),
        ("glm", {"top_k", "presence_penalty", "frequency_penalty"}),
        ("grok", {"top_k", "presence_penalty", "frequency_penalty", "stop"}),
        ("groq", {"top_k", "presence_penalty", "frequency_penalty"}),
    ],
)
def test_what_a_provider_refuses_is_not_sent_and_that_is_told(profile: str, dropped: set[str]) -> None:
    body, encoded = encode(ask(**WISHES), chat_target(profile))
    names = {"random_seed" if name == "seed" and profile == "mistral" else name for name in set(WISHES) - dropped}
    assert names <= set(body)
    assert not dropped & set(body)
    assert {notice.data["parameter"] for notice in encoded.notices} == dropped


def test_mistral_gets_no_field_that_its_strict_schema_lacks() -> None:
    allowed = {"model", "messages", "temperature", "top_p", "top_k", "max_tokens", "stream", "stop", "random_seed",
               "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty",
               "parallel_tool_calls"}  # fmt: skip
    strict = Tool("f", strict=True)
    request = ask(**WISHES, tools=[strict], parallel_tool_calls=True, max_output_tokens=5, output_format=OutputFormat())
    body, _ = encode(request, target("mistral", "mistral-large-latest"))
    assert set(body) <= allowed
    assert "strict" not in body["tools"][0]["function"]


@pytest.mark.parametrize(
    ("profile", "temperature", "sent"),
    [("mistral", 1.5, 1.0), ("glm", 0.0, 0.01), ("glm", 2.0, 1.0), ("openai", 2.0, 2.0)],
)
def test_temperatures_are_clamped_to_the_providers_range_and_that_is_told(
    profile: str, temperature: float, sent: float
) -> None:
    body, encoded = encode(ask(temperature=temperature), chat_target(profile))
    assert body["temperature"] == sent
    assert codes(encoded.notices) == (["parameter_clamped"] if sent != temperature else [])


def test_structured_output_is_a_response_format() -> None:
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    body, _ = encode(ask(output_format=OutputFormat(schema, "my answer", strict=True)), openai_chat())
    assert body["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "my_answer", "schema": schema, "strict": True},
    }  # fmt: skip
    body, _ = encode(ask(output_format=OutputFormat()), openai_chat())
    assert body["response_format"] == {"type": "json_object"}


def test_where_a_provider_takes_no_schema_it_is_put_into_words_and_that_is_told() -> None:
    body, encoded = encode(ask(output_format=OutputFormat({"type": "object"})), target("deepseek"))
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["role"] == "system"
    assert body["messages"][0]["content"].endswith('JSON Schema: {"type":"object"}')
    assert codes(encoded.notices) == ["message_inserted", "output_format_reduced"]


def test_json_mode_says_json_where_nobody_did_after_the_agents_own_instructions() -> None:
    body, encoded = encode(ask(system("Be brief."), user("hi"), output_format=OutputFormat()), openai_chat())
    assert [message["role"] for message in body["messages"]] == ["system", "system", "user"]
    assert "JSON" in body["messages"][1]["content"]
    assert codes(encoded.notices) == ["message_inserted"]
    spoken = ask(user("Give me json."), output_format=OutputFormat())
    assert len(encode(spoken, openai_chat())[0]["messages"]) == 1


def test_no_more_stop_sequences_than_the_provider_takes() -> None:
    body, encoded = encode(ask(stop=["a", "", "b", "c", "d", "e"]), openai_chat("gpt-4o"))
    assert body["stop"] == ["a", "b", "c", "d"]
    assert codes(encoded.notices) == ["parameter_dropped", "parameter_clamped"]
    assert "stop" not in encode(ask(stop=[""]), openai_chat("gpt-4o"))[0]


def test_more_tools_than_the_provider_takes_are_another_providers_matter() -> None:
    many = ask(tools=[Tool(f"f{at}") for at in range(129)])
    with pytest.raises(UnsupportedError, match="takes 128 tools, not 129"):
        encode(many, openai_chat())
    assert len(encode(many, target("generic"))[0]["tools"]) == 129


def test_ids_that_come_again_are_told_apart_and_results_keep_to_their_calls() -> None:
    turns = [assistant(ToolCall("c", "f"), ToolCall("c", "g")), tool(ToolResult("c", "1"), ToolResult("c", "2"))]
    for profile in ("openai", "mistral"):
        body, _ = encode(ask(user("?"), *turns, *turns), chat_target(profile))
        calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls", [])]
        assert len(set(calls)) == 4
        assert calls == [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]


def test_deepseek_does_not_think_when_a_tool_is_forced() -> None:
    body, encoded = encode(ask(tools=[WEATHER], tool_choice="required"), target("deepseek"))
    assert body["thinking"] == {"type": "disabled"}
    assert codes(encoded.notices) == ["thinking_off"]
    body, _ = encode(ask(tools=[WEATHER], tool_choice="auto"), target("deepseek"))
    assert "thinking" not in body


def test_mistral_gets_ids_of_nine_characters_and_an_assistant_between_tool_and_user() -> None:
    body, encoded = encode(ask(user("?"), assistant(CALL), RESULT, user("and?")), target("mistral"))
    made = body["messages"][1]["tool_calls"][0]["id"]
    assert len(made) == 9
    assert body["messages"][2]["tool_call_id"] == made
    assert [message["role"] for message in body["messages"][2:]] == ["tool", "assistant", "user"]
    assert codes(encoded.notices) == ["message_inserted"]


def thought(profile: str, kind: str, data: bytes = b"", origin: str | None = None) -> Thinking:
    return Thinking("hm", ProviderState(origin or profile, "m", kind, data))


@pytest.mark.parametrize(
    ("profile", "part", "sent"),
    [
        ("openai", thought("openai", "reasoning_content"), {"content": "a"}),
        ("grok", thought("grok", "reasoning_content"), {"content": "a"}),
        ("groq", thought("groq", "reasoning"), {"content": "a"}),
        ("generic", thought("generic", "reasoning"), {"content": "a", "reasoning": "hm"}),
        ("generic", thought("generic", "reasoning_content"), {"content": "a", "reasoning_content": "hm"}),
        (
            "generic",
            thought("generic", "reasoning_details", b'[{"x":1}]'),
            {"content": "a", "reasoning_details": [{"x": 1}]},
        ),
        ("glm", thought("glm", "reasoning_content"), {"content": "a", "reasoning_content": "hm"}),
        ("deepseek", thought("deepseek", "reasoning_content"), {"content": "a", "reasoning_content": "hm"}),
        (
            "openrouter",
            thought("openrouter", "reasoning_details", b'[{"type":"reasoning.text","signature":"E="}]'),
            {"content": "a", "reasoning_details": [{"type": "reasoning.text", "signature": "E="}]},
        ),
        (
            "mistral",
            thought("mistral", "thinking_chunk", b"sig"),
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "sig"},
                    {"type": "text", "text": "a"},
                ]
            },
        ),
    ],
)
def test_thinking_goes_back_where_and_how_its_server_wants_it(
    profile: str, part: Thinking, sent: dict[str, Any]
) -> None:
    body, encoded = encode(ask(user("?"), assistant(part, "a"), user("b")), chat_target(profile))
    assert body["messages"][1] == {"role": "assistant", **sent}
    assert encoded.notices == []


@pytest.mark.parametrize("profile", CHAT)
def test_thinking_of_another_origin_is_not_sent_and_that_is_told(profile: str) -> None:
    part = thought(profile, "reasoning_content", origin="elsewhere")
    body, encoded = encode(ask(user("?"), assistant(part, "a"), user("b")), chat_target(profile))
    assert body["messages"][1] == {"role": "assistant", "content": "a"}
    assert [(notice.code, notice.data["origins"]) for notice in encoded.notices] == [
        ("state_dropped", {"elsewhere": 1})
    ]


def test_deepseek_gets_reasoning_beside_every_tool_call_even_where_there_was_none() -> None:
    body, _ = encode(ask(user("?"), assistant(CALL), RESULT), target("deepseek"))
    assert body["messages"][1]["reasoning_content"] == ""


def test_names_are_made_legal_and_the_way_back_is_known() -> None:
    call = ToolCall("c", "a.b", {})
    request = ask(user("?"), assistant(call), tool(ToolResult("c", "1")), tools=[Tool("a.b")], tool_choice="tool:a.b")
    body, encoded = encode(request, openai_chat("gpt-4o"))
    assert body["tools"][0]["function"]["name"] == "a_b"
    assert body["tool_choice"]["function"]["name"] == "a_b"
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "a_b"
    assert encoded.tool_names == {"a_b": "a.b"}


def test_openrouter_gets_the_name_of_the_application() -> None:
    _, encoded = encode(ask(), target("openrouter"))
    named = {name: encoded.http.headers[name] for name in ("HTTP-Referer", "X-Title", "X-OpenRouter-Title")}
    assert named == {"HTTP-Referer": "https://kruxos.com", "X-Title": "KruxOS", "X-OpenRouter-Title": "KruxOS"}


def test_openrouter_hands_names_on_to_others_so_they_are_legal_at_all_of_them() -> None:
    request = ask(tools=[Tool("9.lives"), Tool("όνομα"), Tool("fine-name")], tool_choice="tool:9.lives")
    body, encoded = encode(request, target("openrouter"))
    names = [each["function"]["name"] for each in body["tools"]]
    assert names[0] == "_9_lives"
    assert names[2] == "fine-name"
    assert body["tool_choice"]["function"]["name"] == "_9_lives"
    assert encoded.tool_names == {"_9_lives": "9.lives", names[1]: "όνομα"}


def test_a_begun_answer_is_marked_where_the_provider_wants_that() -> None:
    body, _ = encode(ask(user("Count."), assistant("One")), target("mistral"))
    assert body["messages"][-1] == {"role": "assistant", "content": "One", "prefix": True}
    body, _ = encode(ask(user("Count."), assistant("One")), target("groq"))
    assert "prefix" not in body["messages"][-1]


@pytest.mark.parametrize(
    ("model", "effort", "sent", "told"),
    [
        ("gpt-5.4", None, None, []),
        ("gpt-5.4", "none", "none", []),
        ("gpt-5.4", "medium", "medium", []),
        ("gpt-5.4", "max", "xhigh", []),
        ("gpt-5.6-sol", "max", "max", []),
        ("gpt-5", "none", "minimal", ["effort_clamped"]),
        ("gpt-5", "max", "high", ["effort_clamped"]),
        ("gpt-5.1", "low", "low", []),
        ("gpt-5-pro", "low", "high", ["effort_clamped"]),
        ("gpt-5.2-chat-latest", "high", "medium", ["effort_clamped"]),
        ("o3", "none", "low", ["effort_clamped"]),
        ("gpt-4o", "none", None, []),
        ("gpt-4o", "high", None, ["effort_clamped"]),
        ("gpt-unheard-of", "high", None, ["parameter_dropped"]),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_has(
    model: str, effort: str, sent: str | None, told: list[str]
) -> None:
    body, encoded = encode(ask(thinking_effort=effort), openai_chat(model))
    assert body.get("reasoning_effort") == sent
    assert codes(encoded.notices) == told


@pytest.mark.parametrize(
    ("model", "effort", "keeps"),
    [("gpt-4o", None, True), ("gpt-5.4", None, True), ("gpt-5.4", "none", True), ("gpt-5.4", "low", False),
     ("gpt-5", None, False), ("o3", None, False), ("gpt-unheard-of", None, True)],
)  # fmt: skip
def test_sampling_goes_only_where_the_model_does_not_think(model: str, effort: str | None, keeps: bool) -> None:
    body, encoded = encode(ask(thinking_effort=effort, temperature=0.5, top_p=0.5), openai_chat(model))
    assert ("temperature" in body, "top_p" in body) == (keeps, keeps)
    assert ("parameter_dropped" in codes(encoded.notices)) is not keeps


def test_reasoning_models_take_no_stop_sequences() -> None:
    body, encoded = encode(ask(stop=["END"]), openai_chat("gpt-5-mini"))
    assert "stop" not in body
    assert codes(encoded.notices) == ["parameter_dropped"]


def test_an_effort_that_a_provider_is_not_told_yet_is_told_to_the_agent() -> None:
    body, encoded = encode(ask(thinking_effort="high"), target("groq"))
    assert "reasoning_effort" not in body
    assert codes(encoded.notices) == ["parameter_dropped"]
