"""Batches through everything: agents, the gateway, its workers, and simulated providers, each a process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import trio

from kruxos import BlockingClient, Client, errors
from kruxos.client.batches import Batch
from kruxos.config.model import ModelsConfig, Provider
from kruxos.paths import agent_socket
from kruxos.service.batch_verbs import unsupported
from tests.service.running import Installation, Simulator, kill, until

MODELS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  gpt: {{type: openai, profile: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.2}}
  gemini: {{type: gemini, base_url: "{root}/v1beta", model: gemini-2.5-flash}}
  chatty: {{type: openai, profile: openai, base_url: "{root}/v1", model: gpt-4o}}
  slow: {{type: openai, base_url: "{root}/v1", model: gpt-4o}}
defaults: {{chat: slow}}
"""
HELLO = {"messages": [{"role": "user", "parts": [{"type": "text", "text": "Hello"}]}]}
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
    def over() -> Batch | None:
        found = client.batches.show(batch.id)
        return found if found.over else None

    found = until(over, "the end of the batch", within_s=60.0)
    assert found is not None
    return found


@pytest.mark.parametrize("provider", ABLE)
def test_results_come_in_the_order_of_the_requests(client: BlockingClient, provider: str) -> None:
    submitted = client.batches.submit(asked(25), provider=provider)
    assert submitted.requests == 25
    over = wait(client, submitted)
    assert (over.state, over.succeeded, over.failed) == ("done", 25, 0)
    results = list(client.batches.results(over.id))
    assert [each.custom_id for each in results] == [f"q {n}" for n in range(25)]
    assert all(each.reply and each.reply.text for each in results)


def test_lines_in_openais_and_anthropics_own_form_are_taken_as_they_are(client: BlockingClient, tmp_path: Path) -> None:
    hello, chat = [{"role": "user", "content": "Hello"}], "/v1/chat/completions"
    lines: list[dict[str, Any]] = [
        {"custom_id": "ours", "request": HELLO},
        {"custom_id": "anthropic's", "params": {"model": "m", "max_tokens": 50, "messages": hello}},
        {"custom_id": "openai's", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "Hello"}},
        {"custom_id": "chat", "method": "POST", "url": chat, "body": {"model": "m", "messages": hello}},
    ]  # fmt: skip
    file = tmp_path / "work.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    over = wait(client, client.batches.submit(file, provider="claude", model="claude-sonnet-4-6"))
    results = {each.custom_id: each for each in client.batches.results(over.id)}
    assert {each["custom_id"] for each in lines} == results.keys()
    assert all(each.reply and each.reply.text for each in results.values())
    assert [notice.code for notice in results["chat"].reply.notices] == ["model_changed"]  # type: ignore[union-attr]


def test_lines_that_cannot_be_sent_are_named_by_their_numbers(client: BlockingClient) -> None:
    good = asked(1)[0]
    twice, empty = {**asked(1)[0]}, {"custom_id": "b", "request": {"messages": []}}
    with pytest.raises(errors.BadRequestError) as refused:
        client.batches.submit([good, twice, empty, {"custom_id": "c", "params": {}}], provider="claude")
    told = str(refused.value)
    assert "line 2: custom_id is there twice" in told
    assert "line 3:" in told
    assert "line 4:" in told
    assert client.batches.list()[0].state == "refused"


def test_several_models_in_one_batch_are_refused_where_the_provider_takes_one(client: BlockingClient) -> None:
    lines = [each | {"model": model} for each, model in zip(asked(2), ("gpt-5.2", "gpt-4o"), strict=True)]
    with pytest.raises(errors.BadRequestError, match="one model a batch"):
        client.batches.submit(lines, provider="gpt")


def test_a_provider_without_batches_says_at_once_who_has_them(client: BlockingClient) -> None:
    with pytest.raises(errors.BatchUnsupportedError, match="claude, gpt, gemini, chatty"):
        client.batches.submit(asked(1), provider="slow")


def test_a_subscription_says_that_it_is_a_flat_rate() -> None:
    codex = Provider("codex", "openai-codex", "oauth", "openai-responses", "https://chatgpt.com/backend-api/codex", "")
    assert "flat rate" in str(unsupported(codex, ModelsConfig({"codex": codex})))


def test_an_agent_sees_its_own_batches_only_and_an_operator_all(gateway: Installation, client: BlockingClient) -> None:
    mine = wait(client, client.batches.submit(asked(1), provider="claude"))
    with gateway.client("another") as other:
        assert mine.id not in [each.id for each in other.batches.list()]
        for ask in (other.batches.show, other.batches.cancel, lambda name: list(other.batches.results(name))):
            with pytest.raises(errors.BadRequestError, match="no batch"):
                ask(mine.id)
    assert gateway.control("batch.show", id=mine.id)["agent"] == "tester"


def test_a_lost_answer_is_found_in_the_providers_list(client: BlockingClient, simulator: Simulator) -> None:
    for provider in ("claude", "gpt", "gemini"):
        before = len(simulator.batches(lost_answers=1)["batches"])
        over = wait(client, client.batches.submit(asked(3), provider=provider))
        assert (over.state, over.succeeded) == ("done", 3)
        assert len(simulator.batches()["batches"]) == before + 1


def test_what_is_not_done_in_time_has_expired(client: BlockingClient, simulator: Simulator) -> None:
    simulator.batches(seconds=4.0, window_s=1.0)
    try:
        over = wait(client, client.batches.submit(asked(8), provider="gpt"))
    finally:
        simulator.batches(seconds=0.5, window_s=86_400.0)
    assert (over.state, over.succeeded, over.failed) == ("expired", 2, 6)
    statuses = [each.status for each in client.batches.results(over.id)]
    assert statuses == ["succeeded"] * 2 + ["expired"] * 6


