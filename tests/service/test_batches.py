"""Batches through everything: agents, the gateway, its workers, and simulated providers, each a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kruxos import BlockingClient
from kruxos.client.batches import Batch
from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  gpt: {{type: openai, profile: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.2}}
  gemini: {{type: gemini, base_url: "{root}/v1beta", model: gemini-2.5-flash}}
  chatty: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-4o}}
  slow: {{type: openai, base_url: "{root}/v1", model: gpt-4o}}
defaults: {{chat: slow}}
"""
ABLE = ("claude", "gpt", "gemini", "chatty")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast", "--batch-seconds", "0.5") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
    with made.serving():
        made.store_keys((*ABLE, "slow"))
        yield made


@pytest.fixture
def client(gateway: Installation) -> Iterator[BlockingClient]:
    with gateway.client() as made:
        yield made


def asked(count: int) -> list[dict[str, Any]]:
    return [{"custom_id": f"q {n}", "prompt": f"Say {n}", "max_output_tokens": 200} for n in range(count)]


def wait(client: BlockingClient, batch: Batch) -> Batch:
    return until(lambda: found if (found := client.batches.show(batch.id)).over else None, "the end of the batch")  # type: ignore[return-value]


@pytest.mark.parametrize("provider", ABLE)
def test_results_come_in_the_order_of_the_requests(client: BlockingClient, provider: str) -> None:
    submitted = client.batches.submit(asked(25), provider=provider)
    assert submitted.requests == 25
    over = wait(client, submitted)
    assert (over.state, over.succeeded, over.failed) == ("done", 25, 0)
    results = list(client.batches.results(over.id))
    assert [each.custom_id for each in results] == [f"q {n}" for n in range(25)]
    assert all(each.reply and each.reply.text for each in results)
