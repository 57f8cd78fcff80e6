"""Responses of OpenAI, Codex and others become events: every kind of item, every end, every fault."""

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
from kruxos.messages import ProviderState, Text, Thinking, ToolCall
from tests.dialects.support import decoder, parts_of, run, sent, sse, target

AIM = target("openai", "asked-for")
CODEX = target("openai-codex", "gpt-5.4")
RAW_USAGE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 39,
}
USAGE = Usage(6, 20, 4, 9, 5)


def response(status: str = "completed", *output: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "model": "m-1", "status": status, "output": list(output),
            "error": None, "incomplete_details": None, "usage": None} | fields  # fmt: skip


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def added(place: int, kind: str, **fields: Any) -> dict[str, Any]:
    return event("output_item.added", output_index=place, item={"type": kind, "id": f"{kind}_{place}", **fields})


def done(place: int, kind: str, **fields: Any) -> dict[str, Any]:
    return event("output_item.done", output_index=place, item={"type": kind, "id": f"{kind}_{place}", **fields})


def delta(kind: str, place: int, piece: str, **fields: Any) -> dict[str, Any]:
    return event(f"{kind}.delta", output_index=place, item_id="x", delta=piece, **fields)


def said(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], **fields}


CREATED = event("created", response=response("in_progress"))
COMPLETED = event("completed", response=response(usage=RAW_USAGE))
START = Start("my-provider", "m-1")
HEL, LO = delta("output_text", 0, "Hel", content_index=0), delta("output_text", 0, "lo", content_index=0)
MESSAGE = done(0, "message", role="assistant", content=[said("Hello")])


def texts(events: Any) -> list[str]:
    return [each.text for each in events if isinstance(each, TextDelta)]


def test_openais_own_stream() -> None:
    answer = decoder(AIM)
    opening = added(0, "message", role="assistant", content=[])
    part = event("content_part.added", output_index=0, content_index=0, part=said(""))
    text = event("output_text.done", output_index=0, content_index=0, text="Hello")
    final = event("completed", response=response("completed", MESSAGE["item"], usage=RAW_USAGE))
    events = run(answer, sse(CREATED, opening, part, HEL, LO, text, MESSAGE, final))
    assert events == [START, TextDelta(0, "Hel"), TextDelta(0, "lo"), UsageUpdate(USAGE)]
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == ("stop", "completed")
    assert (answer.ending.model, answer.ending.response_id, answer.ending.refusal) == ("m-1", "resp_1", None)
    assert (answer.ending.usage, answer.ending.raw_usage) == (USAGE, RAW_USAGE)


def test_events_come_as_soon_as_their_bytes_do() -> None:
    answer = decoder(AIM)
    assert answer.feed(sse(CREATED, HEL)) == [START, TextDelta(0, "Hel")]
    assert answer.feed(sse(LO)[:-1]) == []
    assert answer.feed(b"\n") == [TextDelta(0, "lo")]


TELLINGS = {
    "deltas": [HEL, LO],
    "its own end": [event("output_text.done", output_index=0, content_index=0, text="Hello")],
    "its item": [MESSAGE],
    "half by deltas": [HEL, MESSAGE],
    "twice": [HEL, LO, MESSAGE, MESSAGE],
    "late deltas": [HEL, MESSAGE, LO],
}


@pytest.mark.parametrize("how", TELLINGS)
def test_a_text_is_told_once_however_a_server_tells_it(how: str) -> None:
    assert "".join(texts(run(decoder(AIM), sse(CREATED, *TELLINGS[how], COMPLETED)))) == "Hello"


def test_what_only_the_final_event_holds_is_told_too() -> None:
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}"}
    final = event("completed", response=response("completed", MESSAGE["item"], call))
    answer = decoder(AIM)
    assert parts_of(run(answer, sse(CREATED, HEL, final))) == [Text("Hello"), ToolCall("c", "f", {})]
    assert answer.ending is not None
    assert answer.ending.finish_reason == "tool_call"


def test_a_final_event_that_counts_its_items_otherwise_tells_nothing_twice() -> None:
    reasoning = {"type": "reasoning", "id": "rs_new", "summary": []}
    message = {"type": "message", "id": "msg_new", "content": [said("Hello")]}
    for output in ([reasoning, message], [message, reasoning], [message]):
        final = event("completed", response=response("completed", *output))
        assert "".join(texts(run(decoder(AIM), sse(CREATED, HEL, LO, MESSAGE, final)))) == "Hello"


def test_codex_ends_with_a_response_that_holds_no_items() -> None:
    answer = decoder(CODEX, content_type="")
    assert texts(run(answer, sse(CREATED, HEL, LO, MESSAGE, COMPLETED))) == ["Hel", "lo"]
    assert answer.error is None


