"""The sums of the ledger, as operators get them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kruxos.errors import BadRequestError
from kruxos.events import Usage
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from tests.operations.conftest import Direct, Live

DAY_S = 86_400.0


def call(number: int, agent: str, provider: str, cost: str | None, at: float = 0.0) -> Call:
    usage = Usage(uncached_input_tokens=10, cache_read_tokens=5, output_tokens=3)
    price: dict[str, Any] = {} if cost is None else {"cost": Decimal(cost), "currency": "USD"}
    return Call(f"call_{number}", at, agent, provider, "m", "answered", usage=usage, **price)


@pytest.fixture
def used(direct: Direct) -> Direct:
    direct.data.create()
    with Ledger.open(direct.data, 0.0) as ledger:
        ledger.writer.append(call(1, "a", "claude-api", "0.1"))
        ledger.writer.append(call(2, "a", "deepseek", "0.2", at=DAY_S))
        ledger.writer.append(call(3, "b", "deepseek", None, at=DAY_S))
    return direct


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (["agent"], [{"agent": "a", "calls": 2}, {"agent": "b", "calls": 1}]),
        (["provider"], [{"provider": "claude-api", "calls": 1}, {"provider": "deepseek", "calls": 2}]),
        (["day"], [{"day": "1970-01-01", "calls": 1}, {"day": "1970-01-02", "calls": 2}]),
        (["model"], [{"model": "m", "calls": 3}]),
        ([], [{"calls": 3}]),
        (
            ["agent", "provider"],
            [
                {"agent": "a", "provider": "claude-api", "calls": 1},
                {"agent": "a", "provider": "deepseek", "calls": 1},
                {"agent": "b", "provider": "deepseek", "calls": 1},
            ],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else "",
)
def test_calls_are_summed_by_what_is_asked(used: Direct, by: list[str], groups: list[dict[str, Any]]) -> None:
    rows = used("usage", by=by)["rows"]
    assert [{key: row[key] for key in [*by, "calls"]} for row in rows] == groups


def test_the_total_is_exact_and_says_what_it_leaves_out(used: Direct) -> None:
    total = used("usage", by=["agent"])["total"]
    assert total["cost"] == {"USD": "0.3"}
    assert (total["calls"], total["unpriced_calls"], total["uncached_input_tokens"]) == (3, 1, 30)


def test_it_is_narrowed_by_time_agent_and_provider(used: Direct) -> None:
    assert used("usage", by=["agent"], since=DAY_S)["total"]["calls"] == 2
    assert used("usage", by=["agent"], until=DAY_S)["total"]["calls"] == 1
    assert used("usage", by=["agent"], agent="b")["total"]["calls"] == 1
    assert used("usage", by=["agent"], provider="deepseek")["total"]["calls"] == 2
    assert used("usage", by=["agent"], provider="nobody") == {"by": ["agent"], "rows": [], "total": None}


def test_what_it_cannot_sum_by_is_refused(used: Direct) -> None:
    with pytest.raises(BadRequestError, match="by must be among agent, provider, model, day"):
        used("usage", by=["colour"])


def test_on_a_fresh_machine_nothing_was_used_and_no_ledger_is_made(direct: Direct) -> None:
    assert direct("usage", by=["agent"])["rows"] == []
    assert not direct.data.root.exists()


def test_a_gateway_counts_what_is_not_written_yet(live: Live) -> None:
    live.context.ledger.writer.append(call(1, "a", "claude-api", "0.1"))
    assert live("usage", by=["agent"])["total"]["calls"] == 1
