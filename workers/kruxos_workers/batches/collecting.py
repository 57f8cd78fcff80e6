"""Results come down, in whatever order, and are written to the spool as our own lines, each with its place.

A record is two numbers of four bytes, big end first, and a line: its place in the part, and its length. The supervisor
puts them in order, once each. What is priced is summed up here, a row for each model.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from kruxos import catalog
from kruxos.batch_results import Status, write_result
from kruxos.dialects.base import EncodedRequest, HttpRequest, Target
from kruxos.dialects.batching import BatchDialect, Result, place_of
from kruxos.errors import CancelledError, DeadlineExceededError, KruxosError
from kruxos.events import Assembler, Notice, Reply, Usage
from kruxos_workers.batches.asking import Asking
from kruxos_workers.batches.preparing import About, read_about
from kruxos_workers.batches.spool import Spool
from kruxos_workers.worker import Worker

RECORD = struct.Struct(">II")
_NOTHING_SENT = HttpRequest("POST", "", {}, b"")


@dataclass(slots=True)
class Row:
    """What one model used in a part. ``unpriced``: answers whose price is not known."""

    usage: Usage = field(default_factory=Usage)
    cost: Decimal = Decimal(0)
    price_row: str = ""
    requests: int = 0
    unpriced: int = 0

    def add(self, reply: Reply) -> None:
        """One more answer."""
        self.requests += 1
        if reply.usage is not None:
            self.usage = _sum(self.usage, reply.usage)
        if reply.cost is None:
            self.unpriced += 1
        else:
            self.cost += Decimal(reply.cost["total"])
            self.price_row = str(reply.cost["row"])

    def to_wire(self, model: str) -> dict[str, Any]:
        """As the supervisor books it."""
        return {
            "model": model, "usage": self.usage.to_wire(), "cost": None if self.unpriced else format(self.cost, "f"),
            "price_row": self.price_row, "requests": self.requests,
        }  # fmt: skip


@dataclass(slots=True)
class Collecting:
    """Collects one part."""

    worker: Worker
    ways: BatchDialect
    spool: Spool
    asking: Asking
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    succeeded: int = 0
    failed: int = 0
    _about: list[About] = field(default_factory=list[About])
    _seen: bytearray = field(default_factory=bytearray)

    async def run(self) -> dict[str, Any]:
        """Writes the results; what was used goes with the answer. Raises ``FailedExchange``."""
        terms = self.asking.terms
        count = terms.order.count
        terms = self.asking.terms
        count = terms.order.count
        self._about = (await read_about(self.spool))[terms.first : terms.first + count]
        self._seen = bytearray(count)
        for path in terms.outputs:
            await self.asking.results(path, self._take)
        if not terms.outputs and terms.upstream:  # results may stand within the batch: it is asked for again
            batch = self.ways.read_batch(await self.asking.ask(self.ways.poll(terms.upstream)))
            for value in batch.inlined:
                await self._take(value)
        for at in range(count):
            if not self._seen[at]:
                await self._write(at, self._missing(self._about[at]))
        await self.spool.flush()
        rows = [row.to_wire(model) for model, row in self.rows.items()]
        return {"succeeded": self.succeeded, "failed": self.failed, "rows": rows}

    async def _take(self, value: dict[str, Any]) -> bool:
        """One line of results; the first for a request counts."""
        terms, result = self.asking.terms, self.ways.read_result(value)
        place = place_of(result.name, terms.prefix)
        at = -1 if place is None else place - terms.first
        if 0 <= at < terms.order.count and not self._seen[at]:
            self._seen[at] = 1
            await self._write(at, self._line(self._about[at], result))
        return True

    async def _write(self, at: int, line: bytes) -> None:
        await self.spool.write("results", RECORD.pack(at, len(line)) + line)

    def _line(self, about: About, result: Result) -> bytes:
        if result.kind == "answered":
            return self._answered(about, result)
        if result.kind == "errored":
            target = self._target(about)
            error = self.worker.settings.dialect.decode_error(result.status, {}, result.body, target)
            return self._without(about, "failed", error)
        if result.kind == "expired":
            return self._without(about, "expired", DeadlineExceededError("the provider's 24 hours were over"))
        return self._without(about, "cancelled", CancelledError("the batch was cancelled before this was done"))

    def _missing(self, about: About) -> bytes:
        """A request of which the provider says nothing: the batch was refused, or ended before it."""
        outcome = CancelledError("the batch ended at the provider without a result for this request")
        return self._without(about, "failed", outcome)

    def _without(self, about: About, status: Status, error: KruxosError) -> bytes:
        self.failed += 1
        error.message = self.worker.client.redact(error.message)
        error.detail.excerpt = None if error.detail.excerpt is None else self.worker.client.redact(error.detail.excerpt)
        return write_result(about.custom_id, status, error=error)

    def _target(self, about: About) -> Target:
        settings = self.worker.settings
        return Target(
            settings.provider, str(about.more["model"]), settings.profile, settings.origin, stream=False,
            shelf=settings.shelf, now=self.worker.now(),
        )  # fmt: skip

    def _answered(self, about: About, result: Result) -> bytes:
        target = self._target(about)
        encoded = EncodedRequest(_NOTHING_SENT, tool_names=about.more.get("tool_names") or {})
        decoder = self.worker.settings.dialect.decoder(target, encoded, "application/json")
        assembler = Assembler()
        for event in [*decoder.feed(result.body), *decoder.finish()]:
            assembler.feed(event)
        if decoder.ending is None:
            assert decoder.error is not None
            return self._without(about, "failed", decoder.error)
        ending = decoder.ending
        reply = Reply(
            assembler.parts(),
            finish_reason=ending.finish_reason,
            raw_finish_reason=ending.raw_finish_reason,
            provider=target.provider,
            model=ending.model or target.model,
            usage=ending.usage,
            raw_usage=ending.raw_usage,
            notices=[*(_notice(each) for each in about.more.get("notices", ())), *assembler.notices],
        )
        reply.cost = self._cost(reply)
        self.succeeded += 1
        self.rows.setdefault(reply.model, Row()).add(reply)
        return write_result(about.custom_id, "succeeded", reply)

    def _cost(self, reply: Reply) -> dict[str, Any] | None:
        """By the day on which the batch was submitted."""
        at = self.asking.terms.submitted_at
        row = self.worker.settings.shelf.priced(reply.model, catalog.day_of(at))
        if row is None or reply.usage is None:
            return None
        return dict(catalog.price(reply.usage, row, at=at, batch=True) or {}) or None


def _notice(value: dict[str, Any]) -> Notice:
    return Notice(value["code"], value["message"], value.get("data") or {})


def _sum(one: Usage, other: Usage) -> Usage:
    """Buckets added; what neither knows stays unknown."""
    total = Usage(other_tokens=dict(one.other_tokens))
    for each in fields(Usage):
        if each.name != "other_tokens":
            known = [count for count in (getattr(one, each.name), getattr(other, each.name)) if count is not None]
            setattr(total, each.name, sum(known) if known else None)
    for name, count in other.other_tokens.items():
        total.other_tokens[name] = total.other_tokens.get(name, 0) + count
    return total