def test_items_that_come_mixed_keep_their_order_in_the_answer() -> None:
    first, second = added(0, "reasoning", summary=[]), added(1, "message", content=[])
    late = done(0, "reasoning", summary=[], encrypted_content="gAAA")
    text = delta("output_text", 1, "4", content_index=0)
    parts = parts_of(run(decoder(AIM), sse(CREATED, first, second, text, late, COMPLETED)))
    assert [type(part) for part in parts] == [ProviderState, Text]


def test_reasoning_is_kept_as_its_item_was_byte_for_byte() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA+/é=", "new": [1]}
    early = added(0, "reasoning", summary=[], encrypted_content="early")
    final = response("completed", item | {"encrypted_content": "another"}, usage=RAW_USAGE)
    finished = event("output_item.done", output_index=0, item=item)
    events = run(decoder(AIM), sse(CREATED, early, finished, event("completed", response=final)))
    states = [each for each in events if isinstance(each, State)]
    assert [(state.index, state.origin, state.model, state.kind) for state in states] == [
        (0, "openai", "m-1", "reasoning_item")
    ]
    assert json.loads(states[0].data) == item


def test_each_summary_of_reasoning_is_a_thought_of_its_own() -> None:
    pieces = [
        delta("reasoning_summary_text", 0, "One", summary_index=0),
        delta("reasoning_summary_text", 0, "T", summary_index=1),
    ]
    summary = [{"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}]
    parts = parts_of(run(decoder(AIM), sse(CREATED, *pieces, done(0, "reasoning", summary=summary), COMPLETED)))
    assert [part.text for part in parts if isinstance(part, Thinking)] == ["One", "Two"]
    assert [part.state.kind for part in parts if isinstance(part, Thinking) and part.state] == [
        "reasoning_item",
        "summary_part",
    ]


def test_full_reasoning_text_is_thinking() -> None:
    pieces = [delta("reasoning_text", 0, piece, content_index=0) for piece in ("Hm", "m.")]
    content = [{"type": "reasoning_text", "text": "Hmm."}]
    item = done(0, "reasoning", summary=[], content=content)
    events = run(decoder(AIM), sse(CREATED, *pieces, item, COMPLETED))
    assert [each.text for each in events if isinstance(each, ThinkingDelta)] == ["Hm", "m."]


def test_calls_side_by_side_with_arguments_in_pieces() -> None:
    opening = [added(place, "function_call", call_id=f"c{place}", name="a_b", arguments="") for place in (0, 1)]
    pieces = [delta("function_call_arguments", place, piece) for place, piece in ((0, '{"x"'), (1, "{}"), (0, ":1}"))]
    ends = [done(1, "function_call", call_id="c1", name="a_b", arguments="{}"),
            done(0, "function_call", call_id="c0", name="a_b", arguments='{"x":1}')]  # fmt: skip
    answer = decoder(AIM, sent(None, a_b="a.b"))
    events = run(answer, sse(CREATED, *opening, *pieces, *ends, COMPLETED))
    assert events[1:-1] == [
        ToolCallBegin(0, "c0", "a.b"), ToolCallBegin(1, "c1", "a.b"),
        ToolCallDelta(0, '{"x"'), ToolCallDelta(1, "{}"), ToolCallDelta(0, ":1}"),
        ToolCallEnd(1), ToolCallEnd(0),
    ]  # fmt: skip
    assert answer.ending is not None
    assert answer.ending.finish_reason == "tool_call"


@pytest.mark.parametrize("arguments", ['{"x":1}', {"x": 1}])
def test_a_call_that_comes_whole(arguments: Any) -> None:
    end = done(0, "function_call", call_id="c", name="f", arguments=arguments)
    parts = parts_of(run(decoder(AIM), sse(CREATED, end, COMPLETED)))
    assert parts == [ToolCall("c", "f", arguments_json='{"x":1}')]


def test_a_call_whose_item_forgets_its_type_is_a_call_still() -> None:
    opening = added(0, "function_call", call_id="c", name="f", arguments="")
    pieces = delta("function_call_arguments", 0, '{"a":1}')
    ending = event("output_item.done", output_index=0, item={"type": None, "call_id": "c", "name": "f"})
    assert parts_of(run(decoder(AIM), sse(CREATED, opening, pieces, ending, COMPLETED))) == [
        ToolCall("c", "f", '{"a":1}')
    ]


def test_a_name_that_comes_after_the_arguments() -> None:
    pieces = [added(0, "function_call"), delta("function_call_arguments", 0, '{"x":')]
    end = done(0, "function_call", call_id="c", name="f", arguments='{"x":1}')
    assert parts_of(run(decoder(AIM), sse(CREATED, *pieces, end, COMPLETED))) == [
        ToolCall("c", "f", {"x": 1}, '{"x":1}')
    ]


def test_a_call_with_more_than_a_function_has_keeps_its_item() -> None:
    end = done(0, "function_call", call_id="c", name="f", arguments="{}", namespace="mcp")
    (call,) = parts_of(run(decoder(AIM), sse(CREATED, end, COMPLETED)))
    assert isinstance(call, ToolCall)
    assert call.state is not None
    assert json.loads(call.state.data)["namespace"] == "mcp"


CUSTOM = {"type": "custom", "name": "apply_patch"}
PATCH = [
    added(0, "custom_tool_call", call_id="c", name="apply_patch", input=""),
    delta("custom_tool_call_input", 0, "*** Begin"),
    done(0, "custom_tool_call", call_id="c", name="apply_patch", input="*** Begin Patch"),
]


@pytest.mark.parametrize("body", [{"tools": [CUSTOM]}, {"input": [{"type": "additional_tools", "tools": [CUSTOM]}]}])
def test_a_call_of_a_free_form_tool_of_the_request_is_the_agents(body: dict[str, Any]) -> None:
    (call,) = parts_of(run(decoder(AIM, sent(body)), sse(CREATED, *PATCH, COMPLETED)))
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, call.state and call.state.kind) == ("apply_patch", "*** Begin Patch", "item")


def test_a_call_in_that_form_of_a_tool_that_the_provider_ran_is_its_own_item() -> None:
    (state,) = parts_of(run(decoder(AIM), sse(CREATED, *PATCH, COMPLETED)))
    assert isinstance(state, ProviderState)
    assert json.loads(state.data) == PATCH[-1]["item"]


@pytest.mark.parametrize("name", [["apply_patch"], {}, None, 7])
def test_a_free_form_call_whose_name_is_no_name_is_its_own_item(name: Any) -> None:
    end = done(0, "custom_tool_call", call_id="c", name=name, input="x")
    (state,) = parts_of(run(decoder(AIM, sent({"tools": [CUSTOM]})), sse(CREATED, end, COMPLETED)))
    assert isinstance(state, ProviderState)


@pytest.mark.parametrize(
    ("kind", "state"), [("web_search_call", "item"), ("never_heard_of", "item"), ("compaction", "compaction_item")]
)
def test_items_without_a_word_of_ours_are_kept_whole(kind: str, state: str) -> None:
    end = done(0, kind, encrypted_content="gAAA", action={"a": [None]})
    events = run(decoder(AIM), sse(CREATED, added(0, kind), event(f"{kind}.searching", output_index=0), end, COMPLETED))
    (kept,) = [each for each in events if isinstance(each, State)]
    assert kept.kind == state
    assert json.loads(kept.data) == end["item"]


def test_a_call_of_the_computer_is_for_the_agent_to_run() -> None:
    end = done(0, "computer_call", call_id="c", action={"type": "click", "x": 1})
    answer = decoder(AIM)
    (call,) = parts_of(run(answer, sse(CREATED, end, COMPLETED)))
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c", "computer_call", {"type": "click", "x": 1})


def test_annotations_and_the_phase_of_a_message_are_kept_beside_its_text() -> None:
    citation = {"type": "url_citation", "url": "u"}
    end = done(0, "message", phase="commentary", content=[said("Hello", annotations=[citation])])
    late = event("output_text.annotation.added", output_index=0, content_index=0, annotation=citation)
    (text,) = parts_of(run(decoder(AIM), sse(CREATED, HEL, LO, late, end, COMPLETED)))
    assert isinstance(text, Text)
    assert text.state is not None
    assert json.loads(text.state.data) == {"phase": "commentary", "annotations": [citation]}


def test_unknown_events_say_nothing_and_lose_nothing() -> None:
    novelties = [event("sparkle.delta", delta="x", output_index=0), {"type": "keepalive"}, {"type": 7}, {}, 1, "[DONE]"]
    assert texts(run(decoder(AIM), sse(CREATED, HEL, *novelties, LO, COMPLETED))) == ["Hel", "lo"]


@pytest.mark.parametrize(("beside", "reason"), [([], "content_filter"), ([HEL, LO], "stop")])
def test_a_refusal_is_no_text(beside: list[Any], reason: str) -> None:
    pieces = [delta("refusal", 1, "I ", content_index=0), delta("refusal", 1, "won't", content_index=0)]
    end = done(1, "message", content=[{"type": "refusal", "refusal": "I won't."}])
    answer = decoder(AIM)
    events = run(answer, sse(CREATED, *beside, *pieces, end, COMPLETED))
    assert "won't" not in "".join(texts(events))
    assert answer.ending is not None
    assert (answer.ending.refusal, answer.ending.finish_reason) == ("I won't.", reason)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("steered", "stop"),
        (None, "length"),
        ("new", "length"),
    ],
)
def test_an_incomplete_answer_says_why(reason: str | None, finish: str) -> None:
    details = None if reason is None else {"reason": reason}
    final = event("incomplete", response=response("incomplete", incomplete_details=details, usage=RAW_USAGE))
    answer = decoder(AIM)
    run(answer, sse(CREATED, HEL, final))
    assert answer.ending is not None
    assert (answer.ending.finish_reason, answer.ending.raw_finish_reason) == (finish, "incomplete")
    assert (answer.ending.stop_detail, answer.ending.usage) == (reason, USAGE)


