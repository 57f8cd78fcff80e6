"""The caches of one provider as its worker uses them: what is done to a request, and what its answer teaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from kruxos import catalog
from kruxos.dialects.profiles import Profile
from kruxos.errors import BadRequestError
from kruxos.events import Notice, Usage
from kruxos.fields import Fields

from .book import Book, Conversation, Sight
from .hints import EXTENDED, RETENTIONS, key_fields, retention_fields
from .missing import ENOUGH, Miss, cause_of
from .placement import Marks, Rates, Wish, marked, own_marks, place, reach
from .prefix import Chain, chain_of
from .rhythm import SHORT_S

MINIMUM_TOKENS = 1024
"""Where the catalogue names no minimum."""
TOLD_MAX = 512
_CERTAIN = ("model", "tools", "system", "clock", "messages")
"""Causes that are seen in the request itself; the others are only told where the provider promises a lifetime."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as far as caches are concerned. ``wishes`` is the request's ``cache``, ``at`` when it leaves."""

    agent: str
    conversation: str | None
    model: str
    autonomous: bool
    wishes: Mapping[str, Any]
    at: float


@dataclass(slots=True)
class Caches:
    """``own_host``: the provider is asked at its own address. ``row`` of a model comes with each request."""

    dialect: str
    profile: Profile
    own_host: bool
    is_on: bool = True
    retention: str = EXTENDED
    book: Book = field(default_factory=Book)
    counts: Counter[str] = field(default_factory=Counter[str])
    last_miss: dict[str, Any] = field(default_factory=dict[str, Any])
    learned: bool = False
    """Something that a successor should know; whoever tells it clears this."""
    _told: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    def caching(self, asked: Asked, row: catalog.Model | None) -> Caching:
        """What is to be done for a call. Raises ``BadRequestError`` for wishes that make no sense."""
        return Caching(self, asked, row, read_wishes(asked.wishes))

    def once(self, *what: str) -> bool:
        """Whether this is the first time that something is told."""
        if what in self._told or len(self._told) >= TOLD_MAX:
            return False
        self._told.add(what)
        return True

    def state(self, now: float) -> dict[str, Any]:
        """For a successor, and for status."""
        return {**self.book.state(now), "counts": dict(self.counts), "last_miss": self.last_miss}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what a forerunner knew."""
        self.book.restore(state)
        counts, last = state.get("counts"), state.get("last_miss")
        for name, count in cast("dict[str, Any]", counts).items() if isinstance(counts, dict) else ():
            if isinstance(count, int) and count >= 0:
                self.counts[str(name)] = count
        self.last_miss = dict(cast("dict[str, Any]", last)) if isinstance(last, dict) else {}


@dataclass(frozen=True, slots=True)
class Wishes:
    """``cache`` of a request: ``enabled``, ``ttl`` (5m or 1h), ``retention`` (extended, 24h or in_memory)."""

    enabled: bool | None = None
    ttl: str | None = None
    retention: str | None = None


def read_wishes(wishes: Mapping[str, Any]) -> Wishes:
    """The wishes, checked. Raises ``BadRequestError`` naming the field."""
    fields = Fields(wishes, "cache")
    found = Wishes(
        fields.maybe_boolean("enabled"),
        fields.maybe_choice("ttl", ("5m", "1h")),
        fields.maybe_choice("retention", RETENTIONS),
    )
    unknown = fields.unknown()
    if unknown:
        raise BadRequestError(f"{unknown[0]} is not known: cache takes enabled, ttl and retention", field=unknown[0])
    return found


@dataclass(slots=True)
class Caching:
    """One call's way through the caches: ``edit`` before it becomes bytes, ``settle`` when its usage is known."""

    caches: Caches
    asked: Asked
    row: catalog.Model | None
    wishes: Wishes
    notices: list[Notice] = field(default_factory=list[Notice])
    _chain: Chain | None = None
    _sight: Sight | None = None
    _marks: Marks = field(default_factory=dict[int, str])
    _expected: int = 0

    @property
    def is_on(self) -> bool:
        """Whether the gateway does anything: the call's word, else the provider's setting."""
        return self.caches.is_on if self.wishes.enabled is None else self.wishes.enabled

    @property
    def conversation(self) -> str:
        """What the conversation is known by, once the body was seen; empty before, and where nothing is done."""
        return "" if self._sight is None else self._sight.key

    def edit(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body as it is sent: with breakpoints, or with what helps a provider's own cache."""
        if not self.is_on:
            return body
        caches, asked = self.caches, self.asked
        self._chain = chain = chain_of(caches.dialect, body)
        if chain is None or not chain.blocks:
            return body
        self._sight = sight = caches.book.see(
            asked.agent, asked.conversation, asked.model, chain, asked.at, autonomous=asked.autonomous
        )
        caches.learned = True
        if caches.dialect == "anthropic":
            return self._with_marks(body, chain, sight)
        self._marks = {len(chain.blocks) - 1: "5m"}
        return self._with_hints(body, sight)

    def _with_marks(self, body: dict[str, Any], chain: Chain, sight: Sight) -> dict[str, Any]:
        minimum = (self.row.cache_minimum if self.row else None) or MINIMUM_TOKENS
        ours = place(
            chain, sight.kept, sight.chances, minimum=minimum, rates=rates_of(self.row), wish=Wish(self.wishes.ttl)
        )
        self._marks = {**own_marks(chain), **ours}
        at = reach(self._marks, sight.kept)
        self._expected = 0 if at is None else sight.kept[at].tokens
        return marked(body, chain, ours)

    def _with_hints(self, body: dict[str, Any], sight: Sight) -> dict[str, Any]:
        if not self.caches.own_host:
            return body
        wish = self.wishes.retention or (self.caches.retention if self.asked.autonomous else "")
        takes = (self.row.cache_retention if self.row else "") if not self.caches.profile.login else ""
        fields = retention_fields(takes, wish, body) if self.caches.profile.cache_retention else {}
        if wish and self.caches.profile.cache_retention and self.caches.once("retention", self.asked.model, wish):
            sent = ", ".join(f"{name} {value}" for name, value in fields.items()) or "nothing"
            message = f"prompt_cache_retention {wish!r} is sent to {self.asked.model} as: {sent}"
            self.notices.append(Notice("cache_retention", message, {"wish": wish, "sent": fields}))
        return {**body, **key_fields(self.caches.profile, body, sight.key), **fields}

    def settle(self, usage: Usage | None) -> None:
        """The answer's usage has come: what was read was kept, what was written is. A missed hit is told."""
        chain, sight = self._chain, self._sight
        if chain is None or sight is None or usage is None:
            return
        read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        before = sight.before
        self._judge(chain, before, usage, read)
        if self.caches.dialect != "anthropic":  # it keeps all, for as long as it likes
            written = max(written, usage.input_tokens - read)
        self.caches.book.settle(sight, chain, self._marks, read, written, self.asked.at)

    def _judge(self, chain: Chain, before: Conversation | None, usage: Usage, read: int) -> None:
        minimum = (self.row.cache_minimum if self.row else None) or MINIMUM_TOKENS
        expected = self._expected
        if before is not None and before.kept_tokens >= minimum and usage.input_tokens >= minimum:
            expected = max(expected, before.kept_tokens)
        if expected < minimum:
            return
        self.caches.counts["expected"] += 1
        if read >= ENOUGH * expected:
            self.caches.counts["hits"] += 1
            return
        if before is None:
            miss = Miss("dropped", "the provider did not have what another call had it keep")
        else:
            miss = cause_of(before, chain, self.asked.model, self.asked.at)
        is_automatic = self.caches.dialect != "anthropic"
        if is_automatic and (miss.cause not in _CERTAIN or before is None or self.asked.at - before.at > SHORT_S):
            self.caches.counts["unexplained"] += 1
            return
        self._tell(miss, expected, read)

    def _tell(self, miss: Miss, expected: int, read: int) -> None:
        caches = self.caches
        caches.counts["missed"] += 1
        caches.counts[f"missed_{miss.cause}"] += 1
        data = {"cause": miss.cause, "expected_tokens": expected, "read_tokens": read}
        if miss.message is not None:
            data["message"] = miss.message
        caches.last_miss = {"agent": self.asked.agent, "at": round(self.asked.at), **data}
        sight = self._sight
        if sight is not None and caches.once("missed", sight.key, miss.cause):
            words = f"{read} of {expected} tokens came from the prompt cache: {miss.words}"
            self.notices.append(Notice("cache_missed", words, data))


def rates_of(row: catalog.Model | None) -> Rates:
    """A model's cache prices as multiples of its input price."""
    prices = None if row is None else row.prices
    if prices is None or not prices.input or prices.cache_write is None or prices.cache_read is None:
        return Rates()
    long = prices.cache_write_1h or 2 * prices.input
    return Rates(
        float(prices.cache_read / prices.input), float(prices.cache_write / prices.input), float(long / prices.input)
    )
