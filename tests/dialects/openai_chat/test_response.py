"""Chat Completions of OpenAI and of everybody else become events: every deviation, every end, every fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.events import (
    Notice,
    Start,
    State,
    TextDelta,
    ThinkingDelta,
    ToolCallBegin,
    ToolCallDelta,
    ToolCallEnd,
    Usage,
    UsageUpdate,
)
from kruxos.messages import Text, Thinking
from tests.dialects.support import decoder, parts_of, run, sent, sse, target

AIM = target("generic", "asked-for")


def chunk(delta: Any = None, reason: Any = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta if delta is not None else {}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


USAGE = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
ROLE, HEL, LO = chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"})
STOP = chunk(reason="stop")
COUNTED = {"id": "chatcmpl-1", "model": "m-1", "choices": [], "usage": USAGE}


def texts(events: Any) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


def test_openais_own_stream() -> None:
    answer = decoder(AIM)
    events = run(answer, sse(ROLE, HEL, LO, STOP, COUNTED, "[DONE]"))
    usage = Usage(uncached_input_tokens=8, output_tokens=2)
    assert events == [Start("my-provider", "m-1"), TextDelta(0, "Hel"), TextDelta(0, "lo"), UsageUpdate(usage)]
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == ("stop", "stop")
    assert (answer.ending.model, answer.ending.response_id, answer.ending.inferred) == ("m-1", "chatcmpl-1", False)
    assert (answer.ending.usage, answer.ending.raw_usage) == (usage, USAGE)


def test_events_come_as_soon_as_their_bytes_do() -> None:
    answer = decoder(AIM)
    assert answer.feed(sse(ROLE, HEL)) == [Start("my-provider", "m-1"), TextDelta(0, "Hel")]
    assert answer.feed(sse(LO)[:-1]) == []
    assert answer.feed(b"\n") == [TextDelta(0, "lo")]


def test_without_done_a_finish_reason_and_the_end_of_the_body_are_an_inferred_end() -> None:
    answer = decoder(AIM)
    run(answer, sse(HEL, STOP))
    assert answer.ending is not None
    assert answer.ending.inferred


def test_without_a_finish_reason_done_is_an_end() -> None:
    answer = decoder(AIM)
    run(answer, sse(HEL, "[DONE]"))
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason, answer.ending.inferred) == (
        "stop",
        None,
        False,
    )


@pytest.mark.parametrize("reason", [None, ""])
def test_without_either_the_stream_is_interrupted(reason: str | None) -> None:
    answer = decoder(AIM)
    run(answer, sse(chunk({"content": "Hel"}, reason)))
    assert answer.ending is None
    assert answer.error is not None
    assert (answer.error.code, answer.error.billed_maybe) == ("interrupted", True)


def test_a_marker_that_is_cut_off_is_no_fault_after_a_finish_reason() -> None:
    answer = decoder(AIM)
    run(answer, sse(HEL, STOP) + b"data: [DO")
    assert answer.ending is not None
    assert answer.ending.inferred


def test_whatever_follows_done_is_passed_over() -> None:
    answer = decoder(AIM)
    assert texts(run(answer, sse(HEL, STOP, "[DONE]", LO, "garbage"))) == ["Hel"]
    assert answer.error is None


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": []},
        {},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{"delta": {}}]},
        {"id": None, "model": "", "created": None, "choices": [], "prompt_filter_results": []},
        {"choices": [{"index": 0}]},
        {"choices": ["x", None]},
        {"choices": "x"},
        {"error": None, "choices": []},
        {"choices": [{"index": 1, "delta": {"content": "another choice"}, "finish_reason": "length"}]},
        {"choices": [{"index": 0, "delta": {"content": None, "tool_calls": None, "refusal": None}}]},
        [],
        7,
    ],
)
def test_odd_chunks_are_passed_over(odd: Any) -> None:
    answer = decoder(AIM)
    assert texts(run(answer, sse(odd, HEL, odd, LO, STOP, odd, "[DONE]"))) == ["Hel", "lo"]
    assert answer.ending is not None
    assert answer.ending.raw_finish_reason == "stop"
    assert answer.ending.model == "m-1"


def test_a_model_that_is_never_named_is_the_one_that_was_asked_for() -> None:
    answer = decoder(AIM)
    events = run(answer, sse({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}, "[DONE]"))
    assert events[0] == Start("my-provider", "asked-for")
    assert answer.ending is not None
    assert answer.ending.model == "asked-for"


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("stop", "stop"), ("eos", "stop"), ("eos_token", "stop"), ("end_turn", "stop"), ("COMPLETE", "stop"),
        ("length", "length"), ("max_tokens", "length"), ("model_length", "length"),
        ("model_context_window_exceeded", "length"), ("tool_calls", "tool_call"), ("tool_call", "tool_call"),
        ("function_call", "tool_call"), ("content_filter", "content_filter"), ("sensitive", "content_filter"),
        ("something_new", "stop"),
    ],
)  # fmt: skip
def test_every_finish_reason_has_ours(reason: str, ours: str) -> None:
    answer = decoder(AIM)
    run(answer, sse(chunk({"content": "x"}, reason), "[DONE]"))
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == (ours, reason)


@pytest.mark.parametrize("reason", ["error", "network_error", "insufficient_system_resource"])
def test_a_finish_reason_that_is_a_failure_is_a_retryable_error(reason: str) -> None:
    answer = decoder(AIM)
    run(answer, sse(HEL, chunk(reason=reason), "[DONE]"))
    assert answer.ending is None
    assert answer.error is not None
    assert (answer.error.code, answer.error.detail.provider_code) == ("provider_error", reason)


@pytest.mark.parametrize(("reason", "ours"), [("stop", "tool_call"), ("", "tool_call"), ("length", "length")])
def test_tool_calls_count_more_than_a_reason_that_says_stop(reason: str, ours: str) -> None:
    call = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}
    answer = decoder(AIM)
    run(answer, sse(chunk(call), chunk(reason=reason), "[DONE]"))
    assert answer.ending is not None
    assert answer.ending.finish_reason == ours


def test_a_finish_reason_on_every_chunk_does_not_end_the_reading() -> None:
    assert texts(
        run(decoder(AIM), sse(chunk({"content": "a"}, "stop"), chunk({"content": "b"}, "stop"), "[DONE]"))
    ) == ["a", "b"]


def test_the_agents_own_tool_names_come_back() -> None:
    call = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "a_b", "arguments": "{}"}}]}
    events = run(decoder(AIM, sent(a_b="a.b")), sse(chunk(call, "tool_calls"), "[DONE]"))
    assert events[1:] == [ToolCallBegin(0, "a", "a.b"), ToolCallDelta(0, "{}"), ToolCallEnd(0)]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_thinking_and_its_field_is_remembered_for_the_way_back(field: str) -> None:
    stream = sse(chunk({"content": "", field: "hm"}), chunk({"content": None, field: "."}), HEL, STOP, "[DONE]")
    assert run(decoder(AIM), stream)[1:] == [
        State(0, "generic", "m-1", field, b""),
        ThinkingDelta(0, "hm"),
        ThinkingDelta(0, "."),
        TextDelta(1, "Hel"),
    ]


def test_reasoning_under_both_names_counts_once() -> None:
    events = run(decoder(AIM), sse(chunk({"reasoning": "hm", "reasoning_content": "hm"}), STOP, "[DONE]"))
    assert [event.text for event in events if isinstance(event, ThinkingDelta)] == ["hm"]


def test_thinking_between_texts_is_a_part_of_its_own() -> None:
    stream = sse(*(chunk(delta) for delta in ({"content": "a"}, {"reasoning": "b"}, {"content": "c"})), STOP, "[DONE]")
    parts = parts_of(run(decoder(AIM), stream))
    assert [(type(part), part.text) for part in parts if isinstance(part, (Text, Thinking))] == [
        (Text, "a"), (Thinking, "b"), (Text, "c"),
    ]  # fmt: skip


def test_reasoning_in_tags_stays_in_the_text() -> None:
    assert texts(run(decoder(AIM), sse(chunk({"content": "<think>hm</think>Hi"}), STOP, "[DONE]"))) == [
        "<think>hm</think>Hi"
    ]


def detail(kind: str, index: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"reasoning.{kind}", "format": "f", "index": index, **fields}


def test_reasoning_details_are_put_together_by_type_and_index_and_kept_whole() -> None:
    stream = [
        chunk({"reasoning": "a", "reasoning_details": [detail("text", 0, text="a", signature="")]}),
        chunk({"reasoning": "b", "reasoning_details": [detail("text", 0, text="b")]}),
        chunk({"content": "Hi"}),
        chunk({"reasoning_details": [detail("encrypted", 0, data="E=", id="rs_1"), detail("text", 0, signature="S=")]}),
    ]
    events = run(decoder(AIM), sse(*stream, STOP, "[DONE]"))
    assert events[1:4] == [ThinkingDelta(0, "a"), ThinkingDelta(0, "b"), TextDelta(1, "Hi")]
    state = events[4]
    assert isinstance(state, State)
    assert (state.index, state.kind) == (0, "reasoning_details")
    assert json.loads(state.data) == [
        {"type": "reasoning.text", "format": "f", "index": 0, "text": "ab", "signature": "S="},
        {"type": "reasoning.encrypted", "format": "f", "index": 0, "data": "E=", "id": "rs_1"},
    ]


def test_reasoning_that_stands_only_in_details_is_shown_too() -> None:
    stream = sse(chunk({"reasoning": None, "reasoning_details": [detail("summary", 0, summary="hm")]}), STOP, "[DONE]")
    assert ThinkingDelta(0, "hm") in run(decoder(AIM), stream)


def test_mistrals_thinking_comes_among_the_parts_of_content() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": None, "closed": True}
    stream = sse(
        chunk({"content": [thinking]}), chunk({"content": [{"type": "text", "text": "Hi"}, "!"]}), STOP, "[DONE]"
    )
    assert run(decoder(AIM), stream)[1:] == [
        State(0, "generic", "m-1", "thinking_chunk", b""),
        ThinkingDelta(0, "hm"),
        TextDelta(1, "Hi"),
        TextDelta(1, "!"),
    ]


def test_content_that_is_an_object_is_its_json() -> None:
    assert texts(run(decoder(AIM), sse(chunk({"content": {"a": [1, "é"]}}), STOP, "[DONE]"))) == ['{"a":[1,"é"]}']


def test_a_refusal_is_apart_from_the_text() -> None:
    answer = decoder(AIM)
    events = run(answer, sse(chunk({"refusal": "I'm "}), chunk({"refusal": "sorry"}), STOP, "[DONE]"))
    assert texts(events) == []
    assert answer.ending is not None
    assert (answer.ending.refusal, answer.ending.finish_reason) == ("I'm sorry", "content_filter")
    assert answer.ending.raw_finish_reason == "stop"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param([HEL, STOP, COUNTED], id="in a chunk of its own"),
        pytest.param([HEL, chunk(reason="stop", usage=USAGE)], id="in the finish chunk"),
        pytest.param([chunk({"content": "a"}, usage={"prompt_tokens": 8, "completion_tokens": None}),
                      chunk(reason="stop", usage=USAGE)], id="in every chunk, cumulative"),
        pytest.param([HEL, STOP, chunk(usage=USAGE)], id="with an empty delta"),
        pytest.param([HEL, chunk(reason="stop", x_groq={"id": "r", "usage": USAGE})], id="in x_groq"),
    ],
)  # fmt: skip
def test_usage_counts_wherever_it_stands(stream: list[Any]) -> None:
    answer = decoder(AIM)
    events = run(answer, sse(*stream, "[DONE]"))
    assert answer.usage == Usage(uncached_input_tokens=8, output_tokens=2)
    assert answer.raw_usage == USAGE
    assert [event.usage for event in events if isinstance(event, UsageUpdate)] == [answer.usage]


def test_without_usage_none_is_made_up() -> None:
    answer = decoder(AIM)
    run(answer, sse(HEL, STOP, "[DONE]"))
    assert answer.usage is None


def test_usage_that_contradicts_itself_is_told_once() -> None:
    events = run(decoder(AIM), sse(HEL, STOP, {**COUNTED, "usage": {**USAGE, "total_tokens": 99}}, "[DONE]"))
    assert [event.code for event in events if isinstance(event, Notice)] == ["usage_inconsistent"]


def whole(message: Any, reason: Any = "stop", **fields: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return json.dumps({"id": "c", "model": "m-1", "choices": [choice], "usage": USAGE, **fields}).encode()


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain", ""])
def test_a_whole_answer_is_one_delta_whatever_its_content_type_says(content_type: str) -> None:
    answer = decoder(AIM, content_type=content_type)
    message = {
        "role": "assistant", "content": "Hi", "reasoning_content": "hm",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                       {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}],
    }  # fmt: skip
    events = run(answer, b"\n         \n", b"\n", whole(message, "tool_calls"))
    assert events == [
        Start("my-provider", "m-1"),
        State(0, "generic", "m-1", "reasoning_content", b""),
        ThinkingDelta(0, "hm"),
        TextDelta(1, "Hi"),
        ToolCallBegin(2, "a", "f"), ToolCallDelta(2, '{"x": 1}'),
        ToolCallBegin(3, "b", "g"), ToolCallDelta(3, "{}"),
        ToolCallEnd(2), ToolCallEnd(3),
        UsageUpdate(Usage(uncached_input_tokens=8, output_tokens=2)),
    ]  # fmt: skip
    assert answer.ending is not None
    assert answer.ending.finish_reason == "tool_call"


def test_whole_reasoning_details_are_entries_of_their_own_even_with_one_index() -> None:
    details = [detail("encrypted", 0, data="A"), detail("encrypted", 0, data="B")]
    events = run(decoder(AIM), whole({"content": "Hi", "reasoning_details": details}))
    states = [event for event in events if isinstance(event, State)]
    assert [json.loads(state.data) for state in states] == [details]


def test_a_character_split_between_deltas_and_fields_comes_out_whole() -> None:
    def half(field: str, text: str) -> bytes:
        return b'data: {"model":"m-1","choices":[{"delta":{"%s":"%s"}}]}\n\n' % (field.encode(), text.encode())

    stream = (
        half("reasoning", "\\ud83d")
        + half("reasoning", "\\ude00")
        + half("reasoning", "\\ud83d")
        + half("content", "\\ude00")
    )
    events = run(decoder(AIM), stream, sse(STOP, "[DONE]"))
    assert events[2:] == [ThinkingDelta(0, "😀"), ThinkingDelta(0, "\ufffd"), TextDelta(1, "\ufffd")]


def test_xais_exclusion_of_reasoning_holds_by_its_profile_where_no_total_decides() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}}
    answer = decoder(target("grok"))
    run(answer, sse(HEL, STOP, {**COUNTED, "usage": usage}, "[DONE]"))
    assert answer.usage == Usage(uncached_input_tokens=10, output_tokens=8, reasoning_tokens=3)


@pytest.mark.parametrize("provider", ["Together", ""])
def test_an_aggregator_names_once_who_answered(provider: str) -> None:
    chunk = {"id": "g", "model": "m", "provider": provider, "choices": [{"index": 0, "delta": {"content": "a"}}]}
    into = decoder(target("openrouter"))
    events = run(into, sse(chunk, chunk | {"choices": [{"delta": {}, "finish_reason": "stop"}]}, "[DONE]"))
    told = [event for event in events if isinstance(event, Notice)]
    assert [(notice.code, notice.data) for notice in told] == (
        [("upstream", {"upstream": provider})] if provider else []
    )
    assert into.ending is not None
