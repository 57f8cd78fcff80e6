"""What recorded exchanges cost: our price of each answer beside arithmetic written out by hand.

The tokens are those that the providers' own libraries read from the answers; the prices are those of the providers'
price lists, in dollars for a million tokens: input, what was read from a cache, what was written to one (five minutes),
output with its reasoning. Nothing of this table was made by the code that it judges. Grok's amounts are besides those
that the answers themselves name.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from kruxos import catalog
from kruxos.catalog import price, with_reported
from tests.dialects.traffic import decode
from tests.shared import exchanges

CENT_HUNDREDTH = Decimal("0.0001")
A_SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROFILES = {"ant": "anthropic", "oair": "openai", "oaic": "openai", "gem": "gemini", "ds": "deepseek", "grok": "grok",
            "mis": "mistral", "groq": "groq", "cdx": "openai"}  # fmt: skip

TABLE = (
    ("ant-1ecfec9a", "claude-sonnet-4-20250514", "16 x 3 + 8 x 15", "0.000168"),
    ("ant-301f3189", "claude-haiku-4-5-20251001", "9447 x 1 + 114 x 5", "0.010017"),
    ("ant-4fe7289c", "claude-haiku-4-5-20251001", "583 x 1 + 159 x 5", "0.001378"),
    ("ant-582705c2", "claude-haiku-4-5-20251001", "608 x 1 + 94 x 5", "0.001078"),
    ("ant-801a86ff", "claude-sonnet-4-6", "4714 x 3 + 304 x 15", "0.018702"),
    ("ant-a5d4c1bd", "claude-opus-4-1-20250805", "10423 x 15 + 341 x 75", "0.18192"),
    ("ant-a9d021dd", "claude-sonnet-4-6", "136 x 3 + 16 x 15", "0.000648"),
    ("ant-daff4a46", "claude-sonnet-4-20250514", "11 x 3 + 1031 x 0.3 + 100 x 15", "0.0018423"),
    ("ant-e324d68f", "claude-sonnet-4-6", "1 x 3 + 3271 x 0.3 + 355 x 3.75 + 103 x 15", "0.00386055"),
    ("ant-ed717638", "claude-sonnet-4-5-20250929", "92 x 3 + 196 x 15", "0.003216"),
    ("ant-f8328fe9", "claude-sonnet-4-20250514", "7244 x 3 + 153 x 15", "0.024027"),
    ("ant-fa714e25", "claude-sonnet-4-6", "3 x 3 + 3271 x 3.75 + 238 x 15", "0.01584525"),
    ("oair-0ab846f1", "gpt-5.4", "52 x 2.5 + 49 x 15", "0.000865"),
    ("oair-833c5409", "gpt-4o", "54 x 2.5 + 11 x 10", "0.000245"),
    ("oair-ee083cf3", "gpt-5.4", "82 x 2.5 + 51 x 15", "0.00097"),
    ("oaic-9d67b5fe", "gpt-4o", "64 x 2.5 + 12 x 10", "0.00028"),
    ("gem-bd91b778", "gemini-2.5-flash", "70 x 0.3 + 1274 x 0.03 + 173 x 2.5", "0.00049172"),
    ("ds-021d546c", "deepseek-chat", "5 x 0.28 + 11 x 0.42", "0.00000602"),
    ("ds-620e2c07", "deepseek-chat", "32 x 0.28 + 324 x 0.42", "0.00014504"),
    ("ds-901c17ea", "deepseek-v4-pro", "17 x 0.66 + 47 x 1.98", "0.00010428"),
    ("ds-d9119252", "deepseek-chat", "47 x 0.28 + 128 x 0.028 + 44 x 0.42", "0.000035224"),
    ("grok-0e3addbc", "grok-4.3", "175 x 1.25 + 128 x 0.2 + 272 x 2.5", "0.00092435"),
    ("grok-207080cd", "grok-4.3", "204 x 1.25 + 192 x 0.2 + 240 x 2.5", "0.0008934"),
    ("grok-5b452837", "grok-4.3", "125 x 1.25 + 448 x 0.2 + 125 x 2.5", "0.00055835"),
    ("grok-72844db7", "grok-4.3", "269 x 1.25 + 128 x 0.2 + 632 x 2.5", "0.00194185"),
    ("grok-9a518fa5", "grok-4.3", "124 x 1.25 + 128 x 0.2 + 396 x 2.5", "0.0011706"),
    ("grok-f0b27900", "grok-4.3", "62 x 1.25 + 192 x 0.2 + 222 x 2.5", "0.0006709"),
    ("mis-7f46cc44", "mistral-large-latest", "118 x 0.5 + 115 x 1.5", "0.0002315"),
    ("groq-c65b081a", "llama-3.1-8b-instant", "284 x 0.05 + 24 x 0.08", "0.00001612"),
    ("cdx-23785234", "gpt-5.4", "68 x 2.5 + 14 x 15", "0.00038"),
    ("cdx-2daea095", "gpt-5.4", "137 x 2.5 + 21 x 15", "0.0006575"),
    ("cdx-2deb1d0e", "gpt-5.4", "149 x 2.5 + 13 x 15", "0.0005675"),
    ("cdx-33e42e75", "gpt-5.4", "89 x 2.5 + 21 x 15", "0.0005375"),
    ("cdx-9209fc16", "gpt-5.4", "209 x 2.5 + 21 x 15", "0.0008375"),
    ("cdx-aeb1361c", "gpt-5.4", "275 x 2.5 + 59 x 15", "0.0015725"),
    ("cdx-b652bd0c", "gpt-5.4", "182 x 2.5 + 49 x 15", "0.00119"),
    ("cdx-e9dede2a", "gpt-5.4", "160 x 2.5 + 49 x 15", "0.001135"),
)
"""The exchange, the model that its answer names, tokens by price for a million, and the dollars that this makes."""


def cost_of(name: str, model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    recorded, meant = exchanges()[name]
    decoder = decode(recorded, meant["wire"]).decoder
    assert decoder is not None
    assert decoder.ending is not None
    assert decoder.usage is not None
    profile = PROFILES[name.partition("-")[0]]
    row = catalog.lookup(profile, decoder.ending.model)
    assert row is not None
    assert row is catalog.lookup(profile, model)
    date = recorded["response"]["headers"].get("date")
    at = (parsedate_to_datetime(date) if date else A_SUNDAY).timestamp()
    cost = price(decoder.usage, row, at=at)
    assert cost is not None
    return cost, decoder.raw_usage


@pytest.mark.traffic
@pytest.mark.parametrize(("name", "model", "sum_", "dollars"), TABLE, ids=[row[0] for row in TABLE])
def test_an_exchange_costs_what_it_does_by_hand(name: str, model: str, sum_: str, dollars: str) -> None:
    products = [[Decimal(factor) for factor in product.split(" x ")] for product in sum_.split(" + ")]
    assert sum(tokens * rate for tokens, rate in products) / 1_000_000 == Decimal(dollars)
    cost, _ = cost_of(name, model)
    assert abs(Decimal(cost["total"]) - Decimal(dollars)) < CENT_HUNDREDTH
    assert cost["total"] == dollars


@pytest.mark.traffic
@pytest.mark.parametrize(("name", "model", "dollars"), [(r[0], r[1], r[3]) for r in TABLE if r[1] == "grok-4.3"])
def test_grok_itself_names_the_same_amount(name: str, model: str, dollars: str) -> None:
    cost, raw = cost_of(name, model)
    told = with_reported(cost, raw)
    assert told is not None
    assert Decimal(told["reported"]) == Decimal(dollars)
    assert Decimal(told["difference"]) == 0