def test_a_whole_answer_is_read_as_a_stream() -> None:
    output = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "g",
        },
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [said("Hello")]},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    answer = decoder(target("openai", stream=False), content_type="application/json")
    parts = parts_of(run(answer, json.dumps(response("completed", *output, usage=RAW_USAGE)).encode()))
    thinking, text, call = parts
    assert isinstance(thinking, Thinking)
    assert thinking.state is not None
    assert (thinking.text, json.loads(thinking.state.data)) == ("Hm.", output[0])
    assert (text, call) == (Text("Hello"), ToolCall("c", "f", {}, "{}"))
    assert answer.usage == USAGE


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled"])
def test_an_answer_that_is_not_finished_is_interrupted(status: str) -> None:
    answer = decoder(AIM, content_type="application/json")
    run(answer, json.dumps(response(status)).encode())
    assert answer.error is not None
    assert answer.error.code == "interrupted"


def test_a_stream_without_its_terminal_event_is_interrupted() -> None:
    answer = decoder(AIM)
    run(answer, sse(CREATED, HEL, LO, MESSAGE, "[DONE]"))
    assert answer.ending is None
    assert answer.error is not None
    assert (answer.error.code, answer.error.billed_maybe) == ("interrupted", True)


FLAT = {"type": "error", "code": "server_error", "message": "oops", "param": None}
NESTED = {
    "type": "error",
    "error": {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "x"},
}
WRAPPED = {
    "type": "error",
    "status_code": 429,
    "error": {"type": "usage_limit_reached", "message": "x", "resets_in_seconds": 60},
}
LIMITED = {"code": "rate_limit_exceeded", "message": "Rate limit reached. Please try again in 11.054s."}
FAILED = event("failed", response=response("failed", error=LIMITED))
BARE = event("failed", response=response("failed"))


