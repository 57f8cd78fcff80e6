"""Tokens counted through Anthropic's door by its official library: by the provider, or by an estimate that says so."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from tests.web.running import Web

pytestmark = pytest.mark.real

TOOL: Any = {"name": "weather", "description": "Tells the weather.", "input_schema": {"type": "object"}}


def count(web: Web, model: str, text: str, **more: Any) -> tuple[int, dict[str, str]]:
    with anthropic.Anthropic(api_key=web.token, base_url=web.address, max_retries=0) as client:
        answer = client.messages.with_raw_response.count_tokens(
            model=model, messages=[{"role": "user", "content": text}], **more
        )
        return answer.parse().input_tokens, dict(answer.headers)


@pytest.mark.parametrize("model", ["claude", "gemini"])
def test_a_provider_that_counts_is_asked(web: Web, model: str) -> None:
    short, headers = count(web, model, "Hello")
    long, _ = count(web, model, "Hello, how is the weather in Paris today? " * 50)
    with_tool, _ = count(web, model, "Hello", tools=[TOOL], system="Be brief.")
    assert 0 < short < with_tool < long
    assert headers["x-kruxos-provider"] == model
    assert "x-kruxos-notices" not in headers


def test_an_estimate_says_that_it_is_one(web: Web) -> None:
    tokens, headers = count(web, "chatty", "Hello, how is the weather in Paris today? " * 50)
    assert 300 < tokens < 900
    assert headers["x-kruxos-notices"] == "estimated"
    assert headers["x-kruxos-provider"] == "chatty"


def test_a_request_that_is_none_is_the_librarys_own_error(web: Web) -> None:
    with (
        anthropic.Anthropic(api_key=web.token, base_url=web.address, max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError),
    ):
        client.messages.count_tokens(model="claude", messages=[])
