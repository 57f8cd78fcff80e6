"""One thing that the supervisor asks about a batch. It ends with exactly one last frame, as a call does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgpack
import trio

from kruxos import wire
from kruxos.dialects.batches import batch_dialect
from kruxos.dialects.batching import BatchDialect, Order
from kruxos.errors import BatchUnsupportedError, CancelledError, KruxosError
from kruxos.fields import Fields
from kruxos_workers.batches.asking import Asking, Terms
from kruxos_workers.batches.collecting import Collecting
from kruxos_workers.batches.preparing import Preparing
from kruxos_workers.batches.spool import Spool
from kruxos_workers.failed import FailedExchange
from kruxos_workers.worker import Worker

PREFIX = "batch."


@dataclass(slots=True)
class BatchWork:
    """The op that ``frame`` names: its terms are the frame's body."""

    worker: Worker
    frame: wire.Open
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _spool: Spool = field(init=False)
    _sent: bool = False

    def __post_init__(self) -> None:
        self._spool = Spool(self.frame.id, self.worker.outlet)

    def pause(self) -> None:
        """Chunks are asked for one by one: there is nothing to hold back."""

    def resume(self) -> None:
        """See ``pause``."""

    def on_beat(self) -> None:
        """Nobody waits for a model here."""

    def on_spooled(self, frame: wire.Spooled) -> None:
        """The supervisor answers a question about a file."""
        self._spool.on_answer(frame)

    async def run(self) -> None:
        """From the terms to the last frame."""
        last: wire.Frame | None = None
        with self.scope:
            try:
                last = wire.End(id=self.frame.id, body=msgpack.packb(await self._work()))
            except FailedExchange as failed:
                last = self._failed(failed.error, failed.failure)
            except KruxosError as error:
                last = self._failed(error, "ambiguous" if self._sent else "never_sent")
        self.worker.outlet.send(
            last or self._failed(CancelledError("cancelled"), "ambiguous" if self._sent else "never_sent")
        )

    async def _work(self) -> dict[str, Any]:
        ways = self._ways()
        fields = Fields(msgpack.unpackb(self.frame.body))
        op = self.frame.op.removeprefix(PREFIX)
        if op == "prepare":
            marker, model = fields.text("marker"), fields.maybe_text("model")
            return await Preparing(self.worker, ways, self._spool, marker, model).run()
        asking = Asking(self.worker, ways, self._spool, _terms(fields), self._on_sent)
        match op:
            case "upload":
                return await asking.upload()
            case "create":
                return await asking.create()
            case "match":
                return await asking.match()
            case "poll":
                return await asking.poll()
            case "cancel":
                return await asking.cancel()
            case _:
                return await Collecting(self.worker, ways, self._spool, asking).run()

    def _ways(self) -> BatchDialect:
        settings = self.worker.settings
        ways = batch_dialect(settings.profile.name, settings.dialect.name)
        if ways is None:
            raise BatchUnsupportedError(f"{settings.provider} has no batches")
        return ways

    def _on_sent(self) -> None:
        """Before the first byte of what is paid leaves, the supervisor knows: a crash from here on is ambiguous."""
        self._sent = True
        self.worker.outlet.send(wire.Sent(id=self.frame.id))
        self.worker.outlet.flush()

    def _failed(self, error: KruxosError, failure: str) -> wire.Error:
        redact = self.worker.client.redact
        error.message = redact(error.message)
        error.detail.excerpt = None if error.detail.excerpt is None else redact(error.detail.excerpt)
        error.detail.provider = self.worker.settings.provider
        return wire.Error(id=self.frame.id, error=error.to_wire(), failure=failure)


def _terms(fields: Fields) -> Terms:
    headers = Fields(fields.object("headers"))
    return Terms(
        Order(
            fields.text("marker"), fields.text("model"), fields.integer("count", low=0), fields.integer("size", low=0),
            {name: headers.text(name) for name in fields.object("headers")},
        ),
        prefix=fields.text("prefix"),
        first=fields.integer("first", low=0),
        offset=fields.integer("offset", low=0),
        file=fields.text("file"),
        upstream=fields.text("upstream"),
        outputs=tuple(fields.strings("outputs")),
        submitted_at=fields.maybe_number("submitted_at") or 0.0,
        known=frozenset(fields.strings("known")),
    )  # fmt: skip
