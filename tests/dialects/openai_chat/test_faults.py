"""What goes wrong within Chat Completions ends an answer with its class, after what was right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kruxos.dialects.sse import EventStream, Lines
from kruxos.events import Event, TextDelta, Usage
from tests.dialects.support import decoder, run, sse, target

AIM = target("generic", "asked-for")


def chunk(delta: Any = None, reason: Any = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta if delta is not None else {}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


USAGE = {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
HEL, LO, STOP = chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk(reason="stop")
COUNTED = {"id": "chatcmpl-1", "model": "m-1", "choices": [], "usage": USAGE}


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


@pytest.mark.parametrize(
    ("fault", "code", "status", "word"),
    [
        ({"error": {"message": "no", "code": 502}}, "provider_error", 502, "502"),
        ({"error": {"message": "no", "code": "429"}}, "rate_limited", 429, "429"),
        ({"error": {"message": "no", "type": "server_error", "code": None}}, "provider_error", None, "server_error"),
        ({"error": "Unexpected endpoint or method."}, "provider_error", None, None),
        ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, "rate_limited", None, "rate_limit_exceeded"),
        (
            {"error": {"message": "no", "code": "context_length_exceeded"}},
            "context_overflow",
            None,
            "context_length_exceeded",
        ),
        ([{"error": {"code": 400, "message": "no"}}], "bad_request", 400, "400"),
        ({"object": "error", "message": "no", "type": "x", "code": 400}, "bad_request", 400, "x"),
        ({"detail": "no"}, "provider_error", None, None),
        ({**chunk(), "error": {"message": "no", "code": 503}}, "provider_overloaded", 503, "503"),
        (
            {"choices": [{"index": 0, "delta": {}, "error": {"message": "no", "code": 502}}]},
            "provider_error",
            502,
            "502",
        ),
        (chunk(x_groq={"error": "over capacity"}), "provider_error", None, None),
        (chunk(x_groq={"error": "over capacity"}, usage=USAGE), "provider_error", None, None),
    ],
)
def test_an_error_inside_a_stream_ends_it_with_its_class(fault: Any, code: str, status: int | None, word: str) -> None:
    for before in ([], [HEL]):
        answer = decoder(AIM)
        events = run(answer, sse(*before, fault, LO, COUNTED, "[DONE]"))
        assert answer.ending is None
        assert answer.error is not None
        assert (answer.error.code, answer.error.detail.provider_status, answer.error.detail.provider_code) == (
            code,
            status,
            word,
        )
        assert texts(events) == ["Hel"] * len(before)
        assert answer.usage == Usage(uncached_input_tokens=8, output_tokens=2)  # behind the error


def test_an_event_named_error_is_one_whatever_its_data_looks_like() -> None:
    for line in (b'event: error\ndata: {"message":"no","code":503}\n\n', b'error: {"message":"no","code":503}\n\n'):
        answer = decoder(AIM)
        run(answer, sse(HEL), line)
        assert answer.error is not None
        assert answer.error.code == "provider_overloaded"


def test_groqs_failed_tool_call_may_be_tried_again() -> None:
    fault = {"error": {"message": "no", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400}}
    answer = decoder(target("groq"))
    run(answer, b"event: error\n" + sse(fault))
    assert answer.error is not None
    assert (answer.error.code, answer.error.retryable) == ("provider_error", True)


def test_an_event_that_is_no_json_breaks_the_protocol_after_what_was_right() -> None:
    answer = decoder(AIM)
    assert texts(run(answer, sse(HEL, "oops", LO, STOP, "[DONE]"))) == ["Hel"]
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"


def test_an_event_over_the_bound_breaks_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventStream.__init__, "__defaults__", (200,))
    monkeypatch.setattr(Lines.__init__, "__defaults__", (200,))
    answer = decoder(AIM)
    assert texts(run(answer, sse(HEL, chunk({"content": "x" * 200}), LO))) == ["Hel"]
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b'{"error":{"code":502,"message":"no"}}', "provider_error", 502),
        (b'{"error":{"code":429,"message":"no"},"choices":null}', "rate_limited", 429),
        (b'{"code":"The service is currently unavailable","error":"Busy."}', "provider_overloaded", None),
        (b'{"error":"Unexpected endpoint or method. (GET /models)"}', "provider_error", None),
        (b'{"choices":null}', "provider_error", None),
        (b'{"choices":[]}', "provider_error", None),
        (b'[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]', "bad_request", 400),
        (b"<html>Sign in</html>", "provider_protocol", None),
        (b"nginx", "provider_protocol", None),
        (b'{"id":"c","choices":[{"index":0,"message":{"content":"Hi', "interrupted", None),
        (b"   \n", "interrupted", None),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(body: bytes, code: str, status: int | None) -> None:
    answer = decoder(AIM, content_type="application/json")
    assert run(answer, body) == []
    assert answer.error is not None
    assert (answer.error.code, answer.error.detail.provider_status) == (code, status)


def test_a_body_over_the_bound_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kruxos.dialects.decoding.BODY_BYTES_MAX", 100)
    answer = decoder(AIM, content_type="application/json")
    assert run(answer, json.dumps(chunk({"content": "x" * 100})).encode()) == []
    assert answer.error is not None
    assert answer.error.code == "provider_protocol"
