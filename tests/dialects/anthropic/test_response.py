"""Anthropic's answers become events: every block, every end, every fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.events import (
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
from kruxos.messages import Text
from tests.dialects.support import decoder, parts_of, run, sent, sse, target

AIM = target("anthropic", "claude-sonnet-4-6")
MODEL = "claude-sonnet-4-6"
STOP = {"type": "message_stop"}


def start(**usage: Any) -> dict[str, Any]:
    counts = usage or {"input_tokens": 25, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": MODEL, "usage": counts}
    return {"type": "message_start", "message": message}


def block(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **fields: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, **fields}, "usage": {"output_tokens": 15}}


PING = {"type": "ping"}
HELLO = [
    start(),
    block(0, type="text", text=""),
    PING,
    delta(0, "text_delta", text="Hel"),
    delta(0, "text_delta", text="lo"),
]


def test_a_text_is_one_event_for_each_delta() -> None:
    answer = decoder(AIM)
    events = run(answer, sse(*HELLO, stop(0), end(), STOP))
    usage = Usage(uncached_input_tokens=25, output_tokens=15)
    assert events == [Start("my-provider", MODEL), TextDelta(0, "Hel"), TextDelta(0, "lo"), UsageUpdate(usage)]
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == ("stop", "end_turn")
    assert (answer.ending.model, answer.ending.response_id, answer.ending.inferred) == (MODEL, "msg_1", False)
    assert answer.ending.usage == answer.usage == usage
    assert answer.ending.raw_usage == {"input_tokens": 25, "output_tokens": 15}
    assert answer.error is None


def test_events_come_as_soon_as_their_bytes_do() -> None:
    answer = decoder(AIM)
    body = sse(*HELLO)
    cut = body.rindex(b"event:")
    assert answer.feed(body[:cut])[-1] == TextDelta(0, "Hel")
    assert answer.feed(body[cut:-1]) == []
    assert answer.feed(b"\n") == [TextDelta(0, "lo")]


def test_thinking_ends_in_its_signature() -> None:
    thought = [
        start(),
        block(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="EqQB"),
        delta(0, "signature_delta", signature="+/=="),
        stop(0),
    ]
    events = run(decoder(AIM), sse(*thought, end(), STOP))
    assert events[1:3] == [ThinkingDelta(0, "hm"), State(0, "anthropic", MODEL, "signature", b"EqQB+/==")]


def test_omitted_thinking_leaves_its_signature_alone() -> None:
    omitted = [start(), block(0, type="thinking", thinking=""), delta(0, "signature_delta", signature="Eq"), stop(0)]
    assert run(decoder(AIM), sse(*omitted, end(), STOP))[1] == State(0, "anthropic", MODEL, "signature", b"Eq")


def test_redacted_thinking_is_state() -> None:
    redacted = [start(), block(0, type="redacted_thinking", data="EvgF"), stop(0)]
    events = run(decoder(AIM), sse(*redacted, end(), STOP))
    assert events[1] == State(0, "anthropic", MODEL, "redacted_thinking", b"EvgF")


def test_parallel_tool_calls_keep_their_pieces_and_get_the_agents_names_back() -> None:
    calls = [
        start(),
        block(0, type="tool_use", id="toolu_1", name="math_add", input={}),
        delta(0, "input_json_delta", partial_json=""),
        delta(0, "input_json_delta", partial_json='{"a": 1'),
        delta(0, "input_json_delta", partial_json="}"),
        stop(0),
        block(1, type="tool_use", id="toolu_2", name="g", input={}),
        stop(1),
        end("tool_use"),
        STOP,
    ]
    answer = decoder(AIM, sent(math_add="math.add"))
    assert run(answer, sse(*calls))[1:-1] == [
        ToolCallBegin(0, "toolu_1", "math.add"),
        ToolCallDelta(0, '{"a": 1'),
        ToolCallDelta(0, "}"),
        ToolCallEnd(0),
        ToolCallBegin(1, "toolu_2", "g"),
        ToolCallEnd(1),
    ]
    assert answer.ending is not None
    assert answer.ending.finish_reason == "tool_call"


def test_arguments_may_come_whole_at_the_beginning() -> None:
    calls = [start(), block(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0), end("tool_use"), STOP]
    assert ToolCallDelta(0, '{"a":1}') in run(decoder(AIM), sse(*calls))


def test_a_call_without_an_id_gets_one() -> None:
    calls = [start(), block(0, type="tool_use", name="f", input={}), stop(0), end("tool_use"), STOP]
    begin = run(decoder(AIM), sse(*calls))[1]
    assert begin == ToolCallBegin(0, "toolu_msg_1_0", "f")


def test_citations_belong_to_their_text() -> None:
    cited = [
        start(),
        block(0, type="text", text="", citations=[]),
        delta(0, "citations_delta", citation={"url": "u", "encrypted_index": "E=="}),
        delta(0, "text_delta", text="4.0.6"),
        stop(0),
    ]
    events = run(decoder(AIM), sse(*cited, end(), STOP))
    assert events[1:3] == [
        TextDelta(0, "4.0.6"),
        State(0, "anthropic", MODEL, "citations", b'[{"url":"u","encrypted_index":"E=="}]'),
    ]


def test_a_block_without_a_word_of_ours_is_kept_whole() -> None:
    search = [
        start(),
        block(0, type="server_tool_use", id="s", name="web_search", input={}),
        delta(0, "input_json_delta", partial_json='{"query": "ru'),
        delta(0, "input_json_delta", partial_json='by"}'),
        stop(0),
        block(1, type="web_search_tool_result", tool_use_id="s", content=[{"encrypted_content": "E=="}]),
        stop(1),
        block(2, type="compaction", content=None),
        delta(2, "compaction_delta", content="so far", encrypted_content="C=="),
        stop(2),
    ]
    states = [event for event in run(decoder(AIM), sse(*search, end(), STOP)) if isinstance(event, State)]
    assert [(state.index, state.kind, json.loads(state.data)) for state in states] == [
        (0, "block", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "ruby"}}),
        (1, "block", {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"encrypted_content": "E=="}]}),
        (2, "compaction", {"type": "compaction", "content": "so far", "encrypted_content": "C=="}),
    ]


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("compaction", "stop"),
        ("max_tokens", "length"), ("model_context_window_exceeded", "length"), ("tool_use", "tool_call"),
        ("refusal", "content_filter"), ("something_new", "stop"), (None, "stop"),
    ],
)  # fmt: skip
def test_every_stop_reason_has_a_finish_reason(reason: str | None, ours: str) -> None:
    answer = decoder(AIM)
    run(answer, sse(start(), end(reason), STOP))
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == (ours, reason)


def test_what_stands_beside_the_stop_reason_is_kept() -> None:
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"stop_sequence": "END"}, "END"),
        ({"stop_details": {"type": "refusal"}}, {"type": "refusal"}),
    ]
    for fields, detail in cases:
        answer = decoder(AIM)
        run(answer, sse(start(), end("refusal", **fields), STOP))
        assert answer.ending is not None
        assert answer.ending.stop_detail == detail


def test_usage_is_cumulative_and_later_fields_replace_earlier() -> None:
    first = start(input_tokens=3, cache_read_input_tokens=10, cache_creation_input_tokens=None, output_tokens=1,
                  cache_creation={"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 5})  # fmt: skip
    middle = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 8, "cache_creation_input_tokens": 12}}
    last = end() | {"usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 4}}}
    answer = decoder(AIM)
    run(answer, sse(first, middle, last, STOP))
    assert answer.usage == Usage(3, 10, 12, 20, 4, 5)
    assert answer.raw_usage["cache_creation"] == {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 5}


def test_what_a_compaction_cost_stands_beside_the_buckets() -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500, "cache_read_input_tokens": 7},
        {"type": "message", "input_tokens": 23_000, "output_tokens": 1_000},
    ]
    answer = decoder(AIM)
    run(answer, sse(start(), end() | {"usage": {"output_tokens": 9, "iterations": iterations}}, STOP))
    assert answer.usage is not None
    assert answer.usage.other_tokens == {
        "compaction_input_tokens": 180_000, "compaction_cache_read_tokens": 7, "compaction_output_tokens": 3_500,
    }  # fmt: skip
    assert answer.usage.output_tokens == 9


def test_a_stream_without_its_terminal_event_is_interrupted() -> None:
    answer = decoder(AIM)
    events = run(answer, sse(*HELLO, stop(0), end()))
    assert TextDelta(0, "lo") in events
    assert answer.ending is None
    assert answer.error is not None
    assert answer.error.code == "interrupted"
    assert answer.error.billed_maybe
    assert answer.usage == Usage(uncached_input_tokens=25, output_tokens=15)


@pytest.mark.parametrize("body", [b"", b"\n\n", b": wait\n\n", b"event: message_start\nda"])
def test_a_body_that_holds_no_answer_is_interrupted(body: bytes) -> None:
    answer = decoder(AIM)
    assert run(answer, body) == []
    assert answer.error is not None
    assert answer.error.code == "interrupted"


def test_a_terminal_event_without_its_blank_line_ends_the_answer_too() -> None:
    answer = decoder(AIM)
    run(answer, sse(*HELLO, stop(0), end(), STOP).rstrip())
    assert answer.ending is not None


def test_done_after_the_terminal_event_is_passed_over() -> None:
    answer = decoder(AIM)
    run(answer, sse(*HELLO, stop(0), end(), STOP, "[DONE]"))
    assert answer.error is None


def test_unknown_events_and_deltas_are_passed_over() -> None:
    news = [{"type": "novelty", "x": 1}, delta(0, "novel_delta", novelty=1)]
    answer = decoder(AIM)
    events = run(answer, sse(*HELLO, *news, stop(0), end(), STOP))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]


@pytest.mark.parametrize(
    ("word", "code"),
    [("overloaded_error", "provider_overloaded"), ("api_error", "provider_error"), ("rate_limit_error", "rate_limited"),
     ("timeout_error", "provider_timeout"), ("invalid_request_error", "bad_request")],
)  # fmt: skip
def test_an_error_event_ends_the_stream_with_its_class(word: str, code: str) -> None:
    fault = {"type": "error", "error": {"type": word, "message": "Oh."}}
    for before in ([], HELLO):
        answer = decoder(AIM)
        run(answer, sse(*before, fault))
        assert answer.ending is None
        assert answer.error is not None
        assert (answer.error.code, answer.error.detail.provider_code) == (code, word)
        assert (answer.error.detail.excerpt, answer.error.detail.provider) == ("Oh.", "my-provider")
        assert answer.error.billed_maybe is bool(before)


def test_after_an_error_there_is_no_content_but_usage_still_counts() -> None:
    fault = {"type": "error", "error": {"type": "overloaded_error", "message": "Oh."}}
    answer = decoder(AIM)
    events = run(answer, sse(*HELLO, fault, delta(0, "text_delta", text="more"), end(), STOP))
    assert TextDelta(0, "more") not in events
    assert answer.ending is None
    assert answer.usage == Usage(uncached_input_tokens=25, output_tokens=15)


@pytest.mark.parametrize(
    "fault",
    [
        "not json",
        delta(7, "text_delta", text="x"),
        {"type": "content_block_start", "index": "0", "content_block": {}},
        {"type": "content_block_start", "index": 0, "content_block": None},
        {"type": "message_start"},
    ],
)
def test_what_breaks_the_protocol_is_an_error_after_what_was_right(fault: Any) -> None:
    answer = decoder(AIM)
    events = run(answer, sse(*HELLO, fault, delta(0, "text_delta", text="more"), STOP))
    assert events[-1] == TextDelta(0, "lo")
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"


WHOLE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "tool_use",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "Eq"},
        {"type": "text", "text": "Hi", "citations": None},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "mcp_tool_use", "id": "m", "name": "g", "input": {"b": 2}},
    ],
    "usage": {"input_tokens": 12, "cache_read_input_tokens": 2048, "output_tokens": 5},
}  # fmt: skip


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", ""])
def test_a_whole_answer_is_the_same_events_whatever_its_content_type_says(content_type: str) -> None:
    answer = decoder(AIM, content_type=content_type)
    events = run(answer, b"\n  \n", json.dumps(WHOLE).encode())
    assert events == [
        Start("my-provider", MODEL),
        ThinkingDelta(0, "hm"),
        State(0, "anthropic", MODEL, "signature", b"Eq"),
        TextDelta(1, "Hi"),
        ToolCallBegin(2, "t", "f"),
        ToolCallDelta(2, '{"a":1}'),
        ToolCallEnd(2),
        State(3, "anthropic", MODEL, "block", b'{"type":"mcp_tool_use","id":"m","name":"g","input":{"b":2}}'),
        UsageUpdate(Usage(12, 2048, None, 5)),
    ]
    assert answer.ending is not None
    assert answer.ending.finish_reason == "tool_call"


def test_a_stream_is_read_as_one_even_where_its_content_type_says_json() -> None:
    answer = decoder(AIM, content_type="application/json")
    assert TextDelta(0, "Hel") in run(answer, sse(*HELLO, stop(0), end(), STOP))
    assert answer.ending is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "provider_overloaded"),
        (b'{"id":"msg_1","type":"message","content":[{"type":"text","text":"Hi"}', "interrupted"),
        (b"<html><title>Sign in</title></html>", "provider_protocol"),
        (b"{}", "provider_error"),
        (b"[1]", "provider_protocol"),
        (b'"text"', "provider_protocol"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(body: bytes, code: str) -> None:
    answer = decoder(AIM, content_type="application/json")
    assert run(answer, body) == []
    assert answer.error is not None
    assert answer.error.code == code


def test_a_page_in_the_place_of_an_answer_says_what_to_check() -> None:
    answer = decoder(AIM, content_type="text/html; charset=utf-8")
    run(answer, b"<html><style>p{}</style><h1>Sign in</h1>")
    assert answer.error is not None
    assert "text/html" in answer.error.message
    assert "base_url" in answer.error.message
    assert answer.error.detail.excerpt == "Sign in"


def test_a_character_split_between_two_deltas_comes_out_whole() -> None:
    body = sse(start(), block(0, type="text", text="")) + (
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud83d"}}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ude00b"}}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d"}}\n\n'
    )
    events = run(decoder(AIM), body, sse(stop(0), end(), STOP))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "😀b", "\ufffd"]


def test_blocks_may_be_interleaved_and_left_open() -> None:
    mixed = [
        start(),
        block(0, type="text", text="a"),
        block(1, type="text", text="b"),
        delta(0, "text_delta", text="c"),
        delta(1, "text_delta", text="d"),
    ]
    answer = decoder(AIM)
    parts = parts_of(run(answer, sse(*mixed, end(), STOP)))
    assert parts == [Text("ac"), Text("bd")]


def test_state_over_its_bound_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kruxos.dialects.decoding.HELD_CHARS_MAX", 50)
    answer = decoder(AIM)
    run(answer, sse(start(), block(0, type="thinking", thinking=""), delta(0, "signature_delta", signature="x" * 51)))
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"


def test_parts_over_their_bound_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kruxos.dialects.decoding.PARTS_MAX", 2)
    answer = decoder(AIM)
    run(answer, sse(start(), *[block(index, type="text", text="x") for index in range(3)]))
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"
