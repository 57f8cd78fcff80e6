"""Answers of Gemini, part by part."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.base import Decoder
from kruxos.events import (
    Event,
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
from tests.dialects.support import codes, decoder, parts_of, run, sent, sse, target

AIM = target("gemini", "gemini-3.8-flash")
SIGNATURE = "EqYGCqMGAb4+9vv52GL4"


def value(*parts: dict[str, Any], reason: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": "gemini-3.8-flash", "responseId": "r1"} | fields


def read(*values: dict[str, Any], **tool_names: str) -> tuple[Decoder, list[Event]]:
    reading = decoder(AIM, sent(None, **tool_names))
    return reading, run(reading, sse(*values))


def call(name: str = "f", *, signature: str | None = None, **fields: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"name": name, **fields}}
    return part | ({"thoughtSignature": signature} if signature else {})


def ended(reading: Decoder) -> bool:
    return reading.ending is not None


def state(index: int, kind: str, data: bytes) -> State:
    return State(index, "gemini", "gemini-3.8-flash", kind, data)


def test_text_goes_out_as_it_comes_and_the_end_of_the_body_ends_it() -> None:
    reading = decoder(AIM)
    assert reading.feed(sse(value({"text": "Hel"}))) == [Start("my-provider", "gemini-3.8-flash"), TextDelta(0, "Hel")]
    assert reading.feed(sse(value({"text": "lo"}, reason="STOP"))) == [TextDelta(0, "lo")]
    assert not ended(reading)
    reading.finish()
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("stop", "STOP")
    assert (reading.ending.model, reading.ending.response_id) == ("gemini-3.8-flash", "r1")
    assert not reading.ending.inferred


def test_a_stream_without_a_finish_reason_is_interrupted() -> None:
    reading, events = read(value({"text": "Hel"}))
    assert TextDelta(0, "Hel") in events
    assert reading.ending is None
    assert reading.error is not None
    assert reading.error.code == "interrupted"


def test_the_last_of_several_finish_reasons_counts() -> None:
    reading, _ = read(value({"text": "a"}, reason="STOP"), value(reason="RECITATION"))
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("content_filter", "RECITATION")


def test_thoughts_are_marked_as_geminis_own() -> None:
    _, events = read(value({"text": "hm", "thought": True}), value({"text": "yes"}, reason="STOP"))
    assert parts_of(events) == [
        Thinking("hm", ProviderState("gemini", "gemini-3.8-flash", "thought", b"")),
        Text("yes"),
    ]


def test_a_signed_part_stands_alone_with_its_signature_byte_for_byte() -> None:
    parts = [{"text": "a"}, {"text": "b", "thoughtSignature": SIGNATURE}, {"text": "c"}]
    _, events = read(value(*parts, reason="STOP"))
    assert events[1:] == [
        TextDelta(0, "a"),
        TextDelta(1, "b"),
        state(1, "thought_signature", SIGNATURE.encode()),
        TextDelta(2, "c"),
    ]


@pytest.mark.parametrize("part", [{"text": "", "thoughtSignature": SIGNATURE}, {"thoughtSignature": SIGNATURE}])
def test_a_signature_on_empty_text_is_a_part_of_its_own(part: dict[str, Any]) -> None:
    _, events = read(value({"text": "a"}), value(part, reason="STOP"))
    assert parts_of(events) == [
        Text("a"),
        ProviderState("gemini", "gemini-3.8-flash", "thought_signature", SIGNATURE.encode()),
    ]


def test_signed_thoughts_keep_their_signature_with_and_without_text() -> None:
    empty = {"text": "", "thought": True, "thoughtSignature": "B=="}
    _, events = read(value({"text": "hm", "thought": True, "thoughtSignature": "A=="}, empty, reason="STOP"))
    first, second = parts_of(events)
    assert first == Thinking("hm", ProviderState("gemini", "gemini-3.8-flash", "thought_signature", b"A=="))
    assert isinstance(second, ProviderState)
    assert (second.kind, json.loads(second.data)) == ("part", empty)


def test_calls_come_whole_and_their_end_is_told_as_stop() -> None:
    first = call("x_y", id="c1", args={"a": 1}, signature=SIGNATURE)
    reading, events = read(value(first, call("g", id="c2")), value({"text": ""}, reason="STOP"), x_y="x.y")
    assert events == [
        Start("my-provider", "gemini-3.8-flash"),
        ToolCallBegin(0, "c1", "x.y"),
        ToolCallDelta(0, '{"a":1}'),
        state(0, "thought_signature", SIGNATURE.encode()),
        ToolCallEnd(0),
        ToolCallBegin(1, "c2", "g"),
        ToolCallEnd(1),
    ]
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("tool_call", "STOP")


def test_calls_without_ids_get_ids_that_are_theirs_alone_and_always_the_same() -> None:
    def ids(answer: str) -> list[str]:
        _, events = read(value(call(args={}), call(args={}), reason="STOP", responseId=answer))
        return [part.id for part in parts_of(events) if isinstance(part, ToolCall)]

    assert ids("r1") == ids("r1")
    assert len({*ids("r1"), *ids("r2")}) == 4


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("OTHER", "error"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_every_finish_reason_behind_content_has_its_word(raw: str, reason: str) -> None:
    reading, _ = read(value({"text": "x"}, reason=raw))
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == (reason, raw)


@pytest.mark.parametrize("raw", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "OTHER"])
def test_a_failed_answer_with_nothing_but_thoughts_is_an_error_so_that_another_may_be_asked(raw: str) -> None:
    last = value(reason=raw)
    last["candidates"][0]["finishMessage"] = "the model was not found to be of use"
    reading, _ = read(value({"text": "hm", "thought": True}), last)
    assert reading.ending is None
    assert reading.error is not None
    assert (reading.error.code, reading.error.detail.provider_code) == ("provider_error", raw)
    assert reading.error.retryable


def test_an_answer_that_thinking_used_up_is_whole_and_empty() -> None:
    candidate = {"finishReason": "MAX_TOKENS", "index": 0, "content": {"role": "model"}}
    reading, events = read({"candidates": [candidate], "usageMetadata": {"thoughtsTokenCount": 9}})
    assert parts_of(events) == []
    assert reading.ending is not None
    assert reading.ending.finish_reason == "length"
    assert reading.usage == Usage(output_tokens=9, reasoning_tokens=9)


def test_the_message_beside_a_reason_is_kept() -> None:
    answer = value({"text": "x"}, reason="SAFETY")
    answer["candidates"][0]["finishMessage"] = "because"
    reading, _ = read(answer)
    assert reading.ending is not None
    assert reading.ending.stop_detail == "because"


def test_a_blocked_prompt_is_a_filtered_answer_without_content() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not this"}
    reading, events = read({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 4}})
    assert [event for event in events if isinstance(event, Notice)] == [Notice("prompt_blocked", "not this")]
    assert parts_of(events) == []
    assert reading.ending is not None
    assert (reading.ending.finish_reason, reading.ending.raw_finish_reason) == ("content_filter", "PROHIBITED_CONTENT")


def test_counts_are_the_whole_so_far_and_go_into_disjoint_buckets() -> None:
    last = {
        "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 7, "thoughtsTokenCount": 20,
        "toolUsePromptTokenCount": 11, "totalTokenCount": 138, "trafficType": "ON_DEMAND",
    }  # fmt: skip
    reading, events = read(
        value({"text": "a"}, usageMetadata={"promptTokenCount": 100, "candidatesTokenCount": 3}),
        value({"text": "b"}, reason="STOP", usageMetadata=last),
    )
    usage = Usage(40, 60, None, 27, 20, None, {"tool_use_prompt": 11})
    assert reading.usage == usage
    assert events[-1] == UsageUpdate(usage)
    assert reading.raw_usage == last


def test_counts_that_contradict_the_total_are_told() -> None:
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 99}
    _, events = read(value({"text": "x"}, reason="STOP", usageMetadata=usage))
    notices = [event for event in events if isinstance(event, Notice)]
    assert codes(notices) == ["usage_inconsistent"]
    assert notices[0].data == {"total": 99, "added": 15}


def test_parts_without_a_word_of_ours_are_kept_whole() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": SIGNATURE}
    image = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
    _, events = read(value(code, image, reason="STOP"))
    kept = parts_of(events)
    assert [json.loads(part.data) for part in kept if isinstance(part, ProviderState)] == [code, image]
    assert {part.kind for part in kept if isinstance(part, ProviderState)} == {"part"}


def test_what_an_answer_rests_on_is_kept_behind_it() -> None:
    answer = value({"text": "x"}, reason="STOP")
    answer["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["q"]}
    _, events = read(answer)
    last = parts_of(events)[-1]
    assert isinstance(last, ProviderState)
    assert last.kind == "grounding"
    assert json.loads(last.data) == {"groundingMetadata": {"webSearchQueries": ["q"]}}


def test_other_candidates_are_passed_over() -> None:
    second = {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}
    first = value({"text": "a"}, reason="STOP")
    _, events = read(first | {"candidates": [*first["candidates"], second]})
    assert parts_of(events) == [Text("a")]


def test_an_error_within_a_stream_ends_it() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    reading, events = read(value({"text": "a"}), error, value({"text": "b"}, reason="STOP"))
    assert parts_of(events) == [Text("a")]
    assert reading.ending is None
    assert reading.error is not None
    assert reading.error.code == "provider_overloaded"
    assert (reading.error.detail.provider_status, reading.error.detail.provider_code) == (503, "UNAVAILABLE")
    assert reading.error.detail.billed_maybe


@pytest.mark.parametrize("is_listed", [False, True])
def test_a_bare_error_between_the_events_is_found(*, is_listed: bool) -> None:
    error: Any = {"error": {"code": 499, "message": "The operation was cancelled.", "status": "CANCELLED"}}
    body = sse(value({"text": "a"})) + json.dumps([error] if is_listed else error, indent=2).encode()
    reading = decoder(AIM)
    run(reading, body)
    assert reading.error is not None
    assert (reading.error.code, reading.error.detail.provider_code) == ("provider_error", "CANCELLED")


def test_a_stream_as_one_array_gives_its_parts_as_they_come() -> None:
    reading = decoder(AIM, content_type="application/json; charset=UTF-8")
    first, second = json.dumps(value({"text": "Hel"}), indent=2), json.dumps(value({"text": "lo"}, reason="STOP"))
    assert reading.feed(f"[{first}".encode())[1:] == [TextDelta(0, "Hel")]
    assert reading.feed(f"\r\n,\r\n{second}]".encode()) == [TextDelta(0, "lo")]
    reading.finish()
    assert reading.ending is not None


def test_an_array_that_holds_an_error_is_an_error() -> None:
    reading = decoder(AIM, content_type="application/json")
    run(reading, json.dumps([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}]).encode())
    assert reading.error is not None
    assert reading.error.code == "bad_request"


def test_a_whole_answer_is_read_like_a_stream_of_one() -> None:
    reading = decoder(AIM, content_type="application/json")
    events = run(reading, json.dumps(value({"text": "a"}, call(id="c"), reason="STOP"), indent=2).encode())
    assert parts_of(events) == [Text("a"), ToolCall("c", "f", {})]
    assert reading.ending is not None


def test_a_whole_answer_that_is_cut_off_is_interrupted() -> None:
    reading = decoder(AIM, content_type="application/json")
    run(reading, json.dumps(value({"text": "a"}, reason="STOP")).encode()[:-2])
    assert reading.error is not None
    assert reading.error.code == "interrupted"


def test_a_page_in_place_of_an_answer_is_no_answer() -> None:
    reading = decoder(AIM, content_type="text/html")
    run(reading, b"<html><body>Sign in</body></html>")
    assert reading.error is not None
    assert reading.error.code == "provider_protocol"


def test_split_surrogates_are_joined_across_values() -> None:
    body = b'data: {"candidates":[{"content":{"parts":[{"text":"a\\ud83d"}]}}]}\n\n'
    body += b'data: {"candidates":[{"content":{"parts":[{"text":"\\ude00"}]},"finishReason":"STOP"}]}\n\n'
    reading = decoder(AIM)
    assert parts_of(run(reading, body)) == [Text("a\U0001f600")]


def test_thoughts_and_text_that_take_turns_are_parts_in_turn() -> None:
    thoughts: list[dict[str, Any]] = [{"text": "a", "thought": True}, {"text": "b"}, {"text": "c", "thought": True}]
    _, events = read(value(*thoughts, reason="STOP"))
    assert [type(part) for part in parts_of(events)] == [Thinking, Text, Thinking]
    assert [event for event in events if isinstance(event, ThinkingDelta)] == [
        ThinkingDelta(0, "a"),
        ThinkingDelta(2, "c"),
    ]
