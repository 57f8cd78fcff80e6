"""Cache marks in Anthropic's own protocol through its door: set where settings allow it, an agent's own kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.service.running import Simulator
from tests.web.running import Web, serving

pytestmark = pytest.mark.real

MODELS = """\
providers:
  marked: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  plain: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6, cache: "off"}}
"""
LONG = "The house has a garden, and the garden has a wall. " * 700


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Its answers begin after a while: what the first turn writes can be read when the second one comes."""
    with Simulator("--first-token", "1.2", "--rate", "2000") as server:
        yield server


@pytest.fixture(scope="module")
def web(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root), ("marked", "plain")) as made:
        yield made


def loop(web: Web, provider: str, text: str, system: Any) -> list[Any]:
    """Two turns of a conversation; what each used."""
    used: list[Any] = []
    messages: list[Any] = [{"role": "user", "content": text}]
    with anthropic.Anthropic(api_key=web.token, base_url=web.address, max_retries=0) as client:
        for _ in range(2):
            answer = client.messages.create(model=provider, max_tokens=2000, system=system, messages=messages)
            used.append(answer.usage)
            messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": "And then?"}]
    return used


def test_a_request_without_marks_gets_them_and_its_loop_reads_the_cache(web: Web) -> None:
    first, second = loop(web, "marked", "What is it like? (1)", LONG)
    assert first.cache_creation_input_tokens > 5000
    assert second.cache_read_input_tokens > 5000


def test_where_caching_is_off_the_request_is_sent_as_it_came(web: Web) -> None:
    for used in loop(web, "plain", "What is it like? (2)", f"{LONG} Nobody lives there."):
        assert not used.cache_creation_input_tokens
        assert not used.cache_read_input_tokens


def test_an_agents_own_mark_stays(web: Web) -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": f"{LONG} It is old.", "cache_control": mark}]
    first, second = loop(web, "marked", "What is it like? (3)", system)
    assert first.cache_creation.ephemeral_1h_input_tokens > 5000
    assert second.cache_read_input_tokens > 5000
