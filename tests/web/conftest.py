"""One gateway with open doors that all tests share who leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.running import Simulator
from tests.web.running import Web, serving

MODELS = """\
providers:
  gpt:
    type: openai
    profile: openai
    dialect: openai-responses
    base_url: {root}/v1
    model: gpt-5.4
  claude:
    type: anthropic
    base_url: {root}
    model: claude-sonnet-4-6
  chatty:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
  gemini:
    type: gemini
    base_url: {root}/v1beta
    model: gemini-2.5-flash
  tired:
    type: openai
    base_url: {root}/v1
    model: gpt-5-mini
    headers: {{x-simulate: "429 retry_after=40"}}
defaults:
  chat: gpt
"""
KEYED = ("claude", "gpt", "chatty", "gemini", "tired")


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast") as server:
        yield server


@pytest.fixture(scope="session")
def web(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root), KEYED) as made:
        yield made
