"""What a call cost, from its usage and a row of the catalogue, in exact decimals.

A tier switches the price of the whole request, not of what is above it. Peak hours go by the time the request was
made; public holidays, on which DeepSeek charges the low price, are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from kruxos.events import Usage

from .models import Model, Prices

_MILLION = Decimal(1_000_000)
_TICKS = Decimal(10_000_000_000)
_MOST = 1e9
_BATCH = Decimal("0.5")
"""Anthropic, OpenAI and Gemini docs: batches at half the price, caches included."""
_SATURDAY = 5
_LIKE_OURS = {"input_tokens": "input", "cache_read_tokens": "cache_read", "output_tokens": "output"}


def price(usage: Usage, row: Model, *, at: float, batch: bool = False) -> dict[str, str] | None:
    """The cost as decimal texts in US dollars; ``at`` is when the request was made, in Unix seconds.

    Keys: currency, total, input, cache_read, cache_write, output, other, row, as_of, rates (base, tier or peak, with
    ``batch`` before it where the request was one of a batch: all that has one charges half), and uncached: what the
    same tokens had cost without a cache and without a batch. None where the usage or a price is unknown.
    """
    name, prices = _rates(row, usage.input_tokens, at)
    if prices is None or usage.uncached_input_tokens is None or usage.output_tokens is None:
        return None
    other = _other(usage, row, prices)
    if other is None:
        return None
    shares = {
        "input": usage.uncached_input_tokens * prices.input,
        "cache_read": (usage.cache_read_tokens or 0) * _or_input(prices.cache_read, prices),
        "cache_write": _writes(usage, prices),
        "output": usage.output_tokens * prices.output,
        "other": other,
    }
    uncached = usage.input_tokens * prices.input + shares["output"] + other
    if batch:
        name, shares = f"batch {name}", {share: amount * _BATCH for share, amount in shares.items()}
    cost = {"currency": "USD", "total": _dollars(sum(shares.values(), Decimal(0)))}
    cost |= {share: _dollars(amount) for share, amount in shares.items()}
    cost |= {"row": f"{row.profile}/{row.id}", "as_of": row.as_of, "rates": name}
    return cost | {"uncached": _dollars(uncached)}


def flat(cost: Mapping[str, str]) -> dict[str, str]:
    """The cost of a call that a subscription covers: nothing; what it had cost by the token is ``list_total``."""
    return {
        "currency": cost["currency"], "total": "0", "list_total": cost["total"], "row": cost["row"],
        "as_of": cost["as_of"], "rates": "flat",
    }  # fmt: skip


def with_reported(cost: Mapping[str, str] | None, raw_usage: Mapping[str, Any]) -> dict[str, str] | None:
    """The cost with what the provider says that it charged, and the difference; that alone where we know no price."""
    told = reported(raw_usage)
    if told is None:
        return None if cost is None else dict(cost)
    text = _plain(told)
    if cost is None:
        return {"currency": "USD", "total": text, "reported": text, "row": "as reported", "rates": "reported"}
    return {**cost, "reported": text, "difference": _plain(told - Decimal(cost["total"]))}


def reported(raw_usage: Mapping[str, Any]) -> Decimal | None:
    """What a provider says that a call cost, in US dollars (OpenRouter docs: usage; xAI: ticks of 1e-10 dollars).

    With a key of one's own at the upstream, OpenRouter's ``cost`` is its fee alone.
    """
    ticks = raw_usage.get("cost_in_usd_ticks")
    if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
        return Decimal(ticks) / _TICKS
    cost = _amount(raw_usage.get("cost"))
    if cost is None or raw_usage.get("is_byok") is not True:
        return cost
    details = raw_usage.get("cost_details")
    upstream = cast("dict[str, Any]", details).get("upstream_inference_cost") if isinstance(details, dict) else None
    return cost + (_amount(upstream) or Decimal(0))


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _MOST:
        return None
    return Decimal(repr(value))


def _rates(row: Model, input_tokens: int, at: float) -> tuple[str, Prices | None]:
    if row.tier is not None and input_tokens > row.tier.above:
        return "tier", row.tier.prices
    if row.peak is not None:
        moment = datetime.fromtimestamp(at, UTC)
        minute = moment.hour * 60 + moment.minute
        if moment.weekday() < _SATURDAY and any(start <= minute < end for start, end in row.peak.spans):
            return "peak", row.peak.prices
    return "base", row.prices


def _writes(usage: Usage, prices: Prices) -> Decimal:
    written = usage.cache_write_tokens or 0
    long_lived = min(usage.cache_write_1h_tokens or 0, written)
    short = _or_input(prices.cache_write, prices)
    long = short if prices.cache_write_1h is None else prices.cache_write_1h
    return (written - long_lived) * short + long_lived * long


def _other(usage: Usage, row: Model, prices: Prices) -> Decimal | None:
    """The price of tokens outside our buckets: the row's own, or that of the bucket which their name ends in."""
    total = Decimal(0)
    for name, tokens in usage.other_tokens.items():
        like = next((bucket for end, bucket in _LIKE_OURS.items() if name.endswith(end)), None)
        rate: Decimal | None = row.other_prices.get(name)
        if rate is None and like is not None:
            rate = _or_input(getattr(prices, like), prices)
        if rate is None:
            return None
        total += tokens * rate
    return total


def _or_input(rate: Decimal | None, prices: Prices) -> Decimal:
    return prices.input if rate is None else rate


def _dollars(million_fold: Decimal) -> str:
    return _plain(million_fold / _MILLION)


def _plain(amount: Decimal) -> str:
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
