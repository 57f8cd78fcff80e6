"""All caches of one simulator: one for each provider, key and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kruxos.catalog import Model
from kruxos.events import Usage

from .automatic import Automatic, rules_of
from .explicit import MINIMUM, Explicit
from .pieces import Counters, pieces_of


def make_cache(provider: str, model: str, row: Model | None) -> Explicit | Automatic | None:
    """An empty cache as the provider has one for the model; None where nothing is known of one."""
    if provider == "anthropic":
        return Explicit((row.cache_minimum if row else None) or MINIMUM)
    charges = row is not None and row.prices is not None and bool(row.prices.cache_write)
    rules = rules_of(provider, model, charges_writes=charges)
    return None if rules is None else Automatic(rules)


@dataclass(slots=True)
class Caches:
    """What has been kept of whose requests. ``serve`` is for each request that is answered."""

    _caches: dict[tuple[str, str, str], Explicit | Automatic | None] = field(
        default_factory=dict[tuple[str, str, str], Explicit | Automatic | None]
    )

    def serve(
        self, owner: tuple[str, str], dialect: str, body: Mapping[str, Any], row: Model, total: int, now: float
    ) -> Counters | None:
        """A prompt's tokens by what the cache did; ``owner`` is the provider and the key. None: there is no cache."""
        place = (*owner, row.id)
        if place not in self._caches:
            self._caches[place] = make_cache(owner[0], row.id, row)
        cache = self._caches[place]
        return None if cache is None else cache.serve(pieces_of(dialect, body, total), now)

    def reset(self) -> None:
        """Forgets everything."""
        self._caches.clear()


def with_counters(usage: Usage, counters: Counters | None) -> Usage:
    """The usage of an answer whose prompt the cache served so."""
    if counters is None or counters.uncached == usage.input_tokens:
        return usage
    written = counters.written_5m + counters.written_1h
    return replace(
        usage,
        uncached_input_tokens=counters.uncached,
        cache_read_tokens=counters.read,
        cache_write_tokens=written if written or usage.cache_write_tokens is not None else None,
        cache_write_1h_tokens=counters.written_1h or None,
    )
