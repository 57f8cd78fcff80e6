"""The sum of what recorded exchanges cost: by our decoders and our price, and apart from both.

Apart from both: the tokens are those that the providers' own libraries read, and the arithmetic is one line over the
plain prices of a row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from kruxos import catalog
from kruxos.catalog import price
from kruxos.catalog.models import Prices
from tests.dialects.traffic import decode
from tests.shared import exchanges_of

PROFILES = {
    "ant": "anthropic", "oair": "openai", "oaic": "openai", "cdx": "openai", "gem": "gemini", "ds": "deepseek",
    "glm": "glm", "grok": "grok", "mis": "mistral", "groq": "groq", "or": "openrouter",
}  # fmt: skip
WIRES = ("messages", "responses", "chat", "gemini")
A_SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def apart(meant: dict[str, Any], prices: Prices) -> Decimal:
    """Dollars for what the provider's own library counted."""
    tokens: dict[str, int] = {name: count or 0 for name, count in meant["tokens"].items()}
    read = prices.input if prices.cache_read is None else prices.cache_read
    write = prices.input if prices.cache_write is None else prices.cache_write
    inputs: int = tokens["input_uncached"] + sum((meant["tokens_other"] or {}).values())
    outputs = tokens["output"] + tokens["reasoning"]
    whole: Decimal = inputs * prices.input + tokens["cache_read"] * read + tokens["cache_write"] * write
    return (whole + outputs * prices.output) / 1_000_000


@pytest.mark.traffic
def test_the_costs_of_all_recorded_exchanges_that_have_a_price_add_up_to_the_same() -> None:
    ours = theirs = Decimal(0)
    counted = 0
    for name, (recorded, meant) in exchanges_of(*WIRES).items():
        profile = PROFILES.get(name.partition("-")[0])
        if profile is None or not meant.get("tokens") or meant["tokens"]["output"] is None:
            continue
        decoder = decode(recorded, meant["wire"]).decoder
        if decoder is None or decoder.ending is None or decoder.usage is None:
            continue
        row = catalog.lookup(profile, decoder.ending.model)
        date = recorded["response"]["headers"].get("date")
        at = (parsedate_to_datetime(date) if date else A_SUNDAY).timestamp()
        cost = None if row is None else price(decoder.usage, row, at=at)
        if row is None or row.prices is None or cost is None:
            continue
        counted += 1
        ours += Decimal(cost["total"])
        theirs += apart(meant, row.prices)
    assert counted > 50
    assert ours == theirs
