"""All batches of the running gateway: each has a task that lives its parts' lives, and verbs for those who own it.

What is done next is decided in ``kruxos.cores.batches``; here records are written, workers are asked, files are kept.
A record is on the disk before what it says is done. When the gateway stops, tasks stop where they are: the next start
goes on from the records.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import trio

from kruxos.config.problems import SetupError
from kruxos.cores import batches as words
from kruxos.cores.batches import Part
from kruxos.errors import BY_CODE, BadRequestError, BudgetExceededError, CallerError, DrainingError, ForbiddenError
from kruxos.ledger.batches import Batch
from kruxos.ledger.batches import Batches as Records
from kruxos.ledger.calls import Call
from kruxos.ledger.ledger import Ledger
from kruxos.ledger.spool import Spool, log_of
from kruxos.service.batch_booking import rows_of
from kruxos.service.batch_errand import Errand, ErrandFailed, Workers
from kruxos.service.batch_purse import BatchPurse
from kruxos.service.journal import LOG, tell_fault

KEEP_S = 30 * 24 * 3600.0
"""How long a batch and its results are kept once it is over."""
UPLOAD_WITHIN_S = 24 * 3600.0
"""An upload that nobody goes on with is given up."""
DISK_PAUSE_S = 5.0
"""How long to wait when a record cannot be written."""
PREPARE_PAUSE_MAX_S = 60.0


@dataclass(slots=True, eq=False)
class Running:
    """One batch that is not over. ``settled``: it is known whether its lines can be sent.

    ``writing`` is held by whoever changes the batch, so that changes come one after the other on the disk too.
    """

    batch: Batch
    spool: Spool
    writing: trio.Lock = field(default_factory=trio.Lock)
    parts: dict[int, Part] = field(default_factory=dict[int, Part])
    settled: trio.Event = field(default_factory=trio.Event)
    kick: trio.Event = field(default_factory=trio.Event)

    def wake(self) -> None:
        """Something is wanted: nobody waits on."""
        self.kick.set()
        self.kick = trio.Event()


@dataclass(slots=True)
class Batches:
    """The table of them. ``told`` is called with each change that operators may want to know."""

    ledger: Ledger
    jobs: Path
    workers: Workers
    nursery: trio.Nursery
    told: Callable[[str, str, str], None]
    purse: BatchPurse
    random: Callable[[], float] = random.random
    now: Callable[[], float] = time.time
    running: dict[str, Running] = field(default_factory=dict[str, Running])
    draining: bool = False
    _posting: int = 0
    _quiet: trio.Event = field(default_factory=trio.Event)

    @property
    def records(self) -> Records:
        """What is on the disk."""
        return self.ledger.batches

    # The start and the end

    def start(self) -> None:
        """Goes on with what is not over, and removes what was over long ago. Waits for the disk."""
        now = self.now()
        for name in self.records.forget(now - KEEP_S):
            self.spool_of(name).remove()
        for batch in self.records.open():
            if batch.state == "receiving" and now - batch.created_at > UPLOAD_WITHIN_S:
                self.records.put(replace(batch, state="cancelled", over_at=now, problem="its upload was never ended"))
                self.spool_of(batch.id).remove()
                continue
            held = self.hold(batch)
            held.parts = {part.number: words.recovered(part) for part in self.records.parts(batch.id)}
            self.purse.resume(batch, list(held.parts.values()), now)
            if batch.state != "receiving":
                self.nursery.start_soon(self._live, held)

    async def drain(self) -> None:
        """Nothing that is paid begins any more; what has begun is waited for, so that it need not be searched for."""
        self.draining = True
        if self._posting:
            await self._quiet.wait()

    def hold(self, batch: Batch) -> Running:
        """A batch that is not over takes its place in the table."""
        held = self.running[batch.id] = Running(batch, self.spool_of(batch.id))
        return held

    def spool_of(self, name: str) -> Spool:
        """Its files."""
        return Spool(self.jobs, name)

    # What its owner wants

    async def receive(self, held: Running, offset: int, data: bytes) -> int:
        """More of its lines; how many bytes there are now. Raises ``BadRequestError``, ``TooLargeError``."""
        async with held.writing:
            _check_receiving(held)
            received = await trio.to_thread.run_sync(held.spool.receive, offset, data)
            held.batch = replace(held.batch, received_bytes=received)
        return received

    async def submit(self, held: Running, labels: dict[str, str]) -> None:
        """Its lines are all here: it begins to live. The second time nothing happens."""
        async with held.writing:
            if held.batch.state != "receiving":
                return
            self.check_open()
            await trio.to_thread.run_sync(held.spool.sync, "input.jsonl")
            received = await trio.to_thread.run_sync(held.spool.size, "input.jsonl")
            await self._write(held, replace(held.batch, state="preparing", received_bytes=received, labels=labels))
        self.told("batch", held.batch.id, "submitted")
        self.nursery.start_soon(self._live, held)

    async def give_up(self, held: Running) -> None:
        """It is not wanted any more: what was not sent is not sent, what was is cancelled at the provider."""
        async with held.writing:
            if held.batch.state == "receiving":
                await self._write(held, replace(held.batch, state="cancelled", over_at=self.now()))
                await trio.to_thread.run_sync(held.spool.remove)
                self.running.pop(held.batch.id, None)
            else:
                await self._write(held, replace(held.batch, cancel_wanted=True))
        held.wake()

    # One batch

    async def _live(self, held: Running) -> None:
        try:
            if held.batch.state == "preparing":
                await self._prepare(held)
            held.settled.set()
            if held.batch.state == "running":
                async with trio.open_nursery() as nursery:
                    for number in held.parts:
                        nursery.start_soon(self._live_part, held, number)
                if all(part.final for part in held.parts.values()):
                    await self._finish(held, state="over")
        except Exception as fault:  # noqa: BLE001 - a fault around one batch must not end the gateway
            tell_fault(f"batch {held.batch.id}", fault)
        held.settled.set()
        self.running.pop(held.batch.id, None)

    async def _finish(self, held: Running, **changes: Any) -> None:
        await self._change(held, over_at=self.now(), **changes)
        await trio.to_thread.run_sync(held.spool.settle)
        parts = list(held.parts.values())
        self.told("batch", held.batch.id, words.overall(parts) if parts else held.batch.state)

    async def _prepare(self, held: Running) -> None:
        """Has the lines made the provider's. What a worker's death or a locked vault stops is begun again."""
        failures = 0
        while True:
            if held.batch.cancel_wanted:
                await self._finish(held, state="cancelled")
                return
            try:
                found = await self._prepare_once(held)
                await self._cut(held, found)
            except (BudgetExceededError, ForbiddenError) as barred:
                await self._finish(held, state="refused", code=barred.code, problem=barred.message)
                return
            except ErrandFailed as failed:
                known = BY_CODE.get(failed.code)
                if known is not None and issubclass(known, CallerError) and failed.code != "cancelled":
                    await self._finish(held, state="refused", code=failed.code, problem=failed.message)
                    return
                await self._change(held, code=failed.code, problem=failed.message)
                failures += 1
                pause_s = min(PREPARE_PAUSE_MAX_S, 2.0 ** min(failures, 10) / 4) * (0.5 + self.random() / 2)
                await self._pause(held, self.now() + pause_s)
            else:
                return

    async def _prepare_once(self, held: Running) -> dict[str, Any]:
        spool = held.spool
        await trio.to_thread.run_sync(spool.empty, "prepared.jsonl", "lines.jsonl")
        terms = {"marker": held.batch.marker, "model": held.batch.model}
        found = await Errand(self.workers, self.nursery, spool, held.batch.provider, "prepare").run(terms)
        await trio.to_thread.run_sync(spool.sync, "prepared.jsonl", "lines.jsonl")
        return found

    async def _cut(self, held: Running, found: dict[str, Any]) -> None:
        """The batch's parts, as large as the provider takes them. Raises as ``BatchPurse.admit`` does."""
        batch, now = replace(held.batch, model=found["model"]), self.now()
        share = found["output_tokens"] / sum(count for _, count, _, _ in found["parts"])
        parts = [
            Part(
                batch.id,
                number,
                f"{batch.marker}-p{number}",
                first,
                count,
                offset,
                size,
                now,
                found["uploads"],
                output_tokens=round(share * count),
            )
            for number, (first, count, offset, size) in enumerate(found["parts"])
        ]
        self.purse.admit(batch, parts, found["models"], now)
        held.parts = {part.number: part for part in parts}
        await self._change(
            held, parts, state="running", model=found["model"], headers=found["headers"], code="", problem="",
            requests=sum(part.count for part in parts),
        )  # fmt: skip

    # One part

    async def _live_part(self, held: Running, number: int) -> None:
        while True:
            part = held.parts[number]
            if held.batch.cancel_wanted and not part.cancel_wanted and not part.final:
                await self._write_part(held, replace(part, cancel_wanted=True))
                continue
            match words.plan(part, self.now()):
                case words.Over():
                    return
                case words.Wait(until):
                    await self._pause(held, until)
                case words.Become(changed):
                    if changed.state == "submitting":
                        await self._submit(held, changed)
                    else:
                        await self._write_part(held, changed)
                case words.Ask(op):
                    await self._ask(held, part, op)

    async def _submit(self, held: Running, part: Part) -> None:
        """Written down as being submitted, then submitted: nothing else happens in between."""
        if self.draining:
            await trio.sleep_forever()
        self._posting += 1
        try:
            await self._write_part(held, part)
            await self._ask(held, part, "create")
        finally:
            self._posting -= 1
            if not self._posting:
                self._quiet.set()

    async def _ask(self, held: Running, part: Part, op: words.Op) -> None:
        calls: list[Call] = []
        try:
            if op == "collect":
                await trio.to_thread.run_sync(held.spool.empty, log_of(part.number))
            errand = Errand(self.workers, self.nursery, held.spool, held.batch.provider, op, part.number)
            found = await errand.run(await self._terms(held, part, op), held.batch.model)
            what = _read(op, found)
            if op == "collect":
                await trio.to_thread.run_sync(held.spool.put_in_order, part.number, part.count)
                calls = rows_of(held.batch, part, found["rows"], self.now())
        except ErrandFailed as failed:
            what = words.Failed(failed.code, failed.message, failed.failure, failed.retry_at)
        after = words.heard(part, op, what, self.now(), self.random())
        if after.state != part.state:
            LOG.info("batch %s part %d: %s -> %s", part.batch, part.number, part.state, after.state)
            self.told("batch", f"{part.batch}/{part.number}", after.state)
        await self._write_part(held, after, calls)

    async def _terms(self, held: Running, part: Part, op: words.Op) -> dict[str, Any]:
        known: list[str] = []
        if op == "match":
            known = await trio.to_thread.run_sync(self.records.upstream_names, held.batch.provider)
        return {
            **asdict(part), "outputs": list(part.outputs), "prefix": held.batch.marker, "model": held.batch.model,
            "headers": held.batch.headers, "known": known,
        }  # fmt: skip

    # Records

    async def _change(self, held: Running, parts: Sequence[Part] = (), **changes: Any) -> None:
        async with held.writing:
            await self._write(held, replace(held.batch, **changes), parts)

    async def _write(self, held: Running, batch: Batch, parts: Sequence[Part] = ()) -> None:
        """For whoever holds ``writing``."""
        await self._on_disk(lambda: self.records.put(batch, parts))
        held.batch = batch

    async def _write_part(self, held: Running, part: Part, calls: Sequence[Call] = ()) -> None:
        """A part, and what it used, at once."""
        await self._on_disk(lambda: self.records.put_part(part, calls))
        held.parts[part.number] = part
        if part.final:
            self.purse.settle(part, calls, self.now())

    async def _on_disk(self, write: Callable[[], None]) -> None:
        """Until it is written: nothing goes on that the next start would not know of."""
        while True:
            try:
                await trio.to_thread.run_sync(write)
            except SetupError as error:
                LOG.error("a batch's record cannot be written: %s", error.message)
                await trio.sleep(DISK_PAUSE_S)
            else:
                return

    async def _pause(self, held: Running, until: float) -> None:
        kick = held.kick
        with trio.move_on_after(max(0.0, until - self.now())):
            await kick.wait()

    def check_open(self) -> None:
        """Raises ``DrainingError`` when the gateway stops."""
        if self.draining:
            raise DrainingError("the gateway is stopping")

    def provider_ready(self, provider: str) -> None:
        """A provider takes work again: those that wait for it need not wait on."""
        for held in self.running.values():
            if held.batch.provider == provider:
                self._hurry(held)

    @staticmethod
    def _hurry(held: Running) -> None:
        for number, part in held.parts.items():
            if part.failures and not part.final:
                with suppress(KeyError):
                    held.parts[number] = replace(part, next_at=0.0)
        held.wake()


def _check_receiving(held: Running) -> None:
    if held.batch.state != "receiving":
        raise BadRequestError("the batch was submitted already, or given up: nothing can be added to it")


def _read(op: words.Op, found: dict[str, Any]) -> words.Heard:
    """What a worker's answer means."""
    match op:
        case "upload":
            return words.Uploaded(found["file"])
        case "cancel":
            return words.CancelTaken()
        case "collect":
            return words.Collected(found["succeeded"], found["failed"])
        case "match" if not found["found"]:
            return words.NotFound(found["maybe"])
        case _:
            return words.Seen(
                found["id"], found["outcome"], tuple(found["outputs"]), found["succeeded"], found["failed"],
                found["expires_at"], found["problem"],
            )  # fmt: skip
