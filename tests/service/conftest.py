"""A gateway with simulated providers that all tests share who leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kruxos import BlockingClient
from tests.service.running import Installation, Simulator

MODELS = """\
providers:
  claude:
    type: anthropic
    base_url: {root}
    model: claude-sonnet-4-6
  gpt:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
  spare:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4.1
  victim:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-5.2
  tired-first:
    type: openai
    base_url: {root}/v1
    model: gpt-5.1
    headers: {{x-simulate: "429 retry_after=40"}}
  tired-second:
    type: openai
    base_url: {root}/v1
    model: gpt-5-mini
    headers: {{x-simulate: "429 retry_after=20"}}
  broken:
    type: openai
    base_url: {root}/v1
    model: gpt-5-nano
    headers: {{x-simulate: "503"}}
defaults:
  chat: gpt
  fallback: spare
"""
KEYED = ("claude", "gpt", "spare", "victim", "tired-first", "tired-second", "broken")


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast") as server:
        yield server


@pytest.fixture(scope="session")
def shared_installation(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
    with made.serving():
        made.store_keys(KEYED)
        yield made


@pytest.fixture
def gateway(shared_installation: Installation) -> Iterator[Installation]:
    """The shared gateway. A test leaves nothing in flight there, and no provider that is left alone for a while."""
    yield shared_installation
    shared_installation.wait_idle()
    for worker in shared_installation.status()["workers"]:
        if worker["cooling_until"] is not None:
            shared_installation.control("worker.reset", provider=worker["provider"])
            shared_installation.wait_other(worker["provider"], worker["pid"])


@pytest.fixture
def client(gateway: Installation) -> Iterator[BlockingClient]:
    with gateway.client() as made:
        yield made


@pytest.fixture
def own(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation of the test's own, not yet started."""
    made = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
    yield made
    made.stop()
