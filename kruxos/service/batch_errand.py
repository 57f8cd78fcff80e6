"""One thing that a worker is asked about a batch: it is dispatched like a call, and may use the batch's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import msgpack
import trio

from kruxos import wire
from kruxos.cores.ports import Sink
from kruxos.errors import KruxosError, WorkerLostError
from kruxos.ledger.spool import Spool, log_of
from kruxos.service.journal import LOG


class Workers(Protocol):
    """The fleet, as errands use it."""

    def next_number(self) -> int:
        """A number for a dispatch to come."""
        ...

    def dispatch(self, name: str, number: int, frame: wire.Open, sink: Sink) -> None:
        """Hands it to a worker."""
        ...

    def cancel(self, name: str, number: int) -> None:
        """It is not wanted any more."""
        ...

    def tell(self, name: str, number: int, frame: wire.Frame) -> None:
        """Something for whichever worker has it."""
        ...

    def why_not(self, name: str) -> str:
        """Why a provider takes nothing now, as an error code; empty where it does."""
        ...


class ErrandFailed(Exception):  # noqa: N818 - not an error of ours, the way an errand ends
    """It did not come about; ``failure`` as in error frames."""

    def __init__(self, code: str, message: str, failure: str, retry_at: float | None = None) -> None:
        super().__init__(code)
        self.code, self.message, self.failure, self.retry_at = code, message, failure, retry_at


FILES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "prepare": (frozenset({"input"}), frozenset({"prepared", "lines"})),
    "upload": (frozenset({"prepared"}), frozenset()),
    "create": (frozenset({"prepared"}), frozenset()),
    "collect": (frozenset({"lines"}), frozenset({"results"})),
}
"""What each op may read, and what it may write."""


@dataclass(slots=True)
class Errand:
    """``op`` about the batch whose files are in ``spool``; ``part`` is whose results it writes."""

    workers: Workers
    nursery: trio.Nursery
    spool: Spool
    provider: str
    op: str
    part: int = 0
    number: int = 0
    _sent: bool = False
    _over: trio.Event = field(default_factory=trio.Event)
    _result: dict[str, Any] | None = None
    _failed: ErrandFailed | None = None

    async def run(self, terms: dict[str, Any], model: str | None = None) -> dict[str, Any]:
        """Until its end. Raises ``ErrandFailed``."""
        self.number = self.workers.next_number()
        frame = wire.Open(id=self.number, op=f"batch.{self.op}", body=msgpack.packb(terms), model=model)
        try:
            self.workers.dispatch(self.provider, self.number, frame, self)
            await self._over.wait()
        except trio.Cancelled:
            self.workers.cancel(self.provider, self.number)
            raise
        if self._failed is not None:
            raise self._failed
        assert self._result is not None
        return self._result

    # The fleet's words

    def on_frame(self, frame: wire.Frame) -> None:
        """A frame of the worker."""
        match frame:
            case wire.Sent():
                self._sent = True
            case wire.Spool():
                self.nursery.start_soon(self._serve, frame)
            case wire.End():
                self._result = cast("dict[str, Any]", msgpack.unpackb(frame.body))
                self._over.set()
            case wire.Error():
                error = frame.error
                self._fail(str(error.get("code")), str(error.get("message")), frame.failure, error.get("retry_at"))
            case _:
                pass

    def on_lost(self, reason: str) -> None:
        """The worker is gone, or there is none."""
        code = self.workers.why_not(self.provider) or WorkerLostError.code
        self._fail(
            code, f"{self.provider}: {reason or 'its worker is gone'}", "ambiguous" if self._sent else "never_sent"
        )

    def _fail(self, code: str, message: str, failure: str, retry_at: Any = None) -> None:
        self._failed = ErrandFailed(code, message, failure, retry_at if isinstance(retry_at, (int, float)) else None)
        self._over.set()

    # Files

    async def _serve(self, frame: wire.Spool) -> None:
        try:
            body = await trio.to_thread.run_sync(self._touch, frame)
            answer = wire.Spooled(id=self.number, body=body)
        except (OSError, KruxosError) as error:
            LOG.error("a batch's files cannot be used: %s", type(error).__name__)
            answer = wire.Spooled(id=self.number, error=type(error).__name__)
        self.workers.tell(self.provider, self.number, answer)

    def _touch(self, frame: wire.Spool) -> bytes:
        reads, writes = FILES.get(self.op, (frozenset[str](), frozenset[str]()))
        file = log_of(self.part) if frame.file == "results" else f"{frame.file}.jsonl"
        if frame.body and frame.file in writes:
            self.spool.append(file, frame.body)
            return b""
        if not frame.body and frame.file in reads:
            return self.spool.read(file, frame.offset, min(frame.length, wire.CHUNK_BYTES_MAX))
        raise PermissionError
