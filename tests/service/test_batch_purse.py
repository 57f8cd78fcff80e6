"""Policy and budgets of batches: refused before they are sent, set aside while they run, settled by what is booked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kruxos.errors import BudgetExceededError, ForbiddenError
from tests.service.running import Installation, Simulator, until

MODELS = """\
providers:
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  gpt: {{type: openai, profile: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.2}}
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast", "--batch-seconds", "0.3") as server:
        yield server


@pytest.fixture
def home(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("b"), MODELS.format(root=simulator.root))
    with made.serving():
        made.store_keys(("claude", "gpt"))
        yield made


def asked(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"custom_id": f"q {n}", "prompt": f"Say {n}", "max_output_tokens": 100} | more for n in range(count)]


def agent(home: Installation, *limits: str, **more: Any) -> str:
    token: str = home.control("agent.create", name="bot", limits=list(limits), **more)["token"]
    return token


def standing(home: Installation) -> tuple[Decimal, Decimal]:
    """What the agent has used, and what is set aside."""
    (row,) = [each for each in home.status()["budgets"] if each["name"] == "bot"]
    return Decimal(row["used"]), Decimal(row["set_aside"])


def test_a_policy_rules_out_providers_and_the_models_of_lines(home: Installation) -> None:
    token = agent(home, providers=["claude"], models=["claude-sonnet-*"])
    with home.client("bot", token) as client:
        with pytest.raises(ForbiddenError, match="gpt"):
            client.batches.submit(asked(1), provider="gpt")
        with pytest.raises(ForbiddenError, match="does not allow claude-haiku-4-5"):
            client.batches.submit(
                asked(1, model="claude-haiku-4-5"), provider="claude", model="claude-sonnet-4-6", own_models=True
            )
        assert client.batches.list()[0].state == "refused"
        assert client.batches.submit(asked(1), provider="claude").requests == 1


def test_a_batch_without_room_is_refused_before_it_is_sent(home: Installation, simulator: Simulator) -> None:
    token = agent(home, "5ktok/day")
    before = len(simulator.batches()["batches"])
    with home.client("bot", token) as client:
        with pytest.raises(BudgetExceededError, match="limit of 5ktok/day has no room"):
            client.batches.submit(asked(100), provider="claude")
        assert standing(home)[1] == 0
        client.batches.submit(asked(10), provider="claude")
    assert len(simulator.batches()["batches"]) <= before + 1


def test_what_runs_is_set_aside_over_a_restart_and_what_it_used_takes_its_place(
    home: Installation, simulator: Simulator
) -> None:
    token = agent(home, "5ktok/day")
    simulator.batches(seconds=600.0)
    with home.client("bot", token) as client:
        batch = client.batches.submit(asked(10), provider="claude")
        used, set_aside = standing(home)
        assert used == 0
        assert set_aside > 1000
        until(lambda: client.batches.show(batch.id).state == "in_progress", "the batch at its provider")
        home.stop()
        home.start()
        assert standing(home) == (Decimal(0), set_aside)
        simulator.batches(seconds=0.3)
        with home.client("bot", token) as again:
            again.batches.cancel(batch.id)
            until(lambda: again.batches.show(batch.id).over, "the end of the batch", within_s=60.0)
            assert standing(home) == (Decimal(0), Decimal(0))
            after = again.batches.submit(asked(3), provider="claude")
            until(lambda: again.batches.show(after.id).over, "the end of the batch", within_s=60.0)
    used, set_aside = standing(home)
    assert used > 0
    assert set_aside == 0


def test_a_used_up_budget_refuses_a_batch_at_once(home: Installation) -> None:
    token = agent(home, "5ktok/day")
    with home.client("bot", token) as client:
        client.chat("hi", provider="claude")
        home.control("agent.set_policy", name="bot", limits=["1tok/day"])
        with pytest.raises(BudgetExceededError, match="is used up"):
            client.batches.submit(asked(1), provider="claude")
        assert client.batches.list() == []
