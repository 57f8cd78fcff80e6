"""Every conversation becomes a body that the provider's own library knows, for every provider and several models."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from kruxos.checks import check_request
from kruxos.dialects.base import Target
from kruxos.dialects.registry import DIALECTS
from kruxos.errors import BadRequestError, UnsupportedError
from kruxos.simulator.signing import Signer
from tests.dialects.conversations import conversations
from tests.dialects.official import faults
from tests.dialects.support import chat_target, target
from tests.simulator.conversations import requests

CONVERSATIONS = conversations()
SIGNER = Signer(0)
MODELS: dict[str, tuple[str, ...]] = {
    "anthropic": (
        "claude-sonnet-4-6", "claude-haiku-4-5-20251001", "claude-opus-4-5-20251101", "claude-sonnet-4-20250514",
        "claude-opus-4-7", "claude-opus-5", "claude-fable-5", "claude-next",
    ),
    "openai": ("gpt-5.4", "gpt-4o", "o3", "gpt-5-pro", "gpt-5.6-sol", "gpt-next"),
    "openai-codex": ("gpt-5.4", "gpt-5.6-sol"),
    "openai in chat": ("gpt-5.4", "gpt-4o", "o3", "gpt-next"),
    "gemini": ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-3.8-flash", "gemini-2.0-flash", "gemini-next"),
    "deepseek": ("deepseek-chat", "deepseek-flash", "deepseek-v4-pro"),
    "glm": ("glm-5", "glm-4.7"),
    "grok": ("grok-4", "grok-next"),
    "mistral": ("mistral-large-latest", "mistral-next"),
    "groq": ("llama-3.3-70b-versatile", "openai/gpt-oss-120b"),
    "openrouter": ("anthropic/claude-3.5-sonnet", "openai/gpt-4o", "meta-llama/llama-3.1-405b-instruct"),
    "ollama": ("llama3.2", "qwen3:8b", "gpt-oss:20b"),
    "generic": ("my-model",),
}  # fmt: skip
CASES = [(name, model) for name, models in MODELS.items() for model in models]

# What is rightly refused before anything is sent: the provider, or one of its models, has no way to say it.
UNSAYABLE: dict[str, tuple[str, ...]] = {
    "deepseek": ("a document", "results with images and documents"),
    "glm": ("a document", "results with images and documents"),
    "grok": ("a document", "results with images and documents"),
    "groq": ("a document", "results with images and documents"),
    "ollama": ("a document", "an image by address", "results with images and documents"),
    **dict.fromkeys(
        (f"anthropic claude-{name}" for name in ("sonnet-4-6", "opus-4-7", "opus-5", "fable-5")), ("a begun answer",)
    ),
}


def aim(name: str, model: str, *, stream: bool) -> Target:
    """The target of a provider; OpenAI's also in its other protocol."""
    return (
        chat_target("openai", model, stream=stream) if name == "openai in chat" else target(name, model, stream=stream)
    )


def refusal(conversation: str, at: Target) -> str | None:
    """Encodes, checks the body; the error's field where the conversation can't be said."""
    request = CONVERSATIONS[conversation]
    try:
        encoded = DIALECTS[at.profile.dialect].encode_request(request, at)
    except UnsupportedError as error:
        return error.detail.field
    body = json.loads(encoded.http.body)
    assert faults(body, at, encoded.http.path) == [], (conversation, at.model)
    return None


def test_there_are_forty_and_all_are_valid() -> None:
    assert len(CONVERSATIONS) == 40
    for request in CONVERSATIONS.values():
        check_request(request)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_every_conversation_is_a_body_that_the_providers_library_knows(name: str, model: str) -> None:
    refused = {
        conversation
        for conversation in CONVERSATIONS
        for stream in (True, False)
        if refusal(conversation, aim(name, model, stream=stream))
    }
    assert refused == set(UNSAYABLE.get(f"{name} {model}", UNSAYABLE.get(name, ())))


@pytest.mark.parametrize(("name", "model"), [(name, models[0]) for name, models in MODELS.items()])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_every_valid_request_is_a_body_that_the_providers_library_knows(
    name: str, model: str, data: st.DataObject
) -> None:
    at = aim(name, model, stream=data.draw(st.booleans()))
    request = data.draw(requests(SIGNER, at.origin, model))
    check_request(request)
    try:
        encoded = DIALECTS[at.profile.dialect].encode_request(request, at)
    except (BadRequestError, UnsupportedError) as error:
        event(str(error))
        assume(False)
    assert faults(json.loads(encoded.http.body), at, encoded.http.path) == []