def test_a_batch_that_is_cancelled_keeps_what_was_done(client: BlockingClient, simulator: Simulator) -> None:
    simulator.batches(seconds=3600.0)
    try:
        running = client.batches.submit(asked(4), provider="claude")
        until(lambda: client.batches.show(running.id).state == "in_progress", "the batch at its provider")
        client.batches.cancel(running.id)
        over = wait(client, running)
    finally:
        simulator.batches(seconds=0.5)
    assert over.state == "cancelled"
    assert [each.status for each in client.batches.results(over.id)] == ["cancelled"] * 4


def test_a_request_that_fails_leaves_the_others_alone(client: BlockingClient) -> None:
    lines = [*asked(2), {"custom_id": "bad", "prompt": "[[simulate 400]] hi", "max_output_tokens": 20}]
    over = wait(client, client.batches.submit(lines, provider="gpt"))
    assert (over.state, over.succeeded, over.failed) == ("done", 2, 1)
    failed = list(client.batches.results(over.id))[-1]
    assert (failed.custom_id, failed.status) == ("bad", "failed")
    assert failed.error is not None
    assert failed.error.detail.provider_status == 400


def test_the_same_key_is_the_same_batch(client: BlockingClient, simulator: Simulator) -> None:
    before = len(simulator.batches()["batches"])
    first = client.batches.submit(asked(2), provider="claude", key="monday")
    again = client.batches.submit(asked(2), provider="claude", key="monday")
    assert first.id == again.id
    wait(client, first)
    assert len(simulator.batches()["batches"]) == before + 1


def test_usage_is_booked_once_at_half_the_price(client: BlockingClient, gateway: Installation) -> None:
    with gateway.client("accountant") as agent:
        over = wait(agent, agent.batches.submit(asked(5), provider="claude"))
        replies = [each.reply for each in agent.batches.results(over.id)]
        alone = agent.chat("Say 0", provider="claude", max_output_tokens=200)
    first = replies[0]
    assert first is not None
    assert first.usage == alone.usage
    assert Decimal(first.cost["total"]) * 2 == Decimal(alone.cost["total"])  # type: ignore[index]
    total = sum(Decimal(reply.cost["total"]) for reply in replies if reply and reply.cost)
    rows = [each for each in gateway.control("call.list", agent="accountant")["calls"] if each["op"] == "batch"]
    assert [Decimal(each["cost"]["total"]) for each in rows] == [total]


def test_a_gateway_that_was_killed_goes_on_and_its_results_can_be_read_without_one(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
    simulator.batches(seconds=3.0)
    with own.serving():
        own.store_keys(("gpt",))
        with own.client() as client:
            name = client.batches.submit(asked(6), provider="gpt").id
            until(lambda: client.batches.show(name).state == "in_progress", "the batch at its provider")
        kill(own.gateway.pid)
        own.stop()
        with own.serving(), own.client() as client:
            assert wait(client, client.batches.show(name)).succeeded == 6
    simulator.batches(seconds=0.5)
    found = own.kruxos.well("batch", "results", name)
    assert [json.loads(line)["custom_id"] for line in found.splitlines()] == [f"q {n}" for n in range(6)]
    shown = json.loads(own.kruxos.well("batch", "show", name, "--json"))
    assert (shown["state"], shown["succeeded"]) == ("done", 6)
    jobs = own.kruxos.root / "jobs" / name
    assert jobs.stat().st_mode & 0o777 == 0o700
    assert {each.name: each.stat().st_mode & 0o777 for each in jobs.iterdir()} == {"part-0.jsonl": 0o600}


def test_the_command_line_submits_waits_and_writes_results(gateway: Installation, tmp_path: Path) -> None:
    file, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_text("".join(json.dumps({"custom_id": f"c{n}", "request": HELLO}) + "\n" for n in range(3)))
    done = gateway.kruxos.well("batch", "submit", str(file), "--provider", "gpt", "--wait", "-o", str(out))
    assert "done, 3 of 3 requests" in done
    assert [json.loads(line)["custom_id"] for line in out.read_text().splitlines()] == ["c0", "c1", "c2"]
    assert "3/3" in gateway.kruxos.well("batch", "list")


def test_a_provider_that_is_removed_leaves_its_batches_waiting_with_the_reason(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = Installation.make(tmp_path_factory.mktemp("k"), MODELS.format(root=simulator.root))
    simulator.batches(seconds=3600.0)
    with own.serving(), own.client() as client:
        own.store_keys(("gemini",))
        name = client.batches.submit(asked(2), provider="gemini").id
        until(lambda: client.batches.show(name).state == "in_progress", "the batch at its provider")
        told = own.control("model.remove", name="gemini")["told"]
        assert any(name in each for each in told)
        until(lambda: client.batches.show(name).code == "no_provider", "the reason")
        assert "models.yaml" in client.batches.show(name).advice
    simulator.batches(seconds=0.5)


def test_the_asynchronous_client_has_the_same_batches(gateway: Installation) -> None:
    async def main() -> list[str]:
        async with Client(agent="tester", address=str(agent_socket(gateway.kruxos.root))) as client:
            batch = await client.batches.submit(asked(3), provider="gpt")
            over = await client.batches.wait(batch.id, every_s=0.2)
            assert over.id in [each.id for each in await client.batches.list()]
            return [result.custom_id async for result in client.batches.results(batch.id)]

    assert trio.run(main) == ["q 0", "q 1", "q 2"]