@pytest.mark.parametrize(
    ("last", "code", "after_s"),
    [(FLAT, "provider_error", None), (NESTED, "context_overflow", None), (WRAPPED, "quota_exhausted", 60.0),
     (FAILED, "rate_limited", 11.054), (BARE, "provider_error", None)],
)  # fmt: skip
def test_an_error_within_a_stream_is_the_error_that_it_names(last: Any, code: str, after_s: float | None) -> None:
    answer = decoder(AIM)
    assert texts(run(answer, sse(CREATED, HEL, last, LO))) == ["Hel"]
    assert answer.error is not None
    assert answer.error.code == code
    assert answer.error.retry_at == (None if after_s is None else pytest.approx(AIM.now + after_s))
    assert answer.error.billed_maybe


def test_usage_that_comes_with_a_failure_is_kept() -> None:
    answer = decoder(AIM)
    run(answer, sse(CREATED, FLAT, event("failed", response=response("failed", usage=RAW_USAGE))))
    assert answer.error is not None
    assert answer.usage == USAGE


def test_an_error_in_place_of_an_answer() -> None:
    answer = decoder(AIM, content_type="application/json")
    run(answer, b'{"error": {"message": "no", "code": "model_not_found"}}')
    assert answer.error is not None
    assert answer.error.code == "model_not_found"


def test_counts_that_contradict_each_other_are_told() -> None:
    final = event("completed", response=response(usage=RAW_USAGE | {"total_tokens": 1000}))
    events = run(decoder(AIM), sse(CREATED, final))
    assert [each.code for each in events if isinstance(each, Notice)] == ["usage_inconsistent"]


def test_halves_of_a_character_in_two_deltas_are_one_character() -> None:
    halves = [delta("output_text", 0, "\ud83d", content_index=0), delta("output_text", 0, "\ude00!", content_index=0)]
    end = done(0, "message", content=[said("😀!")])
    assert texts(run(decoder(AIM), sse(CREATED, *halves, end, COMPLETED))) == ["😀!"]
