"""A native request goes on as it came: only what must change is set."""

from __future__ import annotations

import json

import pytest

from kruxos.errors import BadRequestError
from kruxos.messages import (
    Native,
    Request,
    ThinkingEffort,
)
from tests.dialects.support import encode, openai_chat, target


def native(body: object, effort: ThinkingEffort | None = None) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request([], native=Native("openai-chat", data), thinking_effort=effort)


def test_a_native_request_goes_on_byte_for_byte_where_nothing_has_to_change() -> None:
    body = b'{"model": "gpt-4o", "messages": [], "x_new": [1.0]}'
    _, encoded = encode(native(body), openai_chat("gpt-4o", stream=False))
    assert encoded.http.body == body


def test_in_a_native_request_only_model_stream_and_effort_are_set() -> None:
    given = {"model": "other", "messages": [], "logit_bias": {"1": 2}, "stream_options": {"x": 1}}
    body, _ = encode(native(given, "max"), openai_chat("gpt-5.4"))
    options = {"x": 1, "include_usage": True}
    assert body == {**given, "model": "gpt-5.4", "reasoning_effort": "xhigh", "stream": True, "stream_options": options}
    body, _ = encode(native(given), target("mistral", "m"))
    assert "stream_options" not in body


def test_a_native_body_that_is_no_object_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        encode(native(b"[]"), openai_chat())
