"""An agent's request in Responses becomes one in our words, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.checks import check_request
from kruxos.dialects.base import DecodedRequest
from kruxos.dialects.openai_responses import OPENAI_RESPONSES
from kruxos.dialects.openai_responses.state import sealed
from kruxos.errors import BadRequestError
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
from tests.dialects.support import encode, target

MINIMAL: dict[str, Any] = {"model": "m", "input": "hi"}


def decode(body: Any = None, headers: dict[str, str] | None = None, **fields: Any) -> DecodedRequest:
    data = body if isinstance(body, bytes) else json.dumps((body or MINIMAL) | fields).encode()
    return OPENAI_RESPONSES.decode_request(data, headers or {})


def messages(*items: Any) -> list[Message]:
    return decode(input=list(items)).request.messages


def item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def test_a_plain_question() -> None:
    decoded = decode(MINIMAL, instructions="Be brief.", stream=True)
    assert (decoded.model, decoded.stream, decoded.extra) == ("m", True, {})
    assert decoded.request.messages == [Message.of("system", "Be brief."), Message.of("user", "hi")]


def test_the_body_is_kept_as_it_came_with_the_headers_that_matter() -> None:
    body = b'{ "model": "m", "input": "hi" }'
    native = decode(body, {"session-id": "s", "authorization": "Bearer x"}).request.native
    assert native is not None
    assert (native.dialect, native.body, native.headers) == ("openai-responses", body, {"session-id": "s"})


def test_every_wish() -> None:
    schema = {"type": "object"}
    request = decode(
        tools=[item("function", name="f", description="d", parameters=schema, strict=True)],
        tool_choice=item("function", name="f"), parallel_tool_calls=False, max_output_tokens=9, temperature=1,
        top_p=0.5,
        reasoning={"effort": "xhigh"}, metadata={"a": "b"},
        text={"format": item("json_schema", name="n", schema=schema, strict=True)},
    ).request  # fmt: skip
    assert request.tools == [Tool("f", "d", schema, strict=True)]
    assert (request.tool_choice, request.parallel_tool_calls, request.max_output_tokens) == ("tool:f", False, 9)
    assert (request.temperature, request.top_p, request.thinking_effort) == (1, 0.5, "max")
    assert (request.output_format, request.metadata) == (OutputFormat(schema, "n", strict=True), {"a": "b"})


@pytest.mark.parametrize(
    ("given", "read"),
    [(None, None), ({"format": item("text")}, None), ({"format": item("json_object")}, OutputFormat()), ({}, None)],
)
def test_forms_of_output(given: Any, read: Any) -> None:
    assert decode(text=given).request.output_format == read


def test_what_one_side_says_in_a_row_is_one_message() -> None:
    found = messages(
        {"role": "user", "content": "?"},
        item("reasoning", id="rs_1", summary=[item("summary_text", text="Hm.")], encrypted_content="g"),
        item("message", role="assistant", content=[item("output_text", text="Two.", annotations=[])]),
        item("function_call", id="fc", call_id="a", name="f", arguments='{"x": 1}', status="completed"),
        item("function_call", call_id="b", name="g", arguments=""),
        item("function_call_output", call_id="a", output="one"),
        item("function_call_output", call_id="b", output=[item("input_text", text="two")]),
        item("message", role="developer", content="Go on."),
        {"role": "user", "content": [item("input_text", text="so")]},
    )
    assert [message.role for message in found] == ["user", "assistant", "tool", "system", "user"]
    thinking, *rest = found[1].parts
    assert isinstance(thinking, Thinking)
    assert thinking.text == "Hm."
    assert rest == [Text("Two."), ToolCall("a", "f", {"x": 1}, '{"x": 1}'), ToolCall("b", "g", {})]
    assert found[2].parts == [ToolResult("a", "one"), ToolResult("b", [Text("two")])]


def test_reasoning_is_kept_as_openais_state() -> None:
    given = item("reasoning", id="rs_1", summary=[], encrypted_content="gAA+/=", status=None)
    (message,) = messages(given)
    (state,) = message.parts
    assert isinstance(state, ProviderState)
    assert (state.origin, state.kind, json.loads(state.data)) == ("openai", "reasoning_item", given)


def test_each_summary_and_full_text_is_a_thought() -> None:
    summary = [item("summary_text", text="A"), item("summary_text", text="B")]
    (message,) = messages(item("reasoning", summary=summary, content=[item("reasoning_text", text="C")]))
    assert [part.text for part in message.parts if isinstance(part, Thinking)] == ["A", "B", "C"]


def test_sealed_state_is_its_makers_again() -> None:
    state = ProviderState("anthropic", "claude", "signature", b"Eq")
    (message,) = messages(
        item("reasoning", summary=[item("summary_text", text="Hm.")], encrypted_content=sealed(state))
    )
    assert message.parts == [Thinking("Hm.", state)]
    (message,) = messages(item("reasoning", summary=[], encrypted_content=sealed(state)))
    assert message.parts == [state]


def test_a_free_form_call_and_its_result() -> None:
    call = item("custom_tool_call", call_id="c", name="apply_patch", input="*** Begin")
    asked, answered = messages(call, item("custom_tool_call_output", call_id="c", output="ok"))
    (part,) = asked.parts
    assert isinstance(part, ToolCall)
    assert part.arguments == {"input": "*** Begin"}
    assert part.state is not None
    assert json.loads(part.state.data) == call
    assert answered.parts == [ToolResult("c", "ok")]


@pytest.mark.parametrize("kind", ["web_search_call", "item_reference", "local_shell_call_output", "never_heard_of"])
def test_items_without_a_word_of_ours_are_kept_in_their_place(kind: str) -> None:
    given = item(kind, id="x", action={"a": 1})
    _, message = messages({"role": "user", "content": "?"}, given)
    (state,) = message.parts
    assert isinstance(state, ProviderState)
    assert (state.kind, json.loads(state.data)) == ("item", given)


def test_phases_annotations_and_refusals_of_earlier_answers() -> None:
    citation = item("url_citation", url="u")
    content = [item("output_text", text="a", annotations=[citation]), item("refusal", refusal="no")]
    (message,) = messages(item("message", role="assistant", phase="final_answer", content=content))
    first, second = message.parts
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert first.state is not None
    assert json.loads(first.state.data) == {"phase": "final_answer", "annotations": [citation]}
    assert (first.text, second.text) == ("a", "no")


def test_images_and_files() -> None:
    content = [
        item("input_image", image_url="https://h/i.png", detail="low"),
        item("input_image", image_url="data:image/png;base64,AQ==", detail=None),
        item("input_file", file_data="data:application/pdf;base64,Ag==", filename="a.pdf"),
        item("input_file", file_data="Ag==", filename="a.pdf"),
        item("input_file", file_url="https://h/d.pdf"),
    ]
    (message,) = messages({"role": "user", "content": content})
    assert message.parts == [
        Image(url="https://h/i.png", detail="low"), Image(b"\x01", "image/png"),
        Document(b"\x02", "application/pdf", name="a.pdf"), Document(b"\x02", "application/pdf", name="a.pdf"),
        Document(url="https://h/d.pdf"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["input_image", "input_file"])
def test_a_file_at_the_provider_is_its_state(kind: str) -> None:
    (message,) = messages({"role": "user", "content": [item(kind, file_id="file_1")]})
    (state,) = message.parts
    assert isinstance(state, ProviderState)
    assert (state.kind, json.loads(state.data)["file_id"]) == ("content_item", "file_1")


def test_what_we_have_no_word_for_is_kept_under_its_full_path() -> None:
    search, custom = item("web_search"), item("custom", name="p")
    decoded = decode(
        store=True, previous_response_id="r", tools=[search, custom], tool_choice=item("allowed_tools", mode="auto"),
        reasoning={"effort": "low", "summary": "auto"}, text={"verbosity": "low"},
        input=[{"role": "user", "content": [item("input_image", image_url="https://h", detail="original")]}],
    )  # fmt: skip
    assert decoded.extra == {
        "store": True, "previous_response_id": "r", "tools[0]": search, "tools[1]": custom,
        "tool_choice": item("allowed_tools", mode="auto"), "reasoning.summary": "auto", "text.verbosity": "low",
        "input[0].content[0].detail": "original",
    }  # fmt: skip
    assert decoded.request.tools == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": 1}, "model"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": [1]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_smell"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "user", "content": [item("input_file", file_data="?")]}]},
            "input[0].content[0].file_data",
        ),
        ({"input": [item("function_call", call_id="c", name=None)]}, "input[0].name"),
        ({"input": [item("reasoning", summary=[1])]}, "input[0].summary[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"reasoning": {"effort": "hard"}}, "reasoning.effort"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"temperature": 3}, "temperature"),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        decode(**fields)
    assert caught.value.detail.field == path


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_a_body_that_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        decode(body)


def test_what_we_write_we_read_as_the_same() -> None:
    given = {
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "input": [
            item("message", role="user", content=[item("input_text", text="?")]),
            item("reasoning", summary=[], encrypted_content="g"),
            item("function_call", call_id="a", name="f", arguments='{"x": 1}'),
            item("function_call_output", call_id="a", output="one"),
            item("message", role="assistant", phase="final_answer",
                 content=[item("output_text", text="Two.", annotations=[])]),
            item("message", role="user", content=[item("input_text", text="so")]),
        ],
        "tools": [item("function", name="f", parameters={"type": "object", "properties": {}}, strict=False)],
    }  # fmt: skip
    request = decode(given).request
    check_request(request)
    request.native = None
    body, encoded = encode(request, target("openai", "gpt-5.4"))
    assert {name: body[name] for name in given} == given
    assert encoded.notices == []
