"""``/metrics`` of a running gateway, read by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  gpt:
    type: openai
    profile: openai
    base_url: {root}/v1
    model: gpt-4o
  broken:
    type: openai
    base_url: {root}/v1
    model: gpt-5-nano
    headers: {{x-simulate: "503"}}
defaults:
  chat: gpt
telemetry:
  prometheus: true
"""
STABLE = """\
agents attempts billed_maybe call_duration_seconds calls calls_in_flight config_in_force cost draining info
launcher_restarts overhead_seconds sessions start_time_seconds tokens unpriced_calls vault_unlocked
worker_cooling_until_seconds worker_draining_processes worker_in_flight worker_resident_memory_bytes worker_restarts
worker_state"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Simulator("--fast") as simulator:
        made = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
        with made.serving():
            made.store_keys(("gpt", "broken"))
            until(lambda: made.status()["web"]["state"] == "ready", "the web process")
            yield made


def scrape(installation: Installation) -> dict[str, Metric]:
    response = httpx.get(f"{installation.status()['web']['address']}/metrics", trust_env=False)
    assert response.headers["content-type"].startswith("text/plain")
    assert response.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    found = [each for each in families[name].samples if labels.items() <= each.labels.items()]
    return sum(each.value for each in found if not each.name.endswith("_created"))


def test_names_are_those_that_are_documented_as_stable(installation: Installation) -> None:
    with installation.client() as client:
        client.chat("hello")
    assert set(scrape(installation)) == {f"kruxos_{name}" for name in STABLE.split()}


def test_a_call_that_ended_is_on_the_page_at_once(installation: Installation) -> None:
    before = scrape(installation)
    with installation.client() as client:
        reply = client.chat("hello", provider="gpt")
    families = scrape(installation)
    labels = {"provider": "gpt", "model": str(reply.model)}
    assert value(families, "kruxos_calls", outcome="answered", **labels) - value(
        before, "kruxos_calls", outcome="answered", **labels
    ) == 1  # fmt: skip
    assert value(families, "kruxos_tokens", kind="output", **labels) > value(
        before, "kruxos_tokens", kind="output", **labels
    )
    assert value(families, "kruxos_worker_state", provider="gpt", state="ready") == 1
    assert value(families, "kruxos_worker_state", provider="gpt", state="failed") == 0


def test_attempts_tell_which_provider_failed(installation: Installation) -> None:
    with installation.client() as client:
        client.chat("hello", provider="broken")
    assert value(scrape(installation), "kruxos_attempts", provider="broken", outcome="provider_overloaded") >= 1


def test_there_are_no_doors_for_agents_where_only_metrics_are_wanted(installation: Installation) -> None:
    web = installation.status()["web"]
    assert not web["doors"]
    assert httpx.post(f"{web['address']}/v1/messages", json={}, trust_env=False).status_code == 404
