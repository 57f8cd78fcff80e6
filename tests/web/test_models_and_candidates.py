"""Whichever door a model's name comes in by: who answers, and with which model. A table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.running import Web

pytestmark = pytest.mark.real

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2000},
}
TABLE = (
    # the name that is asked for          who answers, with which model
    ("gpt", "gpt", "gpt-5.4"),
    ("claude", "claude", "claude-sonnet-4-6"),
    ("chatty", "chatty", "gpt-4o"),
    ("gemini", "gemini", "gemini-2.5-flash"),
    ("default", "gpt", "gpt-5.4"),
    ("gpt-5.4", "gpt", "gpt-5.4"),
    ("claude-sonnet-4-6", "claude", "claude-sonnet-4-6"),
    ("claude-opus-4-6", "claude", "claude-opus-4-6"),
    ("gemini-2.5-flash", "gemini", "gemini-2.5-flash"),
    ("claude/claude-opus-4-6", "claude", "claude-opus-4-6"),
    ("gemini/gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
    ("chatty/gpt-4.1", "chatty", "gpt-4.1"),
    ("grok-4", "gpt", "gpt-5.4"),  # nobody here sells it: the default's own model, with a notice
)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("asked", "provider", "model"), TABLE)
@pytest.mark.parametrize("path", BODIES)
def test_the_name_decides_who_answers(
    web: Web, path: str, asked: str, provider: str, model: str, streamed: bool
) -> None:
    with web.http() as http:
        answer = http.post(path, json={"model": asked, "stream": streamed, **BODIES[path]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-kruxos-provider"] == provider
    assert answer.headers["x-kruxos-model"].startswith(model)
    if not streamed:  # what the supervisor adds is known at the end
        assert ("model_changed" in answer.headers.get("x-kruxos-notices", "")) == (asked == "grok-4")


@pytest.mark.parametrize("path", BODIES)
def test_a_provider_that_cannot_is_followed_by_the_next(web: Web, path: str) -> None:
    with web.http() as http:
        answer = http.post(path, json={"model": "tired", **BODIES[path]})
    assert answer.headers["x-kruxos-provider"] == "gpt"
    assert "fallback" in answer.headers["x-kruxos-notices"]


@pytest.mark.parametrize("path", BODIES)
def test_an_id_that_nobody_knows_is_passed_on_as_it_is(web: Web, path: str) -> None:
    with web.http() as http:
        asked = {"model": "claude/claude-of-tomorrow", **BODIES[path]}
        answer = http.post(path, json=asked, headers={"x-kruxos-fallback": "none"})
    assert answer.status_code == 404
    assert answer.headers["x-kruxos-code"] == "model_not_found"


def test_a_conversation_kept_at_one_provider_is_not_taken_elsewhere_without_it(web: Web) -> None:
    with web.http() as http:
        asked = {"model": "claude", "input": "go on", "previous_response_id": "resp_1"}
        answer = http.post("/v1/responses", json=asked, headers={"x-kruxos-fallback": "none"})
    assert answer.status_code == 400
    assert answer.headers["x-kruxos-code"] == "unsupported"


def test_what_only_one_protocol_can_say_is_told_where_it_is_left_out(web: Web) -> None:
    asked = {"model": "claude", "logit_bias": {"1": 2}, **BODIES["/v1/chat/completions"]}
    with web.http() as http:
        elsewhere = http.post("/v1/chat/completions", json=asked)
        at_home = http.post("/v1/chat/completions", json=asked | {"model": "chatty"})
    assert "parameter_dropped" in elsewhere.headers["x-kruxos-notices"]
    assert "parameter_dropped" not in at_home.headers.get("x-kruxos-notices", "")
